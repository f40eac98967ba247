"""Batching (vmap): a graph for one example becomes a graph for many. Names no operation.

In: roots, and for some nodes below them a batched node with a new leading axis. Out: the roots, and
whether each has the new axis. The rule of each family is in its `Kind`; composites are batched
through their bodies.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.errors import GradientError
from lamina.graph.node import Node, is_leaf, made_for, topological
from lamina.graph.rewrite import replace_inputs
from lamina.ops.control import SEVERAL


def batch(roots: Sequence[Node], batched: dict[Node, Node]) -> list[tuple[Node, bool]]:
    """Roots with every node of `batched` replaced by its batched form."""
    new: dict[Node, tuple[Node, bool]] = {n: (b, True) for n, b in batched.items()}
    for node in topological(roots, stop=lambda n: is_leaf(n) or n in batched):
        if node not in new:
            inputs = [] if is_leaf(node) else [new[i] for i in node.inputs]
            with made_for(node):
                new[node] = _batch_node(node, inputs)
    return [new[root] for root in roots]


def _batch_node(node: Node, inputs: list[tuple[Node, bool]]) -> tuple[Node, bool]:
    flags = [flag for _, flag in inputs]
    if not any(flags):
        return (node if is_leaf(node) else replace_inputs(node, tuple(n for n, _ in inputs))), False
    kind = node.op.kind
    if kind.batch is not None and kind in SEVERAL:
        return kind.batch(node.op, [n for n, _ in inputs], flags, node.attrs, batch=batch), True
    if kind.batch is not None:
        new = kind.batch(node.op, [n for n, _ in inputs], flags, node.attrs)
        return new, kind.name != "output" or new.ndim > node.ndim
    if node.op.body is not None:
        body = node.op.body(*node.inputs, **node.attrs)
        replaced = {i: n for i, (n, flag) in zip(node.inputs, inputs, strict=True) if flag}
        return batch([body], replaced)[0]
    raise GradientError(f"vmap of {node.op.name}", rule="the operation has a batching rule",
                        where=node.where, hint="loop over the examples")
