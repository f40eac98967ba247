"""Schedules beside PyTorch's: rates at 200 steps.

In: a pair of ours and how PyTorch makes its own for an optimizer with lr=0.5. Out: PyTorch's rates.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import lamina as lm
from lamina.optim import schedules

STEPS = 200
Pair = tuple[schedules.Schedule, Callable[[Any, Any], Any]]


def theirs(pair: Pair) -> dict[str, np.ndarray]:
    """PyTorch's rates."""
    import torch

    opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its SequentialLR, about how it calls itself
        reference = pair[1](torch.optim.lr_scheduler, opt)
        for i in range(STEPS):
            rates.append(opt.param_groups[0]["lr"])
            opt.step()
            if i < STEPS - 1:
                reference.step()
    return {"rates": np.array(rates)}


def ours(pair: Pair) -> np.ndarray:
    """Lamina's, for all steps at once."""
    return pair[0](lm.arange(STEPS, dtype=lm.float32)).numpy()


SCHEDULES: dict[str, Pair] = {
    "step": (schedules.step(0.5, 30, 0.7), lambda s, o: s.StepLR(o, 30, 0.7)),
    "multi_step": (schedules.multi_step(0.5, [20, 90], 0.3),
                   lambda s, o: s.MultiStepLR(o, [20, 90], 0.3)),
    "constant": (schedules.sequential([0.25, 0.5], [50]),
                 lambda s, o: s.ConstantLR(o, factor=0.5, total_iters=50)),
    "exponential": (schedules.exponential(0.5, 0.97), lambda s, o: s.ExponentialLR(o, 0.97)),
    "cosine": (schedules.cosine(0.5, 200, 0.01),
               lambda s, o: s.CosineAnnealingLR(o, 200, eta_min=0.01)),
    "restarts": (schedules.cosine_restarts(0.5, 17, final=0.01),
                 lambda s, o: s.CosineAnnealingWarmRestarts(o, 17, eta_min=0.01)),
    "restarts twice": (schedules.cosine_restarts(0.5, 12, factor=2),
                       lambda s, o: s.CosineAnnealingWarmRestarts(o, 12, 2)),
    "restarts thrice": (schedules.cosine_restarts(0.5, 5, factor=3, final=0.1),
                        lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 3, 0.1)),
    "linear": (schedules.linear(0.5, 80, 0.1),
               lambda s, o: s.LinearLR(o, 1.0, 0.2, total_iters=80)),
    "polynomial": (schedules.polynomial(0.5, 150, 2.0),
                   lambda s, o: s.PolynomialLR(o, 150, power=2.0)),
    "warmup": (schedules.warmup(0.5, 40, start=0.05),
               lambda s, o: s.LinearLR(o, 0.1, 1.0, total_iters=40)),
    "sequential": (schedules.sequential([schedules.linear(0.05, 20, 0.5),
                                         schedules.exponential(0.5, 0.95),
                                         schedules.step(0.5, 10, 0.5)], [20, 120]),
                   lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.1, 1.0, total_iters=20),
                                                   s.ExponentialLR(o, 0.95),
                                                   s.StepLR(o, 10, 0.5)], [20, 120])),
    "chained": (schedules.chained(0.5, schedules.linear(0.1, 20, 1.0),
                                  schedules.exponential(1.0, 0.95)),
                lambda s, o: s.ChainedScheduler([s.LinearLR(o, 0.1, 1.0, total_iters=20),
                                                 s.ExponentialLR(o, 0.95)])),
    "triangular": (schedules.cyclic(0.1, 0.5, 20),
                   lambda s, o: s.CyclicLR(o, 0.1, 0.5, 20, cycle_momentum=False)),
    "triangular2": (schedules.cyclic(0.1, 0.5, 20, 35, mode="triangular2"),
                    lambda s, o: s.CyclicLR(o, 0.1, 0.5, 20, 35, mode="triangular2",
                                            cycle_momentum=False)),
    "exp_range": (schedules.cyclic(0.1, 0.5, 20, 10, mode="exp_range", gamma=0.99),
                  lambda s, o: s.CyclicLR(o, 0.1, 0.5, 20, 10, mode="exp_range", gamma=0.99,
                                          cycle_momentum=False)),
    "one_cycle": (schedules.one_cycle(0.5, 200, pct_start=0.25),
                  lambda s, o: s.OneCycleLR(o, 0.5, total_steps=200, pct_start=0.25)),
    "inverse_sqrt": (schedules.inverse_sqrt(0.5, 40),
                     lambda s, o: s.LambdaLR(o, lambda t: min(max(t, 1) / 40,
                                                              (40 / max(t, 1)) ** 0.5))),
}
