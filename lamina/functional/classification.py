"""Losses over classes.

In: scores with the classes on the last axis, `[..., classes]` (channels last, unlike PyTorch's
`[batch, classes, ...]`), and labels `[...]`, or probabilities `[..., classes]`.
Out: 0-d for "mean" and "sum", `[...]` for "none".
"""

from __future__ import annotations

from lamina.errors import ShapeError
from lamina.functional.arguments import check_at_least, check_counts, check_probability
from lamina.functional.labels import (
    check_class_weight,
    check_labels,
    check_probabilities,
    labels_within,
)
from lamina.functional.operands import check_float, check_same_shape, check_tensors, describe
from lamina.functional.reductions import check_not_empty, check_reduction, reduce_loss
from lamina.tensor import (
    Tensor,
    exp,
    log,
    log1p,
    log_softmax,
    maximum,
    sigmoid,
    take,
    take_along_axis,
    where,
)
from lamina.tensor import abs as absolute
from lamina.tensor import cross_entropy as losses_of_labels

_LEAST_LOG = -100.0  # PyTorch's bound of log 0 in the binary cross entropy


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
    check_probability("cross_entropy", label_smoothing, "label_smoothing")
    if target.dtype.is_float and target.shape == input.shape:
        check_float("cross_entropy", input=input, target=target)
        _check_several("cross_entropy", input, target)
        return _of_probabilities(input, target, weight, reduction, label_smoothing)
    check_labels("cross_entropy", input, target)
    if weight is None and ignore_index is None and not label_smoothing:
        return reduce_loss("cross_entropy", losses_of_labels(input, target), reduction)
    return _of_labels("cross_entropy", log_softmax(input, -1), target, weight, ignore_index,
                      reduction, label_smoothing)


def _check_several(op: str, input: Tensor, target: Tensor) -> None:
    """Probabilities of one class alone are all 1: the loss would be 0 whatever the scores are."""
    if input.shape[-1:] == (1,):
        raise ShapeError(
            op,
            operands=[("input", describe(input)), ("target", describe(target))],
            rule="probabilities are those of at least two classes",
            hint="binary_cross_entropy_with_logits for one score, mse_loss for numbers",
        )


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
    check_labels("nll_loss", input, target)
    return _of_labels("nll_loss", input, target, weight, ignore_index, reduction, 0.0)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-target log p - (1 - target) log(1 - p) where p is `input`; logarithms are at least -100.

    input, target: same shape, both in [0, 1]. weight: a factor for each element, of a shape that
    broadcasts to the input's. Raises ArgumentError for values outside [0, 1] that are known at the
    call; for others the loss is NaN.
    """
    op = "binary_cross_entropy"
    check_same_shape(op, input, target)
    check_float(op, input=input, target=target)
    check_probabilities(op, input=input, target=target)
    losses = -target * _bounded_log(input) - (1.0 - target) * _bounded_log(1.0 - input)
    return reduce_loss(op, _weighted(op, losses, weight), reduction)


def _bounded_log(p: Tensor) -> Tensor:
    """log p, and -100 at 0 with no gradient."""
    zero = p == 0
    return where(zero, _LEAST_LOG, maximum(log(where(zero, 1.0, p)), _LEAST_LOG))


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
    return reduce_loss(op, _weighted(op, losses, weight), reduction)


def focal_loss(
    input: Tensor,
    target: Tensor,
    gamma: float = 2.0,
    alpha: float | Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-alpha_t (1 - p_t)^gamma log p_t, p_t the probability of the truth: easy examples count less.

    Lin et al. 2017, equation 5. With gamma 0 and no alpha it is the cross entropy.

    input: scores. target: labels `[...]` for scores `[..., classes]`, p = softmax; or floats 0 and
    1 of the input's shape, p = sigmoid, each element on its own.
    alpha: for labels a tensor `[classes]`; for floats a number, alpha for ones and 1 - alpha for
    zeros (0.25 in the paper).
    The mean is over all examples.
    """
    check_tensors("focal_loss", input=input, target=target)
    check_float("focal_loss", input=input)
    check_at_least("focal_loss", 0, gamma=gamma)
    if not target.dtype.is_float:
        return reduce_loss("focal_loss", _focal_of_labels(input, target, gamma, alpha), reduction)
    check_same_shape("focal_loss", input, target)
    check_float("focal_loss", input=input, target=target)
    cross = binary_cross_entropy_with_logits(input, target, reduction="none")
    missed = sigmoid(input) * (1.0 - target) + sigmoid(-input) * target  # 1 - p_t, not rounded to 0
    losses = cross * _power(missed, gamma)
    if alpha is not None:
        losses = losses * (alpha * target + (1.0 - alpha) * (1.0 - target))
    return reduce_loss("focal_loss", losses, reduction)


def _focal_of_labels(
    input: Tensor, target: Tensor, gamma: float, alpha: float | Tensor | None
) -> Tensor:
    check_labels("focal_loss", input, target)
    labels = labels_within("focal_loss", target, input.shape[-1])
    logs = take_along_axis(log_softmax(input, -1), labels[..., None], axis=-1)[..., 0]
    losses = -logs * _power(1.0 - exp(logs), gamma)
    if not isinstance(alpha, Tensor):
        return losses if alpha is None else losses * alpha
    check_class_weight("focal_loss", "alpha", alpha, input)
    return losses * take(alpha, labels, axis=0)


def _power(x: Tensor, exponent: float) -> Tensor:
    """x^exponent for x in [0, 1]; whole exponents by products, whose gradient at 0 is finite."""
    if exponent == int(exponent) and exponent <= 8:
        result = x * 0.0 + 1.0 if exponent == 0 else x
        for _ in range(int(exponent) - 1):
            result = result * x
        return result
    return where(x == 0, 0.0, where(x == 0, 1.0, x) ** exponent)


def _weighted(op: str, losses: Tensor, weight: Tensor | None) -> Tensor:
    """Losses times a weight that broadcasts to them, not they to it."""
    if weight is None:
        return losses
    check_tensors(op, weight=weight)
    shape = (1,) * (losses.ndim - weight.ndim) + tuple(weight.shape)
    if len(shape) != losses.ndim or any(
        w not in (1, n) for w, n in zip(shape, losses.shape, strict=True)
    ):
        raise ShapeError(
            op,
            operands=[("input", describe(losses)), ("weight", describe(weight))],
            rule="the shape of weight is that of input, or broadcasts to it",
            expected=losses.shape,
            got=weight.shape,
        )
    return losses * weight


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
    check_reduction(op, reduction)
    check_not_empty(op, target, reduction)
    if weight is not None:
        check_class_weight(op, "weight", weight, logs)
    if ignore_index is not None:
        check_counts(op, -(1 << 63), ignore_index=ignore_index)
    keep = None if ignore_index is None else target != ignore_index
    if keep is not None:
        target = where(keep, target, 0)
    target = labels_within(op, target, logs.shape[-1])
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
    if weight is not None:
        check_class_weight("cross_entropy", "weight", weight, input)
    if smoothing:
        target = target * (1.0 - smoothing) + smoothing / input.shape[-1]
    terms = log_softmax(input, -1) * target
    losses = -(terms if weight is None else terms * weight).sum(axis=-1)
    return reduce_loss("cross_entropy", losses, reduction)
