"""Optimizers, with PyTorch's names, arguments and formulas, and schedules of the learning rate."""

from lamina.optim import schedules
from lamina.optim.adadelta import Adadelta
from lamina.optim.adafactor import Adafactor
from lamina.optim.adagrad import Adagrad
from lamina.optim.adam import Adam, AdamW
from lamina.optim.adamax import Adamax
from lamina.optim.asgd import ASGD
from lamina.optim.lamb import LAMB
from lamina.optim.lars import LARS
from lamina.optim.lbfgs import LBFGS
from lamina.optim.lion import Lion
from lamina.optim.muon import Muon
from lamina.optim.nadam import NAdam
from lamina.optim.optimizer import Optimizer
from lamina.optim.radam import RAdam
from lamina.optim.rmsprop import RMSprop
from lamina.optim.rprop import Rprop
from lamina.optim.sgd import SGD
from lamina.optim.shampoo import Shampoo

__all__ = [
    "ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "LAMB", "LARS", "LBFGS",
    "Lion", "Muon", "NAdam", "Optimizer", "RAdam", "RMSprop", "Rprop", "SGD", "Shampoo",
    "schedules",
]
