"""x[key] and x[key] = values, with NumPy's meaning.

In: a node and a key: an integer, a slice, None, ..., a node of integers or bools, or a tuple of
these. Out: slices and reshapes where the key has no nodes, else a gather. Writing sets a slice, or
scatters; a mask over which one number is spread selects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import EllipsisType
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.errors import IndexingError
from lamina.graph.node import Node, constant
from lamina.ops.elementwise import add, multiply, where
from lamina.ops.indexing import gather, scatter, slice_set, wrapped
from lamina.ops.movement import expand, iota, reshape, slice_
from lamina.ops.rules import shape_error
from lamina.shapes import Dim, Shape

Key = Any
Nonzero = Callable[[Node], Sequence[Node]]  # the places where a mask holds, one array for each axis
Cut = tuple[Dim, int, Dim]  # start, step, count

NEW, JOINT = -1, -2  # in a layout: a new axis, and an axis of x that the index arrays address


def index(x: Node, key: Key, nonzero: Nonzero | None = None) -> Node:
    """x[key]. A mask needs its value: `nonzero` gives the places where it holds."""
    plan = _Plan(x, key, nonzero)
    starts, steps, counts = zip(*plan.cuts, strict=True) if plan.cuts else ((), (), ())
    if counts != x.shape or any(s != 1 for s in steps):
        x = slice_(x, starts=starts, steps=steps, shape=counts)
    if not plan.indices:
        return x if plan.shape == x.shape else reshape(x, shape=plan.shape)
    kept = [a for a in range(x.ndim) if a in plan.indices or a in plan.result_axis]
    if len(kept) != x.ndim:
        x = reshape(x, shape=tuple(x.shape[a] for a in kept))
    return gather(x, *plan.indices.values(), axes=tuple(map(kept.index, plan.indices)),
                  dims=tuple(plan.result_axis.get(a, -1) for a in kept), shape=plan.shape)


def index_set(x: Node, key: Key, values: Node, nonzero: Nonzero | None = None) -> Node:
    """A copy of x where x[key] is `values`, which broadcast to its shape."""
    mask = _only_mask(x, key)
    if mask is not None and values.ndim == 0:
        return where(mask, values, x)
    plan = _Plan(x, key, nonzero)
    rank = len(plan.shape)
    if values.ndim > rank:  # leading axes of size 1 do not count
        values = reshape(values, shape=values.shape[values.ndim - rank:])
    if not plan.indices:
        starts, steps, counts = zip(*plan.cuts, strict=True) if plan.cuts else ((), (), ())
        spread = reshape(expand(values, shape=plan.shape), shape=counts)
        return slice_set(x, spread, starts=starts, steps=steps)
    indices: dict[int, Node] = {}
    dims: list[int] = []
    for axis, cut in enumerate(plan.cuts):
        whole = axis in plan.result_axis and cut == (0, 1, x.shape[axis])
        dims.append(plan.result_axis[axis] if whole else -1)
        if not whole:
            indices[axis] = plan.indices.get(axis) or _range(cut, plan.result_axis.get(axis), rank)
    return scatter(x, expand(values, shape=plan.shape), *indices.values(), axes=tuple(indices),
                   dims=tuple(dims))


def _only_mask(x: Node, key: Key) -> Node | None:
    """The mask of the shape of x that is all of a key, if it is."""
    mask = key[0] if isinstance(key, tuple) and len(key) == 1 else key
    fits = isinstance(mask, Node) and mask.dtype.kind == "b" and mask.shape == x.shape
    return mask if fits and x.ndim else None


def _range(cut: Cut, axis: int | None, rank: int) -> Node:
    """The places of a slice beside arrays, along one axis of the result, or of an integer."""
    start, step, count = cut
    first = reshape(constant(start, dtypes.int64), shape=(1,) * rank)
    if axis is None:
        return first
    shape = tuple(count if i == axis else 1 for i in range(rank))
    turn = iota(shape=shape, axis=axis, dtype=dtypes.int64)
    return add(first, multiply(turn, constant(step, dtypes.int64)))


# ---- reading a key -------------------------------------------------------------------------------
class _Plan:
    """What a key means for x.

    cuts: the slice of each axis of x (an integer is a slice of one). shape: of the result.
    result_axis: where each sliced axis of x is in the result. indices: for each axis of x that an
    array addresses its places, at the rank of the result.
    """

    def __init__(self, x: Node, key: Key, nonzero: Nonzero | None) -> None:
        self.x = x
        self.cuts: list[Cut] = []
        self.layout: list[int] = []  # axes of x, NEW, JOINT
        self.arrays: dict[int, Node] = {}
        entries = self._spread(list(key) if isinstance(key, tuple) else [key], nonzero)
        has_arrays = any(isinstance(entry, Node) for entry in entries)
        for entry in entries:
            self._read(entry, has_arrays)
        self._arrange()

    def _spread(self, entries: list[Any], nonzero: Nonzero | None) -> list[Any]:
        """Entries with `...` written out and masks replaced by places: one an axis, or None."""
        dots = [i for i, e in enumerate(entries) if isinstance(e, EllipsisType)]
        if len(dots) > 1:
            raise self._error("...", "at most one ...")
        split = dots[0] if dots else len(entries)
        head, tail = entries[:split], entries[split + 1:]
        missing = self.x.ndim - sum(map(_axes_taken, head + tail))
        if missing < 0:
            raise self._error(f"{self.x.ndim - missing} axes", "at most one index for each axis")
        full = [*head, *[slice(None)] * missing, *tail]
        return list(self._without_masks(full, nonzero))

    def _without_masks(self, entries: Sequence[Any], nonzero: Nonzero | None) -> Iterator[Any]:
        axis = 0
        for entry in entries:
            taken = _axes_taken(entry)
            if isinstance(entry, Node) and entry.dtype.kind == "b":
                part = self.x.shape[axis:axis + taken]
                if nonzero is None or not taken or entry.shape != part:
                    raise self._error(f"a mask of {list(entry.shape)}",
                                      f"a mask is a value of the shape it masks, here {list(part)}")
                yield from nonzero(entry)
            else:
                yield entry
            axis += taken

    def _read(self, entry: Any, has_arrays: bool) -> None:
        if entry is None:
            self.layout.append(NEW)
            return
        axis = len(self.cuts)
        size = self.x.shape[axis]
        if isinstance(entry, slice):
            self.cuts.append(self._slice(entry, size))
            self.layout.append(axis)
        elif isinstance(entry, Node):
            self.cuts.append((0, 1, size))
            self.arrays[axis] = wrapped(entry, size)
            self.layout.append(JOINT)
        elif hasattr(entry, "__index__") and not isinstance(entry, (bool, np.bool_)):
            self.cuts.append((self._place(entry.__index__(), axis, size), 1, 1))
            if has_arrays:  # beside arrays an integer counts as one, as in NumPy
                self.layout.append(JOINT)
        else:
            raise self._error(repr(entry), "an index is an integer, a slice, None, ... or an array")

    def _place(self, entry: int, axis: int, size: Dim) -> Dim:
        if isinstance(size, int) and not -size <= entry < size:
            raise self._error(f"index {entry}", f"axis {axis} has {size} elements")
        return entry if entry >= 0 else size + entry

    def _slice(self, entry: slice, size: Dim) -> Cut:
        bounds = (entry.start, entry.stop, entry.step)
        if any(b is not None and not hasattr(b, "__index__") for b in bounds) or entry.step == 0:
            raise self._error(repr(entry), "a slice has integer bounds, and a step that is not 0")
        if bounds == (None, None, None):
            return 0, 1, size
        if not isinstance(size, int):
            raise self._error(repr(entry), "the size of a sliced axis is known")
        start, stop, step = entry.indices(size)
        count = len(range(start, stop, step))
        return (start, step, count) if count else (0, 1, 0)

    def _arrange(self) -> None:
        """The arrays' joint axes come where the arrays stood, or first if they stood apart."""
        at = [i for i, entry in enumerate(self.layout) if entry == JOINT]
        start = at[0] if at and at == list(range(at[0], at[0] + len(at))) else 0
        joint = self._joint_shape()
        rest = [entry for entry in self.layout if entry != JOINT]
        sizes = [1 if entry == NEW else self.cuts[entry][2] for entry in rest]
        self.shape: Shape = (*sizes[:start], *joint, *sizes[start:])
        self.result_axis = {entry: i + (len(joint) if i >= start else 0)
                            for i, entry in enumerate(rest) if entry != NEW}
        after = len(rest) - start
        before = len(self.shape) - after
        self.indices = {
            axis: reshape(a, shape=(*(1,) * (before - a.ndim), *a.shape, *(1,) * after))
            for axis, a in self.arrays.items()}

    def _joint_shape(self) -> Shape:
        arrays = list(self.arrays.values())
        rank = max((a.ndim for a in arrays), default=0)
        shape: list[Dim] = [1] * rank
        for a in arrays:
            for i, d in enumerate(a.shape, start=rank - a.ndim):
                if shape[i] == 1:
                    shape[i] = d
                elif d not in (1, shape[i]):
                    raise shape_error(gather, arrays, rule="index arrays broadcast together")
        return tuple(shape)

    def _error(self, what: str, rule: str) -> IndexingError:
        return IndexingError("index", rule=rule, operands=[
            ("x", f"{self.x.dtype.name} {list(self.x.shape)}"), ("key", what)])


def _axes_taken(entry: Any) -> int:
    """How many axes of x an entry of a key speaks of."""
    if entry is None:
        return 0
    return entry.ndim if isinstance(entry, Node) and entry.dtype.kind == "b" else 1
