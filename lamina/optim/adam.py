"""Adam (Kingma and Ba 2015, algorithm 1) and AdamW (Loshchilov and Hutter 2019, algorithm 2).

Formulas, and the order of their operations, as in PyTorch (torch.optim.Adam, AdamW).
"""

from __future__ import annotations

from collections.abc import Iterable
from math import log
from typing import Any

from lamina.errors import ArgumentError
from lamina.optim.groups import ParameterGroup, Rate, check_number
from lamina.optim.optimizer import Moments, Optimizer
from lamina.tensor import Tensor, expm1, sqrt, zeros_like

_Shared = tuple[Tensor, Tensor]  # lr / (1 - beta1^step), sqrt(1 - beta2^step)


class Adam(Optimizer):
    """m and v are running means of g and g^2; p -= lr m' / (sqrt(v') + eps).

    m' = m / (1 - beta1^step) and v' = v / (1 - beta2^step). weight_decay: g += weight_decay p.
    """

    decoupled = False  # weight decay goes into the gradient

    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ArgumentError(type(self).__name__, operands=[("betas", f"{betas!r:.60}")],
                                rule="betas are two numbers", got=betas)
        check_number("betas[0]", betas[0], below=1)
        check_number("betas[1]", betas[1], below=1)
        check_number("eps", eps)
        check_number("weight_decay", weight_decay)
        super().__init__(params, lr, {"betas": betas, "eps": eps, "weight_decay": weight_decay})

    def state_names(self, group: ParameterGroup) -> tuple[str, ...]:
        """First and second moment."""
        return ("exp_avg", "exp_avg_sq")

    def begin(self, group: ParameterGroup, step: Tensor) -> _Shared:
        """Both bias corrections."""
        beta1, beta2 = group["betas"]
        return group.lr / _one_minus_power(beta1, step), sqrt(_one_minus_power(beta2, step))

    def update(
        self, p: Tensor, grad: Tensor, state: Moments, group: ParameterGroup, shared: _Shared
    ) -> Tensor:
        """See the class."""
        first, second = state["exp_avg"], state["exp_avg_sq"]
        beta1, beta2 = group["betas"]
        decay = group["weight_decay"]
        grad = grad.astype(first.dtype)
        rate, root = (x.astype(first.dtype) for x in shared)
        if decay and self.decoupled:
            p = p * (1.0 - group.lr.astype(first.dtype) * decay)
        elif decay:
            grad = grad + decay * p
        first.assign(first + (1.0 - beta1) * (grad - first))
        second.assign(beta2 * second + (1.0 - beta2) * (grad * grad))
        return p - rate * (first / (sqrt(second) / root + group["eps"]))


class AdamW(Adam):
    """Adam with weight decay apart from the gradient: p -= lr weight_decay p."""

    decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)


def _one_minus_power(beta: float, step: Tensor) -> Tensor:
    """1 - beta^step, without the cancellation that a beta of 0.999 has in float32."""
    return -expm1(step * log(beta)) if beta else zeros_like(step) + 1.0
