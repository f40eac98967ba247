"""Progress: the figures it shows; lines for files, a bar on a terminal. The clock is our own."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import lamina as lm
from lamina.train import Trainer
from lamina.train.progress import Meter, Progress, _clock_text


class Clock:
    """A clock that goes when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


LOGS = {"loss": 0.25, "accuracy": 0.9}


def train(progress: Progress, clock: Clock, epochs: int = 2, steps: int = 4, first: float = 5.0):
    """What a trainer does: the first step takes longer, since it compiles."""
    trainer = SimpleNamespace(epoch=0, epochs=epochs, steps_per_epoch=steps,
                              position=SimpleNamespace(batches=0))
    progress.on_fit_start(trainer)
    for epoch in range(epochs):
        trainer.epoch += 1
        progress.on_epoch_start(trainer)
        for step in range(steps):
            clock.now += first if epoch == step == 0 else 1.0
            progress.on_step_end(trainer, LOGS)
        progress.on_epoch_end(trainer, LOGS)
    progress.on_fit_end(trainer)


def test_lines_for_a_file():
    clock, stream = Clock(), io.StringIO()
    train(Progress(batch_size=100, unit="images", stream=stream, clock=clock), clock)
    assert stream.getvalue().splitlines() == [
        "epoch 1/2  loss 0.2500  accuracy 0.9000  50 images/s  8.00 s",
        "epoch 2/2  loss 0.2500  accuracy 0.9000  100 images/s  4.00 s",
    ]


def test_long_epochs_have_a_line_every_ten_seconds():
    clock, stream = Clock(), io.StringIO()
    train(Progress(batch_size=100, stream=stream, clock=clock), clock, epochs=1, steps=15)
    assert stream.getvalue().splitlines() == [
        "epoch 1/1  step 6/15  loss 0.2500  accuracy 0.9000  100 examples/s  0:09 left",
        "epoch 1/1  loss 0.2500  accuracy 0.9000  79 examples/s  19.00 s",
    ]


def test_time_left_counts_the_epochs_to_come_but_not_the_first_step():
    clock = Clock()
    meter = Meter(batch_size=10, unit="x", clock=clock)
    meter.start(epochs=3)
    meter.start_epoch(steps=5)
    assert meter.seconds_left is None
    clock.now += 100.0
    meter.count_step()
    assert meter.seconds_left is None and meter.live_text({"loss": 1.0}) == "loss 1.0000"
    clock.now += 2.0
    meter.count_step()
    assert meter.step_seconds == 2.0
    assert meter.seconds_left == 2.0 * (3 + 5 + 5)
    assert meter.live_text({}) == "5 x/s  0:26 left"


def test_an_epoch_of_unknown_length_has_no_time_left():
    clock, stream = Clock(), io.StringIO()
    train(Progress(batch_size=1, stream=stream, clock=clock), clock, epochs=1, steps=3)
    meter = Meter(batch_size=10, unit="x", clock=clock)
    meter.start(epochs=1)
    meter.start_epoch(steps=None)
    for _ in range(3):
        clock.now += 1.0
        meter.count_step()
    assert meter.live_text({}) == "10 x/s"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (38.4, "0:38"), (60, "1:00"), (3723, "1:02:03")]
)
def test_time_as_people_read_it(seconds: float, text: str):
    assert _clock_text(seconds) == text


def test_a_bar_on_a_terminal(monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    clock, stream = Clock(), Terminal()
    train(Progress(batch_size=100, unit="images", stream=stream, clock=clock), clock)
    text = stream.getvalue()
    assert "epoch 1/2" in text and "4/4" in text and "100 images/s" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor is back


def test_many_epochs_on_a_small_terminal(monkeypatch):
    """Each epoch is written once and whole, however few lines and columns there are."""
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setenv("LINES", "8")
    monkeypatch.setenv("TERM", "xterm")
    clock, stream = Clock(), Terminal()
    train(Progress(batch_size=100, unit="images", stream=stream, clock=clock), clock, epochs=30)
    text = stream.getvalue()
    assert all(text.count(f"epoch {epoch}/30  loss 0.2500") == 1 for epoch in range(1, 31))
    assert "…" not in text and "..." not in text  # nothing is cut off


def test_the_terminal_is_given_back_after_an_error(monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with pytest.raises(ZeroDivisionError), Progress(batch_size=1, stream=stream) as progress:
        progress.on_fit_start(SimpleNamespace(epoch=0, epochs=1))
        raise ZeroDivisionError
    assert stream.getvalue().endswith("\x1b[?25h")
    progress.close()


@pytest.mark.parametrize(("progress", "lines"), [(True, 2), (None, 0), (False, 0)])
def test_a_fit_shows_its_progress_where_it_is_asked_to(progress, lines: int, capsys):
    model = lm.nn.Linear(1, 1)
    trainer = Trainer(model, loss="mse", optimizer=lm.optim.SGD(model.parameters(), lr=0.1))
    x = np.ones((8, 1), np.float32)
    trainer.fit((x, x), epochs=2, batch_size=4, progress=progress)
    shown = [line for line in capsys.readouterr().out.splitlines() if "epoch" in line]
    assert len(shown) == lines
    assert all("examples/s" in line and "loss" in line for line in shown)


def test_a_fit_shows_its_progress_on_a_terminal(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    model = lm.nn.Linear(1, 1)
    trainer = Trainer(model, loss="mse", optimizer=lm.optim.SGD(model.parameters(), lr=0.1))
    trainer.fit((np.ones((8, 1), np.float32),) * 2, epochs=1, batch_size=4)
    assert "epoch 1/1" in stream.getvalue()
