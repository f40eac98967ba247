"""Convolutions of narrow groups of channels in the loop language (`schedule.grouped`).

In: a builder, a contraction with its plan, the buffers of the images and of the filters in panels,
an epilogue as in `kernel.contraction`. Out: statements in the builder.

    for row of outputs of a task
      for vector of output channels
        for register tile of the row
          for row of the window that lies inside
            for column that the tile's windows read, once: products with all filters that meet it
          epilogue of each output
"""

from __future__ import annotations

from math import prod

from lamina.kernel.builder import Builder
from lamina.kernel.channels import Channels, meetings
from lamina.kernel.loops import Buffer, Value
from lamina.kernel.site import Epilogue, Resolve
from lamina.schedule.contraction import Contraction
from lamina.schedule.grouped import COLUMN, Grouped, Window
from lamina.shapes import Dim


def emit_grouped(b: Builder, c: Contraction, plan: Grouped, x: Buffer, filters: Buffer,
                 epilogue: Epilogue, resolve: Resolve) -> None:
    """Write the kernel body; chunks 0 <= n < plan.tasks(c)."""
    writer = _Writer(b, c, plan, x, filters, epilogue, resolve)
    with b.loop(b.lo, b.hi) as task:
        writer.task(task.var)


class _Writer:
    """One task after the other."""

    def __init__(self, b: Builder, c: Contraction, plan: Grouped, x: Buffer, filters: Buffer,
                 epilogue: Epilogue, resolve: Resolve) -> None:
        self.b, self.c, self.plan, self.x, self.u = b, c, plan, x, filters
        self.epilogue, self.resolve = epilogue, resolve
        self.length: Dim = c.size(plan.inner.out) if plan.inner.out else 1
        self.channels = c.size(plan.vector)
        self.column_stride = resolve(c.a.stride(COLUMN))
        self.zero = b.const(0, c.acc, plan.lanes)

    def stride(self, var: str) -> Value:
        """Elements of the image from one value of a variable to the next."""
        return self.resolve(self.c.a.stride(var)) if var else self.b.index(0)

    # -- rows and channels -----------------------------------------------------------------------
    def task(self, number: Value) -> None:
        """Some rows of outputs, some channels."""
        b, plan = self.b, self.plan
        pieces, lines = self.resolve(plan.pieces(self.c)), self.resolve(plan.lines(self.c))
        full = b.div(self.resolve(self.channels), plan.lanes)
        whole = isinstance(self.channels, int) and self.channels % plan.lanes == 0
        first = b.mul(b.rem(number, pieces), plan.panels)
        last = b.min(b.add(first, plan.panels), full)
        start = b.mul(b.div(number, pieces), plan.rows)
        with b.loop(start, b.min(b.add(start, plan.rows), lines)) as line:
            place, ranges, at = self.line(line.var)
            with b.loop(first, last) as panel:
                self.row(panel.var, place, ranges, at, None)
            if not whole:
                left = b.sub(self.resolve(self.channels), b.mul(full, plan.lanes))
                here = b.and_(b.compare("lt", 0, left), b.and_(
                    b.compare("le", first, full),
                    b.compare("lt", full, b.add(first, plan.panels))))
                with b.when(here):
                    self.row(full, place, ranges, at, left)

    def line(self, number: Value) -> tuple[dict[str, Value], list[tuple[Value, Value]], Value]:
        """Where a row of outputs lies, which rows of windows are inside, where the image starts."""
        b, plan = self.b, self.plan
        place: dict[str, Value] = {}
        for var in reversed([plan.batch, *(w.out for w in plan.outer)]):
            if var:
                size = self.resolve(self.c.size(var))
                place[var], number = b.rem(number, size), b.div(number, size)
        at = self.resolve(self.c.a.base)
        for var, value in place.items():
            at = b.add(at, b.mul(value, self.stride(var)))
        return place, [self.inside(w, place.get(w.out, b.index(0))) for w in plan.outer], at

    def inside(self, window: Window, out: Value) -> tuple[Value, Value]:
        """The rows of a window that lie inside: from, to."""
        b, w = self.b, window
        first = b.sub(b.mul(out, w.stride), w.low)
        lo, hi = b.index(0), b.index(w.size)
        if w.low:
            lo = b.div(b.add(b.max(b.sub(0, first), 0), w.dilation - 1), w.dilation)
        if w.high:
            left = b.sub(self.resolve(w.extent), first)
            hi = b.min(b.div(b.add(b.max(left, 0), w.dilation - 1), w.dilation), w.size)
        return lo, hi

    def row(self, panel: Value, place: dict[str, Value], ranges: list[tuple[Value, Value]],
            at: Value, left: Value | None) -> None:
        """A row of outputs for a vector of channels, of which `left` are there, or all."""
        b, plan = self.b, self.plan
        into, out = plan.each
        at = b.add(at, b.mul(panel, plan.lanes // out * into))
        length = self.resolve(self.length)
        full = b.mul(b.div(length, plan.tile), plan.tile)
        tile = _Tile(self, panel, place, ranges, at, left)
        with b.loop(0, full, plan.tile) as turn:
            tile.write(turn.var, plan.tile)
        if not isinstance(self.length, int):
            with b.loop(full, length) as turn:
                tile.write(turn.var, 1)
        elif self.length % plan.tile:
            tile.write(full, self.length % plan.tile)


class _Tile:
    """Neighbouring outputs of a row, for a vector of channels."""

    def __init__(self, writer: _Writer, panel: Value, place: dict[str, Value],
                 ranges: list[tuple[Value, Value]], at: Value, left: Value | None) -> None:
        self.w, self.b, self.plan = writer, writer.b, writer.plan
        self.panel, self.place, self.ranges, self.at = panel, place, ranges, at
        self.channels = Channels(self.b, self.plan.each, self.plan.lanes, left)

    def write(self, first: Value, count: int) -> None:
        """`count` outputs from `first` on."""
        b, plan = self.b, self.plan
        at = b.add(self.at, b.mul(first, self.w.stride(plan.inner.out)))
        sums = self.rows(0, first, at, b.mul(self.panel, prod(w.size for w in plan.outer)),
                         [self.w.zero] * count)
        for i, value in enumerate(sums):
            index = {**self.place, plan.vector: b.mul(self.panel, plan.lanes)}
            if plan.inner.out:
                index[plan.inner.out] = b.add(first, i)
            self.w.epilogue(index, plan.vector, value, self.channels.mask)

    def rows(self, level: int, first: Value, at: Value, filters: Value, sums: list[Value]
             ) -> list[Value]:
        """The sums with all rows of the window that lie inside."""
        b, outer = self.b, self.plan.outer
        if level == len(outer):
            return self.columns(first, at, filters, sums)
        window, (lo, hi) = outer[level], self.ranges[level]
        inner = prod(w.size for w in outer[level + 1:])
        with b.loop(lo, hi, carry=sums) as turn:
            here = b.add(at, b.mul(turn.var, self.w.stride(window.kernel)))
            row = b.add(filters, b.mul(turn.var, inner))
            turn.next(*self.rows(level + 1, first, here, row, turn.carry))
        return turn.results

    def columns(self, first: Value, at: Value, filters: Value, sums: list[Value]) -> list[Value]:
        """The sums with one row of the window."""
        b, plan, w, channels = self.b, self.plan, self.plan.inner, self.channels
        into = plan.each[0]
        start = b.mul(filters, w.size * into * plan.lanes)
        factors = [[b.load(self.w.u, b.add(start, (k * into + i) * plan.lanes), plan.lanes)
                    for i in range(into)] for k in range(w.size)]
        sums, meets = list(sums), meetings(w, len(sums))
        for column, pairs in meets.items():
            here = b.add(at, b.mul(self.w.column_stride, column))
            place = b.add(b.mul(first, w.stride), column - w.low)
            image = channels.load(self.w.x, here, place, w, (column, max(meets)),
                                  self.w.resolve(w.extent), channels.reads)
            for i in range(into):
                value = channels.spread(image, i)
                for r, k in pairs:
                    sums[r] = b.fma(value, factors[k][i], sums[r])
        return sums
