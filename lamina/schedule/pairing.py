"""Products of bfloat16 two terms at a time, for targets that have an instruction for it.

In: a graph, a target. Out: the same with contractions of words that hold two neighbours along a
sum. Where that is the last axis of an operand, its memory is read as words; else two slices are put
side by side, where the product is long enough to pay for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina import dtypes
from lamina.graph.node import Node, is_leaf
from lamina.graph.rewrite import Rule, rewrite
from lamina.ops.contraction import contract, contract_pairs
from lamina.ops.words import pairs
from lamina.schedule.summation import Rules
from lamina.shapes import ceil_div, product
from lamina.targets import Target
from lamina.transforms.simplify import simplify

REUSE = 200  # products for each element that is copied for them


def pair_terms(roots: Sequence[Node], target: Target, rules: Rules) -> list[Node]:
    """All contractions of bfloat16 that can be, as contractions of pairs."""
    if not target.has_halves:
        return list(roots)
    paired = rewrite(roots, [Rule("pair", lambda node: _paired(node, rules))])
    return paired if all(x is y for x, y in zip(paired, roots, strict=True)) else simplify(paired)


def _paired(node: Node, rules: Rules) -> Node | None:
    if is_leaf(node) or node.op is not contract or any(
            x.dtype is not dtypes.bfloat16 for x in node.inputs):
        return None
    sizes, n_out, maps = (node.attrs[name] for name in ("sizes", "n_out", "maps"))
    found = [(v, axes) for v in range(n_out, len(sizes)) if sizes[v] != 1
             and (axes := _axes(maps, v)) is not None]
    best = max(found, key=lambda item: _in_place(node, item[1]), default=None)
    if best is None:
        return None
    var, axes = best
    copied = [product(x.shape) for x, axis in zip(node.inputs, axes, strict=True)
              if axis != x.ndim - 1]
    if copied and not rules.apply(pays, product(sizes), *copied):
        return None
    halved = tuple(ceil_div(d, 2) if v == var else d for v, d in enumerate(sizes))
    words = [pairs(x, axis) for x, axis in zip(node.inputs, axes, strict=True)]
    return contract_pairs(*words, sizes=halved, n_out=n_out, maps=maps, dtype=node.dtype)


def _axes(maps: Sequence[Sequence[Sequence[tuple[int, int]]]], var: int) -> list[int] | None:
    """For each operand the axis that a variable addresses alone, if all have one."""
    axes = [axis for terms in maps if (axis := _axis(terms, var)) is not None]
    return axes if len(axes) == len(maps) else None


def _axis(terms: Sequence[Sequence[tuple[int, int]]], var: int) -> int | None:
    """The axis of an operand that a variable addresses alone, step by step."""
    axes = [axis for axis, here in enumerate(terms) if any(v == var for v, _ in here)]
    return axes[0] if len(axes) == 1 and tuple(terms[axes[0]]) == ((var, 1),) else None


def _in_place(node: Node, axes: Sequence[int]) -> int:
    """How many operands are words already."""
    return sum(axis == x.ndim - 1 for x, axis in zip(node.inputs, axes, strict=True))


def pays(products: int, *copied: int) -> bool:
    """Whether operands of so many elements are read often enough for a copy."""
    return products >= REUSE * sum(copied)
