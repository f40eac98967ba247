"""A learning rate that falls when a metric no longer gets better, as in PyTorch.

In: the metric, once an epoch. Out: smaller rates in the optimizer's groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

import numpy as np

from lamina.errors import ArgumentError
from lamina.functional.arguments import check_choice, check_counts
from lamina.optim.optimizer import Optimizer
from lamina.optim.options import check_number
from lamina.state import assign_all
from lamina.tensor import Tensor, tensor

_NUMBERS = ("best", "num_bad_epochs", "cooldown_counter")


class ReduceLROnPlateau:
    """lr *= factor after more than `patience` calls in a row in which the metric was not better.

    mode: "min" or "max", what is better. threshold: by how much it must be better, as a share of
    the best ("rel") or as a number ("abs"). cooldown: calls after a change that do not count.
    min_lr: the smallest rate. A change of less than eps is not made. It is not a schedule, since
    it needs the metric: call `step(metric)` on the host. As torch.optim.lr_scheduler's.

    >>> import lamina as lm
    >>> opt = lm.optim.SGD([lm.nn.Parameter([1.0])], lr=1.0)
    >>> plateau = ReduceLROnPlateau(opt, factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     plateau.step(loss)
    >>> opt.lr
    0.5
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ArgumentError("ReduceLROnPlateau", operands=[("optimizer", f"{optimizer!r:.60}")],
                                rule="an optimizer from lm.optim has the rate", got=optimizer)
        check_number("factor", factor, below=1)
        for name, value in {"threshold": threshold, "min_lr": min_lr, "eps": eps}.items():
            check_number(name, value)
        check_counts("ReduceLROnPlateau", 0, patience=patience, cooldown=cooldown)
        check_choice("ReduceLROnPlateau", "mode", mode, ("min", "max"))
        check_choice("ReduceLROnPlateau", "threshold_mode", threshold_mode, ("rel", "abs"))
        if any(group.schedule is not None for group in optimizer.param_groups):
            raise ArgumentError("ReduceLROnPlateau", operands=[("lr", "a schedule")],
                                rule="the rate is a number: a schedule would set it again",
                                hint="lr=1e-3")
        self.optimizer = optimizer
        self.mode, self.threshold_mode = mode, threshold_mode
        self.factor, self.patience, self.threshold = factor, patience, threshold
        self.cooldown, self.min_lr, self.eps = cooldown, min_lr, eps
        self.best = inf if mode == "min" else -inf
        self.num_bad_epochs = self.cooldown_counter = 0

    def step(self, metric: float | Tensor) -> None:
        """Look at the metric, and reduce the rates if it is time."""
        value = float(metric)
        is_better = self._is_better(value)
        self.best = value if is_better else self.best
        self.num_bad_epochs = 0 if is_better else self.num_bad_epochs + 1
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0

    def _is_better(self, value: float) -> bool:
        sign = 1.0 if self.mode == "min" else -1.0
        if self.threshold_mode == "rel":
            return sign * value < sign * self.best * (1.0 - sign * self.threshold)
        return sign * value < sign * self.best - self.threshold

    def _reduce(self) -> None:
        for group in self.optimizer.param_groups:
            old = float(group.lr.item())
            new = max(old * self.factor, self.min_lr)
            if old - new > self.eps:
                group["lr"] = new

    def state_dict(self) -> dict[str, Tensor]:
        """The best value and both counts; the rates are in the optimizer's."""
        return {name: tensor(np.float64(getattr(self, name))) for name in _NUMBERS}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the values of `state_dict()`; after an error nothing is changed."""
        targets = self.state_dict()
        assign_all("load_state_dict of ReduceLROnPlateau", targets, state)
        self.best = float(targets["best"].item())
        self.num_bad_epochs = int(targets["num_bad_epochs"].item())
        self.cooldown_counter = int(targets["cooldown_counter"].item())
