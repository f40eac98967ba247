"""How reductions carry their partial results.

One value, or for argmax and argmin a value and the index that it stands at.
In: a reduction node. Out: values to start from, a step, and the final scalar.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.graph.node import Node
from lamina.kernel.builder import Builder
from lamina.kernel.loops import INDEX, Value
from lamina.ops.kinds import identity


def width(node: Node) -> int:
    """How many values the reduction carries."""
    return 2 if "arg" in node.op.extra else 1


def start(b: Builder, node: Node, lanes: int) -> list[Value]:
    """The carried values before the first element."""
    dtype = node.inputs[0].dtype.compute
    first = b.const(identity(node.op, dtype), dtype, lanes)
    return [first] if width(node) == 1 else [first, b.const(0, INDEX, lanes)]


def step(b: Builder, node: Node, carry: Sequence[Value], x: Value, place: Value,
         mask: Value | None) -> list[Value]:
    """The carried values after one more element in each lane; lanes off in `mask` stay."""
    if mask is not None:
        x = b.select(mask, x, b.const(identity(node.op, x.dtype), x.dtype, x.lanes))
    if width(node) == 1:
        return [node.op.emit(b, carry[0], x)]
    best, index = carry
    op = "gt" if node.op.extra["arg"] == "max" else "lt"
    better = b.compare(op, x, best)
    if x.dtype.is_float:  # a NaN wins, the first one
        better = b.or_(better, b.and_(b.compare("ne", x, x), b.compare("eq", best, best)))
    return [b.select(better, x, best), b.select(better, b.splat(place, x.lanes), index)]


def joined(b: Builder, node: Node, parts: Sequence[Sequence[Value]]) -> list[Value]:
    """Partial results as one: 1, 2 or 4 of them, in pairs."""
    if len(parts) == 1:
        return list(parts[0])
    values = [value for value, in parts]
    while len(values) > 1:
        values = [node.op.emit(b, x, y) for x, y in zip(values[::2], values[1::2], strict=True)]
    return values


def finish(b: Builder, node: Node, carry: Sequence[Value]) -> Value:
    """The lanes combined in a fixed order, as the node's value."""
    if width(node) == 1:
        value = carry[0]
        while value.lanes > 1:
            half = value.lanes // 2
            low = b.shuffle(value, value, range(half))
            high = b.shuffle(value, value, range(half, value.lanes))
            value = node.op.emit(b, low, high)
        return value
    best, index = carry
    op = "gt" if node.op.extra["arg"] == "max" else "lt"
    while best.lanes > 1:
        half = best.lanes // 2
        a, c = (b.shuffle(best, best, range(k, k + half)) for k in (0, half))
        i, j = (b.shuffle(index, index, range(k, k + half)) for k in (0, half))
        better = b.compare(op, c, a)
        tie = b.and_(b.compare("eq", c, a), j < i)
        if best.dtype.is_float:
            nan_a, nan_c = b.compare("ne", a, a), b.compare("ne", c, c)
            better = b.or_(b.and_(better, b.not_(nan_a)), b.and_(nan_c, b.not_(nan_a)))
            tie = b.or_(tie, b.and_(b.and_(nan_a, nan_c), j < i))
        take = b.or_(better, tie)
        best, index = b.select(take, c, a), b.select(take, j, i)
    return b.cast(index, node.dtype.compute)
