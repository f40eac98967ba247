"""Maximum and mean of windows over one to three axes, channels last.

In: x [n, *space, c]; window, stride, dilation: one int for each axis of space; padding: a pair
(low, high) for each. Out: [n, *space, c]. Windows that lie side by side are a reshape, else a view.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf, prod
from typing import cast

import numpy as np

from lamina import dtypes
from lamina.dtypes import DType
from lamina.graph.node import Node, Op, Sample, constant
from lamina.ops.convolution import Ints, Pairs, margins
from lamina.ops.elementwise import (
    add,
    divide,
    equal,
    floor_divide,
    maximum,
    minimum,
    multiply,
    remainder,
    where,
)
from lamina.ops.elementwise import cast as cast_to
from lamina.ops.kinds import COMPOSITE
from lamina.ops.movement import expand, fold, iota, pad, permute, reshape, windows
from lamina.ops.reduction import argmax, max_, sum_
from lamina.ops.rules import first, shape_error
from lamina.shapes import Shape

FEW = 32  # places of a window whose gradients are added one by one


def lowest(dtype: DType) -> float:
    """The value that no maximum prefers."""
    if dtype.is_float:
        return -inf
    return 0 if dtype.kind != "i" else -(1 << (dtype.bits - 1))


# ---- windows as axes -----------------------------------------------------------------------------
def _tiled(window: Ints, stride: Ints, dilation: Ints) -> bool:
    return window == stride and all(d == 1 for d in dilation)


def _tile_axes(rank: int) -> tuple[Ints, Ints]:
    """In [n, o1, k1, o2, k2, ..., c]: the axes of the places in a window, and all others."""
    inside = tuple(range(2, 2 + 2 * rank, 2))
    return inside, tuple(i for i in range(2 * rank + 2) if i not in inside)


def _tiles(x: Node, window: Ints) -> Node:
    """[n, s, c] as [n, o, k, c] for each axis of space; what does not fill a window is cut."""
    space = x.shape[1:-1]
    rest = [k * (d // k) - d for d, k in zip(space, window, strict=True)]
    x = margins(x, (0,) * len(space), rest)
    split = [part for d, k in zip(space, window, strict=True) for part in (d // k, k)]
    return reshape(x, shape=(x.shape[0], *split, x.shape[-1]))


def _window_axes(x: Node, window: Ints, stride: Ints, dilation: Ints) -> tuple[Node, Ints]:
    """x with its windows as axes, and which axes hold the places in a window."""
    rank = len(window)
    if _tiled(window, stride, dilation):
        return _tiles(x, window), _tile_axes(rank)[0]
    view = windows(x, axes=tuple(range(1, 1 + rank)), window=window, stride=stride,
                   dilation=dilation)
    return permute(view, axes=_channels_after(rank)), tuple(range(1 + rank, 1 + 2 * rank))


def _channels_after(rank: int) -> Ints:
    """From [n, *space, c, *window] to [n, *space, *window, c]: vectors run along the channels."""
    return (*range(1 + rank), *range(2 + rank, 2 + 2 * rank), 1 + rank)


def _check(op: Op, x: Node, window: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> None:
    rank = x.ndim - 2
    if rank not in (1, 2, 3) or any(len(a) != rank for a in (window, stride, padding, dilation)):
        raise shape_error(op, [x], f"window {list(window)}",
                          rule="x is [n, *space, c], with one window size for each axis of space")
    for d, k, (lo, hi), gap in zip(x.shape[1:-1], window, padding, dilation, strict=True):
        if isinstance(d, int) and d + lo + hi < (k - 1) * gap + 1:
            raise shape_error(op, [x], f"the window reaches {(k - 1) * gap + 1}",
                              rule="the window fits into the padded input")


def _padded(x: Node, padding: Pairs, value: float) -> Node:
    return margins(x, [lo for lo, _ in padding], [hi for _, hi in padding], value=value)


# ---- maximum -------------------------------------------------------------------------------------
def _max_pool_body(x: Node, window: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Node:
    _check(max_pool, x, window, stride, padding, dilation)
    view, inside = _window_axes(_padded(x, padding, lowest(x.dtype)), window, stride, dilation)
    return _without(max_(view, axes=inside), inside)


def _without(x: Node, axes: Ints) -> Node:
    """x without axes of size 1."""
    return reshape(x, shape=tuple(d for i, d in enumerate(x.shape) if i not in axes))


def _max_pool_vjp(g: Node, y: Node, x: Node, window: Ints, stride: Ints, padding: Pairs,
                  dilation: Ints) -> tuple[Node]:
    """To the first maximum of each window, as in PyTorch."""
    rank = len(window)
    wide = _padded(x, padding, lowest(x.dtype))
    view, inside = _window_axes(wide, window, stride, dilation)
    if _few(window, stride, dilation):
        first_place = _without(argmax(view, axes=inside), inside)
        zero = constant(0.0, g.dtype)
        terms = (where(equal(first_place, constant(i, first_place.dtype)), g, zero)
                 for i in range(prod(window)))
        wide_g = _scattered(terms, wide.shape, window, stride, dilation)
        return (_inner(wide_g, x, window, padding),)
    outside = tuple(i for i in range(view.ndim) if i not in inside)
    order = (*outside, *inside)
    turned = permute(view, axes=order)
    last = tuple(range(turned.ndim - rank, turned.ndim))
    taken = equal(argmax(turned, axes=last), _place_in_window(window, turned.ndim))
    spread = where(taken, reshape(g, shape=(*g.shape, *(1,) * rank)), constant(0.0, g.dtype))
    spread = permute(spread, axes=tuple(order.index(i) for i in range(len(order))))
    return (_back(spread, x, wide, window, stride, padding, dilation),)


def max_places(x: Node, window: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Node:
    """Where the first maximum of each window is: its place in space, counted row by row."""
    _check(max_pool, x, window, stride, padding, dilation)
    view, inside = _window_axes(_padded(x, padding, lowest(x.dtype)), window, stride, dilation)
    rest = _without(argmax(view, axes=inside), inside)
    total, ahead = constant(0, rest.dtype), constant(1, rest.dtype)
    for axis in range(len(window), 0, -1):
        size, k = x.shape[axis], constant(window[axis - 1], rest.dtype)
        begin = multiply(iota(shape=rest.shape, axis=axis, dtype=rest.dtype),
                         constant(stride[axis - 1], rest.dtype))
        step = multiply(remainder(rest, k), constant(dilation[axis - 1], rest.dtype))
        at = add(add(begin, step), constant(-padding[axis - 1][0], rest.dtype))
        at = minimum(maximum(at, constant(0, rest.dtype)), constant(size - 1, rest.dtype))
        total = add(total, multiply(at, ahead))
        rest, ahead = floor_divide(rest, k), multiply(ahead, constant(size, rest.dtype))
    return cast_to(total, dtype=dtypes.int64)


def _few(window: Ints, stride: Ints, dilation: Ints) -> bool:
    """Whether the gradient is a sum over the places of a window, written out.

    Each term is then a map along the channels, and no window is laid out in memory.
    """
    return prod(window) <= FEW and not _tiled(window, stride, dilation)


def _scattered(terms: Iterable[Node], shape: Shape, window: Ints, stride: Ints, dilation: Ints
               ) -> Node:
    """The sum of the terms, one for each place of a window, each put where its windows have it."""
    total: Node | None = None
    for place, term in zip(np.ndindex(*window), terms, strict=True):
        low = [i * d for i, d in zip(place, dilation, strict=True)]
        high = [size - lo - ((n - 1) * s + 1)
                for size, lo, n, s in zip(shape[1:-1], low, term.shape[1:-1], stride, strict=True)]
        spread = pad(term, low=(0, *low, 0), high=(0, *high, 0),
                     interior=(0, *(s - 1 for s in stride), 0), value=0.0)
        total = spread if total is None else add(total, spread)
    return cast(Node, total)


def _inner(wide_g: Node, x: Node, window: Ints, padding: Pairs) -> Node:
    """The part of a padded image that is x; zeros for what no window reached."""
    low = [-lo for lo, _ in padding]
    high = [d + lo - w for d, (lo, _), w in
            zip(x.shape[1:-1], padding, wide_g.shape[1:-1], strict=True)]
    return margins(wide_g, low, high, bound=max(window))


def _place_in_window(window: Ints, rank: int) -> Node:
    """[1, ..., *window]: the number of each place, row by row."""
    number = iota(shape=(prod(window),), axis=0, dtype=dtypes.int32)
    return reshape(number, shape=(*(1,) * (rank - len(window)), *window))


def _back(spread: Node, x: Node, wide: Node, window: Ints, stride: Ints, padding: Pairs,
          dilation: Ints) -> Node:
    """Windows added back into the shape of x."""
    rank = len(window)
    if _tiled(window, stride, dilation):
        covered = [o * k for o, k in zip(spread.shape[1:-1:2], window, strict=True)]
        wide_g = reshape(spread, shape=(x.shape[0], *covered, x.shape[-1]))
    else:
        order = _channels_after(rank)
        spread = permute(spread, axes=tuple(order.index(i) for i in range(len(order))))
        wide_g = fold(spread, shape=wide.shape, axes=tuple(range(1, 1 + rank)), window=window,
                      stride=stride, dilation=dilation)
    return _inner(wide_g, x, window, padding)


def _numpy_windows(x: np.ndarray, window: Ints, stride: Ints, padding: Pairs, dilation: Ints,
                   value: float) -> tuple[np.ndarray, Ints]:
    rank = len(window)
    x = np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=value)
    axes = tuple(range(1, 1 + rank))
    return (windows.numpy(x, axes=axes, window=window, stride=stride, dilation=dilation),
            tuple(range(x.ndim, x.ndim + rank)))


def _max_pool_numpy(x: np.ndarray, window: Ints, stride: Ints, padding: Pairs, dilation: Ints
                    ) -> np.ndarray:
    low = -inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    view, inside = _numpy_windows(x, window, stride, padding, dilation, low)
    return np.asarray(view.max(inside))


def _pooled(shape: Ints, window: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Sample:
    return Sample(((shape, -9, 9),), {"window": window, "stride": stride, "padding": padding,
                                      "dilation": dilation})


_SAMPLES: Sequence[Sample] = (
    _pooled((2, 4, 6, 3), (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)),
    _pooled((1, 7, 5, 2), (2, 2), (2, 2), ((0, 0), (0, 1)), (1, 1)),
    _pooled((1, 6, 7, 2), (3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1)),
    _pooled((2, 7, 2), (2,), (1,), ((0, 0),), (2,)),
    _pooled((1, 4, 5, 3, 2), (2, 2, 2), (2, 2, 2), ((0, 0), (0, 0), (1, 0)), (1, 1, 1)),
)

max_pool = Op(
    "max_pool", COMPOSITE, "The largest element of each window.", _max_pool_numpy, first,
    _max_pool_vjp, body=_max_pool_body, onnx="MaxPool",
    takes=(*dtypes.INTEGERS, *dtypes.FLOATS), samples=tuple(_SAMPLES))


# ---- mean ----------------------------------------------------------------------------------------
def _avg_pool_body(x: Node, window: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Node:
    _check(avg_pool, x, window, stride, padding, dilation)
    view, inside = _window_axes(_padded(x, padding, 0.0), window, stride, dilation)
    total = _without(sum_(view, axes=inside), inside)
    return divide(total, constant(prod(window), x.dtype))


def _avg_pool_vjp(g: Node, y: Node, x: Node, window: Ints, stride: Ints, padding: Pairs,
                  dilation: Ints) -> tuple[Node]:
    share = divide(g, constant(prod(window), g.dtype))
    wide = _padded(x, padding, 0.0)
    if _few(window, stride, dilation):
        wide_g = _scattered([share] * prod(window), wide.shape, window, stride, dilation)
        return (_inner(wide_g, x, window, padding),)
    view, inside = _window_axes(wide, window, stride, dilation)
    narrow = tuple(1 if i in inside else d for i, d in enumerate(view.shape))
    spread = expand(reshape(share, shape=narrow), shape=view.shape)
    return (_back(spread, x, wide, window, stride, padding, dilation),)


def _avg_pool_numpy(x: np.ndarray, window: Ints, stride: Ints, padding: Pairs, dilation: Ints
                    ) -> np.ndarray:
    view, inside = _numpy_windows(x, window, stride, padding, dilation, 0.0)
    return np.asarray(view.mean(inside, dtype=x.dtype))


avg_pool = Op(
    "avg_pool", COMPOSITE, "The mean of each window; padding counts as zeros.", _avg_pool_numpy,
    first, _avg_pool_vjp, body=_avg_pool_body, onnx="AveragePool", ulp=8, takes=dtypes.FLOATS,
    samples=tuple(_SAMPLES))

OPS = (max_pool, avg_pool)
