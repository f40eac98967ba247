"""Large reductions with few results are done in parts, so that all threads have work.

In: a simplified graph. Out: the same with sum(x) as sum(sum(parts of x)) where `schedule.summation`
says so. What is missing of the last parts is filled with the neutral element.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.graph.node import Node, is_leaf, topological
from lamina.graph.rewrite import replace_inputs
from lamina.ops.kinds import identity
from lamina.ops.movement import pad, reshape
from lamina.schedule.summation import Rules, cut, part_of, reduction_in_parts
from lamina.shapes import product

SPLITTABLE = ("sum", "max", "min", "prod", "any", "all")


def split_reductions(roots: Sequence[Node], rules: Rules) -> list[Node]:
    """All reductions that are worth it, in parts."""
    new: dict[Node, Node] = {}
    for node in topological(roots):
        if not is_leaf(node):
            fresh = replace_inputs(node, tuple(new[x] for x in node.inputs))
            new[node] = split_reduction(fresh, rules) or fresh
        else:
            new[node] = node
    return [new[r] for r in roots]


def split_reduction(node: Node, rules: Rules) -> Node | None:
    """reduce(x) -> reduce(reduce(x in parts))."""
    if is_leaf(node) or node.op.name not in SPLITTABLE or not node.attrs["axes"]:
        return None
    x, axes = node.inputs[0], node.attrs["axes"]
    length = product(x.shape[axis] for axis in axes)
    if not rules.apply(reduction_in_parts, product(node.shape), length):
        return None
    return _in_parts(node, x, axes[rules.apply(cut, *(x.shape[axis] for axis in axes))])


def _in_parts(node: Node, x: Node, axis: int) -> Node:
    parts, each = part_of(x.shape[axis])
    missing = parts * each - x.shape[axis]
    if missing != 0:
        nothing = (0,) * x.ndim
        high = tuple(missing if i == axis else 0 for i in range(x.ndim))
        x = pad(x, low=nothing, high=high, interior=nothing, value=identity(node.op, x.dtype))
    shape = (*x.shape[:axis], parts, each, *x.shape[axis + 1:])
    moved = tuple(a + 1 if a >= axis else a for a in node.attrs["axes"])
    inner = node.op(reshape(x, shape=shape), axes=moved)
    return reshape(node.op(inner, axes=(axis,)), shape=node.shape)
