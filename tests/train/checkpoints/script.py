"""A fit with shuffling, augmentation, dropout, a schedule, metrics, early stopping and averages.

Imported by tests, and run by them as a program: `script.py FOLDER` trains with checkpoints in
FOLDER, resumed from what is there, and writes the final state to FOLDER/final.safetensors.
"""

import random
import sys
from pathlib import Path

import numpy as np

import lamina as lm
from lamina.data import Loader
from lamina.train import Callback, Checkpoint, EarlyStopping, Trainer
from lamina.train.checkpoints import write_state

EPOCHS = 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 6)).astype(np.float32)
Y = (X @ RNG.normal(size=(6, 3))).argmax(axis=1)


def augmented(x, y):
    """Noise from the stream of Lamina, and a flip by that of NumPy."""
    noisy = lm.asarray(x) + lm.normal(x.shape) * 0.1
    flips = np.random.choice([-1.0, 1.0], size=(len(x), 1)).astype(np.float32)
    return noisy * lm.asarray(flips), y


class Average(Callback):
    """An exponential average, updated after every step."""

    def __init__(self, model):
        self.ema = lm.optim.EMA(model.named_parameters(), decay=0.9)

    def on_step_end(self, trainer, logs):
        self.ema.update()

    def state_dict(self):
        return self.ema.state_dict()

    def load_state_dict(self, state):
        self.ema.load_state_dict(state)


class Plateau(Callback):
    """A rate that falls with the validation loss."""

    def __init__(self, optimizer):
        self.plateau = lm.optim.ReduceLROnPlateau(optimizer, patience=0, factor=0.5, threshold=0.5)

    def on_epoch_end(self, trainer, logs):
        self.plateau.step(logs["valid_loss"])

    def state_dict(self):
        return self.plateau.state_dict()

    def load_state_dict(self, state):
        self.plateau.load_state_dict(state)


def made(folder, *callbacks, every=3, scheduled=True):
    """A trainer and the arguments of its fit, from the beginning."""
    lm.seed(0)
    np.random.seed(0)
    random.seed(0)  # a fork of the process draws others
    model = lm.nn.Sequential(lm.nn.Linear(6, 16), lm.nn.BatchNorm1d(16), lm.nn.ReLU(),
                             lm.nn.Dropout(0.3), lm.nn.Linear(16, 3))
    rate = lm.optim.schedules.cosine(0.05, 40) if scheduled else 0.05
    optimizer = lm.optim.Adam(model.parameters(), lr=rate)
    trainer = Trainer(
        model, loss="cross_entropy", optimizer=optimizer,
        metrics=["accuracy", "f1_macro", "roc_auc", lm.metrics.LogLoss(from_logits=True)],
        clip=1.0, log_every=4,
        callbacks=[EarlyStopping(patience=9), Average(model),
                   *([] if scheduled else [Plateau(optimizer)]),
                   *([Checkpoint(folder, every=every)] if folder else []), *callbacks])
    train = Loader(X[:74], Y[:74], batch_size=8, shuffle=True, transform=augmented)
    valid = Loader(X[74:], Y[74:], batch_size=8, shuffle=True)
    return trainer, {"train": train, "valid": valid, "epochs": EPOCHS}


def outcome(trainer, history):
    """All that a fit leaves behind."""
    return {"state": trainer.state_dict(), "history": history}


def main(folder):
    trainer, arguments = made(folder)
    history = trainer.fit(**arguments, resume=folder)
    write_state(Path(folder, "final.safetensors"), outcome(trainer, history))


if __name__ == "__main__":
    main(sys.argv[1])
