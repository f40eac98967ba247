"""Losses and gradients that are no numbers: who made them, and how the fit goes on."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, NumericError
from lamina.train import Callback, Trainer

X = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
Y = X[:, :1]


class Two(lm.nn.Module):
    """Two layers, and between them what the test wants."""

    def __init__(self, between):
        self.first = lm.nn.Linear(4, 8)
        self.between = Between(between)
        self.last = lm.nn.Linear(8, 1)

    def forward(self, x):
        return self.last(self.between(self.first(x)))


class Between(lm.nn.Module):
    def __init__(self, function):
        self.function = function

    def forward(self, x):
        return self.function(x)


def log(x):
    return x.log()


def inverse_of_zero(x):
    return 1.0 / (x * 0.0)


def root_of_zero(x):
    return (x * 0.0).sqrt() + x  # a number, whose gradient is not


def make(between, *callbacks, **options):
    lm.seed(0)
    model = Two(between)
    return Trainer(model, loss="mse", optimizer=lm.optim.Adam(model.parameters(), lr=0.01),
                   callbacks=callbacks, **options)


@pytest.mark.parametrize(("between", "op", "line"), [
    (log, "log", "return x.log()"),
    (inverse_of_zero, "divide", "return 1.0 / (x * 0.0)"),
    (root_of_zero, "divide", "return (x * 0.0).sqrt() + x"),
])
@pytest.mark.parametrize("options", [{}, {"accumulate": 2}, {"on_nan": "skip", "nan_limit": 0}])
def test_module_operation_and_line_are_named(between, op, line, options):
    trainer = make(between, **options)
    before = {name: value.numpy() for name, value in trainer.model.state_dict().items()}
    with pytest.raises(NumericError) as caught:
        trainer.fit((X, Y), batch_size=8)
    error = caught.value
    assert error.op == op and line in str(error) and "between" in error.path
    assert f"between (Between): {op}, at" in str(error).splitlines()[0]
    assert dict(error.operands)["loss"].endswith("at step 1 in epoch 1")
    for name, value in trainer.model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])
    assert trainer.optimizer.step_count.item() == 0


def switched(flags):
    """A model whose logarithm is of negative numbers where the flag in the data is set."""
    def between(x):
        return x

    x = np.concatenate([X, np.zeros((32, 0), np.float32)], axis=1)
    return between, [(x[i:i + 8], Y[i:i + 8] * (np.float32(np.inf) if bad else 1))
                     for i, bad in zip(range(0, 32, 8), flags, strict=True)]


def test_skip_leaves_the_batch_out():
    between, batches = switched([False, True, False, True])
    trainer = make(between, on_nan="skip", log_every=1)
    history = trainer.fit(batches, epochs=2)
    assert trainer.nan.times == 4 and trainer.optimizer.step_count.item() == 4
    other = make(between, on_nan="skip")
    assert other.fit([batches[0], batches[2]], epochs=2) == history
    for name, value in other.model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), trainer.model.state_dict()[name].numpy())


def test_skip_has_a_limit():
    between, batches = switched([False, True, True, True])
    with pytest.raises(NumericError, match=r"before +2 times, nan_limit=2"):
        make(between, on_nan="skip", nan_limit=2).fit(batches)


def test_rewind_goes_back_to_the_latest_read():
    """With a read every two steps, the bad third step undoes nothing more than the second left."""
    steps = []

    class Watch(Callback):
        def on_step_end(self, trainer, logs):
            steps.append(trainer.model.first.weight.numpy())

    between, batches = switched([False, False, False, True])
    trainer = make(between, Watch(), on_nan="rewind", log_every=2)
    trainer.fit(batches)
    assert not (steps[2] == steps[1]).all()  # the third step was made, after the read at the second
    np.testing.assert_array_equal(steps[3], steps[1])  # and undone with the fourth
    assert trainer.optimizer.step_count.item() == 2


def test_weights_that_are_no_numbers_already():
    trainer = make(lambda x: x)
    trainer.model.last.weight.assign(trainer.model.last.weight * np.nan)
    with pytest.raises(NumericError, match=r"weights +last.weight: no numbers before this step"):
        trainer.fit((X, Y))


def test_a_large_parameter_is_looked_at_where_steps_are_left_out():
    """Nothing but a large weight has a bad gradient."""
    lm.seed(0)
    model = lm.nn.Sequential(lm.nn.Linear(4, 2000, bias=False), Between(root_of_zero),
                             lm.nn.Linear(2000, 1, bias=False))
    trainer = Trainer(model, loss="mse", optimizer=lm.optim.SGD(model.parameters(), lr=1e-3),
                      on_nan="skip")
    before = model[0].weight.numpy()
    history = trainer.fit((X, Y), batch_size=16)
    assert trainer.nan.times == 2 and np.isnan(history[0]["loss"])
    np.testing.assert_array_equal(model[0].weight.numpy(), before)


@pytest.mark.parametrize("options", [{"on_nan": "stop"}, {"on_nan": None}, {"nan_limit": -1}])
def test_wrong_options(options):
    with pytest.raises(ArgumentError):
        make(log, **options)
