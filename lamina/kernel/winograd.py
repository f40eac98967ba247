"""Winograd convolutions in the loop language (`schedule.winograd`).

In: a builder, a contraction with its plan, the buffers of the images and of the transformed
filters, an epilogue as in `kernel.contraction`. Out: statements in the builder. `emit_filters`
writes the kernel that makes those filters.

    for task in lo..hi                    tiles x output channels
      for channels, some at a time
        V = inputs of each tile, transformed
        for place, panel of filters       M += V U, in register tiles
      for tile: y = M transformed;  epilogue for each row of y that lies inside
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lamina import dtypes
from lamina.kernel.builder import Builder
from lamina.kernel.loops import Buffer, Value
from lamina.kernel.pack import transpose
from lamina.kernel.site import Epilogue, Resolve
from lamina.kernel.small_matrix import transformed
from lamina.kernel.small_product import TURNS, Matrix, multiply
from lamina.schedule.contraction import Access, Contraction
from lamina.schedule.winograd import (
    CHANNELS,
    FILTERS_OF_CHUNK,
    Winograd,
    apart,
)


def emit_winograd(b: Builder, c: Contraction, plan: Winograd, x: Buffer, filters: Buffer,
                  epilogue: Epilogue, resolve: Resolve) -> None:
    """Write the kernel body; chunks 0 <= n < plan.tasks(c)."""
    writer = _Writer(b, c, plan, x, filters, epilogue, resolve)
    with b.loop(b.lo, b.hi) as task:
        writer.task(task.var)


def emit_filters(b: Builder, c: Contraction, plan: Winograd, w: Buffer, out: Buffer,
                 resolve: Resolve) -> None:
    """Write the body that transforms filters; chunks as in `Spec.chunks`."""
    channels, outs = resolve(c.size(plan.channel)), c.size(plan.vector)
    pieces = b.div(b.add(channels, FILTERS_OF_CHUNK - 1), FILTERS_OF_CHUNK)
    whole = isinstance(outs, int) and outs % plan.width == 0
    with b.loop(b.lo, b.hi) as chunk:
        panel = b.div(chunk.var, pieces)
        lo = b.mul(b.rem(chunk.var, pieces), FILTERS_OF_CHUNK)
        with b.loop(lo, b.min(b.add(lo, FILTERS_OF_CHUNK), channels)) as channel:
            for j in range(plan.columns):
                k = b.add(b.mul(panel, plan.width), j * plan.lanes)
                lanes = b.add(b.splat(k, plan.lanes), b.iota(plan.lanes))
                mask = None if whole else b.compare(
                    "lt", lanes, b.splat(resolve(outs), plan.lanes))
                read = _filter_reader(b, c.b, plan, w, resolve, channel.var, lanes, mask)
                square = [[read(r, s) for r in range(plan.size)] for s in range(plan.size)]
                for i, row in enumerate(transformed(b, plan.form.filters, square)):
                    for at, value in enumerate(row, i * plan.side):
                        place = b.add(b.mul(panel, plan.side ** 2), at)
                        place = b.add(b.mul(place, channels), channel.var)
                        b.store(out, b.add(b.mul(place, plan.width), j * plan.lanes), value)


def _filter_reader(b: Builder, w: Access, plan: Winograd, buffer: Buffer, resolve: Resolve,
                   channel: Value, lanes: Value, mask: Value | None
                   ) -> Callable[[int, int], Value]:
    """Reads the filters' element (row, column) of some output channels."""
    start = b.add(resolve(w.base), b.mul(channel, resolve(w.stride(plan.channel))))
    step = resolve(w.stride(plan.vector))
    strides = [w.stride(v) for v in plan.kernel]
    if mask is None and strides in ([plan.size, 1], [-plan.size, -1]):
        first = b.add(start, b.mul(b.extract(lanes, 0), step))
        found = _turned(b, buffer, first, step, plan, strides[0] == plan.size)
        return lambda row, column: found[row * plan.size + column]
    across = b.mul(lanes, b.splat(step, plan.lanes))

    def read(row: int, column: int) -> Value:
        at = start
        for stride, n in zip(strides, (row, column), strict=True):
            at = b.add(at, b.mul(resolve(stride), n))
        return b.gather(buffer, b.add(b.splat(at, plan.lanes), across), mask)

    return read


def _turned(b: Builder, buffer: Buffer, first: Value, step: Value, plan: Winograd, forward: bool
            ) -> list[Value]:
    """The elements of some filters, each of which lies in one piece of memory, across the lanes."""
    count, lanes = plan.size * plan.size, plan.lanes
    starts = [b.add(first, b.mul(step, lane)) for lane in range(lanes)]
    if not forward:
        starts = [b.sub(at, count - 1) for at in starts]
    found: list[Value] = []
    while len(found) < count:
        done, width = len(found), min(lanes, count - len(found))
        if width > 1:
            mask = None if width == lanes else b.compare("lt", b.iota(lanes), width)
            rows = [b.load(buffer, b.add(at, done), lanes, mask) for at in starts]
            found += transpose(b, rows)[:width]
        else:
            value = b.const(0, dtypes.float32, lanes)
            for lane, at in enumerate(starts):
                one = b.splat(b.load(buffer, b.add(at, done)), lanes)
                value = b.select(b.compare("eq", b.iota(lanes), lane), one, value)
            found.append(value)
    return found if forward else found[::-1]


class _Writer:
    """One task after the other."""

    def __init__(self, b: Builder, c: Contraction, plan: Winograd, x: Buffer, filters: Buffer,
                 epilogue: Epilogue, resolve: Resolve) -> None:
        self.b, self.c, self.plan, self.x, self.u = b, c, plan, x, filters
        self.epilogue, self.resolve = epilogue, resolve
        self.places = plan.side ** 2
        self.apart = apart(plan.tiles * CHANNELS), apart(plan.tiles * plan.outs)
        self.v = b.scratch(dtypes.float32, self.places * self.apart[0])
        self.m = b.scratch(dtypes.float32, self.places * self.apart[1])
        self.y = b.scratch(dtypes.float32, plan.m ** 2 * plan.outs)
        self.channels = resolve(c.size(plan.channel))
        self.outs = resolve(c.size(plan.vector))
        self.height, self.length = (resolve(c.size(v)) for v in plan.space)
        self.down, self.across = resolve(plan.down(c)), resolve(plan.across(c))
        self.count = resolve(plan.count(c))

    def divides(self, step: int, value: Value) -> bool:
        """Whether a size is known to be a multiple of `step`."""
        return value.const is not None and int(value.const) % step == 0

    def task(self, number: Value) -> None:
        """Some tiles, some output channels."""
        b = self.b
        first, out = self.part(number)
        once = self.channels.const is not None and int(self.channels.const) <= CHANNELS
        if once:
            self.inputs(first, b.index(0), self.channels)
            self.products(out, b.index(0), self.channels, again=False)
        else:
            self.clear()
            with b.loop(0, self.channels, CHANNELS) as turn:
                if self.divides(CHANNELS, self.channels):
                    count = b.index(CHANNELS)
                else:
                    count = b.min(b.sub(self.channels, turn.var), CHANNELS)
                self.inputs(first, turn.var, count)
                self.products(out, turn.var, count, again=True)
        self.results(first, out)

    def part(self, number: Value) -> tuple[Value, Value]:
        """The first tile and output channel of a task."""
        b, plan = self.b, self.plan
        sizes = (self.count, plan.tiles), (self.outs, plan.outs)
        counts = [b.div(b.add(size, step - 1), step) for size, step in sizes]
        if plan.outs_first:
            out, tile = b.div(number, counts[0]), b.rem(number, counts[0])
        else:
            tile, out = b.div(number, counts[1]), b.rem(number, counts[1])
        return b.mul(tile, plan.tiles), b.mul(out, plan.outs)

    def clear(self) -> None:
        """M = 0."""
        b, lanes = self.b, self.plan.lanes
        with b.loop(0, self.m.stack, lanes) as turn:
            b.store(self.m, turn.var, b.const(0, dtypes.float32, lanes))

    def where(self, tile: Value) -> tuple[Value, Value, Value]:
        """The image of a tile, and its first row and column of the output."""
        b, m = self.b, self.plan.m
        image = b.div(tile, b.mul(self.down, self.across))
        row = b.rem(b.div(tile, self.across), self.down)
        return image, b.mul(row, m), b.mul(b.rem(tile, self.across), m)

    # -- V -------------------------------------------------------------------------------------
    def inputs(self, first: Value, channel: Value, count: Value) -> None:
        """V of all tiles, for `count` channels from `channel` on."""
        b, plan, a = self.b, self.plan, self.c.a
        strides = [self.resolve(a.stride(v)) for v in plan.space]
        with b.loop(0, plan.tiles) as tile:
            at = b.min(b.add(first, tile.var), b.sub(self.count, 1))
            image, row, column = self.where(at)
            start = b.add(self.resolve(a.base), channel)
            if plan.batch:
                start = b.add(start, b.mul(image, self.resolve(a.stride(plan.batch))))
            start = b.add(b.add(start, b.mul(row, strides[0])), b.mul(column, strides[1]))
            inside = self.inside(row, column)
            with b.loop(0, count, plan.lanes) as turn:
                mask = None
                if not self.divides(plan.lanes, self.channels):
                    left = b.splat(b.sub(count, turn.var), plan.lanes)
                    mask = b.compare("lt", b.iota(plan.lanes), left)
                square = [[self.load(b.add(start, turn.var), r, s, strides, inside, mask)
                           for r in range(plan.side)] for s in range(plan.side)]
                for i, line in enumerate(transformed(b, plan.form.inputs, square)):
                    for p, value in enumerate(line, i * plan.side):
                        place = b.add(b.mul(tile.var, CHANNELS), turn.var)
                        b.store(self.v, b.add(place, p * self.apart[0]), value)

    def inside(self, row: Value, column: Value) -> list[list[Value] | None]:
        """For rows and columns of a window, which of them some output reads; None: all."""
        b, plan = self.b, self.plan
        found: list[list[Value] | None] = []
        for size, at in ((self.height, row), (self.length, column)):
            left = b.sub(b.add(size, self.plan.size - 1), at)
            found.append(None if self.divides(plan.m, size) else
                         [b.compare("lt", r, left) for r in range(plan.side)])
        return found

    def load(self, start: Value, r: int, s: int, strides: Sequence[Value],
             inside: Sequence[list[Value] | None], mask: Value | None) -> Value:
        """An element of the window, of some channels; zero where no output reads it."""
        b = self.b
        for known, n in zip(inside, (r, s), strict=True):
            if known is not None and n > self.plan.size - 1:
                here = b.splat(known[n], self.plan.lanes)
                mask = here if mask is None else b.and_(mask, here)
        at = b.add(start, b.add(b.mul(strides[0], r), b.mul(strides[1], s)))
        return b.load(self.x, at, self.plan.lanes, mask)

    # -- M -------------------------------------------------------------------------------------
    def products(self, out: Value, channel: Value, count: Value, again: bool) -> None:
        """M += V U for these channels; again: M holds something."""
        b, plan = self.b, self.plan
        panels = b.div(b.add(self.outs, plan.width - 1), plan.width)
        first = b.div(out, plan.width)
        some = plan.outs // plan.width
        last = b.index(some) if self.divides(plan.outs, self.outs) else \
            b.min(b.sub(panels, first), some)
        with b.loop(0, self.places) as place, b.loop(0, last) as panel:
            at = b.add(b.mul(b.add(first, panel.var), self.places), place.var)
            u = b.mul(b.add(b.mul(at, self.channels), channel), plan.width)
            v = b.mul(place.var, self.apart[0])
            m = b.add(b.mul(place.var, self.apart[1]), b.mul(panel.var, plan.width))
            self.product(v, u, m, count, again)

    def product(self, v: Value, u: Value, m: Value, count: Value, again: bool) -> None:
        """All tiles, a panel of filters, at one place."""
        b, plan = self.b, self.plan

        def place(row: Value, column: Value) -> Value:
            return b.add(b.add(m, b.mul(row, plan.outs)), column)

        def begin(row: Value, column: Value, mask: Value | None) -> Value:
            return b.load(self.m, place(row, column), plan.lanes) if again else zero

        def finish(row: Value, column: Value, value: Value, mask: Value | None) -> None:
            b.store(self.m, place(row, column), value)

        zero, one = b.const(0, dtypes.float32, plan.lanes), b.index(1)
        multiply(b, plan.rows, plan.lanes, Matrix(self.v, v, b.index(CHANNELS), one),
                 Matrix(self.u, u, b.index(plan.width), one),
                 (b.index(plan.tiles), plan.width, count), begin, finish,
                 even=self.divides(TURNS, self.channels))

    # -- y -------------------------------------------------------------------------------------
    def results(self, first: Value, out: Value) -> None:
        """The outputs of all tiles, to the epilogue."""
        b, plan = self.b, self.plan
        whole = self.divides(plan.lanes, self.outs)
        outs = b.index(plan.outs) if self.divides(plan.outs, self.outs) else \
            b.min(b.sub(self.outs, out), plan.outs)
        with b.loop(0, b.min(b.sub(self.count, first), plan.tiles)) as tile:
            image, row, column = self.where(b.add(first, tile.var))
            with b.loop(0, outs, plan.lanes) as turn:
                at = b.add(b.mul(tile.var, plan.outs), turn.var)
                far = self.apart[1]
                square = [[b.load(self.m, b.add(at, (r * plan.side + s) * far), plan.lanes)
                           for r in range(plan.side)] for s in range(plan.side)]
                for i, line in enumerate(transformed(b, plan.form.results, square)):
                    for place, value in enumerate(line, i * plan.m):
                        b.store(self.y, b.add(turn.var, place * plan.outs), value)
            with (b.loop(0, self.left(self.height, row)) as r,
                  b.loop(0, self.left(self.length, column)) as s,
                  b.loop(0, outs, plan.lanes) as turn):
                k = b.add(out, turn.var)
                index = {plan.space[0]: b.add(row, r.var), plan.space[1]: b.add(column, s.var),
                         plan.vector: k}
                if plan.batch:
                    index[plan.batch] = image
                n = b.add(b.mul(r.var, plan.m), s.var)
                value = b.load(self.y, b.add(b.mul(n, plan.outs), turn.var), plan.lanes)
                mask = None if whole else b.compare(
                    "lt", b.iota(plan.lanes), b.splat(b.sub(self.outs, k), plan.lanes))
                self.epilogue(index, plan.vector, value, mask)

    def left(self, size: Value, at: Value) -> Value:
        """Rows or columns of a tile that lie inside."""
        m = self.plan.m
        return self.b.index(m) if self.divides(m, size) else self.b.min(self.b.sub(size, at), m)
