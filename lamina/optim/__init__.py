"""Optimizers, with PyTorch's names, arguments and formulas, and schedules of the learning rate."""

from lamina.optim import schedules
from lamina.optim.adam import Adam, AdamW
from lamina.optim.optimizer import Optimizer
from lamina.optim.sgd import SGD

__all__ = ["Adam", "AdamW", "Optimizer", "SGD", "schedules"]
