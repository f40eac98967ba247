"""Losses over how much two regions overlap.

In: probabilities `[batch, ..., classes]` and the true regions. Out: 0-d, or `[batch, classes]`.
"""

from __future__ import annotations

from lamina.errors import ShapeError
from lamina.functional.arguments import check_at_least
from lamina.functional.labels import check_labels, labels_within
from lamina.functional.operands import (
    check_float,
    check_same_shape,
    check_tensors,
    describe,
)
from lamina.functional.reductions import reduce_loss
from lamina.tensor import Tensor, one_hot


def dice_loss(
    input: Tensor, target: Tensor, smooth: float = 1e-5, reduction: str = "mean"
) -> Tensor:
    """1 - (2 sum p t + smooth) / (sum p^2 + sum t^2 + smooth) for each example and class.

    Milletari et al. 2016, section 3. The sums are over all axes between the first and the last.

    input: probabilities (after softmax or sigmoid), `[batch, ..., classes]`.
    target: labels `[batch, ...]`, or floats in [0, 1] of the input's shape.
    smooth: what makes the loss of a class 0 that is neither there nor predicted.

    >>> import lamina as lm
    >>> mask = lm.tensor([[[1.0], [0.0], [1.0]]])
    >>> lm.functional.dice_loss(mask, mask).item()
    0.0
    """
    check_tensors("dice_loss", input=input, target=target)
    check_float("dice_loss", input=input)
    check_at_least("dice_loss", 0, smooth=smooth)
    if input.ndim < 2:
        raise ShapeError(
            "dice_loss",
            operands=[("input", describe(input))],
            rule="input is [batch, ..., classes]",
            hint="input[..., None], for one class" if input.ndim == 1 else "",
            got=input.shape,
        )
    if target.dtype.is_integer and target.shape != input.shape:
        check_labels("dice_loss", input, target)
        labels = labels_within("dice_loss", target, input.shape[-1])
        target = one_hot(labels, input.shape[-1], dtype=input.dtype)
    check_same_shape("dice_loss", input, target)
    target = target.astype(input.dtype)
    inner = tuple(range(1, input.ndim - 1))
    both = (input * target).sum(axis=inner) if inner else input * target
    each = input * input + target * target
    each = each.sum(axis=inner) if inner else each
    return reduce_loss("dice_loss", 1.0 - (2.0 * both + smooth) / (each + smooth), reduction)
