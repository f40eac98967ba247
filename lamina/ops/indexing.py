"""Gather and scatter: reading and writing at places that are computed.

In: an array, and integer arrays that hold places along some of its axes. All of them, and the
result, are seen through one output index: input axis `axes[k]` is addressed by indices[k] (which
broadcasts to the output's shape, at the same rank), every other input axis d by the output axis
dims[d] (-1 for the indexed ones). Places count from 0; a place outside is an IndexingError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.dtypes import DType
from lamina.errors import IndexingError
from lamina.graph.node import Attrs, Kind, Node, Op, Sample, constant
from lamina.ops.elementwise import add, cast, equal, less, where
from lamina.ops.kinds import ELEMENTWISE
from lamina.ops.movement import expand, iota, reshape, slice_
from lamina.ops.rules import first, shape_error
from lamina.shapes import Dim, Shape, product

Tuple = tuple[int, ...]


# ---- shapes and places ---------------------------------------------------------------------------
def _check_places(op: Op, inputs: Sequence[Node], shape: Shape, indices: Sequence[Node],
                  rank: int, attrs: Attrs) -> None:
    axes, dims = attrs["axes"], attrs["dims"]
    if len(axes) != len(indices) or len(dims) != rank or len(set(axes)) != len(axes):
        raise shape_error(op, inputs, f"axes {list(axes)}, dims {list(dims)}")
    for index in indices:
        if not index.dtype.is_integer:
            raise IndexingError(op.name, operands=[("index", index.dtype.name)],
                                rule="an index is an integer", hint=".astype(lm.int64)")
        if index.ndim != len(shape) or any(
            d not in (1, e) for d, e in zip(index.shape, shape, strict=True)
        ):
            raise shape_error(op, inputs, f"the indices do not fit {list(shape)}")


def _gathered(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    shape = tuple(attrs["shape"])
    _check_places(op, inputs, shape, inputs[1:], inputs[0].ndim, attrs)
    return shape


def _scatter_added(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    shape = tuple(attrs["shape"])
    _check_places(op, inputs, inputs[0].shape, inputs[1:], len(shape), attrs)
    return shape


def _scattered(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    _check_places(op, inputs, inputs[1].shape, inputs[2:], inputs[0].ndim, attrs)
    return inputs[0].shape


def _places(shape: Tuple, inner: Sequence[int], indices: Sequence[np.ndarray], axes: Tuple,
            dims: Tuple) -> tuple[np.ndarray, ...]:
    """For the oracle: one index array for each axis of the indexed array (of sizes `inner`)."""
    grid = np.indices(shape, sparse=True) if shape else ()
    places: list[np.ndarray] = []
    for d, size in enumerate(inner):
        if d in axes:
            place = np.asarray(indices[axes.index(d)])
            if np.any((place < 0) | (place >= size)):
                raise IndexError(f"index {place.min()}..{place.max()} is outside 0..{size - 1}")
            places.append(place.astype(np.int64))
        else:
            places.append(np.asarray(grid[dims[d]]))
    return tuple(np.broadcast_to(p, shape) for p in places)


def _indexed(of: Callable[[Node], Shape], first_index: int
             ) -> Callable[[Node], list[tuple[int, Dim]]]:
    """`Op.places`: the inputs from `first_index` on are indices; `of` gives what they go into."""
    return lambda node: [(first_index + k, of(node)[axis])
                         for k, axis in enumerate(node.attrs["axes"])]


# ---- batching ------------------------------------------------------------------------------------
def _lead(node: Node, batched: bool) -> Node:
    return node if batched else reshape(node, shape=(1, *node.shape))


def _full(node: Node, batched: bool, n: Dim) -> Node:
    return node if batched else expand(node, shape=(n, *node.shape))


def _inner(attrs: Attrs, batched: bool) -> dict[str, Any]:
    """Axes and dims where the output has a new leading axis, and the indexed array too."""
    dims = tuple(d + 1 if d >= 0 else -1 for d in attrs["dims"])
    if not batched:
        return {"axes": attrs["axes"], "dims": dims}
    return {"axes": tuple(a + 1 for a in attrs["axes"]), "dims": (0, *dims)}


def _batch_gather(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs) -> Node:
    n = next(x.shape[0] for x, b in zip(inputs, batched, strict=True) if b)
    indices = [_lead(i, b) for i, b in zip(inputs[1:], batched[1:], strict=True)]
    return op(inputs[0], *indices, **_inner(attrs, batched[0]), shape=(n, *attrs["shape"]))


def _batch_scatter_add(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs
                       ) -> Node:
    n = next(x.shape[0] for x, b in zip(inputs, batched, strict=True) if b)
    indices = [_lead(i, b) for i, b in zip(inputs[1:], batched[1:], strict=True)]
    return op(_full(inputs[0], batched[0], n), *indices, **_inner(attrs, True),
              shape=(n, *attrs["shape"]))


def _batch_scatter(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs) -> Node:
    n = next(x.shape[0] for x, b in zip(inputs, batched, strict=True) if b)
    indices = [_lead(i, b) for i, b in zip(inputs[2:], batched[2:], strict=True)]
    return op(_full(inputs[0], batched[0], n), _full(inputs[1], batched[1], n), *indices,
              **_inner(attrs, True))


# ---- the primitives ------------------------------------------------------------------------------
def _gather_vjp(g: Node, y: Node, x: Node, *indices: Node, axes: Tuple, dims: Tuple, shape: Shape
                ) -> tuple[Node | None, ...]:
    dx = scatter_add(g, *indices, axes=axes, dims=dims, shape=x.shape)
    return (dx, *(None for _ in indices))


gather = Op(
    "gather", Kind("gather", "each index broadcasts to the result's shape", _gathered,
                   _batch_gather),
    "Elements of x at computed places.",
    numpy=lambda x, *indices, axes, dims, shape: x[_places(shape, x.shape, indices, axes, dims)]
    if x.ndim else np.broadcast_to(x, shape),
    dtype=first, vjp=_gather_vjp, sizes=("shape",), cost=2, onnx="Gather",
    places=_indexed(lambda node: node.inputs[0].shape, 1),
    extra={"names": ("x", "index", "index", "index")},
    samples=(Sample((((5, 3), -2, 2), ((4, 1), 0, 4.99)),
                    {"axes": (0,), "dims": (-1, 1), "shape": (4, 3)}, ("", "int64")),
             Sample((((3, 5), -2, 2), ((3, 2), 0, 4.99)),
                    {"axes": (1,), "dims": (0, -1), "shape": (3, 2)}, ("", "int32")),
             Sample((((5, 3, 4), -2, 2), ((2, 1, 1), 0, 4.99), ((1, 3, 1), 0, 3.99)),
                    {"axes": (0, 2), "dims": (-1, 2, -1), "shape": (2, 3, 3)},
                    ("", "int64", "int64"))),
)


def _scatter_add_numpy(g: np.ndarray, *indices: np.ndarray, axes: Tuple, dims: Tuple, shape: Any
                       ) -> np.ndarray:
    out = np.zeros(shape, g.dtype)
    if out.ndim:
        np.add.at(out, _places(g.shape, shape, indices, axes, dims), g)
        return out
    return np.asarray(g.sum(dtype=g.dtype))


def _scatter_add_vjp(t: Node, y: Node, g: Node, *indices: Node, axes: Tuple, dims: Tuple,
                     shape: Shape) -> tuple[Node | None, ...]:
    return (gather(t, *indices, axes=axes, dims=dims, shape=g.shape), *(None for _ in indices))


scatter_add = Op(
    "scatter_add", Kind("scatter", "each index broadcasts to the shape of the values",
                        _scatter_added, _batch_scatter_add),
    "Zeros, to which the values are added at computed places, in the order of the values.",
    numpy=_scatter_add_numpy, dtype=first, vjp=_scatter_add_vjp, sizes=("shape",), cost=2, ulp=4,
    places=_indexed(lambda node: node.shape, 1),
    takes=(*dtypes.INTEGERS, *dtypes.FLOATS),
    extra={"names": ("values", "index", "index", "index")},
    samples=(Sample((((4, 3), -2, 2), ((4, 1), 0, 4.99)),
                    {"axes": (0,), "dims": (-1, 1), "shape": (5, 3)}, ("", "int64")),
             Sample((((2, 3, 3), -2, 2), ((2, 1, 1), 0, 4.99), ((1, 3, 1), 0, 3.99)),
                    {"axes": (0, 2), "dims": (-1, 2, -1), "shape": (5, 3, 4)},
                    ("", "int64", "int64"))),
)


def _scatter_numpy(x: np.ndarray, values: np.ndarray, *indices: np.ndarray, axes: Tuple,
                   dims: Tuple) -> np.ndarray:
    out = np.array(x)
    places = _places(values.shape, x.shape, indices, axes, dims)
    for at in np.ndindex(*values.shape):  # one after the other: the last one wins
        out[tuple(p[at] for p in places)] = values[at]
    return out


def _scatter_vjp(t: Node, y: Node, x: Node, values: Node, *indices: Node, axes: Tuple, dims: Tuple
                 ) -> tuple[Node | None, ...]:
    places: dict[str, Any] = {"axes": axes, "dims": dims}
    zero = constant(0.0, t.dtype)
    dx = scatter(t, expand(zero, shape=values.shape), *indices, **places)
    number = reshape(iota(shape=(product(values.shape),), axis=0, dtype=dtypes.int64),
                     shape=values.shape)
    blank = expand(constant(0, dtypes.int64), shape=x.shape)
    winner = gather(scatter(blank, number, *indices, **places), *indices, **places,
                    shape=values.shape)
    taken = gather(t, *indices, **places, shape=values.shape)
    return (dx, where(equal(winner, number), taken, zero), *(None for _ in indices))


scatter = Op(
    "scatter", Kind("scatter", "each index broadcasts to the shape of the values", _scattered,
                    _batch_scatter),
    "x with values set at computed places; of several for one place the last counts.",
    numpy=_scatter_numpy, dtype=first, vjp=_scatter_vjp, cost=2, onnx="ScatterND",
    places=_indexed(lambda node: node.inputs[0].shape, 2),
    extra={"names": ("x", "values", "index", "index")},
    samples=(Sample((((5, 3), -2, 2), ((4, 3), -2, 2), ((4, 1), 0, 4.99)),
                    {"axes": (0,), "dims": (-1, 1)}, ("", "", "int64")),
             Sample((((5, 3), -2, 2), ((7,), -2, 2), ((7,), 0, 4.99), ((7,), 0, 2.99)),
                    {"axes": (0, 1), "dims": (-1, -1)}, ("", "", "int64", "int64"))),
)


def _added_numpy(x: np.ndarray, values: np.ndarray, *indices: np.ndarray, axes: Tuple, dims: Tuple
                 ) -> np.ndarray:
    out = np.array(x)
    np.add.at(out, _places(values.shape, x.shape, indices, axes, dims), values)
    return out


def _added_vjp(t: Node, y: Node, x: Node, values: Node, *indices: Node, axes: Tuple, dims: Tuple
               ) -> tuple[Node | None, ...]:
    taken = gather(t, *indices, axes=axes, dims=dims, shape=values.shape)
    return (t, taken, *(None for _ in indices))


add_at = Op(
    "add_at", Kind("scatter", "each index broadcasts to the shape of the values", _scattered,
                   _batch_scatter),
    "x with values added at computed places, in the order of the values.",
    numpy=_added_numpy, dtype=first, vjp=_added_vjp, cost=2, ulp=4,
    places=_indexed(lambda node: node.inputs[0].shape, 2),
    takes=(*dtypes.INTEGERS, dtypes.float32, dtypes.float64),
    extra={"names": ("x", "values", "index", "index")},
    samples=(Sample((((5, 3), -2, 2), ((4, 3), -2, 2), ((4, 1), 0, 4.99)),
                    {"axes": (0,), "dims": (-1, 1)}, ("", "", "int64")),),
)


def _slice_set(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    x, values = inputs
    if values.ndim != x.ndim or len(attrs["starts"]) != x.ndim or len(attrs["steps"]) != x.ndim:
        raise shape_error(op, inputs, f"the slice has {len(attrs['starts'])} axes")
    return x.shape


def _slice_set_numpy(x: np.ndarray, values: np.ndarray, starts: Any, steps: Any) -> np.ndarray:
    out = np.array(x)
    places = [start + step * np.arange(n)
              for start, step, n in zip(starts, steps, values.shape, strict=True)]
    out[np.ix_(*places) if places else ()] = values
    return out


def _slice_set_vjp(t: Node, y: Node, x: Node, values: Node, starts: Any, steps: Any
                   ) -> tuple[Node, Node]:
    at: dict[str, Any] = {"starts": starts, "steps": steps}
    zeros = expand(constant(0.0, t.dtype), shape=values.shape)
    return slice_set(t, zeros, **at), slice_(t, **at, shape=values.shape)


def _batch_slice_set(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs) -> Node:
    n = next(x.shape[0] for x, b in zip(inputs, batched, strict=True) if b)
    full = [_full(x, b, n) for x, b in zip(inputs, batched, strict=True)]
    return op(*full, starts=(0, *attrs["starts"]), steps=(1, *attrs["steps"]))


slice_set = Op(
    "slice_set", Kind("update", "the slice lies inside x, and the values have its shape",
                      _slice_set, _batch_slice_set),
    "x with a slice set: every step-th element from start on, along each axis.",
    numpy=_slice_set_numpy, dtype=first, vjp=_slice_set_vjp, emit=slice_.emit, sizes=("starts",),
    extra={"names": ("x", "values")},
    samples=(Sample((((5, 6), -2, 2), ((2, 3), -2, 2)), {"starts": (1, 5), "steps": (2, -2)}),
             Sample((((5, 6), -2, 2), ((1, 6), -2, 2)), {"starts": (3, 0), "steps": (1, 1)}),
             Sample((((7,), -2, 2), ((3,), -2, 2)), {"starts": (2,), "steps": (1,)})),
)


def _check_range_numpy(x: np.ndarray, size: int) -> np.ndarray:
    if np.any((x < 0) | (x >= size)):
        raise IndexError(f"index {x.min()}..{x.max()} is outside 0..{size - 1}")
    return x


check_range = Op(
    "check_range", ELEMENTWISE, "x itself, once every element was seen to be in 0..size-1.",
    numpy=_check_range_numpy, dtype=first, sizes=("size",), takes=dtypes.INTEGERS,
    places=lambda node: [(0, node.attrs["size"])],
    extra={"names": ("labels",), "called": "one_hot"},
    samples=(Sample((((3, 4), 0, 4.99),), {"size": 5}),),
)


# ---- places --------------------------------------------------------------------------------------
def wrapped(index: Node, size: Dim) -> Node:
    """Places that may count from the end (-1 is the last) as places from 0."""
    if index.dtype.kind == "u":
        return index
    if index.dtype.bits < 32:  # the size may not fit
        index = cast(index, dtype=dtypes.int32)
    return where(less(index, constant(0, index.dtype)), add(index, constant(size, index.dtype)),
                 index)


def _other_dims(rank: int, axis: int, extra: int) -> Tuple:
    """dims where the one indexed axis becomes `extra + 1` output axes."""
    return tuple(d if d < axis else -1 if d == axis else d + extra for d in range(rank))


def take(x: Node, index: Node, axis: int, wrap: bool = True) -> Node:
    """Slices of x along one axis: [..., n, ...] and [*i] give [..., *i, ...]."""
    if wrap:
        index = wrapped(index, x.shape[axis])
    tail = x.ndim - axis - 1
    shape = (*x.shape[:axis], *index.shape, *x.shape[axis + 1:])
    index_rank = index.ndim
    index = reshape(index, shape=((1,) * axis + index.shape + (1,) * tail))
    return gather(x, index, axes=(axis,), dims=_other_dims(x.ndim, axis, index_rank - 1),
                  shape=shape)


def take_along_axis(x: Node, index: Node, axis: int) -> Node:
    """For each place of `index` ([..., m, ...], the other axes like x's or 1) one element."""
    index = wrapped(index, x.shape[axis])
    if index.ndim != x.ndim:
        raise shape_error(gather, [x, index], f"{index.ndim} axes are not {x.ndim}",
                          rule="x and the index have the same number of axes")
    shape = tuple(
        index.shape[i] if i == axis or d == 1 else d for i, d in enumerate(x.shape))
    source = tuple(d if i == axis else e for i, (d, e) in
                   enumerate(zip(x.shape, shape, strict=True)))
    if source != x.shape:
        x = expand(x, shape=source)
    return gather(x, index, axes=(axis,), dims=_other_dims(x.ndim, axis, 0), shape=shape)


def embedding(weight: Node, ids: Node) -> Node:
    """Rows of weight [rows, features] for ids [*i]: [*i, features]. An id outside is an error."""
    return take(weight, ids, 0, wrap=False)


def one_hot(labels: Node, n: int, dtype: DType) -> Node:
    """[*i] labels as [*i, n] zeros and ones. A label outside 0..n-1 is an error."""
    labels = cast(check_range(labels, size=n), dtype=dtypes.int32)
    labels = reshape(labels, shape=(*labels.shape, 1))
    classes = iota(shape=(1,) * (labels.ndim - 1) + (n,), axis=labels.ndim - 1, dtype=dtypes.int32)
    return cast(equal(labels, classes), dtype=dtype)


OPS = (gather, scatter_add, scatter, add_at, slice_set, check_range)
