"""Attention gets its tiles: no matrix of weights is ever in memory, forward or backward.

In: a graph with the operations of `ops.attention`. Out, of two passes: nodes of the compiler's own
in their place, where sizes say that it pays; then, with a plan, reading their operands wherever
these lie.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.graph.node import Node, is_leaf, leaf
from lamina.graph.rewrite import Rule, rewrite
from lamina.ops.attention import has_tiles, in_tiles
from lamina.ops.movement import permute
from lamina.schedule.access import find_access
from lamina.schedule.attention import ATTEND, BESIDE, NAMES, OPERANDS, Attention
from lamina.schedule.summation import Rules
from lamina.shapes import Dim, variable
from lamina.targets import Target


def pays(queries: int, keys: int) -> bool:
    """Whether tiles pay, by the rule that gradients are made by."""
    return in_tiles(queries, keys)


def attend(roots: Sequence[Node], target: Target, rules: Rules) -> list[Node]:
    """Attention and its gradients as nodes of the compiler, where tiles pay."""
    def tile(node: Node) -> Node | None:
        if is_leaf(node) or node.op.name not in OPERANDS:
            return None
        names = OPERANDS[node.op.name]
        given = dict(zip(names, node.inputs, strict=False))
        long = rules.apply(pays, given["q"].shape[-2], given["k"].shape[-2])
        rows = [given[name] for name in "qkvg" if name in given]
        if not long or not has_tiles(node.shape[:-2], node.inputs[len(names):], *rows):
            return None
        axes = _time_first(node.ndim)
        result = ATTEND(*node.inputs, part=node.op.name, plan=None, dtype=node.dtype,
                        shape=tuple(node.shape[axis] for axis in axes), **node.attrs)
        return permute(result, axes=axes)

    if target.lanes(4) == 1 or not target.has_stack:
        return list(roots)
    return rewrite(roots, [Rule("attend", tile)])


def _time_first(rank: int) -> tuple[int, ...]:
    """The axes of a result in memory: the heads of a time lie side by side, as models want them.

    Its own inverse.
    """
    *batch, last = range(rank)
    return (*batch[:-2], *reversed(batch[-2:]), last)


def place_attention(roots: Sequence[Node]) -> list[Node]:
    """Every such node with its plan."""
    return rewrite(roots, [Rule("place attention", _placed)])


def _placed(node: Node) -> Node | None:
    """The node with its plan: where each operand lies."""
    if node.op is not ATTEND or node.value is not None or node.attrs["plan"] is not None:
        return None
    part = node.attrs["part"]
    given = dict(zip(OPERANDS[part], node.inputs, strict=False))
    sizes: dict[str, Dim] = {"two": 2}
    for name, x in given.items():
        sizes |= dict(zip(NAMES[name], x.shape[-2:], strict=True))
    leading = given["q"].shape[:-2]
    heads = [variable(f"b{n}", d) if d != 1 else 0 for n, d in enumerate(leading)]
    inner = {var: variable(var, size) if size != 1 else 0 for var, size in sizes.items()}
    accesses, sources = [], []
    for name, x in given.items():
        index = [*heads, *(inner[var] for var in NAMES[name])]
        source, access = find_access(x, tuple(index), index)
        if any(var in BESIDE and access.stride(var) != 1 for var in NAMES[name]):
            source, access = find_access(x, tuple(index), index, deep=False)
        sources.append(source)
        accesses.append((name, access))
    index = [*heads, *(inner[var] for var in NAMES[part])]
    turned = tuple(index[axis] for axis in _time_first(node.ndim))
    accesses.append((part, find_access(leaf(None, node.shape, node.dtype), turned, index)[1]))
    plan = Attention(tuple((f"b{n}", d) for n, d in enumerate(leading) if d != 1), sizes["i"],
                     sizes["j"], _known(sizes["d"]), _known(sizes.get("e", 0)),
                     node.attrs["causal"], node.attrs["scale"], tuple(accesses))
    return ATTEND(*sources, *node.inputs[len(given):], **{**node.attrs, "plan": plan})


def _known(size: Dim) -> int:
    if not isinstance(size, int):
        raise AssertionError("`has_tiles` asks for a number of features")
    return size
