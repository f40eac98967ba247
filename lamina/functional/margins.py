"""Losses that ask for a margin: between a score and zero, or between two scores.

In: scores, and which of them are to be the larger: -1 and 1 in float, or labels.
Out: 0-d for "mean" and "sum"; for "none" a loss for each score or each example.
"""

from __future__ import annotations

from lamina.errors import ArgumentError, DTypeError, ShapeError
from lamina.functional.activations import softplus
from lamina.functional.arguments import check_numbers
from lamina.functional.labels import check_class_weight, check_labels, labels_within
from lamina.functional.operands import (
    check_equal_shapes,
    check_float,
    check_same_shape,
    check_tensors,
    describe,
)
from lamina.functional.reductions import reduce_loss
from lamina.tensor import Tensor, arange, cummin, maximum, take, take_along_axis, where

# ---- signs: the target is -1 or 1 ----------------------------------------------------------------


def hinge_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """max(0, margin - target * input), target -1 or 1 (Cortes and Vapnik 1995, section 3).

    >>> import lamina as lm
    >>> scores, signs = lm.tensor([2.0, 0.5]), lm.tensor([1.0, -1.0])
    >>> lm.functional.hinge_loss(scores, signs, reduction="none").tolist()
    [0.0, 1.5]
    """
    _check_pair("hinge_loss", input, target)
    check_numbers("hinge_loss", margin=margin)
    return reduce_loss("hinge_loss", maximum(margin - target * input, 0.0), reduction)


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """input where target is 1, max(0, margin - input) where it is -1; input is a distance."""
    op = "hinge_embedding_loss"
    _check_pair(op, input, target)
    check_numbers(op, margin=margin)
    losses = where(target == 1, input, 0.0)
    losses = losses + where(target == -1, maximum(margin - input, 0.0), 0.0)
    return reduce_loss(op, losses, reduction)


def soft_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """log(1 + exp(-target * input)), target -1 or 1, without overflow."""
    _check_pair("soft_margin_loss", input, target)
    return reduce_loss("soft_margin_loss", softplus(-target * input), reduction)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin - target (input1 - input2)): target 1 where input1 is to be larger, else -1."""
    op = "margin_ranking_loss"
    check_equal_shapes(op, input1=input1, input2=input2, target=target)
    check_float(op, input1=input1, input2=input2, target=target)
    check_numbers(op, margin=margin)
    losses = maximum(margin - target * (input1 - input2), 0.0)
    return reduce_loss(op, losses, reduction)


def _check_pair(op: str, input: Tensor, target: Tensor) -> None:
    check_same_shape(op, input, target)
    check_float(op, input=input, target=target)


# ---- classes: the target is labels ---------------------------------------------------------------
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """sum over the wrong classes i of max(0, margin - x[label] + x[i])^p, over their number.

    Crammer and Singer 2001 take the largest term; here, as in PyTorch, it is the sum of all, times
    the weight of the label, divided by the number of classes.

    input: `[..., classes]`; target: labels `[...]`; p: 1 or 2; weight: `[classes]`.
    """
    op = "multi_margin_loss"
    check_tensors(op, input=input, target=target)
    check_float(op, input=input)
    check_numbers(op, margin=margin)
    if p not in (1, 2):
        raise ArgumentError(op, operands=[("p", repr(p))], rule="p is 1 or 2", got=p)
    check_labels(op, input, target)
    classes = input.shape[-1]
    labels = labels_within(op, target, classes)[..., None]
    short = maximum(margin - take_along_axis(input, labels, axis=-1) + input, 0.0)
    short = where(arange(classes) == labels, 0.0, short)
    terms = short if p == 1 else short * short
    if weight is not None:
        check_class_weight(op, "weight", weight, input)
        terms = terms * take(weight, labels, axis=0)
    return reduce_loss(op, terms.sum(axis=-1) / classes, reduction)


def multilabel_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """sum of max(0, 1 - (x[label] - x[i])) over labels and other classes i, over all classes.

    input: `[..., classes]`; target: integers of the same shape, the labels of an example first,
    then -1; what follows the first -1 is not looked at.
    """
    op = "multilabel_margin_loss"
    check_same_shape(op, input, target)
    check_float(op, input=input)
    if not target.dtype.is_integer:
        raise DTypeError(
            op,
            operands=[("input", describe(input)), ("target", describe(target))],
            rule="labels are integers",
            hint="target.astype(lm.int64)",
            got=target.dtype,
        )
    if input.ndim == 0:
        raise ShapeError(
            op, operands=[("input", describe(input))], rule="the last axis of input is the classes"
        )
    classes = input.shape[-1]
    given = cummin((target != -1).astype(target.dtype), axis=-1) == 1  # until the first -1
    labels = labels_within(op, where(given, target, 0), classes)
    is_label = (given[..., None] & (labels[..., None] == arange(classes))).any(axis=-2)
    picked = take_along_axis(input, labels, axis=-1)
    short = maximum(1.0 - (picked[..., None] - input[..., None, :]), 0.0)  # [..., label, class]
    counts = given[..., None] & ~is_label[..., None, :]
    losses = where(counts, short, 0.0).sum(axis=(-2, -1)) / classes
    return reduce_loss(op, losses, reduction)


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """The binary cross entropy of sigmoid(input), averaged over the classes.

    input, target: `[..., classes]`, target 0 or 1. weight: `[classes]`.
    """
    op = "multilabel_soft_margin_loss"
    _check_pair(op, input, target)
    if input.ndim == 0:
        raise ShapeError(
            op, operands=[("input", describe(input))], rule="the last axis of input is the classes"
        )
    losses = target * softplus(-input) + (1.0 - target) * softplus(input)
    if weight is not None:
        check_class_weight(op, "weight", weight, input)
        losses = losses * weight
    return reduce_loss(op, losses.mean(axis=-1), reduction)
