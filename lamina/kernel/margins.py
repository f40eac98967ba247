"""The border of an array, and nothing inside it.

In: the spec of a `margins` node. Out: statements in a builder; a chunk is the last two axes at one
place of the others: all of it where that lies in the border, else what is left and right.
"""

from __future__ import annotations

from lamina import dtypes
from lamina.kernel.loops import Value
from lamina.kernel.writer import Writer


class MarginsWriter(Writer):
    """One value around the place of others."""

    def write(self) -> None:
        node, b = self.spec.nodes[0], self.b
        *outer, rows, width = node.shape
        low, high = node.attrs["low"], node.attrs["high"]
        every, each = self.size(rows), self.size(width)
        with b.loop(b.lo, b.hi) as chunk:
            place, inside = chunk.var, b.const(True, dtypes.bool_)
            for i in reversed(range(len(outer))):
                size = self.fresh_size(outer[i])
                at, place = b.rem(place, size), b.div(place, size)
                inside = b.and_(inside, self.within(at, low[i], b.sub(size, high[i])))
            first = b.mul(chunk.var, b.mul(every, each))
            left = b.select(inside, b.index(low[-2]), every)
            self.fill(first, b.mul(left, each))
            right = b.select(inside, b.index(high[-2]), b.index(0))
            start = b.mul(b.sub(every, right), each)
            self.fill(b.add(first, start), b.mul(right, each))

    def within(self, at: Value, low: int, end: Value) -> Value:
        """Whether a place lies between the margins of its axis."""
        return self.b.and_(self.b.compare("ge", at, low), self.b.compare("lt", at, end))

    def fill(self, first: Value, count: Value) -> None:
        """`count` elements from `first` on."""
        b, node, lanes = self.b, self.spec.nodes[0], self.lanes
        out, value = self.outputs[node], node.attrs["value"]
        full = b.mul(b.div(count, lanes), lanes)
        many = b.const(value, node.dtype.compute, lanes)
        with b.loop(0, full, lanes) as turn:
            b.store(out, b.add(first, turn.var), many)
        with b.loop(full, count) as turn:
            b.store(out, b.add(first, turn.var), b.const(value, node.dtype.compute))
