"""Moving elements: shapes, order of axes, joining and splitting, borders, triangles.

In: tensors. Out: the same elements in other places; nothing is computed from them.
"""

from __future__ import annotations

from builtins import sum as sum_of
from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any

from lamina import dtypes
from lamina.errors import ArgumentError, ShapeError
from lamina.graph.node import Node, constant
from lamina.ops import movement as moves
from lamina.ops.promotion import prepare
from lamina.ops.table import TABLE
from lamina.tensor.array import Tensor
from lamina.tensor.creation import shape_of
from lamina.tensor.functions.plumbing import (
    Axis,
    axes_of,
    dropped,
    flat,
    node_of,
    one_axis,
    sequence_of,
    short,
    sizes,
    whole,
)


def reshape(x: Any, *shape: Any, copy: bool | None = None) -> Tensor:
    """The same elements in another shape; one size may be -1."""
    node = node_of(x)
    wanted = [whole("reshape", "shape", d, -1)
              for d in (sequence_of(shape[0]) if len(shape) == 1 else shape)]
    if wanted.count(-1) == 1:
        known = prod(d for d in wanted if d != -1)
        total = prod(sizes(node))
        if known == 0 or total % known:
            raise ShapeError("reshape", operands=[("x", f"{node.dtype.name} {list(node.shape)}"),
                                                  ("shape", str(wanted))],
                             rule="the number of elements stays")
        wanted[wanted.index(-1)] = total // known
    return Tensor(moves.reshape(node, shape=shape_of(wanted)))


def permute_dims(x: Any, axes: Sequence[int]) -> Tensor:
    """Axes in another order."""
    node = node_of(x)
    return Tensor(moves.permute(node, axes=tuple(one_axis(node.ndim, a, "permute_dims", node)
                                                 for a in sequence_of(axes))))


def matrix_transpose(x: Any) -> Tensor:
    """The last two axes exchanged."""
    rank = node_of(x).ndim
    if rank < 2:
        raise ShapeError("matrix_transpose", operands=[("x", str(list(node_of(x).shape)))],
                         rule="at least two axes")
    return permute_dims(x, (*range(rank - 2), rank - 1, rank - 2))


def transpose(x: Any, *axes: Any) -> Tensor:
    """Axes reversed, or two axes exchanged, or three and more in the given order."""
    rank = node_of(x).ndim
    if not axes:
        return permute_dims(x, tuple(reversed(range(rank))))
    if len(axes) == 1:
        return permute_dims(x, axes[0])
    if len(axes) == 2:
        a, b = (one_axis(rank, v, "transpose") for v in axes)
        order = list(range(rank))
        order[a], order[b] = b, a
        return permute_dims(x, order)
    return permute_dims(x, axes)


def moveaxis(x: Any, source: int, destination: int) -> Tensor:
    """One axis moved to another place."""
    rank = node_of(x).ndim
    order = list(range(rank))
    order.insert(one_axis(rank, destination, "moveaxis"),
                 order.pop(one_axis(rank, source, "moveaxis")))
    return permute_dims(x, order)


def expand_dims(x: Any, axis: int = 0) -> Tensor:
    """A new axis of size 1."""
    node = node_of(x)
    at = one_axis(node.ndim + 1, axis, "expand_dims", node)
    return Tensor(moves.reshape(node, shape=(*node.shape[:at], 1, *node.shape[at:])))


def squeeze(x: Any, axis: Axis = None) -> Tensor:
    """Axes of size 1 removed."""
    node = node_of(x)
    axes = ([i for i, d in enumerate(node.shape) if d == 1] if axis is None
            else axes_of(node, axis, "squeeze"))
    if [a for a in axes if node.shape[a] != 1]:
        raise ShapeError("squeeze", operands=[("x", str(list(node.shape))), ("axis", str(axis))],
                         rule="only axes of size 1 can go")
    return Tensor(dropped(node, axes, False))


def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Axes from start_dim to end_dim as one."""
    node = node_of(x)
    a, b = (one_axis(node.ndim, v, "flatten", node) for v in (start_dim, end_dim))
    middle = prod(sizes(node)[a:b + 1])
    return Tensor(moves.reshape(node, shape=(*node.shape[:a], middle, *node.shape[b + 1:])))


def broadcast_to(x: Any, shape: Sequence[int]) -> Tensor:
    """Axes of size 1 repeated without a copy."""
    return Tensor(moves.expand(node_of(x), shape=shape_of(shape)))


def flip(x: Any, axis: Axis = None) -> Tensor:
    """Elements in reverse order along some axes, or all."""
    node = node_of(x)
    return Tensor(moves.flip(node, axes_of(node, axis, "flip")))


def roll(x: Any, shift: int | Sequence[int], axis: Axis = None) -> Tensor:
    """Elements shifted along axes; those that fall off come in at the other end."""
    node = node_of(x)
    if axis is None:
        by = whole("roll", "shift", shift)
        return Tensor(moves.reshape(_rolled(flat(node), by, 0), shape=node.shape))
    shifts, axes = sequence_of(shift), sequence_of(axis)
    if len(shifts) != len(axes):
        raise ArgumentError("roll", operands=[("shift", short(shift)), ("axis", short(axis))],
                            rule="one shift for each axis")
    for s, a in zip(shifts, axes, strict=True):
        node = _rolled(node, whole("roll", "shift", s), one_axis(node.ndim, a, "roll", node))
    return Tensor(node)


def _rolled(x: Node, shift: int, axis: int) -> Node:
    n = sizes(x)[axis]
    if n == 0 or shift % n == 0:
        return x
    cut = n - shift % n
    return moves.concat(moves.narrow(x, axis, cut, n - cut), moves.narrow(x, axis, 0, cut),
                        axis=axis)


def concat(tensors: Sequence[Any], axis: int | None = 0) -> Tensor:
    """Tensors joined along an axis."""
    nodes = [node_of(x) for x in _several("concat", tensors)]
    if axis is None:
        nodes, axis = [flat(n) for n in nodes], 0
    op = TABLE["concat"]
    at = one_axis(nodes[0].ndim, axis, "concat", nodes[0])
    return Tensor(op(*prepare(op, nodes), axis=at))


def _several(name: str, tensors: Any) -> Sequence[Any]:
    """The argument itself, a sequence of at least one tensor."""
    many = list(tensors) if isinstance(tensors, Iterable) else []
    if not many or isinstance(tensors, (str, bytes)):
        raise ArgumentError(name, operands=[("tensors", short(tensors))],
                            rule="a sequence of at least one tensor",
                            hint=f"{name}([x, y])" if isinstance(tensors, Tensor) else "")
    return many


def stack(tensors: Sequence[Any], axis: int = 0) -> Tensor:
    """Tensors of one shape along a new axis."""
    return concat([expand_dims(x, axis) for x in _several("stack", tensors)], axis)


def unstack(x: Any, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along an axis."""
    node = node_of(x)
    at = one_axis(node.ndim, axis, "unstack", node)
    return tuple(squeeze(Tensor(moves.narrow(node, at, i, 1)), at)
                 for i in range(sizes(node)[at]))


def split(x: Any, size: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    """Pieces of `size` along an axis, the last one perhaps smaller; or of the given sizes.

    There is at least one piece.
    """
    node = node_of(x)
    at = one_axis(node.ndim, axis, "split", node)
    n = sizes(node)[at]
    if isinstance(size, (list, tuple)):
        lengths = [whole("split", "size", s, 0) for s in size]
        if sum_of(lengths) != n:
            raise ShapeError("split", operands=[("x", f"{node.dtype.name} {list(node.shape)}"),
                                                ("size", str(lengths))],
                             rule=f"the sizes add up to {n}, the size of axis {at}")
    else:
        step = whole("split", "size", size, 1)
        lengths = [min(step, n - i) for i in range(0, n, step)] or [0]
    pieces, start = [], 0
    for s in lengths:
        pieces.append(Tensor(moves.narrow(node, at, start, s)))
        start += s
    return tuple(pieces)


def repeat(x: Any, repeats: int, axis: int | None = None) -> Tensor:
    """Each element `repeats` times along an axis."""
    node = node_of(x)
    if axis is None:
        node, axis = flat(node), 0
    repeats = whole("repeat", "repeats", repeats, 0)
    at = one_axis(node.ndim, axis, "repeat", node)
    wide = moves.reshape(node, shape=(*node.shape[:at + 1], 1, *node.shape[at + 1:]))
    grown = moves.expand(wide, shape=(*node.shape[:at + 1], repeats, *node.shape[at + 1:]))
    n = sizes(node)[at]
    return Tensor(moves.reshape(grown, shape=(*node.shape[:at], n * repeats, *node.shape[at + 1:])))


def tile(x: Any, repetitions: Sequence[int]) -> Tensor:
    """The whole tensor repeated along each axis."""
    node = node_of(x)
    reps = tuple(whole("tile", "repetitions", r, 0) for r in sequence_of(repetitions))
    rank = node.ndim if node.ndim > len(reps) else len(reps)
    reps = (1,) * (rank - len(reps)) + reps
    shape: tuple[Any, ...] = (1,) * (rank - node.ndim) + tuple(node.shape)
    wide = moves.reshape(node, shape=tuple(v for d in shape for v in (1, d)))
    grown = moves.expand(wide, shape=tuple(v for r, d in zip(reps, shape, strict=True)
                                           for v in (r, d)))
    total = tuple(r * d for r, d in zip(reps, shape, strict=True))
    return Tensor(moves.reshape(grown, shape=total))


def pad(x: Any, widths: Sequence[tuple[int, int]], value: float = 0.0) -> Tensor:
    """A border of (low, high) elements for each axis, of one value."""
    node = node_of(x)
    pairs = [tuple(sequence_of(w)) for w in sequence_of(widths)]
    if len(pairs) != node.ndim or any(len(w) != 2 for w in pairs):
        raise ShapeError("pad", operands=[("x", str(list(node.shape))), ("widths", short(widths))],
                         rule="one (low, high) for each axis")
    if not isinstance(value, (bool, int, float)):
        raise ArgumentError("pad", operands=[("value", short(value))], rule="value is a number")
    low, high = (tuple(whole("pad", "widths", w[i], 0) for w in pairs) for i in (0, 1))
    return Tensor(moves.pad(node, low=low, high=high, interior=(0,) * node.ndim, value=value))


def tril(x: Any, k: int = 0) -> Tensor:
    """Zeros above the k-th diagonal."""
    k = whole("tril", "k", k)
    return _triangle(x, lambda row, col: TABLE["less_equal"](col, TABLE["add"](row, k)))


def triu(x: Any, k: int = 0) -> Tensor:
    """Zeros below the k-th diagonal."""
    k = whole("triu", "k", k)
    return _triangle(x, lambda row, col: TABLE["greater_equal"](col, TABLE["add"](row, k)))


def _triangle(x: Any, keep: Callable[[Node, Node], Node]) -> Tensor:
    node = node_of(x)
    if node.ndim < 2:
        raise ShapeError("triangle", operands=[("x", f"{node.dtype.name} {list(node.shape)}")],
                         rule="x has at least two axes")
    shape = node.shape[-2:]
    row, col = (moves.iota(shape=shape, axis=a, dtype=dtypes.int64) for a in (0, 1))
    return Tensor(TABLE["where"](keep(row, col), node, constant(0, node.dtype)))
