"""Kernels of running totals.

In: the spec of a cumulative node. Out: a kernel whose chunk is one row along the last axis, or some
neighbouring columns along another one, side by side in vectors. The order of the additions is that
of the elements, whatever the threads.
"""

from __future__ import annotations

from lamina.graph.node import Node
from lamina.kernel import reducers
from lamina.kernel.loops import Value
from lamina.kernel.writer import Writer, whole
from lamina.schedule.fuse import reduce_kind
from lamina.schedule.spec import COLUMNS
from lamina.shapes import Var, ceil_div


class CumulativeWriter(Writer):
    """Running totals along an axis."""

    def write(self) -> None:
        node = self.spec.nodes[0]
        with self.b.loop(self.b.lo, self.b.hi) as chunk, self.block():
            kept = self.spec.loops.kept
            if reduce_kind(self.spec.domain, self.spec.axes) == "row":
                self.unpack(chunk.var, kept)
                self._scan(node, 1, None)
            else:
                self._columns(node, chunk.var, kept)

    def _columns(self, node: Node, chunk: Value, kept: tuple[Var, ...]) -> None:
        *outer, inner = kept
        size = self.size(inner.extent)
        count = self.size(ceil_div(inner.extent, COLUMNS))
        self.unpack(self.b.div(chunk, count), outer)
        first = self.b.rem(chunk, count) * COLUMNS
        lanes = self.lanes_for(inner.extent)

        def body(mask: Value | None, carry: list[Value]) -> list[Value]:
            self._scan(node, lanes, mask)
            return []

        self.vectors(inner, first, self.b.min(first + COLUMNS, size), [], body, lanes,
                     whole(inner.extent, lanes))

    def _scan(self, node: Node, lanes: int, mask: Value | None) -> None:
        """Totals along the axis for the row, or the columns, whose loop variables are bound."""
        index = self.spec.loops.index
        along = self.spec.loops.reduced
        start = reducers.start(self.b, node, lanes)
        size = self.size(along[0].extent if along else 1)
        with self.b.loop(0, size, carry=start) as turn, self.block():
            if along:
                self.bind(along[0], turn.var)
            value = self.b.splat(self.inline.value(node.inputs[0], index), lanes)
            total = node.op.emit(self.b, turn.carry[0], value)
            self.store(node, index, total, mask)
            turn.next(total)
        self.inline.forget()
