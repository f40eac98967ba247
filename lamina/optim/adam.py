"""Adam and AdamW.

Formulas, and the order of their operations, as in PyTorch (torch.optim.Adam, AdamW).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lamina.optim.groups import ParameterGroup, Rate
from lamina.optim.moments import decayed, one_minus_power, running_mean, running_square
from lamina.optim.optimizer import Moments, Optimizer, Scalars
from lamina.tensor import Tensor, maximum, sqrt


class Adam(Optimizer):
    """m and v are running means of g and g^2; p -= lr m' / (sqrt(v') + eps).

    Kingma and Ba 2015, algorithm 1.
    m' = m / (1 - beta1^step) and v' = v / (1 - beta2^step). weight_decay: g += weight_decay p.
    amsgrad: the largest v so far in place of v (Reddi et al. 2018, algorithm 2).
    State: exp_avg (m), exp_avg_sq (v), max_exp_avg_sq.
    """

    decoupled = False  # weight decay goes into the gradient

    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, {"betas": betas, "eps": eps, "weight_decay": weight_decay,
                                      "amsgrad": amsgrad, "maximize": maximize})

    def state_names(self, group: ParameterGroup) -> tuple[str, ...]:
        """First and second moment."""
        largest = ("max_exp_avg_sq",) if group["amsgrad"] else ()
        return ("exp_avg", "exp_avg_sq", *largest)

    def begin(self, group: ParameterGroup, step: Tensor) -> Scalars:
        """Both bias corrections."""
        beta1, beta2 = group["betas"]
        return {"lr": group.lr, "rate": group.lr / one_minus_power(beta1, step),
                "root": sqrt(one_minus_power(beta2, step))}

    def update(
        self, p: Tensor, grad: Tensor, state: Moments, group: ParameterGroup, now: Scalars
    ) -> Tensor:
        """See the class."""
        beta1, beta2 = group["betas"]
        p, grad = decayed(p, grad, group["weight_decay"], self.decoupled, now["lr"])
        first = running_mean(state["exp_avg"], grad, 1.0 - beta1)
        second = running_square(state["exp_avg_sq"], grad, beta2)
        if group["amsgrad"]:
            largest = state["max_exp_avg_sq"]
            second = largest.assign(maximum(largest, second))
        return p - now["rate"] * (first / (sqrt(second) / now["root"] + group["eps"]))


class AdamW(Adam):
    """Adam with weight decay apart from the gradient: p -= lr weight_decay p before the step.

    Loshchilov and Hutter 2019, algorithm 2. State: exp_avg (m), exp_avg_sq (v), max_exp_avg_sq.
    """

    decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
