"""Tables read by number: rows, and sums of rows over bags of numbers."""

from __future__ import annotations

import numpy as np

from lamina.dtypes import int64
from lamina.errors import ArgumentError, DTypeError, IndexingError, ShapeError
from lamina.functional.arguments import check_choice, check_positive
from lamina.functional.labels import KNOWN, check_within
from lamina.functional.operands import check_float, check_tensors, describe
from lamina.functional.similarity import vector_norm
from lamina.ops import indexing
from lamina.ops.table import TABLE
from lamina.tensor import (
    Tensor,
    arange,
    concat,
    cumsum,
    maximum,
    no_grad,
    ones,
    reshape,
    scatter,
    scatter_add,
    where,
    zeros,
)
from lamina.tensor import abs as absolute

MODES = ("sum", "mean", "max")


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
) -> Tensor:
    """Rows of `weight` by number.

    input: integers `[...]`, 0 to entries - 1; weight: `[entries, features]`; result:
    `[..., features]`. A number that is no row is an IndexingError; -1 is none.
    padding_idx: a row that gets no gradient; from the end where negative.
    max_norm: rows of the input whose `norm_type`-norm is larger are shortened to it in `weight`
    itself, before they are read; that goes through the whole table.
    """
    check_tensors("embedding", input=input, weight=weight)
    _check_numbers("embedding", input, weight)
    if max_norm is not None:
        check_positive("embedding", max_norm=max_norm, norm_type=norm_type)
        _shorten(weight, input, max_norm, norm_type)
    rows = _rows(weight, input)
    if padding_idx is None:
        return rows
    is_padding = reshape(input == padding_idx % weight.shape[0], (*input.shape, 1))
    return where(is_padding, rows.detach(), rows)


def _shorten(weight: Tensor, input: Tensor, max_norm: float, norm_type: float) -> None:
    """Assign to the weight: its rows that the input names, none longer than `max_norm`."""
    with no_grad():
        value, numbers = weight.detach(), reshape(input, (-1,))
        named = scatter(zeros((value.shape[0],)), numbers, ones(numbers.shape)) > 0
        length = vector_norm(absolute(value), norm_type, -1, True)
        too_long = named[:, None] & (length > max_norm)
        weight.assign(where(too_long, value * (max_norm / (length + 1e-7)), value))


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    mode: str = "mean",
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
) -> Tensor:
    """The sum, mean or maximum of the rows of each bag; zeros for a bag without rows.

    input: integers `[bags, numbers]`; or `[numbers]` with `offsets` `[bags]`, the place where each
    bag begins, the first at 0. weight: `[entries, features]`; result: `[bags, features]`.
    per_sample_weights: a factor for each number, in the shape of `input`, for the sum alone.
    include_last_offset: the last offset is where the last bag ends.
    padding_idx: a row that counts for nothing; from the end where negative.
    max_norm, norm_type: as in `embedding`.
    Raises ArgumentError, ShapeError, DTypeError. The maximum over bags of `offsets` compares every
    number with every bag.
    """
    check_tensors("embedding_bag", input=input, weight=weight)
    _check_numbers("embedding_bag", input, weight)
    check_choice("embedding_bag", "mode", mode, MODES)
    _check_bags(input, offsets, include_last_offset)
    _check_factors(input, per_sample_weights, mode)
    if max_norm is not None:
        check_positive("embedding_bag", max_norm=max_norm, norm_type=norm_type)
        _shorten(weight, input, max_norm, norm_type)
    rows = _rows(weight, input)
    if per_sample_weights is not None:
        check_float("embedding_bag", weight=weight, per_sample_weights=per_sample_weights)
        rows = rows * per_sample_weights[..., None]
    kept = None if padding_idx is None else input != padding_idx % weight.shape[0]
    if offsets is None:
        counted = ones(input.shape, dtype="bool") if kept is None else kept
        return _of_rectangle(rows, counted, mode)
    ends = offsets[:-1] if include_last_offset else offsets
    return _of_offsets(rows, kept, ends, mode)


def _of_rectangle(rows: Tensor, kept: Tensor, mode: str) -> Tensor:
    """From rows `[bags, numbers, features]`."""
    mask = kept[..., None]
    if mode == "max":
        return _maximum_of(where(mask, rows, float("-inf")), kept.any(axis=1))
    total = where(mask, rows, 0.0).sum(axis=1)
    if mode == "sum":
        return total
    count = kept.astype(rows.dtype).sum(axis=1)
    return total / maximum(count, 1.0)[:, None]


def _rising(offsets: Tensor, numbers: int) -> Tensor:
    """The offsets, which begin at 0 and never fall; else an IndexingError, now or at run time."""
    first, steps = offsets[:1], offsets[1:] - offsets[:-1]
    if offsets.node.value is not None and 0 < offsets.shape[0] <= KNOWN:
        values = offsets.node.value.array(offsets.shape, offsets.dtype.storage)
        ends = np.concatenate([values, [numbers]])
        if values[0] != 0 or (ends[1:] < ends[:-1]).any():
            raise IndexingError(
                "embedding_bag",
                operands=[("offsets", f"{describe(offsets)}, {values.min()} .. {values.max()}"),
                          ("numbers", str(numbers))],
                rule="the first offset is 0, each is at least the one before, none passes the end",
                got=(int(values.min()), int(values.max())),
            )
    check = TABLE["check_range"]
    return concat([Tensor(check(first.node, size=1)),
                   cumsum(Tensor(check(steps.node, size=numbers + 1)))], axis=0)


def _of_offsets(rows: Tensor, kept: Tensor | None, offsets: Tensor, mode: str) -> Tensor:
    """From rows `[numbers, features]` and the first place of each bag."""
    numbers, bags = rows.shape[0], offsets.shape[0]
    offsets = _rising(offsets, numbers).astype(int64)
    begins = scatter_add(zeros((numbers + 1,), dtype=int64), offsets, ones((bags,), dtype=int64))
    bag = cumsum(begins)[:numbers] - 1
    if mode == "max":
        member = bag[None, :] == arange(bags)[:, None]
        member = member if kept is None else member & kept[None, :]
        spread = where(member[..., None], rows[None], float("-inf"))
        return _maximum_of(spread, member.any(axis=1))
    if kept is not None:
        rows = where(kept[:, None], rows, 0.0)
    total = scatter_add(zeros((bags, rows.shape[1]), dtype=rows.dtype), bag, rows)
    if mode == "sum":
        return total
    one = ones((numbers,), dtype=rows.dtype) if kept is None else kept.astype(rows.dtype)
    count = scatter_add(zeros((bags,), dtype=rows.dtype), bag, one)
    return total / maximum(count, 1.0)[:, None]


def _maximum_of(spread: Tensor, is_filled: Tensor) -> Tensor:
    """The maximum over axis 1 of `[bags, numbers, features]`, 0 for an empty bag."""
    if spread.shape[1] == 0:
        return spread.sum(axis=1)
    return where(is_filled[:, None], spread.max(axis=1), 0.0)


def _rows(weight: Tensor, input: Tensor) -> Tensor:
    """`weight[input]`, where -1 is no row: it stands for padding more often than for the last."""
    return Tensor(indexing.take(weight.node, input.node, 0, wrap=False))


def _check_numbers(op: str, input: Tensor, weight: Tensor) -> None:
    operands = [("input", describe(input)), ("weight", describe(weight))]
    if not input.dtype.is_integer:
        raise DTypeError(
            op,
            operands=operands,
            rule="input holds row numbers, so it is an integer",
            hint="input.astype(lm.int64)",
            got=input.dtype,
        )
    if weight.ndim != 2:
        raise ShapeError(op, operands=operands, rule="weight is [entries, features]",
                         got=weight.shape)
    entries = weight.shape[0]
    rule = f"every number is that of a row, 0 .. {entries - 1}"
    check_within(op, "input", input, entries, rule)


def _check_bags(input: Tensor, offsets: Tensor | None, include_last_offset: bool) -> None:
    operands = [("input", describe(input))]
    if offsets is not None:
        check_tensors("embedding_bag", offsets=offsets)
        operands.append(("offsets", describe(offsets)))
        fits = input.ndim == 1 and offsets.ndim == 1 and offsets.dtype.is_integer
        fits = fits and (not include_last_offset or offsets.shape[0] > 0)
    else:
        fits = input.ndim == 2 and not include_last_offset
    if not fits:
        raise ShapeError(
            "embedding_bag",
            operands=operands,
            rule="input is [bags, numbers], or [numbers] with integer offsets [bags]",
            hint="input[None], for one bag" if input.ndim == 1 and offsets is None else "",
            got=input.shape,
        )


def _check_factors(input: Tensor, factors: Tensor | None, mode: str) -> None:
    if factors is None:
        return
    check_tensors("embedding_bag", per_sample_weights=factors)
    if mode != "sum":
        raise ArgumentError(
            "embedding_bag",
            operands=[("per_sample_weights", describe(factors)), ("mode", repr(mode))],
            rule="factors are for the sum alone",
            hint='mode="sum"',
        )
    if factors.shape != input.shape:
        raise ShapeError(
            "embedding_bag",
            operands=[("input", describe(input)), ("per_sample_weights", describe(factors))],
            rule="one factor for each number",
            expected=input.shape,
            got=factors.shape,
        )
