"""Rprop (Riedmiller and Braun 1993; the variant iRprop- of Igel and Huesken 2000), as in PyTorch.

torch.optim.Rprop. For whole batches: it looks at the signs of gradients only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lamina.optim.groups import ParameterGroup, Rate
from lamina.optim.optimizer import Moments, Optimizer, Scalars
from lamina.tensor import Tensor, clip, ones_like, sign, where, zeros


class Rprop(Optimizer):
    """p -= s sign(g), where s grows by etas[1] while the sign stays, and shrinks when it turns.

    Where it has turned, s *= etas[0] and g counts as 0 in this step and in the next comparison.
    s stays within step_sizes and starts at lr; a later change of lr has no effect.
    State: prev (g), step_size (s).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Rate = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, {"etas": etas, "step_sizes": step_sizes,
                                      "maximize": maximize})

    def start(self, p: Tensor, group: ParameterGroup) -> Moments:
        """See the class."""
        kind = p.dtype.compute
        return {"prev": zeros(p.shape, dtype=kind),
                "step_size": zeros(p.shape, dtype=kind) + group.lr.astype(kind)}

    def update(
        self, p: Tensor, grad: Tensor, state: Moments, group: ParameterGroup, now: Scalars
    ) -> Tensor:
        """See the class."""
        shrink, grow = group["etas"]
        turn = grad * state["prev"]
        factor = where(turn > 0.0, grow, where(turn < 0.0, shrink, ones_like(grad)))
        size = state["step_size"]
        size.assign(clip(size * factor, *group["step_sizes"]))
        grad = where(turn < 0.0, 0.0, grad)
        state["prev"].assign(grad)
        return p - size * sign(grad)
