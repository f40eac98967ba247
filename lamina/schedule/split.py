"""Large reductions, and scatters, with few results are done in parts for the threads.

In: a simplified graph. Out: the same with sum(x) as sum(sum(parts of x)) where `schedule.summation`
says so, and scatter_add(x) as sum(scatter_add(parts of x)) where `schedule.scatter` does. What is
missing of the last parts is filled with the neutral element.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.graph.node import Node, is_leaf, topological
from lamina.graph.rewrite import replace_inputs
from lamina.ops.broadcasting import sum_
from lamina.ops.elementwise import add, cast
from lamina.ops.indexing import add_at, scatter_add
from lamina.ops.kinds import identity
from lamina.ops.movement import pad, reshape
from lamina.schedule.scatter import amounts, own_axes, parts_of, scatter_in_parts
from lamina.schedule.summation import Rules, cut, part_of, reduction_in_parts
from lamina.shapes import product

SPLITTABLE = ("sum", "max", "min", "prod", "any", "all")


def split_sums(roots: Sequence[Node], rules: Rules) -> list[Node]:
    """All reductions and scatters that are worth it, in parts."""
    new: dict[Node, Node] = {}
    for node in topological(roots):
        if not is_leaf(node):
            fresh = replace_inputs(node, tuple(new[x] for x in node.inputs))
            new[node] = (split_reduction(fresh, rules) or split_scatter(fresh, rules)) or fresh
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
    moved = tuple(a + 1 if a >= axis else a for a in node.attrs["axes"])
    inner = node.op(_cut(x, axis, identity(node.op, x.dtype)), axes=moved)
    return reshape(node.op(inner, axes=(axis,)), shape=node.shape)


def _cut(x: Node, axis: int, fill: float) -> Node:
    """x with an axis in parts, the last of them filled up; one of size 1 belongs to all parts."""
    if x.shape[axis] == 1:
        return reshape(x, shape=(*x.shape[:axis], 1, *x.shape[axis:]))
    parts, each = part_of(x.shape[axis])
    missing = parts * each - x.shape[axis]
    if missing != 0:
        nothing = (0,) * x.ndim
        high = tuple(missing if i == axis else 0 for i in range(x.ndim))
        x = pad(x, low=nothing, high=high, interior=nothing, value=fill)
    return reshape(x, shape=(*x.shape[:axis], parts, each, *x.shape[axis + 1:]))


# ---- scatters ------------------------------------------------------------------------------------
def split_scatter(node: Node, rules: Rules) -> Node | None:
    """scatter_add(x) -> sum(scatter_add(x in parts)); what sums are added to is added last."""
    if is_leaf(node) or node.op not in (scatter_add, add_at):
        return None
    update, indices = parts_of(node)
    own = own_axes(node)
    if not own or not rules.apply(scatter_in_parts, *amounts(node)):
        return None
    axis = own[rules.apply(cut, *(update.shape[i] for i in own))]
    sums = _scatter_in_parts(node, update, indices, axis)
    return add(node.inputs[0], sums) if node.op is add_at else sums


def _scatter_in_parts(node: Node, update: Node, indices: Sequence[Node], axis: int) -> Node:
    """Each part of the updates is added to zeros of its own; all parts to each other, in order."""
    parts, _ = part_of(update.shape[axis])
    if node.dtype.compute is not node.dtype:
        update = cast(update, dtype=node.dtype.compute)
    dims = (axis, *(d + 1 if d > axis else d for d in node.attrs["dims"]))
    partial = scatter_add(
        _cut(update, axis, 0), *(_cut(i, axis, 0) for i in indices), dims=dims,
        axes=tuple(a + 1 for a in node.attrs["axes"]), shape=(parts, *node.shape))
    total = reshape(sum_(partial, axes=(0,)), shape=node.shape)
    return total if total.dtype is node.dtype else cast(total, dtype=node.dtype)
