"""Training: the trainer, its callbacks and metrics."""

from lamina.train import metrics
from lamina.train.callbacks import Callback, EarlyStopping
from lamina.train.trainer import Trainer

__all__ = ["Callback", "EarlyStopping", "Trainer", "metrics"]
