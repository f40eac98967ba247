"""How a scatter is cut into chunks: slices, ranges of rows, blocks of columns.

In: a scatter node. Out: a `Cut`. Every element of the result belongs to one chunk, which applies
the updates of that element in their order, so bits do not depend on chunks or threads. Sums of many
updates in few places are cut in parts before (`split`), by a rule over sizes.

A slice fixes the result's axes that an axis of the update maps to one to one. A range is a part of
the first indexed axis: its chunk looks at all places and takes those inside. A block is a part of
the result's last axis if that is not indexed; where places are the same all along it, the axis is
vectorised.
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina.graph.node import Node, is_leaf
from lamina.schedule.summation import MUCH, PARTS
from lamina.shapes import Dim, product

RANGES = 16  # parts of the first indexed axis: all of its places are looked at as many times
WIDE = 16  # columns that make an update dearer than so many looks at its place
BLOCK = 1024  # columns of a chunk where they are vectorised
NARROW_BLOCK = 64  # and where they are not


@dataclass(frozen=True)
class Cut:
    """Axes are the result's. `inner`: the last one if it is cut in blocks, else -1."""

    slices: tuple[int, ...]
    inner: int
    uniform: bool  # places are the same all along `inner`
    ranges: Dim  # parts of the first indexed axis
    step: Dim  # its places in one part
    block: int
    blocks: Dim
    chunks: Dim


def parts_of(node: Node) -> tuple[Node, tuple[Node, ...]]:
    """The update of a scatter, and its places."""
    update, *indices = node.inputs if node.op.name == "scatter_add" else node.inputs[1:]
    return update, tuple(indices)


def inner_axis(node: Node) -> int:
    """The result's last axis if it is not indexed and an axis of the update maps to it, else -1."""
    last = len(node.shape) - 1
    return last if last in _whole(node) else -1


def _whole(node: Node) -> list[int]:
    """The result's axes that an axis of the update maps to one to one."""
    update, _ = parts_of(node)
    dims = node.attrs["dims"]
    return [d for d, source in enumerate(dims) if source >= 0 and dims.count(source) == 1
            and node.shape[d] == update.shape[source]]


def own_axes(node: Node) -> list[int]:
    """The update's axes that only number the updates of an element."""
    shared = {node.attrs["dims"][d] for d in _whole(node)}
    return [i for i in range(parts_of(node)[0].ndim) if i not in shared]


def amounts(node: Node) -> tuple[Dim, Dim, Dim, Dim]:
    """What `scatter_in_parts` goes by: slices, width of one, its places, its results."""
    update, _ = parts_of(node)
    inner = inner_axis(node)
    slices = product(node.shape[d] for d in _whole(node) if d != inner)
    width = node.shape[inner] if inner >= 0 else 1
    results = product(d for i, d in enumerate(node.shape) if i == inner or i not in _whole(node))
    return slices, width, product(update.shape[i] for i in own_axes(node)), results


def scatter_in_parts(slices: int, width: int, places: int, results: int) -> bool:
    """Whether the updates of a scatter are cut in `PARTS`, each with sums of its own.

    Where there is little else to cut, and many updates for each result.
    """
    few = slices * -(-width // BLOCK) < PARTS
    return few and results <= places and slices * places * width >= MUCH


def is_update(node: Node) -> bool:
    """Whether the kernel of a node changes some elements of what lies in its memory."""
    return not is_leaf(node) and (node.op.kind.name == "update" or (
        node.op.kind.name == "scatter" and node.op.name != "scatter_add"))


def cut(node: Node) -> Cut:
    """The chunks of a scatter."""
    _, indices = parts_of(node)
    axes, dims, shape = node.attrs["axes"], node.attrs["dims"], node.shape
    inner = inner_axis(node)
    slices = tuple(d for d in _whole(node) if d != inner)
    uniform = inner >= 0 and all(i.shape[dims[inner]] == 1 for i in indices)
    width = shape[inner] if inner >= 0 else 1
    block = BLOCK if uniform else NARROW_BLOCK
    blocks = _ceil(width, block)
    others = product([*(shape[d] for d in slices), blocks])
    ranges: Dim = 1
    if axes and uniform and not (isinstance(width, int) and width < WIDE):
        ranges = _ranges(shape[axes[0]], others)
    step = _ceil(shape[axes[0]], ranges) if axes and ranges != 0 else 1
    return Cut(slices, inner, uniform, ranges, step, block, blocks, others * ranges)


def _ranges(size: Dim, others: Dim) -> Dim:
    """Parts of an axis, so that with `others` they suffice for many threads."""
    parts = -(-RANGES // others) if isinstance(others, int) and others else RANGES
    return min(parts, size) if isinstance(size, int) else parts


def _ceil(n: Dim, step: Dim) -> Dim:
    return (n + (step - 1)) // step


def scatter_work(node: Node) -> Dim:
    """Instructions, roughly: results are cleared, each update is added, places are looked at."""
    update, _ = parts_of(node)
    how = cut(node)
    places = [d for i, d in enumerate(update.shape)
              if not (how.uniform and i == node.attrs["dims"][how.inner])]
    cleared = 0 if is_update(node) else product(node.shape)
    return cleared + product(update.shape) * 4 + product(places) * how.ranges * 4

