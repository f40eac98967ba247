"""Losses over classes.

In: scores with the classes on the last axis, `[..., classes]` (channels last, unlike PyTorch's
`[batch, classes, ...]`), and labels `[...]`, or probabilities `[..., classes]`.
Out: 0-d for "mean" and "sum", `[...]` for "none".
"""

from __future__ import annotations

from lamina.errors import ArgumentError, DTypeError, ShapeError
from lamina.functional.operands import check_float, check_same_shape, check_tensors, describe
from lamina.functional.regression import reduce_loss
from lamina.tensor import Tensor, exp, log1p, log_softmax, maximum, take, take_along_axis, where
from lamina.tensor import abs as absolute
from lamina.tensor import cross_entropy as losses_of_labels


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log softmax(input) at the target.

    input: scores before softmax, `[..., classes]`.
    target: integer labels `[...]`, or float probabilities `[..., classes]`.
    weight: `[classes]`, a factor for each class; the mean is then the weighted one.
    ignore_index: a label that counts for nothing. PyTorch's default is -100, here none.
    label_smoothing: share of the probability that is spread over all classes (Szegedy et al. 2015,
    section 7).
    Raises ShapeError, DTypeError; a label outside the classes is an IndexingError.

    >>> import lamina as lm
    >>> round(lm.functional.cross_entropy(lm.zeros((2, 4)), lm.tensor([0, 3])).item(), 4)
    1.3863
    """
    check_tensors("cross_entropy", input=input, target=target)
    check_float("cross_entropy", input=input)
    _check_smoothing(label_smoothing)
    if target.dtype.is_float and target.shape == input.shape:
        check_float("cross_entropy", input=input, target=target)
        return _of_probabilities(input, target, weight, reduction, label_smoothing)
    _check_labels("cross_entropy", input, target)
    if weight is None and ignore_index is None and not label_smoothing:
        return reduce_loss("cross_entropy", losses_of_labels(input, target), reduction)
    return _of_labels("cross_entropy", log_softmax(input, -1), target, weight, ignore_index,
                      reduction, label_smoothing)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-input at the target, where input is log probabilities `[..., classes]`."""
    check_tensors("nll_loss", input=input, target=target)
    check_float("nll_loss", input=input)
    _check_labels("nll_loss", input, target)
    return _of_labels("nll_loss", input, target, weight, ignore_index, reduction, 0.0)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """-target log p - (1 - target) log(1 - p) for p = sigmoid(input), without overflow.

    input, target: same shape, target a float in [0, 1]. weight: a factor for each element.
    pos_weight: a factor for the first term, `[classes]`.
    """
    op = "binary_cross_entropy_with_logits"
    check_same_shape(op, input, target)
    check_float(op, input=input, target=target)
    tail = log1p(exp(-absolute(input)))  # log(1 + exp(-|x|)), within (0, log 2]
    if pos_weight is None:
        losses = maximum(input, 0.0) - input * target + tail
    else:
        factor = 1.0 + (pos_weight - 1.0) * target
        losses = (1.0 - target) * input + factor * (tail + maximum(-input, 0.0))
    return reduce_loss(op, losses if weight is None else losses * weight, reduction)


def _of_labels(
    op: str,
    logs: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int | None,
    reduction: str,
    smoothing: float,
) -> Tensor:
    """Losses from log probabilities and labels; the mean divides by the weights that took part."""
    keep = None if ignore_index is None else target != ignore_index
    if keep is not None:
        target = where(keep, target, 0)
    losses = -take_along_axis(logs, target[..., None], axis=-1)[..., 0]
    shares = None if weight is None else take(weight, target, axis=0)
    if shares is not None:
        losses = losses * shares
    if smoothing:
        spread = -(logs if weight is None else logs * weight).mean(axis=-1)
        losses = (1.0 - smoothing) * losses + smoothing * spread
    if keep is not None:
        losses = where(keep, losses, 0.0)
        kept = keep.astype(logs.dtype)
        shares = kept if shares is None else kept * shares
    if shares is None or reduction != "mean":
        return reduce_loss(op, losses, reduction)
    return losses.sum() / shares.sum()


def _of_probabilities(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float
) -> Tensor:
    """Losses against a distribution; the mean divides by the number of examples."""
    if smoothing:
        target = target * (1.0 - smoothing) + smoothing / input.shape[-1]
    terms = log_softmax(input, -1) * target
    losses = -(terms if weight is None else terms * weight).sum(axis=-1)
    return reduce_loss("cross_entropy", losses, reduction)


def _check_smoothing(label_smoothing: float) -> None:
    if not 0 <= label_smoothing <= 1:
        raise ArgumentError(
            "cross_entropy",
            operands=[("label_smoothing", repr(label_smoothing))],
            rule="label_smoothing is between 0 and 1",
            got=label_smoothing,
        )


def _check_labels(op: str, input: Tensor, target: Tensor) -> None:
    """Labels are integers, one for each example."""
    operands = [("input", describe(input)), ("target", describe(target))]
    if input.ndim == 0 or target.shape != input.shape[:-1]:
        raise ShapeError(
            op,
            operands=operands,
            rule="target has the shape of input without its last axis, the classes",
            hint=_labels_hint(input.shape, target.shape),
            expected=input.shape[:-1],
            got=target.shape,
        )
    if not target.dtype.is_integer:
        raise DTypeError(
            op,
            operands=operands,
            rule="labels are integers",
            hint="target.astype(lm.int64)",
            got=target.dtype,
        )


def _labels_hint(input: tuple[int, ...], target: tuple[int, ...]) -> str:
    """Labels from one-hot, without a last axis of 1, or for scores with the classes second."""
    if target == input:
        return "target.argmax(axis=-1), if target is one-hot"
    if input and target == (*input[:-1], 1):
        return "target.squeeze(-1)"
    if len(input) > 2 and target == (input[0], *input[2:]):
        return "lm.moveaxis(input, 1, -1): the classes come last"
    return ""
