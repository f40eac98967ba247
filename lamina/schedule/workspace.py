"""Memory that a kernel needs beside its results: what does not fit on the stack.

In: the nodes of a group. Out: shapes and dtypes of buffers that live while the kernel runs. Each
chunk uses its own part.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina import dtypes
from lamina.dtypes import DType
from lamina.graph.node import Node
from lamina.shapes import Dim, Shape, product

SHORT = 256  # elements of a row that is sorted on the stack


def workspaces(nodes: Sequence[Node]) -> tuple[tuple[Shape, DType], ...]:
    """The buffers of a group, in the order in which its kernel takes them."""
    found: list[tuple[Shape, DType]] = []
    for node in nodes:
        if node.op.kind.name == "sort" and "k" not in node.attrs and not is_short(
                node.shape[node.attrs["axis"]]):
            size = (product(node.shape) * 2,)  # passes merge from one half into the other
            found += [(size, sort_key(node)), (size, place_dtype(node))]
        if node.op.name == "scatter_add" and node.dtype.compute is not node.dtype:
            found.append((node.shape, node.dtype.compute))  # sums of halves are rounded once
    return tuple(found)


def is_short(row: Dim) -> bool:
    """Whether a row of so many elements is sorted on the stack."""
    return isinstance(row, int) and row <= SHORT


def sort_key(node: Node) -> DType:
    """The integers whose order is the order of a sort's elements."""
    dtype = node.inputs[0].dtype
    if dtype.kind == "u":
        return dtypes.uint64 if dtype.bits == 64 else dtypes.uint32
    return dtypes.int64 if dtype.bits == 64 else dtypes.int32


def place_dtype(node: Node) -> DType:
    """What holds the places of a row's elements while it is sorted."""
    row = node.inputs[0].shape[node.attrs["axis"]]
    return dtypes.int32 if isinstance(row, int) and row < 1 << 31 else dtypes.int64
