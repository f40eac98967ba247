"""What the models of this room check before they record anything.

In: tensors, and the widths that they should have. Out: nothing, or a four-part error.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_counts
from lamina.functional.operands import check_float, describe
from lamina.tensor import Tensor


def check_rows(op: str, x: Tensor, features: int, name: str = "input") -> None:
    """`x` is a float Tensor `[batch, features]` of at least one row."""
    check_float(op, **{name: x})
    if x.ndim != 2 or x.shape[1] != features or x.shape[0] == 0:
        fits = x.ndim > 2 and x.size and x.size == x.shape[0] * features
        raise ShapeError(
            op,
            operands=[(name, describe(x, ("batch", "features"))), ("features", str(features))],
            rule=f"{name} is [batch, {features}] with at least one row",
            hint=f"{name}.reshape({x.shape[0]}, {features})" if fits else "",
            expected=features,
            got=x.shape,
        )


def check_batch(op: str, x: Tensor, name: str = "input") -> None:
    """`x` is a float Tensor `[batch, ...]` of at least one example."""
    check_float(op, **{name: x})
    if x.ndim < 1 or x.size == 0:
        raise ShapeError(op, operands=[(name, describe(x))],
                         rule=f"{name} is [batch, ...] with at least one example", got=x.shape)


def check_shape(op: str, shape: Sequence[int]) -> tuple[int, ...]:
    """The shape of what is to be drawn, `[count, ...]`: ints of at least 1."""
    if not isinstance(shape, list | tuple) or not shape:
        raise ArgumentError(op, operands=[("shape", f"{shape!r:.60}")],
                            rule="shape is a tuple of sizes, the number of examples first",
                            got=shape)
    for size in shape:
        check_counts(op, 1, **{"each size of shape": size})
    return tuple(shape)


def check_range(op: str, name: str, ends: tuple[float, float]) -> None:
    """Two numbers, the smaller one first."""
    if not isinstance(ends, list | tuple) or len(ends) != 2 or not ends[0] < ends[1]:
        raise ArgumentError(op, operands=[(name, f"{ends!r:.60}")],
                            rule=f"{name} is two numbers, the smaller one first", got=ends)
