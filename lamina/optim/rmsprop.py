"""RMSprop (Hinton's lecture 6 of 2012; centered: Graves 2013, equations 38 to 45), as in PyTorch.

torch.optim.RMSprop: eps stands outside of the root, and the velocity has no learning rate in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lamina.optim.groups import ParameterGroup, Rate
from lamina.optim.moments import running_mean, running_square
from lamina.optim.optimizer import Moments, Optimizer, Scalars
from lamina.tensor import Tensor, maximum, sqrt


class RMSprop(Optimizer):
    """v is a running mean of g^2; p -= lr g / (sqrt(v) + eps).

    centered: v - m^2 in place of v, where m is a running mean of g. momentum:
    b = momentum b + g / (sqrt(v) + eps); p -= lr b. weight_decay: g += weight_decay p.
    State: square_avg (v), grad_avg (m), momentum_buffer (b).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, {
            "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum,
            "centered": centered, "maximize": maximize})

    def state_names(self, group: ParameterGroup) -> tuple[str, ...]:
        """What the options ask for."""
        centered = ("grad_avg",) if group["centered"] else ()
        momentum = ("momentum_buffer",) if group["momentum"] else ()
        return ("square_avg", *centered, *momentum)

    def update(
        self, p: Tensor, grad: Tensor, state: Moments, group: ParameterGroup, now: Scalars
    ) -> Tensor:
        """See the class."""
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * p
        variance = running_square(state["square_avg"], grad, group["alpha"])
        if group["centered"]:
            mean = running_mean(state["grad_avg"], grad, 1.0 - group["alpha"])
            variance = maximum(variance - mean * mean, 0.0)  # roundings may take it below
        step = grad / (sqrt(variance) + group["eps"])
        if group["momentum"]:
            velocity = state["momentum_buffer"]
            step = velocity.assign(group["momentum"] * velocity + step)
        return p - now["lr"] * step
