"""Shampoo (Gupta, Koren and Singer 2018, algorithm 2), with roots as of Anil et al. 2020."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lamina.dtypes import float64
from lamina.optim.groups import ParameterGroup, Rate
from lamina.optim.optimizer import Moments, Optimizer, Scalars
from lamina.optim.options import Rule, positive
from lamina.optim.roots import inverse_root
from lamina.tensor import Tensor, cond, eye, moveaxis, tensordot


class Shampoo(Optimizer):
    """H_i += G_i G_i^T for each axis i; p -= lr (H_1^(-1/2k) x ... x H_k^(-1/2k)) g, k axes.

    G_i is g with axis i first and the others made one. An axis longer than max_size has no H and is
    left as it is. Roots are computed anew at the first and then every `update_every` steps, in
    float64. momentum: v = momentum v + g before. weight_decay: g += weight_decay p.
    State: for each axis precond_<i> (H, from eps times the identity) and root_<i>; momentum_buffer.
    """

    rules: ClassVar[Mapping[str, Rule]] = {"eps": positive}

    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate = 0.1,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        eps: float = 1e-4,
        update_every: int = 1,
        max_size: int = 1024,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, {
            "momentum": momentum, "weight_decay": weight_decay, "eps": eps,
            "update_every": update_every, "max_size": max_size, "maximize": maximize})

    def start(self, p: Tensor, group: ParameterGroup) -> Moments:
        """See the class."""
        kind, state = p.dtype.compute, super().start(p, group)
        for axis, size in enumerate(p.shape):
            if size <= group["max_size"]:
                state[f"precond_{axis}"] = group["eps"] * eye(size, dtype=kind)
                state[f"root_{axis}"] = eye(size, dtype=kind)
        return state

    def state_names(self, group: ParameterGroup) -> tuple[str, ...]:
        """The velocity, if there is momentum."""
        return ("momentum_buffer",) if group["momentum"] else ()

    def begin(self, group: ParameterGroup, step: Tensor) -> Scalars:
        """Also whether it is time for new roots."""
        every = group["update_every"]
        return {"lr": group.lr, "is_due": (step - 1.0) % every == 0.0}

    def update(
        self, p: Tensor, grad: Tensor, state: Moments, group: ParameterGroup, now: Scalars
    ) -> Tensor:
        """See the class."""
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * p
        if group["momentum"]:
            velocity = state["momentum_buffer"]
            grad = velocity.assign(group["momentum"] * velocity + grad)
        step = grad
        for axis in range(p.ndim):
            if f"root_{axis}" not in state:
                continue
            others = [i for i in range(p.ndim) if i != axis]
            precond, root = state[f"precond_{axis}"], state[f"root_{axis}"]
            precond.assign(precond + tensordot(grad, grad, axes=(others, others)))
            root.assign(_new_root(precond, root, 2 * p.ndim, group, now["is_due"]))
            step = moveaxis(tensordot(root, step, axes=([1], [axis])), 0, axis)
        return p - now["lr"] * step


def _new_root(
    precond: Tensor, old: Tensor, power: int, group: ParameterGroup, is_due: Tensor
) -> Tensor:
    def compute(precond: Tensor, old: Tensor) -> Tensor:
        return inverse_root(precond.astype(float64), power).astype(old.dtype)

    if group["update_every"] == 1:
        return compute(precond, old)
    return cond(is_due != 0.0, compute, lambda precond, old: old + 0.0, precond, old)
