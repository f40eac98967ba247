"""Adamax (Kingma and Ba 2015, algorithm 2), as in PyTorch (torch.optim.Adamax)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lamina.optim.groups import ParameterGroup, Rate
from lamina.optim.moments import one_minus_power, running_mean
from lamina.optim.optimizer import Moments, Optimizer, Scalars
from lamina.tensor import Tensor, abs, maximum


class Adamax(Optimizer):
    """m is a running mean of g; u = max(beta2 u, |g| + eps); p -= lr / (1 - beta1^step) m / u.

    weight_decay: g += weight_decay p. State: exp_avg (m), exp_inf (u).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, {"betas": betas, "eps": eps, "weight_decay": weight_decay,
                                      "maximize": maximize})

    def state_names(self, group: ParameterGroup) -> tuple[str, ...]:
        """First moment and largest gradient."""
        return ("exp_avg", "exp_inf")

    def begin(self, group: ParameterGroup, step: Tensor) -> Scalars:
        """The rate with its bias correction."""
        return {"rate": group.lr / one_minus_power(group["betas"][0], step)}

    def update(
        self, p: Tensor, grad: Tensor, state: Moments, group: ParameterGroup, now: Scalars
    ) -> Tensor:
        """See the class."""
        beta1, beta2 = group["betas"]
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * p
        first = running_mean(state["exp_avg"], grad, 1.0 - beta1)
        largest = state["exp_inf"]
        largest.assign(maximum(beta2 * largest, abs(grad) + group["eps"]))
        return p - now["rate"] * (first / largest)
