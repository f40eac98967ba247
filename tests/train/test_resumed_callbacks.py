"""Callbacks with a state of their own: a fit that goes on from a checkpoint has the same bits."""

import numpy as np
import pytest

import lamina as lm
from lamina import nn
from lamina.data import Loader
from lamina.train import (
    AverageWeights,
    Callback,
    Checkpoint,
    GradualUnfreezing,
    ReduceOnPlateau,
    Trainer,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4)).astype(np.float32)
Y = X[:, :3].argmax(axis=1)


class Broken(Exception):
    pass


class BreakAt(Callback):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, trainer, logs):
        if trainer.step == self.step:
            raise Broken


def trainer_of(folder, *more):
    lm.seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 3))
    callbacks = [GradualUnfreezing(["3", "1", "0"]), AverageWeights(decay=0.9),
                 ReduceOnPlateau("loss", factor=0.5, patience=0, threshold=0.2),
                 Checkpoint(folder, every=3), *more]
    return Trainer(model, loss="cross_entropy", callbacks=callbacks, precision="bfloat16",
                   optimizer=lm.optim.Adam(model.parameters(), lr=0.02))


def fit(trainer, **options):
    lm.seed(1)
    train = Loader(X, Y, batch_size=10, shuffle=True)
    return trainer.fit(train, (X, Y), epochs=4, **options)


def test_a_resumed_fit_has_the_bits_of_one_that_was_not_interrupted(tmp_path):
    whole = trainer_of(tmp_path / "whole")
    history = fit(whole)
    for step in (5, 11):
        folder = tmp_path / str(step)
        with pytest.raises(Broken):
            fit(trainer_of(folder, BreakAt(step)))
        again = trainer_of(folder)
        assert fit(again, resume=folder) == history
        for name, value in whole.model.state_dict().items():
            np.testing.assert_array_equal(again.model.state_dict()[name].numpy(), value.numpy())
