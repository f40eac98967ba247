"""The rewrite engine: named rules over graphs, applied bottom-up until nothing changes.

In: roots and a list of rules. Out: new roots; nodes that no rule touched stay the same objects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lamina.graph.node import Node, is_leaf, note, topological


@dataclass(frozen=True)
class Rule:
    """One rewrite: `apply` gives a node to put in place of its argument, or None."""

    name: str
    apply: Callable[[Node], Node | None]


def replace_inputs(node: Node, inputs: tuple[Node, ...]) -> Node:
    """`node` with other inputs of the same shapes; itself where they are the same."""
    if all(a is b for a, b in zip(node.inputs, inputs, strict=True)):
        return node
    new = Node(node.op, inputs, node.attrs, node.shape, node.dtype, None, node.tracked)
    new.where = node.where
    return note(new)


def rewrite(roots: Sequence[Node], rules: Sequence[Rule], limit: int = 50) -> list[Node]:
    """Apply `rules` to every node under `roots`, inputs first, each until it no longer fires."""
    done: dict[int, Node] = {}
    keep: list[Node] = []  # ids stay valid while their nodes live

    def settle(node: Node) -> Node:
        for _ in range(limit):
            new = next((r for r in (rule.apply(node) for rule in rules) if r is not None), None)
            if new is None or new is node:
                return node
            if id(new) in done:
                return done[id(new)]
            keep.append(new)
            node = visit_fresh(new, node.where)
        return node

    def visit_fresh(node: Node, where: tuple[str, int] | None) -> Node:
        node.where = where  # the user's line of what it stands for
        for inner in topological([node], stop=lambda n: is_leaf(n) or id(n) in done):
            if inner is not node and id(inner) not in done:
                keep.append(inner)
                inner.where = where
                done[id(inner)] = settle(rebuilt(inner))
        return rebuilt(node)

    def rebuilt(node: Node) -> Node:
        if is_leaf(node):
            return node
        new = replace_inputs(node, tuple(done.get(id(i), i) for i in node.inputs))
        keep.append(new)
        return new

    for node in topological(roots):
        if id(node) not in done:
            keep.append(node)
            result = settle(rebuilt(node))
            done[id(node)] = result
            done.setdefault(id(result), result)
    return [done[id(root)] for root in roots]


def substitute(roots: Sequence[Node], replacements: dict[Node, Node]) -> list[Node]:
    """The roots with some nodes replaced by others, whatever lies below them."""
    new: dict[Node, Node] = dict(replacements)
    for node in topological(roots, stop=lambda n: is_leaf(n) or n in replacements):
        if node not in new:
            new[node] = (node if is_leaf(node)
                         else replace_inputs(node, tuple(new[i] for i in node.inputs)))
    return [new[root] for root in roots]
