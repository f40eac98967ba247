"""Which operation had an index outside its axis, and whose line it is.

In: a graph and the values of its leaves, after a kernel set the status word. Out: the four-part
error. The graph is gone through again with the NumPy oracle, as far as it decides indices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lamina.errors import IndexingError
from lamina.graph.node import Node, is_leaf, leaf, topological
from lamina.runtime.interpret import compute, widened
from lamina.runtime.places import check_places

if TYPE_CHECKING:
    from lamina.runtime.buffers import Buffer


FORWARD = {"composite": 0, "gather": 1}  # what the user called comes before its gradient


def outside(order: Sequence[Node], values: Sequence[Buffer]) -> IndexingError:
    """The error of the first operation in `order` whose indices lie outside.

    values: the buffers of the leaves of `order`, in its order.
    """
    leaves = dict(zip((n for n in order if is_leaf(n)), values, strict=True))
    indexed = [n for n in order if not is_leaf(n) and n.op.places is not None]
    indexed.sort(key=lambda n: FORWARD.get(n.op.kind.name, 2))
    wanted = [n.inputs[i] for n in indexed for i, _ in n.places]
    arrays: dict[Node, Any] = {}
    try:
        for node in topological(wanted):
            arrays[node] = _value(node, arrays, leaves)
        for node in indexed:
            for i, size in node.places:
                check_places(node, i, arrays[node.inputs[i]], size)
        for node in order:  # so it is inside a control operation: the oracle meets it there
            if node not in arrays:
                arrays[node] = _value(node, arrays, leaves)
    except IndexingError as error:
        return error
    return IndexingError("a computed index", rule="every index lies inside its axis")


def _value(node: Node, arrays: Mapping[Node, Any], leaves: Mapping[Node, Buffer]) -> Any:
    if not is_leaf(node):
        return compute(node, [arrays[x] for x in node.inputs])
    return widened(leaves[node].array(node.sizes, node.dtype.storage), node.dtype)


def hollow(order: Sequence[Node], roots: Sequence[Node]) -> tuple[list[Node], list[Node]]:
    """The graph without the values of its leaves, for a program that outlives them."""
    new: dict[Node, Node] = {}
    for node in order:
        if is_leaf(node):
            copy = leaf(None, node.shape, node.dtype, tracked=node.tracked)
        else:
            inputs = tuple(new[x] for x in node.inputs)
            copy = Node(node.op, inputs, node.attrs, node.shape, node.dtype, None, node.tracked)
        copy.where = node.where
        new[node] = copy
    return list(new.values()), [new[r] for r in roots]
