"""Kernels of scatters: updates added, or written, at computed places.

In: the spec of a scatter node. Out: a kernel whose chunk (`schedule.scatter`) applies, in their
order, the updates that fall into its part of the result, where the old values lie already, or which
it clears first. Sums that are cleared first are kept in float32 for half types, and rounded once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lamina.graph.node import Node
from lamina.kernel.inline import Position
from lamina.kernel.loops import Buffer, Value
from lamina.kernel.writer import Writer, whole
from lamina.schedule.scatter import Cut, cut, is_update, parts_of
from lamina.shapes import Dim, Var, as_var, ravel, the_var, variable


class ScatterWriter(Writer):
    """Updates at computed places, in order."""

    def write(self) -> None:
        self.node: Node = self.spec.nodes[0]
        self.adds = self.node.op.name in ("scatter_add", "add_at")
        self.cut: Cut = cut(self.node)
        self.index: Position = tuple(variable(f"i{d}", n) for d, n in enumerate(self.node.shape))
        self.into: Buffer = (self.workspaces or [self.outputs[self.node]])[0]
        with self.b.loop(self.b.lo, self.b.hi) as chunk, self.block():
            self._locate(chunk.var)
            if not is_update(self.node):
                self._clear()
            self._apply()
            if self.workspaces:
                self._round()

    # -- the chunk's part of the result ---------------------------------------------------------
    def _locate(self, chunk: Value) -> None:
        """Bind the variables of the slice; find the limits of the other axes."""
        how, axes = self.cut, self.node.attrs["axes"]
        self.limits = {d: (self.b.index(0), self.size(n)) for d, n in enumerate(self.node.shape)}
        if how.inner >= 0:
            chunk, self.limits[how.inner] = self._part(chunk, how.blocks, how.block, how.inner)
        if axes:
            chunk, self.limits[axes[0]] = self._part(chunk, how.ranges, how.step, axes[0])
        self.unpack(chunk, [self._var(d) for d in how.slices if as_var(self.index[d])])

    def _part(self, chunk: Value, count: Dim, step: Dim, axis: int
              ) -> tuple[Value, tuple[Value, Value]]:
        """The chunk's number without this factor, and where its part of an axis begins and ends."""
        size = self.size(self.node.shape[axis])
        if count == 1:
            return chunk, (self.b.index(0), size)
        lo = self.b.rem(chunk, self.size(count)) * self.size(step)
        return self.b.div(chunk, self.size(count)), (lo, self.b.min(lo + self.size(step), size))

    def _var(self, axis: int) -> Var:
        return the_var(self.index[axis])

    def _over(self, axes: Sequence[int], body: Callable[[Value | None], None]) -> None:
        """Loops over the chunk's part of some axes of the result, the last one in vectors."""
        if not axes:
            body(None)
            return
        axis, *rest = axes
        lo, hi = self.limits[axis]
        if not rest and axis == len(self.index) - 1:
            self._in_vectors(self._var(axis), lo, hi, body)
            return
        with self.b.loop(lo, hi) as turn, self.block():
            self.bind(self._var(axis), turn.var)
            self._over(rest, body)
        self.inline.forget()

    def _in_vectors(self, var: Var, lo: Value, hi: Value, body: Callable[[Value | None], None]
                    ) -> None:
        def step(mask: Value | None, carry: list[Value]) -> list[Value]:
            body(mask)
            return []

        lanes = self.lanes_for(var.extent)
        exact = whole(var.extent, lanes) and self.cut.block % lanes == 0
        self.vectors(var, lo, hi, [], step, lanes, exact)

    def _all(self, body: Callable[[Value | None], None]) -> None:
        self._over([d for d in range(len(self.index)) if d not in self.cut.slices], body)

    def _clear(self) -> None:
        """Zeros."""
        zero = self.b.const(0, self.into.dtype.compute)
        self._all(lambda mask: self._write(self.into, zero, mask))

    def _round(self) -> None:
        """Sums of the workspace into the result."""
        def body(mask: Value | None) -> None:
            at = self.inline.indices.eval(ravel(self.index, self.node.shape))
            self._write(self.outputs[self.node],
                        self.b.load(self.into, at.base, self.inline.lanes, mask), mask)

        self._all(body)

    def _write(self, buffer: Buffer, value: Value, mask: Value | None) -> None:
        """At the result's element that the variables point to, and its neighbours."""
        at = self.inline.indices.eval(ravel(self.index, self.node.shape))
        self.b.store(buffer, at.base, self.b.splat(value, self.inline.lanes), mask)

    # -- updates --------------------------------------------------------------------------------
    def _apply(self) -> None:
        update, _ = parts_of(self.node)
        dims = self.node.attrs["dims"]
        position: list[Dim] = [variable(f"u{i}", d) for i, d in enumerate(update.shape)]
        for d in (*self.cut.slices, self.cut.inner):
            if d >= 0:
                position[dims[d]] = self.index[d]
        shared = {dims[d] for d in (*self.cut.slices, self.cut.inner) if d >= 0}
        own = [the_var(position[i]) for i in range(update.ndim) if i not in shared]
        self._each(own, tuple(position))

    def _each(self, loops: Sequence[Var], position: Position) -> None:
        """Every update of the slice, in order."""
        if loops:
            var, *rest = loops
            with self.b.loop(0, self.size(var.extent)) as turn, self.block():
                self.bind(var, turn.var)
                self._each(rest, position)
            self.inline.forget()
        elif self.cut.uniform or self.cut.inner < 0:
            self._where_inside(self._place(position), position)
        else:
            lo, hi = self.limits[self.cut.inner]
            with self.b.loop(lo, hi) as turn, self.block():
                self.bind(self._var(self.cut.inner), turn.var)
                self._one(self._place(position), position, None)
            self.inline.forget()

    def _place(self, position: Position) -> Position:
        attrs = self.node.attrs
        _, indices = parts_of(self.node)
        return self.inline.addressed(self.node.shape, indices, attrs["axes"], attrs["dims"],
                                     position)

    def _where_inside(self, place: Position, position: Position) -> None:
        """The update at `position`, all along the inner axis, if its place is in the range."""
        def whole() -> None:
            if self.cut.inner < 0:
                self._one(place, position, None)
                return
            self._in_vectors(self._var(self.cut.inner), *self.limits[self.cut.inner],
                             lambda mask: self._one(place, position, mask))

        if self.cut.ranges == 1:
            whole()
            return
        axis = self.node.attrs["axes"][0]
        at = self.inline.indices.scalar(place[axis])
        lo, hi = self.limits[axis]
        with self.b.when(self.b.and_(at >= lo, at < hi)), self.block():
            whole()

    def _one(self, place: Position, position: Position, mask: Value | None) -> None:
        update, _ = parts_of(self.node)
        at = self.inline.indices.scalar(ravel(place, self.node.shape))
        value = self.b.splat(self.inline.value(update, position), self.inline.lanes)
        if self.adds:
            value = self.b.load(self.into, at, self.inline.lanes, mask) + value
        self.b.store(self.into, at, value, mask)
