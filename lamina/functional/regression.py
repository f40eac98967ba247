"""Losses between two tensors of the same shape.

In: input and target of one shape, not broadcast. Out: 0-d for "mean" and "sum", that shape for
"none".
"""

from __future__ import annotations

from lamina.errors import ArgumentError
from lamina.functional.operands import check_float, check_same_shape
from lamina.tensor import Tensor, where
from lamina.tensor import abs as absolute

REDUCTIONS = ("mean", "sum", "none")


def reduce_loss(op: str, losses: Tensor, reduction: str) -> Tensor:
    """The mean or sum of all `losses`, or the losses themselves."""
    if reduction == "mean":
        return losses.mean()
    if reduction == "sum":
        return losses.sum()
    if reduction == "none":
        return losses
    raise ArgumentError(
        op,
        operands=[("reduction", repr(reduction))],
        rule="reduction is one of " + ", ".join(REDUCTIONS),
        got=reduction,
    )


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """(input - target)^2.

    >>> import lamina as lm
    >>> lm.functional.mse_loss(lm.tensor([1.0, 2.0]), lm.tensor([1.0, 4.0])).item()
    2.0
    """
    difference = _difference("mse_loss", input, target)
    return reduce_loss("mse_loss", difference * difference, reduction)


def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """|input - target|."""
    return reduce_loss("l1_loss", absolute(_difference("l1_loss", input, target)), reduction)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0
) -> Tensor:
    """d^2 / 2 where d = |input - target| is within `delta`, else delta (d - delta / 2).

    Huber 1964, equation 2 of section 4.
    """
    distance = absolute(_difference("huber_loss", input, target))
    losses = where(distance < delta, 0.5 * distance * distance, delta * (distance - 0.5 * delta))
    return reduce_loss("huber_loss", losses, reduction)


def smooth_l1_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """The Huber loss of delta = `beta`, divided by `beta` (Girshick 2015, equation 3)."""
    if beta == 0:
        return l1_loss(input, target, reduction)
    return huber_loss(input, target, reduction, delta=beta) / beta


def _difference(op: str, input: Tensor, target: Tensor) -> Tensor:
    check_same_shape(op, input, target)
    check_float(op, input=input, target=target)
    return input - target
