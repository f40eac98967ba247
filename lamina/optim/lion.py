"""Lion (Chen et al. 2023, algorithm 2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lamina.optim.groups import ParameterGroup, Rate
from lamina.optim.moments import running_mean
from lamina.optim.optimizer import Moments, Optimizer, Scalars
from lamina.tensor import Tensor, sign


class Lion(Optimizer):
    """p -= lr (sign(beta1 m + (1 - beta1) g) + weight_decay p); m = beta2 m + (1 - beta2) g.

    The paper takes a rate 3 to 10 times smaller, and a decay as much larger, than those of AdamW.
    State: exp_avg (m).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, {"betas": betas, "weight_decay": weight_decay,
                                      "maximize": maximize})

    def state_names(self, group: ParameterGroup) -> tuple[str, ...]:
        """The moment."""
        return ("exp_avg",)

    def update(
        self, p: Tensor, grad: Tensor, state: Moments, group: ParameterGroup, now: Scalars
    ) -> Tensor:
        """See the class."""
        beta1, beta2 = group["betas"]
        moment = state["exp_avg"]
        step = sign(beta1 * moment + (1.0 - beta1) * grad)
        running_mean(moment, grad, 1.0 - beta2)
        return p - now["lr"] * (step + group["weight_decay"] * p)
