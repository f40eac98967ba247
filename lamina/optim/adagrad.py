"""Adagrad (Duchi et al. 2011, figure 1, diagonal), as in PyTorch (torch.optim.Adagrad)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lamina.optim.groups import ParameterGroup, Rate
from lamina.optim.optimizer import Moments, Optimizer, Scalars
from lamina.tensor import Tensor, full, sqrt


class Adagrad(Optimizer):
    """s += g^2; p -= lr / (1 + (step - 1) lr_decay) g / (sqrt(s) + eps).

    weight_decay: g += weight_decay p. State: sum (s), from initial_accumulator_value.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, {
            "lr_decay": lr_decay, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "eps": eps,
            "maximize": maximize})

    def start(self, p: Tensor, group: ParameterGroup) -> Moments:
        """See the class."""
        return {"sum": full(p.shape, group["initial_accumulator_value"], dtype=p.dtype.compute)}

    def begin(self, group: ParameterGroup, step: Tensor) -> Scalars:
        """The rate, which may fall by itself."""
        return {"rate": group.lr / (1.0 + (step - 1.0) * group["lr_decay"])}

    def update(
        self, p: Tensor, grad: Tensor, state: Moments, group: ParameterGroup, now: Scalars
    ) -> Tensor:
        """See the class."""
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * p
        total = state["sum"]
        total.assign(total + grad * grad)
        return p - now["rate"] * (grad / (sqrt(total) + group["eps"]))
