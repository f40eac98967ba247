"""Arguments of the pipeline's methods, checked.

In: what the user wrote. Out: the same in one form, or one error that says what is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina.data.cache import Cached
from lamina.data.order import Balanced, Order, Weighted
from lamina.data.rows import Mapped
from lamina.data.source import Source
from lamina.errors import ArgumentError, ShapeError


def whole(method: str, name: str, value: Any, least: int) -> int:
    """An int of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ArgumentError(
            f"pipeline.{method}", operands=[(name, f"{value!r:.60}")],
            rule=f"{name} is an int of at least {least}", got=value)
    return int(value)


def filling(method: str, pad: Any) -> Any:
    """A number to fill up with, or None."""
    if pad is not None and not isinstance(pad, (int, float, np.integer, np.floating)):
        raise ArgumentError(
            f"pipeline.{method}", operands=[("pad", f"{pad!r:.60}")],
            rule="pad is a number, or None", got=pad)
    return pad


def function(method: str, value: Any) -> Callable[..., Any]:
    """Something to call."""
    if not callable(value):
        raise ArgumentError(
            f"pipeline.{method}", operands=[("function", f"{value!r:.60}")],
            rule="a function of the columns of a block", got=value)
    found: Callable[..., Any] = value
    return found


def misplaced(method: str, rule: str, hint: str = "") -> ArgumentError:
    """The error for a stage that cannot stand where it was put."""
    return ArgumentError(f"pipeline.{method}", rule=rule, hint=hint)


def buckets(boundaries: Sequence[int], sizes: int | Sequence[int]
            ) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Boundaries of lengths, ascending, and a batch size for each bucket between them."""
    ends = tuple(whole("bucket", "a boundary", end, 1) for end in boundaries)
    many = sizes if isinstance(sizes, (list, tuple)) else [sizes] * (len(ends) + 1)
    found = tuple(whole("bucket", "a batch size", size, 1) for size in many)
    if list(ends) != sorted(set(ends)) or len(found) != len(ends) + 1:
        raise ArgumentError(
            "pipeline.bucket",
            operands=[("boundaries", str(list(ends))), ("batch sizes", str(list(found)))],
            rule="boundaries ascend, and there is one batch size more than boundaries",
            hint="boundaries=[50, 100], batch_sizes=[64, 32, 16]")
    return ends, found


def weighted(inner: Order, rows: int, weights: Any, seed: int, count: int | None) -> Weighted:
    """The order of a draw by weights, one for each row of the source."""
    values = np.asarray(weights, np.float64)
    candidates = _candidates("sample", inner)
    if values.shape != (rows,):
        raise ShapeError(
            "pipeline.sample",
            operands=[("weights", f"{list(values.shape)}"), ("rows", str(rows))],
            rule="there is a weight for each row of the source")
    values = values[candidates]
    if not np.isfinite(values).all() or (values < 0).any() or not values.sum() > 0:
        raise ArgumentError(
            "pipeline.sample", operands=[("weights", f"{weights!r:.60}")],
            rule="weights are finite, none is negative, and their sum is positive")
    ends = np.cumsum(values)
    return Weighted(candidates, ends / ends[-1], seed, count or len(candidates))


def balanced(inner: Order, rows: int, labels: Any, seed: int, count: int | None) -> Balanced:
    """The order of a draw in which every label comes as often as the others."""
    values = np.asarray(labels)
    candidates = _candidates("balance", inner)
    if values.shape != (rows,):
        raise ShapeError(
            "pipeline.balance",
            operands=[("labels", f"{list(values.shape)}"), ("rows", str(rows))],
            rule="there is a label for each row of the source")
    chosen = values[candidates]
    by_class = np.argsort(chosen, kind="stable")
    _, starts = np.unique(chosen[by_class], return_index=True)
    return Balanced(candidates[by_class], np.append(starts, len(chosen)), seed,
                    count or len(candidates))


def known_labels(source: Source) -> Any:
    """The labels that a source knows of itself."""
    labels = getattr(source, "labels", None)
    inner = source
    while labels is None and isinstance(inner, (Mapped, Cached)):
        inner = inner.source
        labels = getattr(inner, "labels", None)
    if labels is None:
        raise ArgumentError(
            "pipeline.balance", operands=[("source", type(source).__name__)],
            rule="the source does not know its labels before they are read",
            hint="balance(labels), one for each row")
    return labels


def _candidates(method: str, inner: Order) -> np.ndarray:
    if not inner.fixed or not inner.length:
        raise misplaced(method, "a draw takes the place of shuffle and repeat, and there are rows",
                        f"pipeline(data).{method}(...)")
    return inner.rows(0, np.arange(inner.length))
