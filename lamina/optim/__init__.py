"""Optimizers, with PyTorch's names, arguments and formulas, and what goes around them.

Schedules of the learning rate, clipping and accumulation of gradients, averages of weights.
"""

from lamina.optim import schedules
from lamina.optim.accumulation import accumulate
from lamina.optim.adadelta import Adadelta
from lamina.optim.adafactor import Adafactor
from lamina.optim.adagrad import Adagrad
from lamina.optim.adam import Adam, AdamW
from lamina.optim.adamax import Adamax
from lamina.optim.asgd import ASGD
from lamina.optim.averaging import EMA, SWA
from lamina.optim.clipping import clip_grad_adaptive_, clip_grad_norm_, clip_grad_value_
from lamina.optim.groups import decay_groups
from lamina.optim.lamb import LAMB
from lamina.optim.lars import LARS
from lamina.optim.layers import layer_rates
from lamina.optim.lbfgs import LBFGS
from lamina.optim.lion import Lion
from lamina.optim.muon import Muon
from lamina.optim.nadam import NAdam
from lamina.optim.noise import add_grad_noise_
from lamina.optim.optimizer import Optimizer
from lamina.optim.plateau import ReduceLROnPlateau
from lamina.optim.radam import RAdam
from lamina.optim.rmsprop import RMSprop
from lamina.optim.rprop import Rprop
from lamina.optim.sgd import SGD
from lamina.optim.shampoo import Shampoo

__all__ = [
    "ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "EMA", "LAMB", "LARS",
    "LBFGS", "Lion", "Muon", "NAdam", "Optimizer", "RAdam", "RMSprop", "ReduceLROnPlateau", "Rprop",
    "SGD", "SWA", "Shampoo", "accumulate", "add_grad_noise_", "clip_grad_adaptive_",
    "clip_grad_norm_", "clip_grad_value_", "decay_groups", "layer_rates",
    "schedules",
]
