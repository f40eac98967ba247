"""Averages of weights, plateaus and functions at events, as callbacks."""

import numpy as np
import pytest

import lamina as lm
from lamina import nn
from lamina.errors import ArgumentError
from lamina.optim import EMA, SGD
from lamina.train import (
    AverageWeights,
    Callback,
    Checkpoint,
    EarlyStopping,
    LambdaCallback,
    ReduceOnPlateau,
    Trainer,
    load_weights,
)
from lamina.train.checkpoints.files import read_state

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 4)).astype(np.float32)
Y = (X @ np.array([[1.0], [-2.0], [0.5], [0.0]], np.float32)).astype(np.float32)


def net():
    lm.seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))


def fit(callbacks, epochs=3, model=None, **options):
    model = model or net()
    trainer = Trainer(model, loss="mse", callbacks=callbacks,
                      optimizer=SGD(model.parameters(), lr=0.05), **options)
    lm.seed(1)
    history = trainer.fit((X, Y), valid=(X, Y), epochs=epochs, batch_size=8)
    return trainer, history


class Weights(Callback):
    """The weights, and running means, after each step and in each evaluation."""

    def __init__(self):
        self.steps, self.epochs, self.evaluated = [], [], []

    def on_step_end(self, trainer, logs):
        self.steps.append(self.of(trainer))

    def on_evaluate_end(self, trainer, logs):
        self.evaluated.append(self.of(trainer))

    def on_epoch_end(self, trainer, logs):
        self.epochs.append(self.of(trainer))

    @staticmethod
    def of(trainer):
        return trainer.model[0].weight.numpy(), trainer.model[1].running_mean.numpy()


def test_an_exponential_average_is_evaluated_and_kept():
    seen, average = Weights(), AverageWeights(decay=0.8)
    trainer, _ = fit([seen, average])
    expected = None
    for number, (weight, mean) in enumerate(seen.steps, 1):
        expected = [weight, mean] if expected is None else [
            0.8 * old + 0.2 * new for old, new in zip(expected, (weight, mean), strict=True)]
        if number % 4 == 0:
            for found, value in zip(seen.evaluated[number // 4 - 1], expected, strict=True):
                np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-7)
            np.testing.assert_array_equal(seen.epochs[number // 4 - 1][0], weight)  # its own again
    np.testing.assert_allclose(trainer.model[0].weight.numpy(), expected[0], rtol=1e-5)
    _, plain = fit([])
    _, watched = fit([AverageWeights(decay=0.8)])
    assert [h["loss"] for h in plain] == [h["loss"] for h in watched]  # training is as without


def test_a_mean_over_epochs_from_a_start():
    seen = Weights()
    trainer, _ = fit([seen, AverageWeights(decay=None, start=2)], epochs=4)
    expected = np.mean([weight for weight, _ in seen.epochs[1:]], axis=0)
    np.testing.assert_allclose(trainer.model[0].weight.numpy(), expected, rtol=1e-5)
    np.testing.assert_array_equal(seen.evaluated[0][0], seen.epochs[0][0])  # none yet
    trainer, _ = fit([seen, AverageWeights(decay=None, keep=False)], epochs=2)
    np.testing.assert_array_equal(trainer.model[0].weight.numpy(), seen.epochs[-1][0])


def test_averages_go_on_from_a_state_given_before_or_after_the_start():
    whole = AverageWeights(decay=0.9)
    fit([whole])
    for early in (True, False):
        again, model = AverageWeights(decay=0.9), net()
        trainer = Trainer(model, loss="mse", optimizer=SGD(model.parameters(), lr=0.1))
        if not early:
            again.on_fit_start(trainer)
        again.load_state_dict(whole.state_dict())
        again.on_fit_start(trainer)
        assert isinstance(again.average, EMA)
        for name, value in whole.state_dict().items():
            np.testing.assert_array_equal(again.state_dict()[name].numpy(), value.numpy())


def test_weights_come_back_after_an_interrupted_or_failed_evaluation():
    for error in (KeyboardInterrupt, ValueError):
        model, seen = net(), []

        class Failing:
            def __iter__(self):
                seen.append(model[0].weight.numpy())  # noqa: B023
                yield X, Y
                raise error  # noqa: B023

        trained = Weights()
        trainer = Trainer(model, loss="mse", callbacks=[AverageWeights(decay=0.5), trained],
                          optimizer=SGD(model.parameters(), lr=0.05))
        with pytest.raises(error):
            trainer.fit((X, Y), valid=Failing(), batch_size=8)
        assert not np.array_equal(seen[0], trained.steps[-1][0])
        np.testing.assert_array_equal(model[0].weight.numpy(), trained.steps[-1][0])


@pytest.mark.parametrize("options", [{"decay": 1.0}, {"decay": -0.1}, {"start": 0}])
def test_bad_averages(options):
    with pytest.raises(ArgumentError):
        AverageWeights(**options)


# ---- rates and functions -------------------------------------------------------------------------
def test_the_rate_falls_on_a_plateau_and_goes_on_from_a_state():
    callback = ReduceOnPlateau("loss", factor=0.5, patience=1, threshold=10.0, threshold_mode="abs")
    trainer, _ = fit([callback], epochs=5)
    assert trainer.optimizer.lr == pytest.approx(0.0125)
    again = ReduceOnPlateau("loss", factor=0.5, patience=1)
    again.load_state_dict(callback.state_dict())
    again.on_fit_start(trainer)
    assert again.plateau.best == callback.plateau.best < float("inf")
    with pytest.raises(ArgumentError, match="monitor is one of the logs"):
        fit([ReduceOnPlateau("valid_accuracy")])


def test_functions_are_called_at_their_events():
    seen = []
    fit([LambdaCallback(on_fit_start=lambda trainer: seen.append("start"),
                        on_epoch_end=lambda trainer, logs: seen.append(trainer.epoch))], epochs=2)
    assert seen == ["start", 1, 2]
    for functions in ({"on_epoch": print}, {"on_fit_end": 3}):
        with pytest.raises(ArgumentError, match="functions are named by the event"):
            LambdaCallback(**functions)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("decay", [0.5, None])
def test_the_best_epoch_that_is_kept_is_the_one_that_was_measured(tmp_path, order, decay):
    callbacks = [EarlyStopping("valid_loss", patience=9), AverageWeights(decay=decay),
                 Checkpoint(tmp_path)][::order]
    trainer, history = fit(callbacks, epochs=4)
    best = min(logs["valid_loss"] for logs in history)
    assert trainer.evaluate((X, Y))["loss"] == pytest.approx(best, rel=1e-5)  # EarlyStopping's
    model = net()
    load_weights(model, tmp_path / "best.safetensors", matching=False)
    again = Trainer(model, loss="mse", optimizer=SGD(model.parameters(), lr=0.05))
    assert again.evaluate((X, Y))["loss"] == pytest.approx(best, rel=1e-5)


def test_a_resumed_fit_goes_on_with_the_weights_that_are_trained(tmp_path):
    _, whole = fit([AverageWeights(decay=None), Checkpoint(tmp_path / "a")], epochs=4)
    fit([AverageWeights(decay=None), Checkpoint(tmp_path / "b")], epochs=2)
    model = net()
    trainer = Trainer(model, loss="mse", optimizer=SGD(model.parameters(), lr=0.05),
                      callbacks=[AverageWeights(decay=None)])
    state = read_state(tmp_path / "a" / "step-00000008.safetensors")
    assert trainer.fit((X, Y), valid=(X, Y), epochs=4, batch_size=8, resume=state) == whole


def test_a_state_taken_while_averages_are_measured_has_the_weights_that_are_trained():
    states = []
    take = LambdaCallback(on_evaluate_end=lambda t, logs: states.append(t.state_dict()["model"]))
    trained = Weights()
    fit([AverageWeights(decay=0.9, keep=False), take, trained], epochs=1)
    np.testing.assert_array_equal(states[-1]["0.weight"].numpy(), trained.steps[-1][0])
    assert not np.array_equal(trained.evaluated[-1][0], trained.steps[-1][0])


def test_after_a_fit_the_model_is_measured_as_it_is():
    trainer, _ = fit([AverageWeights(decay=0.9), EarlyStopping("valid_loss")])
    for p in trainer.model.parameters():
        p.assign(p * 0.0)
    assert trainer.evaluate((X, Y))["loss"] == pytest.approx(float((Y**2).mean()), rel=1e-5)
