"""Adafactor (Shazeer and Stern 2018, algorithms 4 and 5), as in PyTorch (torch.optim.Adafactor).

PyTorch's departs from the paper in two things: eps[0] is a floor under the estimated variance,
and lr is the most that the relative step may be (the paper: 0.01).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from lamina.optim.groups import ParameterGroup, Rate
from lamina.optim.moments import running_mean
from lamina.optim.optimizer import Moments, Optimizer, Scalars
from lamina.optim.options import Rule, check_two_eps
from lamina.tensor import Tensor, maximum, minimum, sqrt, zeros


class Adafactor(Optimizer):
    """u = g / sqrt(V); p -= a u / max(1, rms(u) / d), where V is kept as a row and a column.

    For matrices V = R C / mean(R), where R and C are running means of the row and column means of
    g^2, of share t^beta2_decay; vectors keep V whole. a = max(eps[1], rms(p)) min(lr, 1 / sqrt(t)).
    eps[0]: floor of mean(R) and of sqrt(V); None is the dtype's epsilon.
    weight_decay: p -= lr weight_decay p before. More than two axes: the last two are factored.
    State: row_var (R) and col_var (C), or variance (V).
    """

    rules: ClassVar[Mapping[str, Rule]] = {"eps": check_two_eps}

    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, {"beta2_decay": beta2_decay, "eps": eps, "d": d,
                                      "weight_decay": weight_decay, "maximize": maximize})

    def start(self, p: Tensor, group: ParameterGroup) -> Moments:
        """Zeros of the factors' shapes."""
        shape, kind = p.shape, p.dtype.compute
        if len(shape) < 2:
            return {"variance": zeros(shape, dtype=kind)}
        return {"row_var": zeros((*shape[:-1], 1), dtype=kind),
                "col_var": zeros((*shape[:-2], 1, shape[-1]), dtype=kind)}

    def begin(self, group: ParameterGroup, step: Tensor) -> Scalars:
        """The share of the newest gradient, and the relative step."""
        return {"lr": group.lr, "share": step ** group["beta2_decay"],
                "most": minimum(group.lr, 1.0 / sqrt(step))}

    def update(
        self, p: Tensor, grad: Tensor, state: Moments, group: ParameterGroup, now: Scalars
    ) -> Tensor:
        """See the class."""
        floor, least = group["eps"]
        if floor is None:
            floor = float(np.finfo(p.dtype.storage).eps)
        rate = maximum(_rms(p), least) * now["most"]
        if group["weight_decay"]:
            p = p * (1.0 - now["lr"] * group["weight_decay"])
        square = grad * grad
        if "variance" in state:
            variance = running_mean(state["variance"], square, now["share"])
        else:
            rows = running_mean(state["row_var"], square.mean(-1, keepdims=True), now["share"])
            columns = running_mean(state["col_var"], square.mean(-2, keepdims=True), now["share"])
            variance = rows * columns / maximum(rows.mean(-2, keepdims=True), floor)
        step = grad / sqrt(maximum(variance, floor * floor))
        return p - rate / maximum(_rms(step) / group["d"], 1.0) * step


def _rms(x: Tensor) -> Tensor:
    return sqrt((x * x).mean())
