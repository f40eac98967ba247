"""Large reductions with few results are done in parts, so that all threads have work.

In: a simplified graph. Out: the same with sum(x) as sum(sum(parts of x)) where there are fewer
results than work for the threads. The parts depend on sizes only, so bits do not depend on threads.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.graph.node import Node, is_leaf
from lamina.graph.rewrite import Rule, rewrite
from lamina.ops.movement import reshape
from lamina.shapes import product

SPLITTABLE = ("sum", "max", "min", "prod", "any", "all")
FEW = 512  # results that a kernel can spread over the threads by itself
MUCH = 1 << 15  # elements that are worth a second kernel
PARTS = (16, 14, 12, 10, 8, 7, 6, 5, 4, 3, 2)


def split_reductions(roots: Sequence[Node]) -> list[Node]:
    """Apply the rule to all reductions."""
    return rewrite(roots, [Rule("split", split_reduction)])


def split_reduction(node: Node) -> Node | None:
    """reduce(x) -> reduce(reduce(x in parts)) along the first axis that divides evenly."""
    if is_leaf(node) or node.op.name not in SPLITTABLE:
        return None
    x, axes = node.inputs[0], node.attrs["axes"]
    results, elements = product(node.shape), product(x.shape)
    if not isinstance(results, int) or not isinstance(elements, int):
        return None
    if results > FEW or elements < MUCH or elements // max(1, results) < 256:
        return None
    for axis in axes:
        d = x.shape[axis]
        for parts in PARTS:
            if isinstance(d, int) and d % parts == 0 and d // parts > 1:
                return _in_parts(node, x, axes, axis, parts)
    return None


def _in_parts(node: Node, x: Node, axes: tuple[int, ...], axis: int, parts: int) -> Node:
    d = x.shape[axis]
    shape = (*x.shape[:axis], parts, d // parts, *x.shape[axis + 1:])
    moved = tuple(a + 1 if a >= axis else a for a in axes)
    if parts * product(node.shape) == product(x.shape):
        return node
    inner = node.op(reshape(x, shape=shape), axes=moved)
    outer = node.op(inner, axes=(axis,))
    return reshape(outer, shape=node.shape)
