"""Calls opened: the last thing that is known of a checkpoint or a user's operation is its gradient.

In: roots. Out: roots without `call` nodes, also inside the graphs of other control operations.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.graph.node import Node, is_leaf, topological
from lamina.graph.rewrite import replace_inputs


def inline_calls(roots: Sequence[Node]) -> list[Node]:
    """Every result of a call replaced by what computes it."""
    while any(node.op.name == "call" and not is_leaf(node) for node in topological(roots)):
        roots = _opened(roots)
    return list(roots)


def _opened(roots: Sequence[Node]) -> list[Node]:
    new: dict[Node, Node] = {}
    bodies: dict[Node, list[Node]] = {}
    for node in topological(roots):
        if is_leaf(node):
            new[node] = node
        elif node.op.name == "call":
            bodies[node] = node.attrs["graph"].apply([new[x] for x in node.inputs])
            new[node] = node
        elif node.op.name == "output" and node.inputs[0] in bodies:
            new[node] = bodies[node.inputs[0]][node.attrs["index"]]
        else:
            new[node] = replace_inputs(node, tuple(new[x] for x in node.inputs))
    return [new[root] for root in roots]
