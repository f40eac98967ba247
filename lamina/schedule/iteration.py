"""Loops of a kernel: one for each axis of its domain, neighbours merged, crossed ones side by side.

In: the nodes of a kernel over numbered sizes, and its domain. Out: `Loops`, and where in memory the
element of an operand lies whose result is at an index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lamina.graph.node import CONST, Node, is_leaf
from lamina.shapes import (
    Dim,
    Shape,
    Var,
    as_var,
    linear_factor,
    ravel,
    reshape_index,
    substitute,
    the_var,
    variable,
)

SQUARE, SQUARE_COLUMNS = 16, 512  # of the last two loops, that a chunk takes on where they cross


@dataclass(frozen=True, eq=False)
class Loops:
    """The iteration space.

    Kept loops, reduced loops (each with the last one innermost), and the index of the domain's axes
    in terms of their variables. crossed: something that is read has the last kept loop but one
    along its memory, so the last two run in squares.
    """

    kept: tuple[Var, ...]
    reduced: tuple[Var, ...]
    index: tuple[Dim, ...]
    crossed: bool = False


class _Accesses:
    """What a kernel does at each element of its domain, as polynomials over its loops.

    offsets: of all memory accesses. reshapes: (shape, index, old shape, index into that), for each
    reshape on the way there.
    """

    def __init__(self) -> None:
        self.offsets: list[Dim] = []
        self.reshapes: list[tuple[Shape, Shape, Shape, Shape]] = []

    def merge(self, outer: Var, inner: Var, merged: Dim) -> bool:
        """Take one loop in place of two, if every access allows it."""
        if not all(_mergeable(o, outer, inner) for o in self.offsets):
            return False
        values: dict[Var, Dim] = {outer: 0, inner: merged}
        reshapes = [(shape, _replaced(at, values), old, _replaced(result, values))
                    for shape, at, old, result in self.reshapes]
        # a reshape may have been simplified by the inner loop's size, which the merged one exceeds
        if any(reshape_index(at, shape, old) != result for shape, at, old, result in reshapes):
            return False
        self.reshapes = reshapes
        self.offsets = [substitute(o, values) for o in self.offsets]
        return True


def _replaced(index: Shape, values: Mapping[Var, Dim]) -> Shape:
    return tuple(substitute(x, values) for x in index)


def plan_loops(kind: str, domain: Shape, axes: tuple[int, ...], nodes: Sequence[Node]) -> Loops:
    """One loop for each axis, neighbours merged where every access allows it."""
    if kind not in ("map", "row", "column", "cumulative", "sort", "update"):
        return Loops((), (), ())
    index: Shape = tuple(variable(f"i{i}", d) if d != 1 else 0 for i, d in enumerate(domain))
    accesses = _accesses(nodes, index, domain, axes)
    kept = [v for i, x in enumerate(index) if i not in axes and (v := as_var(x)) is not None]
    reduced = [v for i, x in enumerate(index) if i in axes and (v := as_var(x)) is not None]
    crossing = None
    if accesses is not None:
        kept, index = _merge(kept, index, accesses)
        reduced, index = _merge(reduced, index, accesses)
        crossing = _crossing(kept, accesses.offsets) if kind == "map" else None
    if crossing is not None:
        kept = [*(v for v in kept[:-1] if v != crossing), crossing, kept[-1]]
    return Loops(tuple(kept), tuple(reduced), index, crossing is not None)


def _crossing(kept: list[Var], offsets: list[Dim]) -> Var | None:
    """A loop along the memory of something that the innermost loop strides through."""
    if len(kept) < 2 or not _worth_a_square(kept[-1]):
        return None
    strided = [o for o in offsets if linear_factor(o, kept[-1]) not in (0, 1)]
    return next((v for v in kept[:-1] if _worth_a_square(v)
                 and any(linear_factor(o, v) == 1 for o in strided)), None)


def _worth_a_square(var: Var) -> bool:
    return not isinstance(var.extent, int) or var.extent >= SQUARE


def _merge(loops: list[Var], index: Shape, accesses: _Accesses) -> tuple[list[Var], Shape]:
    result: list[Var] = []
    for inner in loops:
        if not result:
            result.append(inner)
            continue
        outer = result[-1]
        merged = variable(outer.name + inner.name, outer.extent * inner.extent)
        if accesses.merge(outer, inner, merged):
            index = _replaced(index, {outer: 0, inner: merged})
            result[-1] = the_var(merged)
        else:
            result.append(inner)
    return result, index


def _mergeable(offset: Dim, outer: Var, inner: Var) -> bool:
    a, b = linear_factor(offset, outer), linear_factor(offset, inner)
    return a is not None and b is not None and a == b * inner.extent


def _accesses(nodes: Sequence[Node], index: Shape, domain: Shape, axes: tuple[int, ...]
              ) -> _Accesses | None:
    """All memory accesses, at one element; None if an index is used as a value."""
    row = tuple(0 if i in axes else x for i, x in enumerate(index))
    found = _Accesses()
    offsets = found.offsets
    seen: set[tuple[int, tuple[Dim, ...]]] = set()
    stack: list[tuple[Node, tuple[Dim, ...]]] = []
    for node in nodes:
        if node.op.kind.name == "reduction":
            stack.append((node.inputs[0], index))
            offsets.append(ravel(row, node.shape))
            if "arg" in node.op.extra:
                return None
        elif node.op.kind.name == "update":
            stack.append((node.inputs[1], index))
            offsets.append(ravel(slice_index(node, index), node.shape))
        else:
            alone = node.op.kind.name in ("cumulative", "sort")  # rows in, the same rows out
            here = index if alone or node.shape == domain else row
            stack.append((node.inputs[0] if alone else node, here))
            offsets.append(ravel(here, node.shape))
    while stack:
        node, at = stack.pop()
        if (id(node), at) in seen:
            continue
        seen.add((id(node), at))
        kind = node.op.kind.name
        if node.op is CONST:
            continue
        if is_leaf(node):
            offsets.append(ravel(at, node.shape))
        elif kind == "elementwise":
            if node.op.name == "check_range":
                return None
            stack.extend((x, broadcast_index(at, x.shape)) for x in node.inputs)
        elif kind == "view":
            stack.append((node.inputs[0], view_index(node, at)))
        elif kind == "reshape":
            x = node.inputs[0]
            inside = reshape_index(at, node.shape, x.shape)
            found.reshapes.append((node.shape, at, x.shape, inside))
            stack.append((x, inside))
        elif kind == "reduction":
            continue  # a value of the row
        else:
            return None
    return found


def broadcast_index(index: tuple[Dim, ...], shape: Shape) -> tuple[Dim, ...]:
    """The index into an input of `shape` that broadcasts to the result at `index`."""
    tail = index[len(index) - len(shape):]
    return tuple(0 if d == 1 else i for i, d in zip(tail, shape, strict=True))


def slice_index(node: Node, index: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """Where an update puts the value at `index`."""
    a = node.attrs
    return tuple(start + i * step
                 for start, i, step in zip(a["starts"], index, a["steps"], strict=True))


def view_index(node: Node, index: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """The index into the input of a view."""
    result = []
    for offset, terms in node.attrs["map"]:
        total = offset
        for axis, factor in terms:
            total = total + index[axis] * factor
        result.append(total)
    return tuple(result)
