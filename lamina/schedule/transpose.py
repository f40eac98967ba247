"""Contractions are computed in the order of axes in which they are read.

In: a simplified graph. Out: the same, where a contraction whose only reader reorders its axes has
them in that order itself. What follows then reads it element by element and can be its epilogue:
the update of a weight [out, in] rides on its gradient, which is derived as [in, out].
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lamina.graph.node import Node, is_leaf, topological
from lamina.graph.rewrite import Rule, rewrite
from lamina.ops.movement import permutation
from lamina.schedule.summation import Rules

NARROW = 8  # an innermost axis shorter than this is narrow


def transpose_contractions(roots: Sequence[Node], rules: Rules) -> list[Node]:
    """Apply the rule to all contractions with one reader."""
    readers = Counter(id(x) for n in topological(roots) if not is_leaf(n) for x in n.inputs)
    readers.update(map(id, roots))
    return rewrite(roots, [Rule("transpose", lambda node: _transposed(node, readers, rules))])


def narrow(size: int) -> bool:
    """Whether an innermost axis is left where it is: vectors run along it."""
    return size < NARROW


def _transposed(node: Node, readers: Counter[int], rules: Rules) -> Node | None:
    """permute(contract(x, y)) -> contract(x, y) with its output variables in that order."""
    if is_leaf(node) or node.op.name != "view":
        return None
    inner = node.inputs[0]
    if is_leaf(inner) or inner.op.kind.name != "contraction" or readers[id(inner)] != 1:
        return None
    place = permutation(node)
    if not place or rules.apply(narrow, node.shape[-1]):
        return None
    return _moved(inner, place)


def _moved(node: Node, place: Sequence[int]) -> Node:
    """The contraction with its output axis i at place[i]."""
    sizes, n_out = node.attrs["sizes"], node.attrs["n_out"]
    places = [*place, *range(n_out, len(sizes))]
    moved = dict(zip(places, sizes, strict=True))
    maps = tuple(tuple(tuple(sorted((places[v], factor) for v, factor in terms)) for terms in m)
                 for m in node.attrs["maps"])
    return node.op(*node.inputs, sizes=tuple(moved[i] for i in range(len(sizes))), n_out=n_out,
                   maps=maps)
