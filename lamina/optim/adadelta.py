"""Adadelta (Zeiler 2012, algorithm 1), as in PyTorch (torch.optim.Adadelta)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lamina.optim.groups import ParameterGroup, Rate
from lamina.optim.moments import running_square
from lamina.optim.optimizer import Moments, Optimizer, Scalars
from lamina.tensor import Tensor, sqrt


class Adadelta(Optimizer):
    """v and d are running means of g^2 and step^2; p -= lr step, step = sqrt((d+eps)/(v+eps)) g.

    weight_decay: g += weight_decay p. State: square_avg (v), acc_delta (d).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, {"rho": rho, "eps": eps, "weight_decay": weight_decay,
                                      "maximize": maximize})

    def state_names(self, group: ParameterGroup) -> tuple[str, ...]:
        """Means of squares."""
        return ("square_avg", "acc_delta")

    def update(
        self, p: Tensor, grad: Tensor, state: Moments, group: ParameterGroup, now: Scalars
    ) -> Tensor:
        """See the class."""
        rho, eps = group["rho"], group["eps"]
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * p
        square = running_square(state["square_avg"], grad, rho)
        delta = sqrt(state["acc_delta"] + eps) / sqrt(square + eps) * grad
        running_square(state["acc_delta"], delta, rho)
        return p - now["lr"] * delta
