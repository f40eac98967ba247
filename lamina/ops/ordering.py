"""Running totals and sorting, along one axis.

In: an array and an axis (not negative). Out: the same shape. `emit` of a cumulative op says how the
value so far and the next element combine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.graph.node import Node, Op, Sample, constant
from lamina.ops import scalar
from lamina.ops.elementwise import add, equal, multiply, where
from lamina.ops.indexing import scatter_add, take_along_axis
from lamina.ops.kinds import COMPOSITE, CUMULATIVE, SORT
from lamina.ops.movement import concat, flip, iota, narrow, pad, reshape, slice_
from lamina.ops.rules import first
from lamina.shapes import Dim

NUMBERS = (*dtypes.INTEGERS, *dtypes.FLOATS)


def cumulative(name: str, doc: str, numpy: Callable[..., Any], emit: Callable[..., Any],
               identity: Any, vjp: Callable[..., Node], ulp: float = 0.0, onnx: str = "") -> Op:
    """A row for a running total. vjp: (g, y, x, axis) -> cotangent."""
    return Op(name, CUMULATIVE, doc, numpy, first, lambda g, y, x, axis: (vjp(g, y, x, axis),),
              emit, identity=identity, onnx=onnx, ulp=ulp, takes=NUMBERS,
              samples=(Sample((((3, 4), -2, 2),), {"axis": 1}),
                       Sample((((3, 4), -2, 2),), {"axis": 0}),
                       Sample((((5,), -2, 2),), {"axis": 0})))


# ---- running totals ------------------------------------------------------------------------------
def _from_the_end(x: Node, axis: int) -> Node:
    """Running sums that start at the last element."""
    return flip(cumsum(flip(x, (axis,)), axis=axis), (axis,))


cumsum = cumulative("cumsum", "The sum of the elements up to each one.",
                    lambda x, axis: np.cumsum(x, axis, dtype=x.dtype), lambda b, acc, x: acc + x, 0,
                    lambda g, y, x, axis: _from_the_end(g, axis), ulp=8, onnx="CumSum")


def _along(axis: int, size: int, x: Node) -> tuple[int, ...]:
    return tuple(size if i == axis else 0 for i in range(x.ndim))


def _longer(x: Node, axis: int, low: int, high: int, value: float) -> Node:
    """So many more elements of one value at both ends."""
    return pad(x, low=_along(axis, low, x), high=_along(axis, high, x),
               interior=_along(axis, 0, x), value=value)


def _before(x: Node, axis: int) -> Node:
    """The product of the elements before each one."""
    return _longer(cumprod(narrow(x, axis, 0, x.shape[axis] - 1), axis=axis), axis, 1, 0, 1.0)


def products_without(x: Node, axis: int) -> Node:
    """The product of all other elements along the axis; without a division, which zeros forbid."""
    if x.shape[axis] == 0:
        return x
    after = flip(_before(flip(x, (axis,)), axis), (axis,))
    return multiply(_before(x, axis), after)


def _recurrence(g: Node, a: Node, axis: int) -> Node:
    """s[i] = g[i] + a[i] s[i+1] from the last element on, where it is g.

    Two steps as one are such a recurrence of half the length, for the even i (cyclic reduction;
    Kogge and Stone, 1973); the odd ones follow from these.
    """
    n = g.sizes[axis]
    if n == 1:
        return g
    if n % 2:
        longer = _recurrence(_longer(g, axis, 0, 1, 0.0), _longer(a, axis, 0, 1, 0.0), axis)
        return narrow(longer, axis, 0, n)
    g0, g1, a0, a1 = (_every_second(x, axis, start) for x in (g, a) for start in (0, 1))
    even = _recurrence(add(g0, multiply(a0, g1)), multiply(a0, a1), axis)
    behind = _longer(narrow(even, axis, 1, n // 2 - 1), axis, 0, 1, 0.0)
    odd = add(g1, multiply(a1, behind))
    column = (*even.shape[:axis + 1], 1, *even.shape[axis + 1:])
    both = concat(reshape(even, shape=column), reshape(odd, shape=column), axis=axis + 1)
    return reshape(both, shape=g.shape)


def _every_second(x: Node, axis: int, start: int) -> Node:
    shape = tuple(x.shape[axis] // 2 if i == axis else d for i, d in enumerate(x.shape))
    return slice_(x, starts=_along(axis, start, x), shape=shape,
                  steps=tuple(2 if i == axis else 1 for i in range(x.ndim)))


def _cumprod_vjp(g: Node, y: Node, x: Node, axis: int) -> Node:
    """The product before each element, times the sum of g with the products behind it.

    Nothing is divided: derivatives of any order are exact where elements are zero.
    """
    n = x.sizes[axis]
    if n == 0:
        return x
    following = _longer(narrow(x, axis, 1, n - 1), axis, 0, 1, 0.0)
    return multiply(_before(x, axis), _recurrence(g, following, axis))


cumprod = cumulative("cumprod", "The product of the elements up to each one.",
                     lambda x, axis: np.cumprod(x, axis, dtype=x.dtype), lambda b, acc, x: acc * x,
                     1, _cumprod_vjp, ulp=8)


def _running_extreme_vjp(g: Node, y: Node, x: Node, axis: int) -> Node:
    """To the latest element that was the extreme so far."""
    line = tuple(d if i == axis else 1 for i, d in enumerate(x.shape))
    place = iota(shape=line, axis=axis, dtype=dtypes.int64)
    source = cummax(where(equal(x, y), place, constant(0, dtypes.int64)), axis=axis)
    dims = tuple(-1 if i == axis else i for i in range(x.ndim))
    return scatter_add(g, source, axes=(axis,), dims=dims, shape=x.shape)


cummax = cumulative("cummax", "The largest element up to each one; NaN from the first one on.",
                    lambda x, axis: np.maximum.accumulate(x, axis), scalar.maximum, "lowest",
                    _running_extreme_vjp)
cummin = cumulative("cummin", "The smallest element up to each one; NaN from the first one on.",
                    lambda x, axis: np.minimum.accumulate(x, axis), scalar.minimum, "highest",
                    _running_extreme_vjp)


# ---- sorting -------------------------------------------------------------------------------------
def _argsort_numpy(x: np.ndarray, axis: int, descending: bool) -> np.ndarray:
    if not descending:
        return np.asarray(np.argsort(x, axis, kind="stable"), np.int64)
    order = np.argsort(np.flip(x, axis), axis, kind="stable")  # turned twice: ties keep their order
    return np.asarray(x.shape[axis] - 1 - np.flip(order, axis), np.int64)


def _orders(shape: tuple[int, ...], axis: int, bound: float = 9.0) -> tuple[Sample, ...]:
    return tuple(Sample(((shape, -bound, bound),), {"axis": axis, "descending": down})
                 for down in (False, True))


argsort = Op(
    "argsort", SORT, "The places of the elements in order; equal ones keep their order, NaN is the "
    "largest.", _argsort_numpy, dtype=lambda *_, **__: dtypes.int64, takes=dtypes.ALL,
    samples=(*_orders((3, 4), 1), *_orders((5, 2), 0), *_orders((9,), 0, 2.0)))


FEW = 64  # elements that are found without a sort

argtopk = Op(
    "argtopk", SORT, "The places of the first k elements, at most 64, in the order of argsort.",
    lambda x, axis, descending, k: np.take(_argsort_numpy(x, axis, descending), range(k), axis),
    dtype=lambda *_, **__: dtypes.int64, takes=dtypes.ALL,
    samples=tuple(Sample(s.inputs, s.attrs | {"k": k}) for k, s in zip(
        (3, 1, 2, 3, 9, 5), (*_orders((3, 40), 1), *_orders((5, 2), 0), *_orders((9,), 0, 2.0)),
        strict=True)))


def _sort_body(x: Node, axis: int, descending: bool) -> Node:
    return take_along_axis(x, argsort(x, axis=axis, descending=descending), axis)


sort = Op(
    "sort", COMPOSITE, "The elements in order; NaN is the largest.",
    lambda x, axis, descending: np.take_along_axis(x, _argsort_numpy(x, axis, descending), axis),
    dtype=first, body=_sort_body, takes=dtypes.ALL,
    samples=(*_orders((3, 4), 1), *_orders((5, 2), 0)))


def topk(x: Node, k: Dim, axis: int, largest: bool = True) -> tuple[Node, Node]:
    """The k largest (or smallest) elements along an axis, in order, and their places."""
    if isinstance(k, int) and 0 < k <= FEW:
        places = argtopk(x, axis=axis, descending=largest, k=k)
    else:
        places = narrow(argsort(x, axis=axis, descending=largest), axis, 0, k)
    return take_along_axis(x, places, axis), places


OPS = (cumsum, cumprod, cummax, cummin, argsort, argtopk, sort)
