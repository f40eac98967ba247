"""Operations that move elements and compute nothing: reshape, permute, expand, slice, pad, ...

All but reshape, pad and concat are views: an output index maps linearly onto an input index. The
`emit` of a view gives that map, so the compiler knows one kind of view: a tuple with one entry for
each input axis, (offset, ((output axis, factor), ...)).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.dtypes import DType
from lamina.graph.node import Attrs, Kind, Node, Op, Sample
from lamina.ops.broadcasting import ViewMap, sum_
from lamina.ops.broadcasting import expand as expand
from lamina.ops.broadcasting import reshape as reshape
from lamina.ops.rules import first, shape_error
from lamina.shapes import Dim, Shape


# ---- views ---------------------------------------------------------------------------------------
def _permuted(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    shape, axes = inputs[0].shape, attrs["axes"]
    if sorted(axes) != list(range(len(shape))):
        raise shape_error(op, inputs, f"axes {list(axes)}", rule="axes name every axis once")
    return tuple(shape[a] for a in axes)


def _batch_permute(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs) -> Node:
    return op(inputs[0], axes=(0, *(a + 1 for a in attrs["axes"])))


def _permute_map(shape: Shape, axes: tuple[int, ...]) -> ViewMap:
    return tuple((0, ((axes.index(i), 1),)) for i in range(len(axes)))


permute: Op = Op(
    "permute", Kind("view", "axes name every axis once", _permuted, _batch_permute),
    "Axes in another order.",
    numpy=lambda x, axes: np.transpose(x, axes), dtype=first,
    vjp=lambda g, y, x, axes: (permute(g, axes=tuple(axes.index(i) for i in range(len(axes)))),),
    emit=_permute_map, cost=0, onnx="Transpose",
    samples=(Sample((((3, 4), -2, 2),), {"axes": (1, 0)}),
             Sample((((2, 3, 4), -2, 2),), {"axes": (2, 0, 1)})),
)


def _sliced(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    return tuple(attrs["shape"])


def _batch_slice(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs) -> Node:
    n = inputs[0].shape[0]
    return op(inputs[0], starts=(0, *attrs["starts"]), steps=(1, *attrs["steps"]),
              shape=(n, *attrs["shape"]))


def _slice_map(old: Shape, starts: tuple[Dim, ...], steps: tuple[int, ...], shape: Shape
               ) -> ViewMap:
    return tuple((start, ((i, step),)) for i, (start, step) in
                 enumerate(zip(starts, steps, strict=True)))


def _slice_numpy(x: np.ndarray, starts: Any, steps: Any, shape: Any) -> np.ndarray:
    index = [start + step * np.arange(n)
             for start, step, n in zip(starts, steps, shape, strict=True)]
    return x[np.ix_(*index)] if index else x


def _slice_vjp(g: Node, y: Node, x: Node, starts: Any, steps: Any, shape: Any) -> tuple[Node]:
    if any(step < 0 for step in steps):
        turned = tuple(0 if s > 0 else n - 1 for s, n in zip(steps, shape, strict=True))
        g = slice_(g, starts=turned, steps=tuple(1 if s > 0 else -1 for s in steps), shape=shape)
        starts = tuple(b if s > 0 else b + s * (n - 1)
                       for b, s, n in zip(starts, steps, shape, strict=True))
        steps = tuple(abs(s) for s in steps)
    spans = [max(0, (n - 1) * s + 1) for s, n in zip(steps, shape, strict=True)]
    low = tuple(b if n else d for b, n, d in zip(starts, shape, x.shape, strict=True))
    high = tuple(d - b - span for d, b, span in zip(x.shape, low, spans, strict=True))
    return (pad(g, low=low, high=high, interior=tuple(s - 1 for s in steps), value=0.0),)


slice_ = Op(
    "slice", Kind("view", "the slice lies inside the input", _sliced, _batch_slice),
    "Every step-th element from start on, along each axis; negative steps go backwards.",
    numpy=_slice_numpy, dtype=first, vjp=_slice_vjp, emit=_slice_map,
    sizes=("shape",), offsets=("starts",), cost=0, onnx="Slice",
    samples=(Sample((((5, 6), -2, 2),), {"starts": (1, 5), "steps": (2, -2), "shape": (2, 3)}),),
)


def flip(x: Node, axes: Sequence[int]) -> Node:
    """Elements in reverse order along `axes`."""
    return slice_(x, starts=tuple(d - 1 if i in axes else 0 for i, d in enumerate(x.shape)),
                  steps=tuple(-1 if i in axes else 1 for i in range(x.ndim)), shape=x.shape)


def narrow(x: Node, axis: int, start: Dim, size: Dim) -> Node:
    """`size` elements from `start` on along one axis."""
    return slice_(x, starts=tuple(start if i == axis else 0 for i in range(x.ndim)),
                  steps=(1,) * x.ndim,
                  shape=tuple(size if i == axis else d for i, d in enumerate(x.shape)))


def _windowed(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    x = inputs[0]
    axes, sizes = attrs["axes"], attrs["window"]
    shape = list(x.shape)
    for a, k, s, d in zip(axes, sizes, attrs["stride"], attrs["dilation"], strict=True):
        reach = (k - 1) * d + 1
        if isinstance(shape[a], int) and shape[a] < reach:
            raise shape_error(op, inputs, f"axis {a} has {shape[a]}, the window reaches {reach}")
        shape[a] = (shape[a] - reach) // s + 1
    return (*shape, *sizes)


def _window_map(old: Shape, axes: Any, window: Any, stride: Any, dilation: Any) -> ViewMap:
    result: list[tuple[Dim, tuple[tuple[int, Dim], ...]]] = []
    for i in range(len(old)):
        if i in axes:
            j = axes.index(i)
            result.append((0, ((i, stride[j]), (len(old) + j, dilation[j]))))
        else:
            result.append((0, ((i, 1),)))
    return tuple(result)


def _window_numpy(x: np.ndarray, axes: Any, window: Any, stride: Any, dilation: Any) -> np.ndarray:
    reach = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(x, reach, axis=tuple(axes))
    pick: list[Any] = [slice(None)] * view.ndim
    for j, a in enumerate(axes):
        pick[a] = slice(None, None, stride[j])
        pick[x.ndim + j] = slice(None, None, dilation[j])
    return np.asarray(view[tuple(pick)])


def _batch_windows(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs) -> Node:
    return op(inputs[0], **{**attrs, "axes": tuple(a + 1 for a in attrs["axes"])})


windows = Op(
    "windows", Kind("view", "every window lies inside the (padded) input", _windowed,
                    _batch_windows),
    "Sliding windows along some axes; the places in the window come as new last axes.",
    numpy=_window_numpy, dtype=first,
    vjp=lambda g, y, x, **attrs: (fold(g, shape=x.shape, **attrs),),
    emit=_window_map, cost=0,
    samples=(Sample((((7, 3), -2, 2),),
                    {"axes": (0,), "window": (3,), "stride": (2,), "dilation": (1,)}),
             Sample((((2, 6, 7), -2, 2),),
                    {"axes": (1, 2), "window": (2, 3), "stride": (1, 2), "dilation": (2, 1)})),
)


def _given_shape(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    return tuple(attrs["shape"])


def _batch_view(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs) -> Node:
    inner = tuple((offset, tuple((axis + 1, factor) for axis, factor in terms))
                  for offset, terms in attrs["map"])
    return op(inputs[0], shape=(inputs[0].shape[0], *attrs["shape"]), map=((0, ((0, 1),)), *inner))


view = Op(
    "view", Kind("view", "the map stays inside the input", _given_shape, _batch_view),
    "A linear map of indices; the form that every view takes inside the compiler.",
    numpy=lambda x, shape, map: _view_numpy(x, shape, map), dtype=first,
    emit=lambda old, shape, map: map, sizes=("shape",), cost=0,
)


def _view_numpy(x: np.ndarray, shape: Any, map: Any) -> np.ndarray:
    grid = np.indices(shape, sparse=True) if shape else []
    index = [sum((f * grid[a] for a, f in terms), np.asarray(offset)) for offset, terms in map]
    return np.broadcast_to(x[tuple(index)] if index else x, shape)


def permutation(node: Node) -> list[int] | None:
    """Where a `view` has each axis of its input; None if it does more than reorder them all."""
    place = [terms[0][0] if offset == 0 and len(terms) == 1 and terms[0][1] == 1 else -1
             for offset, terms in node.attrs["map"]]
    if sorted(place) != list(range(node.ndim)) or any(
            d != node.shape[at] for d, at in zip(node.inputs[0].shape, place, strict=True)):
        return None  # some of it is left out, or repeated
    return place


# ---- fold: the transpose of windows --------------------------------------------------------------
def _fold_body(g: Node, shape: Shape, axes: Any, window: Any, stride: Any, dilation: Any) -> Node:
    rank = len(shape)
    zeros = [0] * g.ndim
    low, high, interior = list(zeros), list(zeros), list(zeros)
    for a, k, s, d in zip(axes, window, stride, dilation, strict=True):
        low[a], interior[a] = d * (k - 1), s - 1
        high[a] = shape[a] - ((g.shape[a] - 1) * s + 1)
    padded = pad(g, low=tuple(low), high=tuple(high), interior=tuple(interior), value=0.0)
    index: list[Any] = [(0, ((i, 1),)) for i in range(g.ndim)]
    for j, (a, k, d) in enumerate(zip(axes, window, dilation, strict=True)):
        index[a] = (d * (k - 1), ((a, 1), (rank + j, -d)))
    spread = view(padded, shape=(*shape, *g.shape[rank:]), map=tuple(index))
    return reshape(sum_(spread, axes=tuple(range(rank, g.ndim))), shape=shape)


def _fold_numpy(g: np.ndarray, shape: Any, axes: Any, window: Any, stride: Any, dilation: Any
                ) -> np.ndarray:
    out = np.zeros(shape, g.dtype)
    for place in np.ndindex(*window):
        pick: list[Any] = [slice(None)] * len(shape)
        for j, a in enumerate(axes):
            start = place[j] * dilation[j]
            pick[a] = slice(start, start + (g.shape[a] - 1) * stride[j] + 1, stride[j])
        out[tuple(pick)] += g[(..., *place)]
    return out


def _batch_fold(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs) -> Node:
    n = inputs[0].shape[0]
    return op(inputs[0], **{**attrs, "shape": (n, *attrs["shape"]),
                            "axes": tuple(a + 1 for a in attrs["axes"])})


def _fold_vjp(t: Node, y: Node, g: Node, shape: Shape, **attrs: Any) -> tuple[Node]:
    seen = windows(t, **attrs)
    if seen.shape == g.shape:
        return (seen,)
    return (slice_(seen, starts=(0,) * g.ndim, steps=(1,) * g.ndim, shape=g.shape),)


fold: Op = Op(
    "fold", Kind("composite", "the windows cover the given shape", _given_shape, _batch_fold),
    "Windows added back to where they came from: the transpose of `windows`.",
    numpy=_fold_numpy, dtype=first, body=_fold_body,
    vjp=_fold_vjp, sizes=("shape",), takes=(*dtypes.INTEGERS, *dtypes.FLOATS),
    samples=(Sample((((3, 3, 3), -2, 2),), {"shape": (7, 3), "axes": (0,), "window": (3,),
                                            "stride": (2,), "dilation": (1,)}),),
)


# ---- pad, concat ---------------------------------------------------------------------------------
def _padded(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    shape = []
    for d, lo, hi, gap in zip(inputs[0].shape, attrs["low"], attrs["high"], attrs["interior"],
                              strict=True):
        if any(isinstance(n, int) and n < 0 for n in (lo, hi, gap)):
            raise shape_error(op, inputs, f"padding {attrs['low']}, {attrs['high']}",
                              rule="padding is not negative")
        shape.append(d + lo + hi + ((d - 1) * gap if gap and d != 0 else 0))
    return tuple(shape)


def _batch_pad(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs) -> Node:
    return op(inputs[0], low=(0, *attrs["low"]), high=(0, *attrs["high"]),
              interior=(0, *attrs["interior"]), value=attrs["value"])


def _pad_numpy(x: np.ndarray, low: Any, high: Any, interior: Any, value: float) -> np.ndarray:
    shape = [d + lo + hi + max(0, d - 1) * gap
             for d, lo, hi, gap in zip(x.shape, low, high, interior, strict=True)]
    out = np.full(shape, value, x.dtype)
    out[tuple(slice(lo, lo + max(0, (d - 1) * (gap + 1) + 1) if d else lo, gap + 1)
              for d, lo, gap in zip(x.shape, low, interior, strict=True))] = x
    return out


def _pad_vjp(g: Node, y: Node, x: Node, low: Any, high: Any, interior: Any, value: float
             ) -> tuple[Node]:
    return (slice_(g, starts=low, steps=tuple(i + 1 for i in interior), shape=x.shape),)


pad = Op(
    "pad", Kind("pad", "padding is not negative", _padded, _batch_pad),
    "A border of `low` and `high` elements, and `interior` ones between neighbours, of one value.",
    numpy=_pad_numpy, dtype=first, vjp=_pad_vjp, offsets=("low", "high"), cost=1, onnx="Pad",
    samples=(Sample((((3, 4), -2, 2),), {"low": (1, 0), "high": (2, 1), "interior": (0, 0),
                                         "value": 0.0}),
             Sample((((3, 2), -2, 2),), {"low": (0, 1), "high": (1, 0), "interior": (1, 2),
                                         "value": 1.0})),
)


def _concatenated(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    axis = attrs["axis"]
    head = inputs[0].shape
    for other in inputs[1:]:
        if other.ndim != len(head) or any(
            a != b for i, (a, b) in enumerate(zip(head, other.shape, strict=True)) if i != axis
        ):
            raise shape_error(op, inputs, "another shape")
    total: Dim = 0
    for node in inputs:
        total = total + node.shape[axis]
    return tuple(total if i == axis else d for i, d in enumerate(head))


def _concat_vjp(g: Node, y: Node, *inputs: Node, axis: int) -> tuple[Node, ...]:
    parts: list[Node] = []
    start: Dim = 0
    for x in inputs:
        parts.append(narrow(g, axis, start, x.shape[axis]))
        start = start + x.shape[axis]
    return tuple(parts)


def _batch_concat(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs) -> Node:
    n = next(x.shape[0] for x, b in zip(inputs, batched, strict=True) if b)
    full = [x if b else expand(x, shape=(n, *x.shape))
            for x, b in zip(inputs, batched, strict=True)]
    return op(*full, axis=attrs["axis"] + 1)


concat = Op(
    "concat", Kind("concat", "all shapes are equal but for the joined axis", _concatenated,
                   _batch_concat),
    "Arrays joined along an axis.",
    numpy=lambda *xs, axis: np.concatenate(xs, axis), dtype=first, vjp=_concat_vjp, cost=1,
    onnx="Concat",
    samples=(Sample((((2, 3), -2, 2), ((2, 2), -2, 2), ((2, 4), -2, 2)), {"axis": 1}),
             Sample((((2, 3), -2, 2), ((1, 3), -2, 2)), {"axis": 0})),
)


# ---- iota ----------------------------------------------------------------------------------------
def _iota_dtype(*_: DType, dtype: DType, **__: Any) -> DType:
    return dtype


iota = Op(
    "iota", Kind("iota", "the axis exists", _given_shape),
    "The index along one axis, as a value.",
    numpy=lambda shape, axis, dtype: np.broadcast_to(
        np.arange(shape[axis]).astype(dtype.storage).reshape(
            [-1 if i == axis else 1 for i in range(len(shape))]), shape),
    dtype=_iota_dtype, sizes=("shape",), cost=1,
)

OPS = (reshape, permute, expand, slice_, windows, view, fold, pad, concat, iota)
