"""Indices outside their axis, where their values are known.

In: an operation, its input that holds indices, their values. Out: nothing, or the four-part error.
"""

from __future__ import annotations

import numpy as np

from lamina.errors import IndexingError
from lamina.graph.node import Node
from lamina.ops.rules import NAMES, describe
from lamina.shapes import Dim


def check_places(node: Node, number: int, index: np.ndarray, size: Dim) -> None:
    """Raise the error if the values of input `number` of `node` are not all in 0..size-1."""
    wrong = (index < 0) | (index >= size)
    if not wrong.any():
        return
    names = node.op.extra.get("names", NAMES)
    name = names[number] if number < len(names) else "index"
    at = tuple(int(i) for i in np.argwhere(wrong)[0]) if index.ndim else ()
    found = f"{name}{list(at) if at else ''} is {index[at]}, all are {index.min()} .. {index.max()}"
    raise IndexingError(
        node.op.extra.get("called", node.op.name), rule=rule(name, size), where=node.where,
        operands=[*describe(node.op, node.inputs), ("found", found)],
        expected=(0, size - 1), got=int(index[at]))


def rule(name: str, size: Dim) -> str:
    """The `rule:` line of an index outside its axis."""
    if size == 0:
        return f"an axis of size 0 has no {name}"
    if name == "labels":
        return f"every label lies in 0 .. {size - 1}: there are {size} classes"
    return f"every index lies in 0 .. {size - 1}: the axis has {size} places"
