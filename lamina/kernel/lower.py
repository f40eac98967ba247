"""From specs to kernels: one function for each kind of kernel.

In: a `Spec` and a target. Out: a `Kernel` in the loop language. Buffers of every kernel: the run's
status word, the arguments, the roots. A chunk is a row (or a piece of one) of a map, a row of a row
reduction, some columns of a column reduction, a task of a contraction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

from lamina import dtypes
from lamina.errors import CompileError
from lamina.graph.node import Node, is_leaf, topological
from lamina.kernel import contraction, reducers
from lamina.kernel.index import Index
from lamina.kernel.inline import Inliner, Position
from lamina.kernel.loops import Buffer, Builder, Kernel, Value
from lamina.schedule.spec import BLOCK, COLUMNS, Spec, blocks, tiled_node
from lamina.shapes import Dim, Sym, Var, as_var, product, ravel, variable
from lamina.targets import Target

SCRATCH = 16384  # elements of a row that may lie in stack memory
UNROLLED = 4  # accumulators of a row reduction that is long enough


def lower(spec: Spec, target: Target) -> Kernel:
    """The kernel of a spec."""
    writer = _KINDS[spec.kind](spec, target)
    writer.write()
    return writer.b.finish()


class Writer:
    """What all kinds share: parameters, loops over variables, stores."""

    def __init__(self, spec: Spec, target: Target) -> None:
        self.spec = spec
        self.target = target
        self.b = Builder("k_" + spec.name, target)
        status = self.b.buffer("status", dtypes.int64, True)
        self.inline = Inliner(self.b, target, status)
        for i, arg in enumerate(spec.args):
            self.inline.buffers[arg] = self.b.buffer(f"x{i}", arg.dtype)
        self.outputs: dict[Node, Buffer] = {
            root: self.b.buffer(f"y{i}", root.dtype, True) for i, root in enumerate(spec.roots)}
        for parameter in spec.parameters:
            self.inline.indices.env[parameter] = Index(self.b.integer())

    def write(self) -> None:
        """Write the body."""
        raise NotImplementedError

    # -- variables -----------------------------------------------------------------------------
    def bind(self, var: Var, value: Value, step: int = 0) -> None:
        """Give a loop variable its value in the first lane, and its growth from lane to lane."""
        self.inline.forget()
        self.inline.indices.bind(var, Index(value, step))

    def size(self, x: Dim | None) -> Value:
        """A size as a value."""
        return self.inline.indices.scalar(x if x is not None else 1)

    def unpack(self, flat: Value, loops: Sequence[Var]) -> None:
        """Bind loop variables, the last one fastest, from their common number."""
        for i, var in reversed(list(enumerate(loops))):
            if i == 0:
                self.bind(var, flat)
            else:
                size = self.size(var.size)
                self.bind(var, self.b.rem(flat, size))
                flat = self.b.div(flat, size)

    @contextmanager
    def block(self) -> Iterator[None]:
        """Values computed inside are not known outside."""
        self.inline.push()
        yield
        self.inline.pop()

    @cached_property
    def lanes(self) -> int:
        """Lanes for the dtypes that this kernel computes with."""
        used = {n.dtype.compute for n in topological(self.spec.nodes) if n.ndim} | {
            n.dtype.compute for n in self.spec.roots}
        widest = max((d.itemsize for d in used if d.is_float), default=4)
        return self.target.lanes(max(widest, 4))

    def lanes_for(self, size: Dim | None) -> int:
        """Lanes for a loop of `size`: no more than cover it."""
        lanes = self.lanes
        if isinstance(size, int):
            while lanes > 1 and lanes // 2 >= size:
                lanes //= 2
        return lanes

    def vectors(self, var: Var, lo: Value, hi: Value, carry: Sequence[Value],
                body: Callable[[Value | None, list[Value]], list[Value]], lanes: int,
                exact: bool) -> list[Value]:
        """Run `body` over lo..hi in vectors; the last one is masked unless `exact`."""
        self.inline.indices.lanes = lanes
        full = hi if exact else lo + (hi - lo) / lanes * lanes
        with self.b.loop(lo, full, lanes, carry) as loop, self.block():
            self.bind(var, loop.var, 1 if lanes > 1 else 0)
            loop.next(*body(None, loop.carry))
        values = loop.results
        if not exact and lanes > 1:
            mask = self.b.splat(full, lanes) + self.b.iota(lanes) < self.b.splat(hi, lanes)
            if carry:
                values = self._tail(var, full, mask, values, body)
            else:
                with self.b.when(full < hi):
                    self._tail(var, full, mask, values, body)
        self.inline.indices.lanes = 1
        self.inline.forget()
        return values

    def _tail(self, var: Var, at: Value, mask: Value, values: list[Value],
              body: Callable[[Value | None, list[Value]], list[Value]]) -> list[Value]:
        self.inline.push(mask)
        self.bind(var, at, 1)
        values = body(mask, values)
        self.inline.pop(masked=True)
        return values

    def store(self, node: Node, index: Position, value: Value, mask: Value | None) -> None:
        """Write the value of a root at an index; lanes run along the last bound vector."""
        at = self.inline.indices.eval(ravel(index, node.shape))
        buffer = self.outputs[node]
        if at.uniform:
            self.b.store(buffer, at.base, value if value.lanes == 1 else self.b.extract(value, 0))
            return
        value = self.b.splat(value, self.inline.lanes)
        if at.vector is None and at.step == 1:
            self.b.store(buffer, at.base, value, mask)
        else:
            self.b.scatter(buffer, self.inline.indices.vector(at), value, mask)


class MapWriter(Writer):
    """Every root at every element of the domain."""

    def write(self) -> None:
        loops = self.spec.loops.kept
        with self.b.loop(self.b.lo, self.b.hi) as chunk, self.block():
            if not loops:
                self._element(None)
                return
            *outer, inner = loops
            size = self.size(inner.size)
            pieces = blocks(inner.size)  # type: ignore[arg-type]
            if pieces == 1:
                row, lo, hi = chunk.var, self.b.index(0), size
            else:
                count = self.size(pieces)
                row = self.b.div(chunk.var, count)
                lo = self.b.rem(chunk.var, count) * BLOCK
                hi = self.b.min(lo + BLOCK, size)
            self.unpack(row, outer)
            lanes = self.lanes_for(inner.size)
            exact = isinstance(inner.size, int) and inner.size % lanes == 0
            self.vectors(inner, lo, hi, [], self._body, lanes, exact)

    def _body(self, mask: Value | None, carry: list[Value]) -> list[Value]:
        self._element(mask)
        return []

    def _element(self, mask: Value | None) -> None:
        index = self.spec.loops.index
        for root in self.spec.nodes:
            value = self.inline.value(root, index)
            if root in self.outputs:
                self.store(root, index, value, mask)


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
                kept = [n for n in self._worth_keeping() if levels[n] == level]
                self._pass(reductions, kept)
                for node in kept:
                    self.inline.scratch[node] = (self._buffers[node], self._place)
            self._finish()

    def _levels(self) -> dict[Node, int]:
        """How many reductions of this kernel come before each node."""
        levels: dict[Node, int] = {}
        mine = {n for n in self.spec.nodes if n.op.kind.name == "reduction"}
        for node in topological(self.spec.nodes):
            levels[node] = max((levels[x] + (x in mine) for x in node.inputs), default=0)
        return levels

    def _worth_keeping(self) -> list[Node]:
        """Inner nodes of the full shape: their row waits in stack memory for the next pass."""
        row = product(v.size for v in self.spec.loops.reduced)  # type: ignore[misc]
        if not isinstance(row, int) or row > SCRATCH:
            return []
        return [n for n in self.spec.nodes if n not in self.outputs and n.shape == self.spec.domain
                and n.op.kind.name != "reduction"]

    @cached_property
    def _buffers(self) -> dict[Node, Buffer]:
        row = product(v.size for v in self.spec.loops.reduced)  # type: ignore[misc]
        return {n: self.b.scratch(n.dtype.compute, int(row) + 64)  # type: ignore[arg-type]
                for n in self._worth_keeping()}

    @cached_property
    def _place(self) -> Dim:
        """The number of an element within its row."""
        place: Dim = 0
        for var in self.spec.loops.reduced:
            place = place * var.size + Sym({(var,): 1})  # type: ignore[operator]
        return place

    def _pass(self, reductions: list[Node], kept: list[Node]) -> None:
        index = self.spec.loops.index

        def body(mask: Value | None, carry: list[Value]) -> list[Value]:
            for node in kept:
                at = self.inline.indices.eval(self._place)
                value = self.b.splat(self.inline.value(node, index), self.inline.lanes)
                self.b.store(self._buffers[node], at.base, value, mask)
            result: list[Value] = []
            for node in reductions:
                n = reducers.width(node)
                value = self.inline.value(node.inputs[0], index)
                place = self.inline.indices.vector(self.inline.indices.eval(self._place))
                result += reducers.step(self.b, node, carry[len(result):len(result) + n],
                                        self.b.splat(value, self.inline.lanes), place, mask)
            return result

        loops = self.spec.loops.reduced
        lanes = self.lanes_for(loops[-1].size) if loops else 1
        start = [v for node in reductions for v in reducers.start(self.b, node, lanes)]
        values = self._nest(list(loops), start, body, lanes)
        for node in reductions:
            n = reducers.width(node)
            self.inline.known[node] = reducers.finish(self.b, node, values[:n])
            values = values[n:]

    def _nest(self, loops: list[Var], carry: list[Value],
              body: Callable[[Value | None, list[Value]], list[Value]], lanes: int) -> list[Value]:
        if not loops:
            return body(None, carry)
        var, *rest = loops
        size = self.size(var.size)
        if not rest:
            exact = isinstance(var.size, int) and var.size % lanes == 0
            return self.vectors(var, self.b.index(0), size, carry, body, lanes, exact)
        with self.b.loop(0, size, carry=carry) as loop, self.block():
            self.bind(var, loop.var)
            loop.next(*self._nest(rest, loop.carry, body, lanes))
        self.inline.forget()
        return loop.results

    def _finish(self) -> None:
        index = self.spec.loops.index
        row_index = tuple(0 if i in self.spec.axes else x for i, x in enumerate(index))
        full = [n for n in self.outputs if n.shape == self.spec.domain
                and n.op.kind.name != "reduction"]
        for node in self.outputs:
            if node not in full:
                self.store(node, row_index, self.inline.value(node, row_index), None)

        def body(mask: Value | None, carry: list[Value]) -> list[Value]:
            for node in full:
                self.store(node, index, self.inline.value(node, index), mask)
            return []

        if full:
            loops = self.spec.loops.reduced
            lanes = self.lanes_for(loops[-1].size) if loops else 1
            self._nest(list(loops), [], body, lanes)
        self.inline.known.clear()
        self.inline.scratch.clear()


class ColumnWriter(Writer):
    """Reductions over other than the last axes: neighbouring columns side by side."""

    def write(self) -> None:
        kept = self.spec.loops.kept
        with self.b.loop(self.b.lo, self.b.hi) as chunk, self.block():
            *outer, inner = kept
            count = self.size((inner.size + (COLUMNS - 1)) // COLUMNS)  # type: ignore[operator]
            self.unpack(self.b.div(chunk.var, count), outer)
            lo = self.b.rem(chunk.var, count) * COLUMNS
            hi = self.b.min(lo + COLUMNS, self.size(inner.size))
            lanes = self.lanes_for(inner.size)
            whole = isinstance(inner.size, int) and inner.size % COLUMNS == 0
            if whole:
                self._columns(inner, lo, lanes, COLUMNS // lanes, None)
                return
            with self.b.loop(lo, hi, lanes) as turn, self.block():
                mask = None
                if lanes > 1 and not (isinstance(inner.size, int) and inner.size % lanes == 0):
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
                self.inline.known[node] = values[n - 1]
                values = values[n:]
            for node in self.spec.nodes:
                value = self.inline.value(node, index)
                if node in self.outputs:
                    self.store(node, index, value, mask)
            self.inline.known.clear()
            self.inline.pop(masked=mask is not None)
        self.inline.indices.lanes = 1
        self.inline.forget()

    def _reduce(self, loops: list[Var], carry: list[Value], inner: Var, lo: Value, lanes: int,
                count: int, reductions: list[Node], mask: Value | None) -> list[Value]:
        if loops:
            var, *rest = loops
            with self.b.loop(0, self.size(var.size), carry=carry) as loop, self.block():
                self.bind(var, loop.var)
                loop.next(*self._reduce(rest, loop.carry, inner, lo, lanes, count, reductions,
                                        mask))
            self.inline.forget()
            return loop.results
        place: Dim = 0
        for var in self.spec.loops.reduced:
            place = place * var.size + Sym({(var,): 1})  # type: ignore[operator]
        result: list[Value] = []
        for k in range(count):
            self.bind(inner, lo + k * lanes, 1 if lanes > 1 else 0)
            for node in reductions:
                n = reducers.width(node)
                value = self.inline.value(node.inputs[0], self.spec.loops.index)
                number = self.inline.indices.vector(self.inline.indices.eval(place))
                result += reducers.step(self.b, node, carry[len(result):len(result) + n],
                                        self.b.splat(value, lanes), number, None)
        return result


class TiledWriter(Writer):
    """A contraction; what follows it is computed on its accumulators."""

    def write(self) -> None:
        node = tiled_node(self.spec)
        c, tile = node.attrs["contraction"], node.attrs["tile"]
        a, b_ = (self.inline.buffers[x] for x in node.inputs)
        loops = {name: variable(name, size) for name, size in c.out_vars}
        n_out = iter(name for name, _ in c.out_vars)
        index = tuple(0 if d == 1 else loops[next(n_out)] for d in node.shape)

        def epilogue(at: dict[str, Value], var: str, value: Value, mask: Value | None) -> None:
            self.inline.indices.lanes = value.lanes
            self.inline.push(mask)
            for name, first in at.items():
                known = as_var(loops[name])
                step = 1 if name == var and value.lanes > 1 else 0
                self.inline.indices.env[known] = Index(first, step)  # type: ignore[index]
            self.inline.forget()
            self.inline.indices.forget()
            self.inline.known[node] = value
            for root in self.spec.nodes:
                result = self.inline.value(root, index)
                if root in self.outputs:
                    self.store(root, index, result, mask)
            self.inline.known.clear()
            self.inline.pop(masked=mask is not None)
            self.inline.indices.lanes = 1

        def resolve(x: Dim) -> Value:
            self.inline.indices.forget()  # the tiler asks from blocks that we do not know
            return self.size(x)

        contraction.emit(self.b, c, tile, a, b_, epilogue, resolve)


class ScatterWriter(Writer):
    """Updates added (or written) at computed places, in order."""

    def write(self) -> None:
        node = next(n for n in self.spec.nodes if n.op.kind.name == "scatter")
        adds = node.op.name == "scatter_add"
        update, *indices = node.inputs if adds else node.inputs[1:]
        out = self.outputs[node]
        with self.b.loop(self.b.lo, self.b.hi), self.block():
            total = self.size(product(node.shape))
            with self.b.loop(0, total) as turn, self.block():
                flat = variable("flat", product(node.shape))
                self.bind(as_var(flat), turn.var)  # type: ignore[arg-type]
                start = (self.b.const(0, node.dtype.compute) if adds else self.inline.value(
                    node.inputs[0], _unraveled(flat, node.shape)))
                self.b.store(out, turn.var, start)
            self.inline.forget()
            loops = [variable(f"u{i}", d) for i, d in enumerate(update.shape)]
            self._each(loops, [], node, update, tuple(indices), out, adds)

    def _each(self, loops: list[Dim], done: list[Dim], node: Node, update: Node,
              indices: tuple[Node, ...], out: Buffer, adds: bool) -> None:
        if loops:
            var, *rest = loops
            known = as_var(var)
            with self.b.loop(0, self.size(known.size)) as turn, self.block():  # type: ignore[union-attr]
                self.bind(known, turn.var)  # type: ignore[arg-type]
                self._each(rest, [*done, var], node, update, indices, out, adds)
            return
        index = tuple(done)
        place = self.inline.addressed(node.shape, indices, node.attrs["axes"], node.attrs["dims"],
                                      index)
        at = self.inline.indices.scalar(ravel(place, node.shape))
        value = self.inline.value(update, index)
        if adds:
            value = self.b.load(out, at) + value
        self.b.store(out, at, value)


def _unraveled(flat: Dim, shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
    from lamina.shapes import unravel

    return unravel(flat, shape)


class CumulativeWriter(Writer):
    """Running totals along an axis."""

    def write(self) -> None:
        node = next(n for n in self.spec.nodes if n.op.kind.name == "cumulative")
        axis, shape = node.attrs["axis"], node.shape
        index = [variable(f"i{i}", d) for i, d in enumerate(shape)]
        outer = [as_var(x) for i, x in enumerate(index) if i != axis]
        with self.b.loop(self.b.lo, self.b.hi), self.block():
            with self.b.loop(0, self.size(product(v.size for v in outer))) as row:  # type: ignore
                with self.block():
                    self.unpack(row.var, outer)  # type: ignore[arg-type]
                    start = reducers.start(self.b, node, 1)
                    with self.b.loop(0, self.size(shape[axis]), carry=start) as turn, self.block():
                        self.bind(as_var(index[axis]), turn.var)  # type: ignore[arg-type]
                        value = self.inline.value(node.inputs[0], tuple(index))
                        total = node.op.emit(self.b, turn.carry[0], value)  # type: ignore[misc]
                        self.store(node, tuple(index), total, None)
                        turn.next(total)


_KINDS: dict[str, type[Writer]] = {
    "map": MapWriter, "row": RowWriter, "column": ColumnWriter, "tiled": TiledWriter,
    "scatter": ScatterWriter, "cumulative": CumulativeWriter,
}

__all__ = ["lower", "CompileError", "is_leaf"]
