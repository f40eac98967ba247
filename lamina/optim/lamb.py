"""LAMB (You et al. 2020, algorithm 2, with the identity for phi)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lamina.optim.groups import ParameterGroup, Rate
from lamina.optim.moments import one_minus_power, running_mean, running_square
from lamina.optim.optimizer import Moments, Optimizer, Scalars
from lamina.optim.trust import norm, trust_ratio
from lamina.tensor import Tensor, sqrt


class LAMB(Optimizer):
    """u = m' / (sqrt(v') + eps) + weight_decay p; p -= lr |p| / |u| u, norms over each parameter.

    m' and v' are Adam's moments with their bias corrected. The ratio of norms is 1 where one of
    them is 0. State: exp_avg (m), exp_avg_sq (v).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, {"betas": betas, "eps": eps, "weight_decay": weight_decay,
                                      "maximize": maximize})

    def state_names(self, group: ParameterGroup) -> tuple[str, ...]:
        """First and second moment."""
        return ("exp_avg", "exp_avg_sq")

    def begin(self, group: ParameterGroup, step: Tensor) -> Scalars:
        """Both bias corrections."""
        beta1, beta2 = group["betas"]
        return {"lr": group.lr, "first": one_minus_power(beta1, step),
                "second": one_minus_power(beta2, step)}

    def update(
        self, p: Tensor, grad: Tensor, state: Moments, group: ParameterGroup, now: Scalars
    ) -> Tensor:
        """See the class."""
        beta1, beta2 = group["betas"]
        first = running_mean(state["exp_avg"], grad, 1.0 - beta1) / now["first"]
        second = running_square(state["exp_avg_sq"], grad, beta2) / now["second"]
        step = first / (sqrt(second) + group["eps"]) + group["weight_decay"] * p
        return p - now["lr"] * trust_ratio(norm(p), norm(step)) * step
