"""How a scatter is cut into chunks: slices, ranges of rows, blocks of columns.

In: a scatter node. Out: a `Cut`. Every element of the result belongs to one chunk, which applies
the updates of that element in their order, so bits do not depend on chunks or threads.

A slice fixes the result's axes that an axis of the update maps to one to one. A range is a part of
the first indexed axis: its chunk looks at all places and takes those inside. A block is a part of
the result's last axis if that is not indexed; where places are the same all along it, the axis is
vectorised.
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina.graph.node import Node, is_leaf
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


def is_update(node: Node) -> bool:
    """Whether the kernel of a node changes some elements of what lies in its memory."""
    return not is_leaf(node) and (node.op.kind.name == "update" or (
        node.op.kind.name == "scatter" and node.op.name != "scatter_add"))


def cut(node: Node) -> Cut:
    """The chunks of a scatter."""
    update, indices = parts_of(node)
    axes, dims, shape = node.attrs["axes"], node.attrs["dims"], node.shape
    whole = [d for d, source in enumerate(dims) if source >= 0 and dims.count(source) == 1
             and shape[d] == update.shape[source]]
    last = len(shape) - 1
    inner = last if last in whole else -1
    slices = tuple(d for d in whole if d != inner)
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

