"""From specs to kernels: one function for each kind of kernel.

In: a `Spec` and a target. Out: a `Kernel` in the loop language. Buffers of every kernel: the run's
status word, the arguments, the roots. A chunk is a row (or a piece of one) of a map, a row of a row
reduction, some columns of a column reduction, a task of a contraction.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from lamina.graph.node import Node, is_leaf, topological
from lamina.kernel import contraction, reducers, winograd
from lamina.kernel.attention import AttentionWriter
from lamina.kernel.cumulative import CumulativeWriter
from lamina.kernel.grouped import emit_grouped
from lamina.kernel.grouped_gradient import emit_grouped_gradient
from lamina.kernel.index import Index
from lamina.kernel.loops import Buffer, Kernel, Value
from lamina.kernel.margins import MarginsWriter
from lamina.kernel.ordering import SortWriter
from lamina.kernel.pack import emit_pack
from lamina.kernel.scatter import ScatterWriter
from lamina.kernel.site import Ask
from lamina.kernel.winograd_gradient import emit_gradient
from lamina.kernel.writer import Writer, whole
from lamina.schedule.fuse import storage
from lamina.schedule.grouped import Grouped
from lamina.schedule.grouped_gradient import GroupedGradient
from lamina.schedule.iteration import SQUARE, SQUARE_COLUMNS
from lamina.schedule.spec import BLOCK, COLUMNS, Spec, blocks, tiled_node
from lamina.schedule.winograd import Winograd
from lamina.schedule.winograd_gradient import WinogradGradient
from lamina.shapes import Dim, Var, ceil_div, product, ravel, the_var, variable
from lamina.targets import Target

LIGHT = 6  # instructions of one element, at most, for partial results side by side
SIDE = 4  # of them: as many as a sum has cycles of latency
SCRATCH = 16384  # elements of a row that may lie in stack memory


def lower(spec: Spec, target: Target) -> Kernel:
    """The kernel of a spec."""
    writer = _KINDS[spec.kind](spec, target)
    writer.write()
    return writer.b.finish()


class MapWriter(Writer):
    """Every root at every element of the domain; an update's values into their slice."""

    def write(self) -> None:
        loops = self.spec.loops.kept
        with self.b.loop(self.b.lo, self.b.hi) as chunk, self.block():
            if not loops:
                self._element(None)
                return
            if self.spec.loops.crossed:
                self._squares(chunk.var)
                return
            *outer, inner = loops
            size = self.size(inner.extent)
            pieces = blocks(inner.extent)
            if pieces == 1:
                row, lo, hi = chunk.var, self.b.index(0), size
            else:
                count = self.size(pieces)
                row = self.b.div(chunk.var, count)
                lo = self.b.rem(chunk.var, count) * BLOCK
                hi = self.b.min(lo + BLOCK, size)
            self.unpack(row, outer)
            lanes = self.lanes_for(inner.extent)
            self.vectors(inner, lo, hi, [], self._body, lanes, whole(inner.extent, lanes))

    def _squares(self, number: Value) -> None:
        """A chunk of SQUARE turns of the last loop but one: they share the cache lines they read.

        For each vector of the last loop, all of those turns.
        """
        b, (*outer, across, inner) = self.b, self.spec.loops.kept
        size, turns = self.size(inner.extent), self.size(across.extent)
        columns = b.div(b.add(size, SQUARE_COLUMNS - 1), SQUARE_COLUMNS)
        rows = b.div(b.add(turns, SQUARE - 1), SQUARE)
        number, column = b.div(number, columns), b.rem(number, columns)
        first, lo = b.mul(b.rem(number, rows), SQUARE), b.mul(column, SQUARE_COLUMNS)
        self.unpack(b.div(number, rows), outer)
        last, hi = b.min(first + SQUARE, turns), b.min(lo + SQUARE_COLUMNS, size)

        def body(mask: Value | None, carry: list[Value]) -> list[Value]:
            with b.loop(first, last) as turn, self.block():
                self.bind(across, turn.var)
                self._element(mask)
            self.inline.forget()
            return []

        lanes = self.lanes_for(inner.extent)
        exact = whole(inner.extent, lanes) and whole(SQUARE_COLUMNS, lanes)
        self.vectors(inner, lo, hi, [], body, lanes, exact)

    def _body(self, mask: Value | None, carry: list[Value]) -> list[Value]:
        self._element(mask)
        return []

    def _element(self, mask: Value | None) -> None:
        self.store_each(self.spec.nodes, self.spec.loops.index, mask)


class RowWriter(Writer):
    """Reductions over the last axes, and what is computed with them, one row at a time."""

    def write(self) -> None:
        spec = self.spec
        levels = self._levels()
        with self.b.loop(self.b.lo, self.b.hi) as chunk, self.block():
            self.unpack(chunk.var, spec.loops.kept)
            for level in range(max(levels.values()) + 1):
                reductions = [n for n in spec.nodes
                              if n.op.kind.name == "reduction" and levels[n] == level]
                kept = [n for n in self._kept if levels[n] == level]
                if reductions or kept:
                    self._pass(reductions, kept, ahead=level == 1)
                for node in kept:
                    self.inline.scratch[node] = (self._kept[node], self.place)
            self._finish()

    def _levels(self) -> dict[Node, int]:
        """How many reductions of this kernel come before each node."""
        levels: dict[Node, int] = {}
        mine = {n for n in self.spec.nodes if n.op.kind.name == "reduction"}
        for node in topological(self.spec.nodes):
            levels[node] = max((levels[x] + (x in mine) for x in node.inputs), default=0)
        return levels

    @cached_property
    def _kept(self) -> dict[Node, Buffer]:
        """Inner nodes of the full shape: their row waits in stack memory for the next pass."""
        row = product(v.extent for v in self.spec.loops.reduced)
        if not isinstance(row, int) or row > SCRATCH:
            return {}
        return {n: self.b.scratch(n.dtype.compute, row + 64) for n in self.spec.nodes
                if n not in self.outputs and n.shape == self.spec.domain
                and n.op.kind.name != "reduction"}

    def _pass(self, reductions: list[Node], kept: list[Node], ahead: bool) -> None:
        """One run over the row. ahead: meanwhile the next row is brought into cache.

        The first pass waits for memory, later ones compute.
        """
        index = self.spec.loops.index

        def body(mask: Value | None, carry: list[Value]) -> list[Value]:
            if ahead and mask is None:
                self._ask_for_the_next_row(index)
            for node in kept:
                at = self.inline.indices.eval(self.place)
                value = self.b.splat(self.inline.value(node, index), self.inline.lanes)
                self.b.store(self._kept[node], at.base, value, mask)
            result: list[Value] = []
            for node in reductions:
                n = reducers.width(node)
                value = self.inline.value(node.inputs[0], index)
                place = self.inline.indices.vector(self.inline.indices.eval(self.place))
                result += reducers.step(self.b, node, carry[len(result):len(result) + n],
                                        self.b.splat(value, self.inline.lanes), place, mask)
            return result

        loops = self.spec.loops.reduced
        lanes = self.lanes_for(loops[-1].extent) if loops else 1
        start = [v for node in reductions for v in reducers.start(self.b, node, lanes)]
        side = self._side(reductions, kept)
        values = self._nest(list(loops), start * side, body, lanes, side)
        each = len(start)
        for node in reductions:
            n = reducers.width(node)
            parts = [values[i * each:i * each + n] for i in range(side)]
            self.inline.known[node] = reducers.finish(
                self.b, node, reducers.joined(self.b, node, parts))
            values = values[n:]

    def _ask_for_the_next_row(self, index: tuple[Dim, ...]) -> None:
        row = self.size(product(v.extent for v in self.spec.loops.reduced))
        for arg in self.spec.args:
            if arg.shape == self.spec.domain:
                at = self.inline.indices.eval(ravel(index, arg.shape)).base
                self.b.prefetch(self.inline.buffers[arg], at + row)

    def _side(self, reductions: list[Node], kept: list[Node]) -> int:
        """Partial results side by side, so that no step waits for the one before.

        Where an element is much work, that hides the wait.
        """
        mine = {n for n in self.spec.nodes if n.op.kind.name == "reduction"}
        work = topological([*(n.inputs[0] for n in reductions), *kept],
                           stop=lambda n: n in mine or is_leaf(n))
        cost = sum(n.op.cost for n in work if not is_leaf(n) and n not in mine)
        single = [reducers.width(n) == 1 for n in reductions]
        return SIDE if cost <= LIGHT and single and all(single) else 1

    def _nest(self, loops: list[Var], carry: list[Value],
              body: Callable[[Value | None, list[Value]], list[Value]], lanes: int, side: int = 1
              ) -> list[Value]:
        if not loops:
            each = len(carry) // side
            return [*body(None, carry[:each]), *carry[each:]]
        var, *rest = loops
        size = self.size(var.extent)
        if not rest:
            return self._row(var, size, carry, body, lanes, side)
        with self.b.loop(0, size, carry=carry) as loop, self.block():
            self.bind(var, loop.var)
            loop.next(*self._nest(rest, loop.carry, body, lanes, side))
        self.inline.forget()
        return loop.results

    def _row(self, var: Var, size: Value, carry: list[Value],
             body: Callable[[Value | None, list[Value]], list[Value]], lanes: int, side: int
             ) -> list[Value]:
        """One row: `side` vectors at a time, then what is left, into the first partial results."""
        lo = self.b.index(0)
        if side > 1 and not (isinstance(var.extent, int) and var.extent < side * lanes):
            full = size / (side * lanes) * (side * lanes)
            carry, lo = self.turns(var, lo, full, carry, body, lanes, side), full
        each = len(carry) // side
        first = self.vectors(var, lo, size, carry[:each], body, lanes, whole(var.extent, lanes))
        return [*first, *carry[each:]]

    def _finish(self) -> None:
        index = self.spec.loops.index
        row_index = tuple(0 if i in self.spec.axes else x for i, x in enumerate(index))
        full = [n for n in self.outputs if n.shape == self.spec.domain
                and n.op.kind.name != "reduction"]
        self.store_each([n for n in self.outputs if n not in full], row_index, None)

        def body(mask: Value | None, carry: list[Value]) -> list[Value]:
            self.store_each(full, index, mask)
            return []

        if full:
            loops = self.spec.loops.reduced
            lanes = self.lanes_for(loops[-1].extent) if loops else 1
            self._nest(list(loops), [], body, lanes)
        self.inline.known.clear()
        self.inline.scratch.clear()


class ColumnWriter(Writer):
    """Reductions over other than the last axes: neighbouring columns side by side."""

    def write(self) -> None:
        kept = self.spec.loops.kept
        with self.b.loop(self.b.lo, self.b.hi) as chunk, self.block():
            *outer, inner = kept
            count = self.size(ceil_div(inner.extent, COLUMNS))
            self.unpack(self.b.div(chunk.var, count), outer)
            lo = self.b.rem(chunk.var, count) * COLUMNS
            hi = self.b.min(lo + COLUMNS, self.size(inner.extent))
            lanes = self.lanes_for(inner.extent)
            if whole(inner.extent, COLUMNS):
                self._columns(inner, lo, lanes, COLUMNS // lanes, None)
                return
            with self.b.loop(lo, hi, lanes) as turn, self.block():
                mask = None
                if lanes > 1 and not whole(inner.extent, lanes):
                    at = self.b.splat(turn.var, lanes) + self.b.iota(lanes)
                    mask = at < self.b.splat(hi, lanes)
                self._columns(inner, turn.var, lanes, 1, mask)

    def _columns(self, inner: Var, lo: Value, lanes: int, count: int, mask: Value | None) -> None:
        """`count` vectors of columns from lo on."""
        self.inline.indices.lanes = lanes
        reductions = [n for n in self.spec.nodes if n.op.kind.name == "reduction"]
        start = [v for _ in range(count) for node in reductions
                 for v in reducers.start(self.b, node, lanes)]
        self.inline.push(mask)
        values = self._reduce(list(self.spec.loops.reduced), start, inner, lo, lanes, count,
                              reductions, mask)
        self.inline.pop(masked=mask is not None)
        index = tuple(0 if i in self.spec.axes else x
                      for i, x in enumerate(self.spec.loops.index))
        for k in range(count):
            self.inline.push(mask)
            self.bind(inner, lo + k * lanes, 1 if lanes > 1 else 0)
            for node in reductions:
                n = reducers.width(node)
                self.inline.known[node] = self.b.cast(values[n - 1], node.dtype.compute)
                values = values[n:]
            self.store_each(self.spec.nodes, index, mask)
            self.inline.known.clear()
            self.inline.pop(masked=mask is not None)
        self.inline.indices.lanes = 1
        self.inline.forget()

    def _reduce(self, loops: list[Var], carry: list[Value], inner: Var, lo: Value, lanes: int,
                count: int, reductions: list[Node], mask: Value | None) -> list[Value]:
        if loops:
            var, *rest = loops
            with self.b.loop(0, self.size(var.extent), carry=carry) as loop, self.block():
                self.bind(var, loop.var)
                loop.next(*self._reduce(rest, loop.carry, inner, lo, lanes, count, reductions,
                                        mask))
            self.inline.forget()
            return loop.results
        result: list[Value] = []
        for k in range(count):
            self.bind(inner, lo + k * lanes, 1 if lanes > 1 else 0)
            for node in reductions:
                n = reducers.width(node)
                value = self.inline.value(node.inputs[0], self.spec.loops.index)
                number = self.inline.indices.vector(self.inline.indices.eval(self.place))
                result += reducers.step(self.b, node, carry[len(result):len(result) + n],
                                        self.b.splat(value, lanes), number, None)
        return result


class TiledWriter(Writer):
    """A contraction; what follows it is computed on its accumulators."""

    def write(self) -> None:
        node = tiled_node(self.spec)
        c, tile = node.attrs["contraction"], node.attrs["tile"]
        a, b_ = (self.inline.buffer_of(storage(x)) for x in node.inputs)
        loops: dict[str, Dim] = {name: variable(name, size) for name, size in c.out_vars}
        n_out = iter(name for name, _ in c.out_vars)
        index = tuple(0 if d == 1 else loops[next(n_out)] for d in node.shape)

        def epilogue(at: dict[str, Value], var: str, value: Value, mask: Value | None) -> None:
            self.inline.indices.lanes = value.lanes
            self.inline.push(mask)
            for name, first in at.items():
                step = 1 if name == var and value.lanes > 1 else 0
                self.inline.indices.env[the_var(loops[name])] = Index(first, step)
            self.inline.forget()
            self.inline.indices.forget()
            self.inline.known[node] = value
            self.store_each(self.spec.nodes, index, mask)
            self.inline.known.clear()
            self.inline.pop(masked=mask is not None)
            self.inline.indices.lanes = 1

        if isinstance(tile, Winograd):
            winograd.emit_winograd(self.b, c, tile, a, b_, epilogue, self.fresh_size)
        elif isinstance(tile, Grouped):
            emit_grouped(self.b, c, tile, a, b_, epilogue, self.fresh_size)
        elif isinstance(tile, GroupedGradient):
            emit_grouped_gradient(self.b, c, tile, a, b_, epilogue, self.fresh_size)
        elif isinstance(tile, WinogradGradient):
            emit_gradient(self.b, c, tile, a, b_, epilogue, self.fresh_size)
        else:
            contraction.emit(self.b, c, tile, a, b_, epilogue, self.fresh_size,
                             self._ask(loops, index))

    def _ask(self, loops: dict[str, Dim], index: tuple[Dim, ...]) -> Ask | None:
        """What asks for the arrays of the result's shape that follow-up work reads."""
        operands = {storage(x) for x in tiled_node(self.spec).inputs}
        read = [x for x in self.spec.args if x.shape == self.spec.domain and x not in operands]

        def ask(at: dict[str, Value]) -> None:
            for name, first in at.items():
                self.inline.indices.env[the_var(loops[name])] = Index(first, 0)
            self.inline.forget()
            self.inline.indices.forget()
            for x in read:
                self.b.prefetch(self.inline.buffers[x],
                                self.inline.indices.eval(ravel(index, x.shape)).base)

        return ask if read else None


class PackWriter(Writer):
    """An operand copied from memory into panels."""

    def write(self) -> None:
        record, source = self.spec.pack
        out = self.outputs[self.spec.roots[0]]
        lanes = self.target.lanes(source.dtype.compute.itemsize)
        emit_pack(self.b, record, self.inline.buffer_of(source), out, lanes, self.fresh_size)


class FiltersWriter(Writer):
    """The filters of a Winograd convolution, transformed."""

    def write(self) -> None:
        node = self.spec.nodes[0]
        winograd.emit_filters(
            self.b, node.attrs["contraction"], node.attrs["tile"],
            self.inline.buffers[storage(node.inputs[0])], self.outputs[node], self.fresh_size)


_KINDS: dict[str, type[Writer]] = {
    "map": MapWriter, "row": RowWriter, "column": ColumnWriter, "tiled": TiledWriter,
    "update": MapWriter, "scatter": ScatterWriter, "cumulative": CumulativeWriter,
    "sort": SortWriter, "pack": PackWriter,
    "filters": FiltersWriter, "margins": MarginsWriter, "attend": AttentionWriter,
}
