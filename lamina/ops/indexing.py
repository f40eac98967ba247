"""Gather and scatter: reading and writing at places that are computed.

In: an array, and integer arrays that hold places along some of its axes. All of them, and the
result, are seen through one output index: input axis `axes[k]` is addressed by indices[k] (which
broadcasts to the output's shape, at the same rank), every other input axis d by the output axis
dims[d] (-1 for the indexed ones). Places count from 0; a place outside is an IndexingError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import EllipsisType
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.dtypes import DType
from lamina.errors import IndexingError
from lamina.graph.node import Attrs, Kind, Node, Op, Sample, constant
from lamina.ops.elementwise import add, cast, equal, less, where
from lamina.ops.kinds import ELEMENTWISE, first, shape_error
from lamina.ops.movement import expand, iota, narrow, permute, reshape, slice_
from lamina.shapes import Dim, Shape, product

Tuple = tuple[int, ...]
Key = Any  # int, slice, None, Ellipsis, a node of integers or bools, or a tuple of these


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


def _places(shape: Shape, inner: Sequence[int], indices: Sequence[np.ndarray], axes: Tuple,
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


# ---- batching ------------------------------------------------------------------------------------
def _lead(node: Node, batched: bool) -> Node:
    return node if batched else reshape(node, shape=(1, *node.shape))


def _full(node: Node, batched: bool, n: Dim) -> Node:
    return node if batched else expand(reshape(node, shape=(1, *node.shape)), shape=(n, *node.shape))


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


def _batch_scatter_add(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs) -> Node:
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
    "gather", Kind("gather", "each index broadcasts to the result's shape", _gathered, _batch_gather),
    "Elements of x at computed places.",
    numpy=lambda x, *indices, axes, dims, shape: x[_places(shape, x.shape, indices, axes, dims)]
    if x.ndim else np.broadcast_to(x, shape),
    dtype=first, vjp=_gather_vjp, sizes=("shape",), cost=2, onnx="Gather",
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
    takes=(*dtypes.INTEGERS, *dtypes.FLOATS), extra={"names": ("values", "index", "index", "index")},
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
    extra={"names": ("x", "values", "index", "index")},
    samples=(Sample((((5, 3), -2, 2), ((4, 3), -2, 2), ((4, 1), 0, 4.99)),
                    {"axes": (0,), "dims": (-1, 1)}, ("", "", "int64")),
             Sample((((5, 3), -2, 2), ((7,), -2, 2), ((7,), 0, 4.99), ((7,), 0, 2.99)),
                    {"axes": (0, 1), "dims": (-1, -1)}, ("", "", "int64", "int64"))),
)


def _check_range_numpy(x: np.ndarray, size: int) -> np.ndarray:
    if np.any((x < 0) | (x >= size)):
        raise IndexError(f"index {x.min()}..{x.max()} is outside 0..{size - 1}")
    return x


check_range = Op(
    "check_range", ELEMENTWISE, "x itself, once every element was seen to be in 0..size-1.",
    numpy=_check_range_numpy, dtype=first, sizes=("size",), takes=dtypes.INTEGERS,
    samples=(Sample((((3, 4), 0, 4.99),), {"size": 5}),),
)


# ---- places ---------------------------------------------------------------------------------------
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


# ---- x[key] ---------------------------------------------------------------------------------------
Nonzero = Callable[[Node], Sequence[Node]]


class _Plan:
    """A key, read from left to right: what each axis of x is cut to, and what the result looks like.

    starts, steps, counts: the slice of every axis of x. arrays: (axis of x, places). layout: for the
    result's axes in order, the axis of x that a slice left ("axis", a), a new one ("new", 0), or
    ("array", 0) where indexed axes were met; dropped axes are not in it.
    """

    def __init__(self, x: Node, key: Key, nonzero: Nonzero | None) -> None:
        self.x = x
        self.starts: list[Dim] = []
        self.steps: list[int] = []
        self.counts: list[Dim] = []
        self.arrays: list[tuple[int, Node]] = []
        self.layout: list[tuple[str, int]] = []
        entries = list(key) if isinstance(key, tuple) else [key]
        entries = self._without_masks(entries, nonzero)
        has_arrays = any(isinstance(e, Node) for e in entries)
        for entry in self._without_ellipsis(entries):
            self._read(entry, has_arrays)

    def _without_masks(self, entries: list[Any], nonzero: Nonzero | None) -> list[Any]:
        found: list[Any] = []
        for entry in entries:
            if isinstance(entry, Node) and entry.dtype.kind == "b":
                if nonzero is None or entry.ndim == 0:
                    raise self._error("a mask here", "a mask has at least one axis and a value")
                found.extend(self._mask_places(entry, len(found), nonzero))
            else:
                found.append(entry)
        return found

    def _mask_places(self, mask: Node, at: int, nonzero: Nonzero) -> Sequence[Node]:
        return nonzero(mask)

    def _without_ellipsis(self, entries: list[Any]) -> list[Any]:
        used = sum(e is not None and not isinstance(e, EllipsisType) for e in entries)
        missing = self.x.ndim - used
        if missing < 0:
            raise self._error(f"{used} indices", "at most one index for each axis")
        at = [i for i, e in enumerate(entries) if isinstance(e, EllipsisType)]
        if len(at) > 1:
            raise self._error("...", "at most one ...")
        split = at[0] if at else len(entries)
        return [*entries[:split], *[slice(None)] * missing, *entries[split + 1:]]

    def _read(self, entry: Any, has_arrays: bool) -> None:
        if entry is None:
            self.layout.append(("new", 0))
            return
        axis = len(self.starts)
        size = self.x.shape[axis]
        if isinstance(entry, slice):
            self._cut(*_slice_range(entry, size))
            self.layout.append(("axis", axis))
        elif isinstance(entry, Node):
            self._cut(0, 1, size)
            self.arrays.append((axis, wrapped(entry, size)))
            self.layout.append(("array", 0))
        elif isinstance(entry, (int, np.integer)) and not isinstance(entry, bool):
            self._cut(self._place(int(entry), axis, size), 1, 1)
            if has_arrays:  # counts as an array, as in NumPy
                self.layout.append(("array", 0))
        else:
            raise self._error(f"{entry!r}", "an index is an integer, a slice, None, ... or an array")

    def _cut(self, start: Dim, step: int, count: Dim) -> None:
        self.starts.append(start)
        self.steps.append(step)
        self.counts.append(count)

    def _place(self, entry: int, axis: int, size: Dim) -> int:
        if not isinstance(size, int) or -size <= entry < size:
            return entry if entry >= 0 else entry + size  # type: ignore[return-value]
        raise self._error(f"index {entry}", f"axis {axis} has {size} elements")

    def _error(self, what: str, rule: str) -> IndexingError:
        return IndexingError("index", rule=rule, operands=[
            ("x", f"{self.x.dtype.name} {list(self.x.shape)}"), ("key", what)])

    @property
    def adjacent(self) -> bool:
        """Whether the indexed axes stand side by side, so that theirs stay in place."""
        at = [i for i, (what, _) in enumerate(self.layout) if what == "array"]
        return at == list(range(at[0], at[0] + len(at)))


def _slice_range(entry: slice, size: Dim) -> tuple[Dim, int, Dim]:
    if entry == slice(None):
        return 0, 1, size
    if not isinstance(size, int):
        raise IndexingError("index", rule="a slice needs a known size")
    for bound in (entry.start, entry.stop, entry.step):
        if bound is not None and not hasattr(bound, "__index__"):
            raise IndexingError("index", operands=[("key", repr(entry))],
                                rule="the bounds of a slice are integers")
    if entry.step == 0:
        raise IndexingError("index", operands=[("key", repr(entry))], rule="a step is not 0")
    start, stop, step = entry.indices(size)
    count = len(range(start, stop, step))
    return (start if count else 0), (step if count else 1), count


def index(x: Node, key: Key, nonzero: Nonzero | None = None) -> Node:
    """x[key] with NumPy's meaning. nonzero: the places where a mask holds, one array an axis."""
    plan = _Plan(x, key, nonzero)
    starts, steps, counts = tuple(plan.starts), tuple(plan.steps), tuple(plan.counts)
    if counts != x.shape or any(s != 1 for s in steps):
        x = slice_(x, starts=starts, steps=steps, shape=counts)
    if plan.arrays:
        return _gathered_at(x, plan)
    shape = tuple(1 if what == "new" else counts[axis] for what, axis in plan.layout)
    return x if shape == x.shape else reshape(x, shape=shape)


def _joined(plan: _Plan, after: int) -> tuple[tuple[Node, ...], Shape]:
    """The index arrays at one rank, with `after` axes of size 1 behind; and their joint shape."""
    rank = max(a.ndim for _, a in plan.arrays)
    arrays = [reshape(a, shape=(1,) * (rank - a.ndim) + a.shape) for _, a in plan.arrays]
    shape: list[Dim] = [1] * rank
    for array in arrays:
        for i, d in enumerate(array.shape):
            if shape[i] != 1 and d not in (1, shape[i]):
                raise shape_error(gather, arrays, "the index arrays do not broadcast together")
            shape[i] = d if shape[i] == 1 else shape[i]
    tail = (1,) * after
    return tuple(reshape(a, shape=a.shape + tail) for a in arrays), tuple(shape)


def _result_axes(plan: _Plan, joint: Shape) -> tuple[list[Dim], dict[int, int], int]:
    """The result's shape; where each sliced axis of x is in it; where the joint axes start."""
    layout = [entry for entry in plan.layout if entry[0] != "array"]
    at = 0
    if plan.adjacent:
        at = [what for what, _ in plan.layout].index("array")
    shape = [1 if what == "new" else plan.counts[axis] for what, axis in layout]
    where_axis = {axis: i + (len(joint) if i >= at else 0)
                  for i, (what, axis) in enumerate(layout) if what == "axis"}
    return [*shape[:at], *joint, *shape[at:]], where_axis, at


def _gathered_at(x: Node, plan: _Plan) -> Node:
    _, joint = _joined(plan, 0)
    shape, places, at = _result_axes(plan, joint)
    indices, _ = _joined(plan, len(shape) - at - len(joint))
    x, axes, dims = _drop_fixed(x, [a for a, _ in plan.arrays], places)
    rank = len(shape)
    indices = tuple(reshape(i, shape=(1,) * (rank - i.ndim) + i.shape) for i in indices)
    return gather(x, *indices, axes=axes, dims=dims, shape=tuple(shape))


def _drop_fixed(x: Node, indexed: Sequence[int], places: dict[int, int]
                ) -> tuple[Node, Tuple, Tuple]:
    """x without the axes that an integer fixed; the indexed axes and dims of what is left."""
    kept = [a for a in range(x.ndim) if a in indexed or a in places]
    if len(kept) != x.ndim:
        x = reshape(x, shape=tuple(x.shape[a] for a in kept))
    return (x, tuple(kept.index(a) for a in indexed),
            tuple(places.get(a, -1) for a in kept))


def index_set(x: Node, key: Key, values: Node, nonzero: Nonzero | None = None) -> Node:
    """A copy of x where x[key] is `values` (which broadcast to its shape)."""
    plan = _Plan(x, key, nonzero)
    _, joint = _joined(plan, 0) if plan.arrays else ((), ())
    if plan.arrays:
        shape, places, at = _result_axes(plan, joint)
        arrays, _ = _joined(plan, len(shape) - at - len(joint))
    else:
        shape = [1 if what == "new" else plan.counts[axis] for what, axis in plan.layout]
        places = {axis: i for i, (what, axis) in enumerate(plan.layout) if what == "axis"}
        arrays = ()
    rank = len(shape)
    indices: list[Node] = []
    axes: list[int] = []
    dims: list[int] = []
    by_axis = dict(zip([a for a, _ in plan.arrays], arrays, strict=True))
    for axis in range(x.ndim):
        whole = plan.counts[axis] == x.shape[axis] and plan.steps[axis] == 1
        if axis in places and whole:
            dims.append(places[axis])
            continue
        dims.append(-1)
        axes.append(axis)
        place = by_axis[axis] if axis in by_axis else _range(plan, axis, places.get(axis), rank)
        indices.append(reshape(place, shape=(1,) * (rank - place.ndim) + place.shape))
    if values.ndim > rank:  # leading axes of size 1 do not count
        values = reshape(values, shape=values.shape[values.ndim - rank:])
    return scatter(x, expand(values, shape=tuple(shape)), *indices, axes=tuple(axes),
                   dims=tuple(dims))


def _range(plan: _Plan, axis: int, at: int | None, rank: int) -> Node:
    """The places of a slice (along result axis `at`) or of an integer, as an index."""
    start = constant(plan.starts[axis], dtypes.int64)  # type: ignore[arg-type]
    if at is None:
        return reshape(start, shape=(1,) * rank)
    shape = tuple(plan.counts[axis] if i == at else 1 for i in range(rank))
    number = iota(shape=shape, axis=at, dtype=dtypes.int64)
    return add(start, number * constant(plan.steps[axis], dtypes.int64))


OPS = (gather, scatter_add, scatter, check_range)
