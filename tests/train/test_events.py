"""Events of callbacks: their order, Skip, Stop, and errors."""

import numpy as np
import pytest

import lamina as lm
from lamina.data import Loader
from lamina.errors import ArgumentError
from lamina.train import Callback, EarlyStopping, Skip, Stop, Trainer

X = np.arange(24, dtype=np.float32).reshape(12, 2)
Y = X[:, :1]
EVENTS = [name for name in vars(Callback) if name.startswith("on_")]


class Recorder(Callback):
    """Notes every event; raises what is asked for at one."""

    def __init__(self, raises=None, at=None, last=False):
        self.events, self.raises, self.at, self.comes_last = [], raises, at, last
        for event in EVENTS:
            setattr(self, event, lambda trainer, *rest, event=event: self.note(event, trainer))

    def note(self, event, trainer):
        self.events.append((event, trainer.epoch, trainer.step))
        if self.events[-1] == self.at:
            self.at = None  # once
            raise self.raises

    def names(self):
        return [event for event, _, _ in self.events]


def make(*callbacks):
    lm.seed(0)
    model = lm.nn.Linear(2, 1)
    return Trainer(model, loss="mse", optimizer=lm.optim.SGD(model.parameters(), lr=1e-4),
                   callbacks=callbacks)


def batches():
    return Loader(X, Y, batch_size=4)


def test_every_event_in_order():
    recorder = Recorder()
    make(recorder).fit(batches(), (X, Y))
    steps = [(event, 1, n) for n in (1, 2, 3) for event in ("on_step_start", "on_step_end")]
    assert recorder.events == [
        ("on_fit_start", 0, 0), ("on_epoch_start", 1, 0), *steps, ("on_evaluate_start", 1, 3),
        ("on_evaluate_end", 1, 3), ("on_epoch_end", 1, 3), ("on_fit_end", 1, 3)]


def test_evaluation_alone_has_events_and_leaves_the_means_of_an_epoch():
    """Evaluating in a callback, in mid-epoch, does not disturb what training has measured."""
    class Looks(Callback):
        def on_step_end(self, trainer, logs):
            trainer.evaluate((X[:4], Y[:4]))

    recorder = Recorder()
    make(recorder).evaluate((X, Y))
    assert recorder.names() == ["on_evaluate_start", "on_evaluate_end"]
    histories = []
    for callbacks in ([], [Looks()]):
        trainer = make(*callbacks)
        trainer.accumulated = {"r2": lm.metrics.R2()}
        histories.append(trainer.fit(batches(), epochs=2))
    assert histories[0] == histories[1] and "r2" in histories[0][0]


def test_a_batch_is_skipped():
    recorder = Recorder(Skip, at=("on_step_start", 1, 2))
    trainer = make(recorder)
    trainer.fit(batches())
    assert recorder.names().count("on_step_start") == 3
    assert recorder.names().count("on_step_end") == 2
    assert (trainer.step, trainer.position.batches) == (2, 3)
    by_hand = make()
    by_hand.fit([(X[:4], Y[:4]), (X[8:], Y[8:])])
    np.testing.assert_array_equal(trainer.model.weight.numpy(), by_hand.model.weight.numpy())


def test_an_epoch_is_skipped():
    recorder = Recorder(Skip, at=("on_epoch_start", 2, 3))
    history = make(recorder).fit(batches(), epochs=3)
    assert len(history) == 2 and recorder.events[-1] == ("on_fit_end", 3, 6)


@pytest.mark.parametrize(("at", "epochs"), [
    (("on_fit_start", 0, 0), 0), (("on_epoch_start", 2, 3), 1), (("on_step_start", 2, 5), 1),
    (("on_step_end", 2, 5), 1), (("on_evaluate_start", 1, 3), 0), (("on_epoch_end", 2, 6), 2),
    (("on_fit_end", 5, 15), 5)])
def test_stop_ends_the_fit_in_order(at, epochs):
    recorder = Recorder(Stop, at=at)
    trainer = make(recorder)
    assert len(trainer.fit(batches(), (X, Y), epochs=5)) == epochs
    assert recorder.names()[-1] == "on_fit_end" and recorder.names().count("on_fit_end") == 1
    assert recorder.events[-1][1:] == at[1:]
    assert len(trainer.fit(batches(), epochs=1)) == 1  # it can be trained again


def test_an_error_is_told_and_raised():
    class Told(Callback):
        def on_error(self, trainer, error):
            self.error = error

    told, recorder = Told(), Recorder(ZeroDivisionError("here"), at=("on_step_end", 1, 2))
    with pytest.raises(ZeroDivisionError):
        make(told, recorder).fit(batches())
    assert str(told.error) == "here" and "on_fit_end" not in recorder.names()


def test_those_that_come_last_are_called_after_the_others():
    order = []
    first, last = Recorder(), Recorder(last=True)
    first.on_epoch_end = lambda trainer, logs: order.append("first")
    last.on_epoch_end = lambda trainer, logs: order.append("last")
    make(last, first).fit(batches())
    assert order == ["first", "last"]


def test_early_stopping_goes_on_where_it_was():
    stopping = EarlyStopping("loss", patience=3, min_delta=1e9)
    trainer = make(stopping)
    trainer.fit(batches(), epochs=2)
    assert stopping.waited == 1
    other = EarlyStopping("loss", patience=3, min_delta=1e9)
    other.load_state_dict(stopping.state_dict())
    assert (other.best, other.waited) == (stopping.best, 1)
    assert other.best_state.keys() == {"weight", "bias"}


def test_a_class_is_no_callback():
    with pytest.raises(ArgumentError, match="a callback is an object") as caught:
        make(EarlyStopping)
    assert caught.value.hint == "EarlyStopping()"
