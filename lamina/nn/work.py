"""How much arithmetic a recorded computation is, read off its graph; nothing runs.

In: nodes. Out: numbers of operations; a multiplication and an addition count as two.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from math import prod
from typing import Any

from lamina.graph.node import Node, is_leaf, topological


def operations(roots: Iterable[Node], known: Set[Node]) -> int:
    """What computing `roots` takes where the values of `known` are there already."""
    order = topological(roots, stop=lambda node: node in known or is_leaf(node))
    return sum(_one(node) for node in order if node not in known and not is_leaf(node))


def _one(node: Node) -> int:
    kind, sizes = node.op.kind.name, node.sizes
    if kind == "contraction":
        return 2 * prod(node.attrs["sizes"])
    if kind == "elementwise":
        return prod(sizes)
    if kind in ("reduction", "cumulative"):
        return prod(node.inputs[0].sizes)
    if node.op.name in ("advance", "uniform", "normal", "dropout"):
        return 0  # random numbers
    if node.op.name == "scan":
        return int(node.attrs["length"]) * _graph(node.attrs["body"])
    if node.op.name == "call":
        return _graph(node.attrs["graph"])
    if node.op.body is not None:
        return operations([node.op.opened(*node.inputs, **node.attrs)], set(node.inputs))
    return 0


def _graph(graph: Any) -> int:
    return operations(graph.roots, set(graph.params))
