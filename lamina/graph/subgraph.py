"""Sub-graphs: what a control operation holds instead of Python code.

In: nodes recorded while a body ran on stand-ins. Out: a `Graph`, a function of its parameters and
of nothing else, and the outer nodes that the body used, which become inputs like all others. Graphs
of the same structure are equal and hash alike, so that they may stand among a node's attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.graph.node import CONST, Node, is_leaf, leaf, mode, note, topological


class Graph:
    """Roots over parameters, which are hollow leaves. Never changed once made."""

    __slots__ = ("params", "roots", "order", "key", "_hash")

    def __init__(self, params: Sequence[Node], roots: Sequence[Node]) -> None:
        self.params = tuple(params)
        self.roots = tuple(roots)
        self.order = tuple(topological((*params, *roots)))  # the parameters come first
        number = {node: i for i, node in enumerate(self.order)}
        self.key = (len(params), tuple(_item(n, number) for n in self.order),
                    tuple(number[r] for r in self.roots))
        self._hash = hash(self.key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Graph) and self._hash == other._hash
                                 and self.key == other.key)

    def __repr__(self) -> str:
        params = ", ".join(f"{p.dtype.name}{list(p.shape)}" for p in self.params)
        roots = ", ".join(f"{r.dtype.name}{list(r.shape)}" for r in self.roots)
        return f"<{params} -> {roots}, {len(self.order)} nodes>"

    def apply(self, inputs: Sequence[Node]) -> list[Node]:
        """The roots with `inputs` in place of the parameters, as new nodes."""
        new = dict(zip(self.params, inputs, strict=True))
        for node in self.order:
            if node not in new:
                new[node] = _copy(node, tuple(new[x] for x in node.inputs))
        return [new[root] for root in self.roots]


def _item(node: Node, number: dict[Node, int]) -> tuple[Any, ...]:
    if is_leaf(node):
        return node.dtype.name, node.shape
    return (node.op.name, tuple(number[x] for x in node.inputs), tuple(node.attrs.items()),
            node.dtype.name)


def _copy(node: Node, inputs: tuple[Node, ...]) -> Node:
    tracked = node.tracked and mode.tracking and any(x.tracked for x in inputs)
    copy = Node(node.op, inputs, node.attrs, node.shape, node.dtype, None, tracked)
    copy.where = node.where
    return note(copy)


def parameter(like: Node) -> Node:
    """A hollow leaf of the shape and dtype of `like`."""
    return leaf(None, like.shape, like.dtype, tracked=like.dtype.is_float)


def close(params: Sequence[Node], roots: Sequence[Node], created: dict[int, Node] | None = None
          ) -> tuple[Graph, list[Node]]:
    """The roots as a function of `params`, and the outer nodes that are its further parameters.

    What does not depend on the parameters is computed outside, once; with `created`, the nodes that
    the body made by itself, these stay inside all the same. Numbers always stay inside.
    """
    new: dict[Node, Node] = {p: parameter(p) for p in params}
    order = topological(roots, stop=lambda n: is_leaf(n) or n in new)
    inside, free = set(params), set()
    for node in order:
        if node in inside or (is_leaf(node) and node.op is not CONST):
            continue
        if all(x in free for x in node.inputs):
            free.add(node)  # made of numbers and nothing else
        elif any(x in inside for x in node.inputs) or (created is not None
                                                       and id(node) in created):
            inside.add(node)
    captured: dict[Node, Node] = {}

    def resolved(node: Node) -> Node:
        if node not in new:
            new[node] = captured[node] = parameter(node)
        return new[node]

    for node in order:
        if node not in new and (node in inside or node in free):
            copy = Node(node.op, tuple(resolved(x) for x in node.inputs), node.attrs, node.shape,
                        node.dtype, None, node.tracked)
            copy.where = node.where
            new[node] = copy
    results = [resolved(root) for root in roots]
    return Graph([*(new[p] for p in params), *captured.values()], results), list(captured)
