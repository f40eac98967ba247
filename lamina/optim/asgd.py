"""Averaged SGD (Polyak and Juditsky 1992; rates of Xu 2011, section 3), as in PyTorch.

torch.optim.ASGD, which uses a changed learning rate one step later than Lamina does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lamina.optim.groups import ParameterGroup, Rate
from lamina.optim.optimizer import Moments, Optimizer, Scalars
from lamina.optim.options import Rule, not_negative
from lamina.tensor import Tensor, maximum, where


class ASGD(Optimizer):
    """p -= eta (g + lambd p), and a is the mean of p over the steps from t0 on; before, a = p.

    eta = lr / (1 + lambd lr (step - 1))^alpha. weight_decay: g += weight_decay p.
    State: ax (a), the weights to use in the end: `opt.state[group][i]["ax"]`.
    """

    rules: ClassVar[Mapping[str, Rule]] = {"alpha": not_negative}

    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, {
            "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay,
            "maximize": maximize})

    def state_names(self, group: ParameterGroup) -> tuple[str, ...]:
        """The average."""
        return ("ax",)

    def begin(self, group: ParameterGroup, step: Tensor) -> Scalars:
        """The rate, and the share of the newest weights in the average."""
        before = step - 1.0
        return {"eta": group.lr / (1.0 + group["lambd"] * group.lr * before) ** group["alpha"],
                "mu": 1.0 / maximum(before - group["t0"], 1.0)}

    def update(
        self, p: Tensor, grad: Tensor, state: Moments, group: ParameterGroup, now: Scalars
    ) -> Tensor:
        """See the class."""
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * p
        new = p * (1.0 - group["lambd"] * now["eta"]) - now["eta"] * grad
        average = state["ax"]
        average.assign(where(now["mu"] == 1.0, new, average + (new - average) * now["mu"]))
        return new
