"""Connectionist temporal classification: labels without their times.

In: log probabilities of labels over time, and label sequences that are shorter. Out: the negative
log of the sum of the probabilities of all alignments.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from lamina.dtypes import float32, int64
from lamina.errors import ArgumentError, DTypeError, ShapeError
from lamina.functional.labels import labels_within
from lamina.functional.operands import check_float, check_tensors, describe
from lamina.functional.reductions import check_not_empty, reduce_loss
from lamina.tensor import (
    Tensor,
    arange,
    asarray,
    concat,
    cumsum,
    exp,
    full,
    full_like,
    log,
    maximum,
    moveaxis,
    scan,
    stack,
    take,
    take_along_axis,
    where,
    zeros,
)

# Stands for log 0: adding to it changes nothing that counts, and no inf - inf gives NaN.
_LOWEST = -1e30

Lengths = Tensor | Sequence[int]


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Lengths,
    target_lengths: Lengths,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
    batch_first: bool = True,
) -> Tensor:
    """-log of the sum over all alignments of `targets` with `log_probs` of their probabilities.

    Graves et al. 2006, equations 6, 7 and 8, in log space: one compiled scan over time.

    log_probs: log probabilities `[batch, time, classes]`; `[time, batch, classes]`, PyTorch's
    order, with `batch_first=False`; or `[time, classes]` of one example.
    targets: integers `[batch, labels]`, of which the first `target_lengths` count; or all labels
    one after the other, `[sum of target_lengths]`.
    input_lengths, target_lengths: integers `[batch]`.
    blank: the class that stands for no label.
    reduction: "mean" divides each loss by its target's length (at least 1) before the mean.
    The gradient is that of the loss by `log_probs`; PyTorch's is the same once it has gone through
    the log_softmax that made them, and differs before.
    zero_infinity: losses of inputs too short for their targets are 0 instead of infinite. Either
    way they have no gradient.
    Raises ShapeError, DTypeError, ArgumentError; a label outside the classes is an IndexingError.

    >>> import lamina as lm
    >>> logs = lm.functional.log_softmax(lm.zeros((1, 2, 3)))
    >>> loss = lm.functional.ctc_loss(logs, lm.tensor([[1]]), [2], [1])
    >>> round(loss.exp().item(), 4)  # blank 1, 1 blank and 1 1: three of nine
    3.0
    """
    check_tensors("ctc_loss", log_probs=log_probs, targets=targets)
    check_float("ctc_loss", log_probs=log_probs)
    single = log_probs.ndim == 2
    if single:
        log_probs = log_probs[None]
        targets = targets.reshape((1, -1))
    elif not batch_first:
        log_probs = moveaxis(log_probs, 0, 1)
    inputs = _lengths("input_lengths", input_lengths, log_probs)
    outputs = _lengths("target_lengths", target_lengths, log_probs)
    _check(log_probs, targets, inputs, outputs, blank, batch_first or single)
    check_not_empty("ctc_loss", inputs, reduction)
    if targets.ndim == 1:
        targets = _rows(targets, target_lengths, outputs)
    losses = _losses(log_probs, targets, inputs, outputs, blank)
    impossible = losses > -0.5 * _LOWEST
    losses = where(impossible, 0.0 if zero_infinity else inf, losses)
    if reduction == "mean":
        losses = losses / maximum(outputs, 1).astype(losses.dtype)
    result = reduce_loss("ctc_loss", losses.astype(log_probs.dtype), reduction)
    return result[0] if single and reduction == "none" else result


def _losses(
    log_probs: Tensor, targets: Tensor, inputs: Tensor, outputs: Tensor, blank: int
) -> Tensor:
    """One loss for each example; `-_LOWEST` or more where there is no alignment."""
    batch, labels = targets.shape
    time, classes = log_probs.shape[1:]
    given = arange(labels) < outputs[:, None]
    targets = labels_within("ctc_loss", where(given, targets.astype(int64), blank), classes)
    # blank, label, blank, label, ..., blank: [batch, states]
    between = full_like(targets, blank)
    first = full((batch, 1), blank, dtype=int64)
    path = concat([first, stack([targets, between], axis=2).reshape((batch, 2 * labels))], axis=1)
    heard = take_along_axis(log_probs.astype(float32) if log_probs.dtype.bits < 32 else log_probs,
                            path[:, None, :], axis=2)  # [batch, time, states]
    heard = moveaxis(maximum(heard, _LOWEST), 1, 0)
    # A label may follow the label before it without a blank, if it is another one.
    other = concat([zeros((batch, min(2, path.shape[1])), dtype=path.dtype) != 0,
                    (path[:, 2:] != path[:, :-2]) & (path[:, 2:] != blank)], axis=1)

    def turn(carry: Tensor, now: tuple[Tensor, Tensor]) -> tuple[Tensor, None]:
        step, logs = now
        before = _shifted(carry, 1)
        skipped = where(other, _shifted(carry, 2), _LOWEST)
        ways = _log_of_sum(carry, before, skipped)
        return where((step < inputs)[:, None], maximum(ways + logs, _LOWEST), carry), None

    start = where(arange(path.shape[1]) == 0, 0.0, _LOWEST).astype(heard.dtype)
    start = start + zeros((batch, 1), dtype=heard.dtype)
    end, _ = scan(turn, start, (arange(time), heard))
    ends = (2 * outputs)[:, None]
    last = take_along_axis(end, ends, axis=1)[:, 0]
    label = take_along_axis(end, maximum(ends - 1, 0), axis=1)[:, 0]
    label = where(outputs > 0, label, _LOWEST)
    return -_log_of_sum(last, label)


def _shifted(x: Tensor, places: int) -> Tensor:
    """The states moved up: state s takes the value of s - places."""
    states = x.shape[1]
    if states <= places:
        return full_like(x, _LOWEST)
    return concat([full_like(x[:, :places], _LOWEST), x[:, :states - places]], axis=1)


def _log_of_sum(first: Tensor, *others: Tensor) -> Tensor:
    """log(exp(a) + exp(b) + ...), element by element."""
    top = first
    for x in others:
        top = maximum(top, x)
    top = top.detach()  # any constant would do
    total = exp(first - top)
    for x in others:
        total = total + exp(x - top)
    return top + log(total)


def _rows(targets: Tensor, lengths: Lengths, outputs: Tensor) -> Tensor:
    """Labels one after the other as rows of `[batch, longest]`."""
    known = not isinstance(lengths, Tensor)
    longest = max((int(n) for n in lengths), default=0) if known else targets.shape[0]
    starts = cumsum(outputs, axis=0) - outputs
    places = starts[:, None] + arange(longest)
    last = max(targets.shape[0] - 1, 0)
    places = where(arange(longest) < outputs[:, None], places, 0)
    if targets.shape[0] == 0:
        return zeros((outputs.shape[0], 0), dtype=targets.dtype)
    return take(targets, where(places > last, targets.shape[0], places), axis=0)


def _lengths(name: str, lengths: Lengths, log_probs: Tensor) -> Tensor:
    """Integers `[batch]`."""
    tensor = lengths if isinstance(lengths, Tensor) else asarray(lengths)
    if not tensor.dtype.is_integer:
        raise DTypeError(
            "ctc_loss",
            operands=[("log_probs", describe(log_probs)), (name, describe(tensor))],
            rule=f"{name} are integers",
            hint=f"{name}.astype(lm.int64)",
            got=tensor.dtype,
        )
    return tensor.reshape((1,)).astype(int64) if tensor.ndim == 0 else tensor.astype(int64)


def _check(
    log_probs: Tensor,
    targets: Tensor,
    inputs: Tensor,
    outputs: Tensor,
    blank: int,
    batch_first: bool,
) -> None:
    operands = [
        ("log_probs", describe(log_probs, ("batch", "time", "classes"))),
        ("targets", describe(targets)),
        ("input_lengths", describe(inputs)),
        ("target_lengths", describe(outputs)),
    ]
    if log_probs.ndim != 3 or targets.ndim not in (1, 2):
        rule = "log_probs is [batch, time, classes], targets [batch, labels] or [labels]"
        raise ShapeError("ctc_loss", operands=operands, rule=rule, got=log_probs.shape)
    batch = log_probs.shape[0]
    if not targets.dtype.is_integer:
        raise DTypeError(
            "ctc_loss", operands=operands, rule="labels are integers",
            hint="targets.astype(lm.int64)", got=targets.dtype,
        )
    if inputs.shape != (batch,) or outputs.shape != (batch,) or (
        targets.ndim == 2 and targets.shape[0] != batch
    ):
        other = log_probs.shape[1]
        swapped = inputs.shape == outputs.shape == (other,) and targets.shape[0] == other
        raise ShapeError(
            "ctc_loss",
            operands=operands,
            rule="there is one input length, one target length and one row of targets for each "
                 "example",
            hint=f"batch_first={not batch_first}" if swapped and targets.ndim == 2 else "",
            expected=(batch,),
            got=inputs.shape,
        )
    if not isinstance(blank, int) or not 0 <= blank < log_probs.shape[2]:
        raise ArgumentError(
            "ctc_loss",
            operands=[*operands, ("blank", repr(blank))],
            rule=f"blank is one of the {log_probs.shape[2]} classes",
            got=blank,
        )
    _check_known_lengths("input_lengths", inputs, log_probs.shape[1])
    if targets.ndim == 2:
        _check_known_lengths("target_lengths", outputs, targets.shape[1])


def _check_known_lengths(name: str, lengths: Tensor, most: int) -> None:
    """Lengths that are there already lie between 0 and the size of their axis."""
    value = lengths.node.value
    if value is None or 0 in lengths.shape:
        return
    array = value.array(lengths.shape, lengths.dtype.storage)
    if int(array.min()) < 0 or int(array.max()) > most:
        raise ArgumentError(
            "ctc_loss",
            operands=[(name, f"{describe(lengths)}, {array.min()} .. {array.max()}")],
            rule=f"{name} lie in 0 .. {most}, the size of their axis",
            expected=(0, most),
            got=(int(array.min()), int(array.max())),
        )
