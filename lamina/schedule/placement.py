"""Padding around what a product computes: the product's kernel writes it where it belongs.

In: a graph with tiles. Out: the same, where a `pad` of a contraction's results is a `slice_set` of
them into memory of which another, small kernel writes the margins alone. No copy is made.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.graph.node import Node, is_leaf, topological
from lamina.graph.rewrite import Rule, rewrite
from lamina.ops.indexing import slice_set
from lamina.schedule.tiled import MARGINS, TILED


def place_results(roots: Sequence[Node]) -> list[Node]:
    """All pads of results, but those of the last axis."""
    return rewrite(roots, [Rule("place", _placed)])


def _placed(node: Node) -> Node | None:
    if is_leaf(node) or node.op.name != "pad" or node.ndim < 2:
        return None
    x, low, high = node.inputs[0], node.attrs["low"], node.attrs["high"]
    if (any(node.attrs["interior"]) or not all(isinstance(m, int) for m in (*low, *high))
            or low[-1] or high[-1] or not any((*low, *high)) or not _is_result(x)):
        return None
    margins = Node(MARGINS, (), {"shape": node.shape, "low": low, "high": high,
                                 "value": node.attrs["value"]}, node.shape, node.dtype)
    return slice_set(margins, x, starts=low, steps=(1,) * node.ndim)


def _is_result(node: Node) -> bool:
    """Whether a node is computed from a contraction's sums element by element."""
    below = topological([node], stop=lambda x: is_leaf(x) or x.op.kind.name != "elementwise")
    return any(x.op is TILED and x.shape == node.shape for x in below)
