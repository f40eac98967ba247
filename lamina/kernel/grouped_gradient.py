"""Gradients of the filters of narrow groups in the loop language (`schedule.grouped_gradient`).

In: a builder, a contraction with its plan, the buffers of the images and of the cotangents, an
epilogue as in `kernel.contraction`. Out: statements in the builder.

    for part of the sum, vector of output channels
      for some rows of the filters
        for image, row of outputs, some outputs of the row
          for row of the filters, column that the windows read, once: products with all cotangents
      epilogue of each element, in the order of memory
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod

from lamina.kernel.builder import Builder
from lamina.kernel.channels import Channels, meetings
from lamina.kernel.loops import Buffer, Value
from lamina.kernel.site import Epilogue, Resolve
from lamina.schedule.contraction import PART, Access, Contraction
from lamina.schedule.grouped import COLUMN
from lamina.schedule.grouped_gradient import OUTPUTS, GroupedGradient

Row = tuple[int, ...]  # of the filters: where, along each axis but the last


def emit_grouped_gradient(b: Builder, c: Contraction, plan: GroupedGradient, x: Buffer, g: Buffer,
                          epilogue: Epilogue, resolve: Resolve) -> None:
    """Write the kernel body; chunks 0 <= n < plan.tasks(c)."""
    writer = _Writer(b, c, plan, x, g, epilogue, resolve)
    with b.loop(b.lo, b.hi) as task:
        writer.task(task.var)


class _Writer:
    """One task after the other."""

    def __init__(self, b: Builder, c: Contraction, plan: GroupedGradient, x: Buffer, g: Buffer,
                 epilogue: Epilogue, resolve: Resolve) -> None:
        self.b, self.c, self.plan, self.x, self.g = b, c, plan, x, g
        self.epilogue, self.resolve = epilogue, resolve
        self.rows = list(product(*(range(w.size) for w in plan.outer)))
        self.width = plan.inner.size * plan.each[0]  # sums of a row of the filters
        self.sums = b.scratch(c.acc, len(self.rows) * self.width * plan.lanes)
        self.channels = c.size(plan.vector)

    def task(self, number: Value) -> None:
        """A vector of channels, a part of the sum."""
        b, plan, lanes = self.b, self.plan, self.plan.lanes
        panels = self.resolve(plan.panels(self.c))
        part, panel = b.div(number, panels), b.rem(number, panels)
        with b.loop(0, self.sums.stack, lanes) as turn:
            b.store(self.sums, turn.var, b.const(0, self.c.acc, lanes))
        some = plan.sums // self.width
        whole = isinstance(self.channels, int) and self.channels % lanes == 0
        left = b.sub(self.resolve(self.channels), b.mul(panel, lanes))
        for n in range(0, len(self.rows), some):
            rows = range(n, min(n + some, len(self.rows)))
            if whole:
                _Pass(self, rows, part, panel, None).write()
                continue
            full = b.compare("ge", left, lanes)
            with b.when(full):
                _Pass(self, rows, part, panel, None).write()
            with b.when(b.not_(full)):
                _Pass(self, rows, part, panel, left).write()
        self.results(part, b.mul(panel, lanes), b.min(left, lanes))

    def results(self, part: Value, first: Value, count: Value) -> None:
        """All sums to the epilogue."""
        b, plan = self.b, self.plan
        into = plan.each[0]
        with b.loop(0, count) as lane, b.loop(0, into) as channel:
            index = {plan.vector: b.add(first, lane.var)}
            if plan.cut:
                index[PART] = part
            if plan.channel:
                index[plan.channel] = channel.var
            with b.loop(0, prod(w.size for w in plan.windows)) as element:
                rest = element.var
                for w in reversed(plan.windows):
                    if w.kernel:
                        index[w.kernel] = b.rem(rest, w.size)
                    rest = b.div(rest, w.size)
                at = b.add(b.mul(element.var, into), channel.var)
                at = b.add(b.mul(at, plan.lanes), lane.var)
                self.epilogue(index, plan.vector, b.load(self.sums, at), None)


class _Pass:
    """The sums of some rows of the filters, for a vector of channels and a part of the sum.

    left: channels that are there, or all.
    """

    def __init__(self, writer: _Writer, rows: Sequence[int], part: Value, panel: Value,
                 left: Value | None) -> None:
        self.w, self.b, self.plan, self.rows = writer, writer.b, writer.plan, rows
        self.part, self.panel = part, panel
        self.channels = Channels(self.b, self.plan.each, self.plan.lanes, left)

    def write(self) -> None:
        """Add up in memory."""
        self.over([self.plan.batch, *(window.out for window in self.plan.outer)], {})

    def turns(self, var: str) -> tuple[Value, Value]:
        """From where to where a variable of the sum goes in this part."""
        b, plan = self.b, self.plan
        if plan.cut is None or plan.cut[0] != var:
            return b.index(0), self.w.resolve(self.w.c.size(var))
        each = self.w.resolve(self.w.c.size(var))
        first = b.mul(self.part, each)
        last = b.min(b.add(first, each), self.w.resolve(plan.cut[1]))
        return first, b.max(first, last)

    def over(self, names: Sequence[str], place: dict[str, Value]) -> None:
        """All rows of outputs."""
        if not names:
            self.row(place)
            return
        var, *rest = names
        if not var:
            self.over(rest, place)
            return
        with self.b.loop(*self.turns(var)) as turn:
            self.over(rest, {**place, var: turn.var})

    def row(self, place: dict[str, Value]) -> None:
        """One row of outputs."""
        b, w, plan = self.b, self.w, self.plan
        channels = self.channels
        masks = [channels.where(self.inside(w.rows[n], place), channels.reads) for n in self.rows]
        starts = self.start(w.c.a, place, channels.needed), self.start(w.c.b, place, plan.lanes)
        first = self.rows[0] * w.width
        places = [(first + i) * plan.lanes for i in range(len(self.rows) * w.width)]
        sums = self.line(starts, masks, [b.load(w.sums, at, plan.lanes) for at in places])
        for at, value in zip(places, sums, strict=True):
            b.store(w.sums, at, value)

    def start(self, access: Access, place: dict[str, Value], channels: int) -> Value:
        """Where an operand's row begins, for this vector of channels."""
        b = self.b
        at = b.add(self.w.resolve(access.base), b.mul(self.panel, channels))
        for var, value in place.items():
            at = b.add(at, b.mul(value, self.w.resolve(access.stride(var))))
        return at

    def inside(self, row: Row, place: dict[str, Value]) -> list[Value]:
        """What holds where the image is read for a row of the filters."""
        b, tests = self.b, []
        for w, k in zip(self.plan.outer, row, strict=True):
            at = b.add(b.mul(place.get(w.out, b.index(0)), w.stride), k * w.dilation - w.low)
            if k * w.dilation < w.low:
                tests.append(b.compare("ge", at, 0))
            if (w.size - 1 - k) * w.dilation < w.high:
                tests.append(b.compare("lt", at, self.w.resolve(w.extent)))
        return tests

    def line(self, starts: tuple[Value, Value], masks: Sequence[Value | None], sums: list[Value]
             ) -> list[Value]:
        """The sums with all outputs of a row."""
        b, out = self.b, self.plan.inner.out
        if not out:
            return self.outputs(b.index(0), 1, starts, masks, sums)
        lo, hi = self.turns(out)
        full = b.add(lo, b.mul(b.div(b.sub(hi, lo), OUTPUTS), OUTPUTS))
        with b.loop(lo, full, OUTPUTS, carry=sums) as turn:
            turn.next(*self.outputs(turn.var, OUTPUTS, starts, masks, turn.carry))
        sums = turn.results
        if full.const is not None and hi.const is not None:
            rest = int(hi.const) - int(full.const)
            return self.outputs(full, rest, starts, masks, sums) if rest else sums
        with b.loop(full, hi, carry=sums) as turn:
            turn.next(*self.outputs(turn.var, 1, starts, masks, turn.carry))
        return turn.results

    def outputs(self, first: Value, count: int, starts: tuple[Value, Value],
                masks: Sequence[Value | None], sums: Sequence[Value]) -> list[Value]:
        """The sums with `count` outputs of a row from `first` on."""
        b, c, plan, w = self.b, self.w.c, self.plan, self.plan.inner
        resolve, sums = self.w.resolve, list(sums)
        steps = [resolve(access.stride(w.out)) if w.out else b.index(0) for access in (c.a, c.b)]
        image, given = (b.add(at, b.mul(first, step)) for at, step in
                        zip(starts, steps, strict=True))
        channels = self.channels
        cotangents = [b.load(self.w.g, b.add(given, b.mul(steps[1], i)), plan.lanes, channels.mask)
                      for i in range(count)]
        meets, column_step = meetings(w, count), resolve(c.a.stride(COLUMN))
        for n, (row, inside) in enumerate(zip(self.rows, masks, strict=True)):
            at = image
            for window, k in zip(plan.outer, self.w.rows[row], strict=True):
                if window.kernel:
                    at = b.add(at, b.mul(resolve(c.a.stride(window.kernel)), k))
            for column, pairs in meets.items():
                here = b.add(at, b.mul(column_step, column))
                place = b.add(b.mul(first, w.stride), column - w.low)
                value = channels.load(self.w.x, here, place, w, (column, max(meets)),
                                      resolve(w.extent), inside)
                for i in range(plan.each[0]):
                    factor = channels.spread(value, i)
                    for r, k in pairs:
                        j = n * self.w.width + k * plan.each[0] + i
                        sums[j] = b.fma(factor, cotangents[r], sums[j])
        return sums
