"""What becomes of the losses of a batch: their mean, their sum, or they themselves.

In: losses of any shape and the name of a reduction. Out: 0-d, or the losses for "none".
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.operands import describe
from lamina.tensor import Tensor

REDUCTIONS = ("mean", "sum", "none")


def reduce_loss(op: str, losses: Tensor, reduction: str) -> Tensor:
    """The mean or sum of all `losses`, or the losses themselves. Refuses the mean of nothing."""
    check_reduction(op, reduction)
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    check_not_empty(op, losses, reduction)
    return losses.mean()


def check_reduction(op: str, reduction: str, allowed: Sequence[str] = REDUCTIONS) -> None:
    """`reduction` is one of the `allowed`."""
    if reduction not in allowed:
        raise ArgumentError(
            op,
            operands=[("reduction", repr(reduction))],
            rule="reduction is one of " + ", ".join(allowed),
            got=reduction,
        )


def check_not_empty(op: str, losses: Tensor, reduction: str) -> None:
    """The mean of no losses would be NaN, and so would every weight after the step."""
    if reduction == "mean" and 0 in losses.shape:
        raise ShapeError(
            op,
            operands=[("losses", describe(losses))],
            rule="a mean is taken over at least one loss: the batch is empty",
            hint='reduction="sum", which is 0 for an empty batch',
            got=losses.shape,
        )
