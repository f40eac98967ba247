"""Reductions and running totals: sum, max, mean, argmax, cumsum.

In: a tensor and axes. Out: a tensor without those axes, or of the same shape for running totals.
"""

from __future__ import annotations

from typing import Any

from lamina import dtypes
from lamina.dtypes import DType, as_dtype
from lamina.errors import ArgumentError
from lamina.graph.node import Node
from lamina.ops.precision import recorded_dtype
from lamina.ops.table import TABLE
from lamina.tensor.array import Tensor
from lamina.tensor.functions.elementwise import sqrt
from lamina.tensor.functions.plumbing import (
    Axis,
    axes_of,
    dropped,
    flat,
    node_of,
    one_axis,
    short,
)


def _reduced(name: str, x: Any, axis: Axis, keepdims: bool, to: DType | None = None) -> Tensor:
    node = _in(name, node_of(x), to)
    axes = axes_of(node, axis, name)
    return Tensor(dropped(TABLE[name](node, axes=axes), axes, keepdims))


def _in(name: str, node: Node, to: DType | None) -> Node:
    """The node in the dtype that was asked for, or else in what `name` is recorded in."""
    dtype = recorded_dtype(name, node.dtype) if to is None else to
    return node if dtype is node.dtype else TABLE["cast"](node, dtype=dtype)


def _wide(x: Any, dtype: Any) -> DType | None:
    """What sums of small integers are kept in."""
    if dtype is not None:
        return as_dtype(dtype)
    kind = node_of(x).dtype.kind if not isinstance(x, Tensor) else x.dtype.kind
    return {"b": dtypes.int64, "i": dtypes.int64, "u": dtypes.uint64}.get(kind)


def sum(x: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The sum over some axes, or all; integers add up in 64 bits."""
    return _reduced("sum", x, axis, keepdims, _wide(x, dtype))


def prod(x: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The product over some axes, or all."""
    return _reduced("prod", x, axis, keepdims, _wide(x, dtype))


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest element over some axes, or all; with `dim=`, and its index."""
    return _reduced("max", x, axis, keepdims)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest element over some axes, or all; with `dim=`, and its index."""
    return _reduced("min", x, axis, keepdims)


def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether any element is true."""
    return _reduced("any", x, axis, keepdims, dtypes.bool_)


def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether every element is true."""
    return _reduced("all", x, axis, keepdims, dtypes.bool_)


def _floating(x: Any) -> DType | None:
    node = node_of(x)
    return None if node.dtype.is_float else dtypes.float32


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean over some axes, or all."""
    return _reduced("mean", x, axis, keepdims, _floating(x))


def var(x: Any, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The mean square distance from the mean; the divisor is n - correction."""
    node = _in("var", node_of(x), _floating(x))
    axes = axes_of(node, axis, "var")
    if not isinstance(correction, (int, float)):
        raise ArgumentError("var", operands=[("correction", short(correction))],
                            rule="correction is a number")
    result = TABLE["var"](node, axes=axes, correction=float(correction))
    return Tensor(dropped(result, axes, keepdims))


def std(x: Any, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The square root of `var`."""
    return sqrt(var(x, axis, correction, keepdims))


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """log of the sum of exp(x), without overflow."""
    return _reduced("logsumexp", x, axis, keepdims, _floating(x))


def _located(name: str, x: Any, axis: int | None, keepdims: bool) -> Tensor:
    node = node_of(x)
    if axis is None and not keepdims:
        node = flat(node)
        axis = 0
    if axis is not None:
        axis = one_axis(node.ndim, axis, name, node)
    axes = axes_of(node, axis, name)
    result = dropped(TABLE[name](node, axes=axes), axes, keepdims)
    return Tensor(TABLE["cast"](result, dtype=dtypes.int64))


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the first largest element."""
    return _located("argmax", x, axis, keepdims)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the first smallest element."""
    return _located("argmin", x, axis, keepdims)


def _running(name: str, x: Any, axis: int | None, to: DType | None = None) -> Tensor:
    node = _in(name, node_of(x), to)
    if axis is None:
        node, axis = flat(node), 0
    return Tensor(TABLE[name](node, axis=one_axis(node.ndim, axis, name, node)))


def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """The sum up to each element; integers add up in 64 bits."""
    return _running("cumsum", x, axis, _wide(x, dtype))


def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """The product up to each element."""
    return _running("cumprod", x, axis, _wide(x, dtype))


def cummax(x: Any, axis: int | None = None) -> Tensor:
    """The largest element up to each one."""
    return _running("cummax", x, axis)


def cummin(x: Any, axis: int | None = None) -> Tensor:
    """The smallest element up to each one."""
    return _running("cummin", x, axis)


cumulative_sum, cumulative_prod = cumsum, cumprod
