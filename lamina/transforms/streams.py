"""Random streams under vmap: where the draws of each example begin.

In: the keys of a stream before and after a function for one example. Out: a key for each of many
examples, and the key after all of them. Where it is known how often the function draws, these are
the keys of a loop over the examples, as every draw has a number of its own.
"""

from __future__ import annotations

from collections.abc import Callable

from lamina.graph.node import Node, is_leaf, topological
from lamina.graph.subgraph import Graph
from lamina.ops.random import advance, keys_ahead, random_bits
from lamina.shapes import Dim

Origin = tuple[Node, int]  # a key, and how many draws later another one is


def drawn_from(after: Node, before: Node) -> bool:
    """Whether the one key comes from the other; it does not where the function set the seed."""
    return before in topological([after], stop=lambda n: n is before or is_leaf(n))


def split(before: Node, after: Node, n: Dim) -> tuple[Node, Node]:
    """The keys [n, 2] with which n examples begin, and the key after all of them."""
    start, count = origin(after, before)
    if start is before and isinstance(n, int):
        return keys_ahead(before, count, n), advance(before, count=count * n)
    return random_bits(before, shape=(n, 2)), advance(before, count=1)


def origin(key: Node, first: Node | None = None) -> Origin:
    """The earliest key, but none before `first`, that `key` is a known number of draws after."""
    count = 0
    while key is not first:
        earlier = _earlier(key)
        if earlier is None:
            break
        key, count = earlier[0], count + earlier[1]
    return key, count


def _earlier(key: Node) -> Origin | None:
    if is_leaf(key):
        return None
    if key.op is advance:
        return key.inputs[0], key.attrs["count"]
    if key.op.name == "view" and key.attrs["map"] == tuple((0, ((i, 1),)) for i in range(key.ndim)):
        return key.inputs[0], 0
    if key.op.name == "output" and key.inputs[0].op.name in _THROUGH:
        return _THROUGH[key.inputs[0].op.name](key.inputs[0], key.attrs["index"])
    return None


# ---- through operations that hold graphs ---------------------------------------------------------
def _parameter(graph: Graph, index: int) -> tuple[int, int] | None:
    """The number of the parameter that a root comes from, and how many draws later it is."""
    start, count = origin(graph.roots[index])
    return (graph.params.index(start), count) if start in graph.params else None


def _through_cond(node: Node, index: int) -> Origin | None:
    """Both branches draw equally often."""
    found = {_parameter(node.attrs[branch], index) for branch in ("then", "other")}
    same = found.pop()
    return None if found or same is None else (node.inputs[same[0] + 1], same[1])


def _through_scan(node: Node, index: int) -> Origin | None:
    """Each turn draws equally often."""
    found = _parameter(node.attrs["body"], index) if index < node.attrs["carries"] else None
    if found is None or found[0] != index:
        return None
    return node.inputs[index], found[1] * node.attrs["length"]


def _through_call(node: Node, index: int) -> Origin | None:
    found = _parameter(node.attrs["graph"], index)
    return None if found is None else (node.inputs[found[0]], found[1])


_THROUGH: dict[str, Callable[[Node, int], Origin | None]] = {
    "cond": _through_cond, "scan": _through_scan, "call": _through_call}
