"""A small training for the tests of run folders."""

import numpy as np

import lamina as lm
from lamina.data import Loader
from lamina.train import Trainer

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(60, 6, 6, 1)).astype(np.float32)
LABELS = (IMAGES.mean((1, 2, 3)) > 0).astype(np.int64) + (IMAGES[:, 0, 0, 0] > 1)
TRAIN, VALID = (IMAGES[:40], LABELS[:40]), (IMAGES[40:], LABELS[40:])


def make_trainer(*callbacks, **options):
    """Convolution, batch norm, dropout and Adam: all that a callback could disturb."""
    lm.seed(3)
    model = lm.nn.Sequential(
        lm.nn.Conv2d(1, 4, 3, padding=1), lm.nn.BatchNorm2d(4), lm.nn.ReLU(), lm.nn.Flatten(),
        lm.nn.Dropout(0.3), lm.nn.Linear(144, 3))
    optimizer = lm.optim.Adam(model.parameters(), lr=lm.optim.schedules.cosine(0.01, 30))
    return Trainer(model, loss="cross_entropy", optimizer=optimizer, callbacks=callbacks,
                   metrics=["accuracy"], log_every=2, **options)


def fit(trainer, epochs=2, **options):
    return trainer.fit(train_data(), VALID, epochs=epochs, **options)


def train_data():
    return Loader(*TRAIN, batch_size=8, shuffle=True)  # 5 steps an epoch


def weights(trainer):
    state = {**trainer.model.state_dict(), **trainer.optimizer.state_dict()}
    return {name: value.numpy().copy() for name, value in state.items()}
