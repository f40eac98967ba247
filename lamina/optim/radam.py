"""RAdam (Liu et al. 2020, algorithm 2), as in PyTorch (torch.optim.RAdam)."""

from __future__ import annotations

from collections.abc import Iterable
from math import log
from typing import Any

from lamina.optim.groups import ParameterGroup, Rate
from lamina.optim.moments import decayed, one_minus_power, running_mean, running_square
from lamina.optim.optimizer import Moments, Optimizer, Scalars
from lamina.tensor import Tensor, exp, maximum, sqrt, where

_TRACTABLE = 5.0  # the variance of the second moment is known above this length


class RAdam(Optimizer):
    """Adam whose rate is small as long as the second moment is uncertain.

    rho = rho_inf - 2 t beta2^t / (1 - beta2^t), where rho_inf = 2 / (1 - beta2) - 1 is the length
    of the average. Where rho > 5: p -= lr r m' sqrt(1 - beta2^t) / (sqrt(v) + eps), where
    r^2 = (rho - 4)(rho - 2) rho_inf / ((rho_inf - 4)(rho_inf - 2) rho); else p -= lr m'. Here
    m' = m / (1 - beta1^t). weight_decay: g += weight_decay p; decoupled_weight_decay:
    p -= lr weight_decay p before. State: exp_avg (m), exp_avg_sq (v).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, {
            "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize})

    def state_names(self, group: ParameterGroup) -> tuple[str, ...]:
        """First and second moment."""
        return ("exp_avg", "exp_avg_sq")

    def begin(self, group: ParameterGroup, step: Tensor) -> Scalars:
        """The rate, and how much of it goes with the second moment and without."""
        beta1, beta2 = group["betas"]
        correction = one_minus_power(beta2, step)
        most = 2.0 / (1.0 - beta2) - 1.0
        power = exp(step * log(beta2)) if beta2 else step * 0.0
        length = most - 2.0 * step * power / correction
        tractable = length > _TRACTABLE
        square = ((length - 4.0) * (length - 2.0) * most
                  / (where(tractable, (most - 4.0) * (most - 2.0), 1.0) * length))
        rectified = sqrt(maximum(square, 0.0) * correction)
        return {"lr": group.lr, "rate": group.lr / one_minus_power(beta1, step),
                "adapted": where(tractable, rectified, 0.0),
                "plain": where(tractable, 0.0, 1.0)}

    def update(
        self, p: Tensor, grad: Tensor, state: Moments, group: ParameterGroup, now: Scalars
    ) -> Tensor:
        """See the class."""
        beta1, beta2 = group["betas"]
        p, grad = decayed(p, grad, group["weight_decay"], group["decoupled_weight_decay"],
                          now["lr"])
        first = running_mean(state["exp_avg"], grad, 1.0 - beta1)
        second = running_square(state["exp_avg_sq"], grad, beta2)
        scale = now["adapted"] / (sqrt(second) + group["eps"]) + now["plain"]
        return p - now["rate"] * first * scale
