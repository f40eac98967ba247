"""LARS (You, Gitman and Ginsburg 2017, algorithm 1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lamina.optim.groups import ParameterGroup, Rate
from lamina.optim.optimizer import Moments, Optimizer, Scalars
from lamina.optim.trust import norm, trust_ratio
from lamina.tensor import Tensor


class LARS(Optimizer):
    """g += weight_decay p; v = momentum v + lr q g; p -= v, with a rate for each parameter.

    q = trust_coefficient |p| / (|gradient| + weight_decay |p|), with the ratio 1 where one of its
    halves is 0. State: momentum_buffer (v), which contains the learning rate.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate = 0.1,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust_coefficient: float = 1e-3,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, {
            "momentum": momentum, "weight_decay": weight_decay,
            "trust_coefficient": trust_coefficient, "maximize": maximize})

    def state_names(self, group: ParameterGroup) -> tuple[str, ...]:
        """The velocity."""
        return ("momentum_buffer",)

    def update(
        self, p: Tensor, grad: Tensor, state: Moments, group: ParameterGroup, now: Scalars
    ) -> Tensor:
        """See the class."""
        decay, size = group["weight_decay"], norm(p)
        ratio = group["trust_coefficient"] * trust_ratio(size, norm(grad) + decay * size)
        velocity = state["momentum_buffer"]
        velocity.assign(group["momentum"] * velocity + now["lr"] * ratio * (grad + decay * p))
        return p - velocity
