"""Gradients of filters by Winograd's way in the loop language (`schedule.winograd_gradient`).

In: a builder, a contraction with its plan, the buffers of the inputs and of the cotangents, an
epilogue as in `kernel.contraction`. Out: statements in the builder.

    for task in lo..hi                    a part of the images, output channels, input channels
      M = 0
      for some tiles
        V = inputs of each tile, U = its cotangents, transformed
        for place: M += U^T V, in register tiles
      dw = M transformed;  epilogue for each of its results
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lamina import dtypes
from lamina.kernel.builder import Builder
from lamina.kernel.loops import Buffer, Value
from lamina.kernel.site import Epilogue, Resolve
from lamina.kernel.small_matrix import Matrix as Constants
from lamina.kernel.small_matrix import transformed
from lamina.kernel.small_product import TURNS, Matrix, multiply
from lamina.schedule.contraction import Access, Contraction
from lamina.schedule.winograd import apart
from lamina.schedule.winograd_gradient import (
    CHANNELS,
    OUTS,
    PLACES,
    SIDE,
    TILES,
    WinogradGradient,
)

Read = Callable[[int, int, Value | None], Value]  # row, column, mask -> some channels


def emit_gradient(b: Builder, c: Contraction, plan: WinogradGradient, x: Buffer, g: Buffer,
                  epilogue: Epilogue, resolve: Resolve) -> None:
    """Write the kernel body; chunks 0 <= n < plan.tasks(c)."""
    writer = _Writer(b, c, plan, (x, g), epilogue, resolve)
    with b.loop(b.lo, b.hi) as task:
        writer.task(task.var)


class _Writer:
    """One task after the other."""

    def __init__(self, b: Builder, c: Contraction, plan: WinogradGradient,
                 buffers: tuple[Buffer, Buffer], epilogue: Epilogue, resolve: Resolve) -> None:
        self.b, self.c, self.plan, self.buffers = b, c, plan, buffers
        self.epilogue, self.resolve = epilogue, resolve
        self.v = b.scratch(dtypes.float32, PLACES * apart(TILES * CHANNELS))
        self.u = b.scratch(dtypes.float32, PLACES * apart(TILES * OUTS))
        self.m = b.scratch(dtypes.float32, PLACES * apart(OUTS * CHANNELS))
        self.y = b.scratch(dtypes.float32, plan.size * plan.size * plan.lanes)
        self.channels, self.outs = resolve(c.size(plan.vector)), resolve(c.size(plan.outs))
        self.height, self.length = (resolve(c.size(v)) for v in plan.space)
        self.down, self.across = (b.div(b.add(n, plan.m - 1), plan.m)
                                  for n in (self.height, self.length))

    def divides(self, step: int, value: Value) -> bool:
        """Whether a size is known to be a multiple of `step`."""
        return value.const is not None and int(value.const) % step == 0

    def task(self, number: Value) -> None:
        """Some filters, of one part of the images."""
        b, plan = self.b, self.plan
        blocks = [b.div(b.add(n, step - 1), step)
                  for n, step in ((self.outs, OUTS), (self.channels, CHANNELS))]
        channel = b.mul(b.rem(number, blocks[1]), CHANNELS)
        number = b.div(number, blocks[1])
        out = b.mul(b.rem(number, blocks[0]), OUTS)
        part = b.div(number, blocks[0])
        with b.loop(0, self.m.stack, plan.lanes) as turn:
            b.store(self.m, turn.var, b.const(0, dtypes.float32, plan.lanes))
        count = b.mul(self.images(part), b.mul(self.down, self.across))
        with b.loop(0, count, TILES) as turn:
            some = b.min(b.sub(count, turn.var), TILES)
            with b.loop(0, some) as tile:
                self.transform(part, b.add(turn.var, tile.var), tile.var, channel, out)
            with b.loop(0, PLACES) as place:
                self.product(place.var, some)
        self.results(part, out, channel)

    def images(self, part: Value) -> Value:
        """How many there are in a part: fewer in a last one."""
        b, c, plan = self.b, self.c, self.plan
        if not plan.batch:
            return b.index(1)
        each = self.resolve(c.size(plan.batch))
        if c.cut is None:
            return each
        left = b.sub(self.resolve(c.cut[1]), b.mul(part, each))
        return b.max(b.min(left, each), 0)

    # -- U and V -------------------------------------------------------------------------------
    def transform(self, part: Value, number: Value, tile: Value, channel: Value, out: Value
                  ) -> None:
        """U and V of one tile."""
        b, plan, c = self.b, self.plan, self.c
        image = b.div(number, b.mul(self.down, self.across))
        row = b.mul(b.rem(b.div(number, self.across), self.down), self.plan.m)
        column = b.mul(b.rem(number, self.across), self.plan.m)
        place = {plan.space[0]: row, plan.space[1]: column}
        if plan.batch:
            place[plan.batch] = image
        if plan.part:
            place[plan.part] = part
        sides = (self.height, row), (self.length, column)
        for which, access, first, size, block, buffer, side, matrix, beyond in (
                (0, c.a, channel, self.channels, CHANNELS, self.v, SIDE, plan.form.inputs,
                 plan.size - 1),
                (1, c.b, out, self.outs, OUTS, self.u, plan.m, plan.form.filters, 0)):
            inside = [None if self.divides(plan.m, n) else
                      [b.compare("lt", r, b.sub(b.add(n, beyond), at)) for r in range(side)]
                      for n, at in sides]
            start = b.add(self.start(access, place), first)
            self.squares(self.reader(which, access, start, inside), b.sub(size, first), size,
                         block, buffer, side, matrix, tile)

    def start(self, access: Access, place: dict[str, Value]) -> Value:
        """Where a tile of an operand begins."""
        b, total = self.b, self.resolve(access.base)
        for var, at in place.items():
            total = b.add(total, b.mul(at, self.resolve(access.stride(var))))
        return total

    def reader(self, which: int, access: Access, start: Value,
               inside: Sequence[list[Value] | None]) -> Callable[[Value], Read]:
        """Reads a tile's elements, of the channels from one on; zero where there are none."""
        b, plan = self.b, self.plan
        strides = [self.resolve(access.stride(v)) for v in plan.space]

        def reads(first: Value) -> Read:
            def read(row: int, column: int, mask: Value | None) -> Value:
                at = b.add(start, first)
                for known, n, stride in zip(inside, (row, column), strides, strict=True):
                    at = b.add(at, b.mul(stride, n))
                    if known is not None and n:
                        here = b.splat(known[n], plan.lanes)
                        mask = here if mask is None else b.and_(mask, here)
                return b.load(self.buffers[which], at, plan.lanes, mask)

            return read

        return reads

    def squares(self, reads: Callable[[Value], Read], left: Value, size: Value, block: int,
                out: Buffer, side: int, matrix: Constants, tile: Value) -> None:
        """A tile of each channel of a block, transformed."""
        b, lanes = self.b, self.plan.lanes
        whole = self.divides(block, size)
        with b.loop(0, b.index(block) if whole else b.min(left, block), lanes) as turn:
            mask = None if self.divides(lanes, size) else b.compare(
                "lt", b.iota(lanes), b.splat(b.sub(left, turn.var), lanes))
            read = reads(turn.var)
            square = [[read(r, s, mask) for r in range(side)] for s in range(side)]
            for i, line in enumerate(transformed(b, matrix, square)):
                for p, value in enumerate(line, i * SIDE):
                    at = b.add(b.mul(tile, block), turn.var)
                    b.store(out, b.add(at, p * apart(TILES * block)), value)

    # -- M -------------------------------------------------------------------------------------
    def product(self, place: Value, tiles: Value) -> None:
        """M += U^T V at one place."""
        b, lanes = self.b, self.plan.lanes
        m = b.mul(place, apart(OUTS * CHANNELS))

        def at(row: Value, column: Value) -> Value:
            return b.add(b.add(m, b.mul(row, CHANNELS)), column)

        def begin(row: Value, column: Value, mask: Value | None) -> Value:
            return b.load(self.m, at(row, column), lanes)

        def finish(row: Value, column: Value, value: Value, mask: Value | None) -> None:
            b.store(self.m, at(row, column), value)

        one = b.index(1)
        multiply(b, self.plan.rows, lanes,
                 Matrix(self.u, b.mul(place, apart(TILES * OUTS)), one, b.index(OUTS)),
                 Matrix(self.v, b.mul(place, apart(TILES * CHANNELS)), b.index(CHANNELS), one),
                 (b.index(OUTS), CHANNELS, tiles), begin, finish,
                 even=self.divides(TURNS, b.mul(self.down, self.across)))

    # -- dw ------------------------------------------------------------------------------------
    def results(self, part: Value, out: Value, channel: Value) -> None:
        """The gradients of all filters of the task, to the epilogue."""
        b, plan, lanes = self.b, self.plan, self.plan.lanes
        whole = self.divides(lanes, self.channels)
        with (b.loop(0, b.min(b.sub(self.outs, out), OUTS)) as row,
              b.loop(0, b.min(b.sub(self.channels, channel), CHANNELS), lanes) as turn):
            at = b.add(b.mul(row.var, CHANNELS), turn.var)
            square = [[b.load(self.m, b.add(at, (r * SIDE + s) * apart(OUTS * CHANNELS)), lanes)
                       for r in range(SIDE)] for s in range(SIDE)]
            for i, line in enumerate(transformed(b, plan.form.results, square)):
                for place, value in enumerate(line, i * plan.size):
                    b.store(self.y, place * lanes, value)
            left = b.sub(self.channels, b.add(channel, turn.var))
            with (b.loop(0, lanes if whole else b.min(left, lanes)) as lane,
                  b.loop(0, plan.size) as r, b.loop(0, plan.size) as s):  # in the order of memory
                index = {plan.outs: b.add(out, row.var),
                         plan.vector: b.add(b.add(channel, turn.var), lane.var),
                         plan.kernel[0]: r.var, plan.kernel[1]: s.var}
                if plan.part:
                    index[plan.part] = part
                n = b.add(b.mul(r.var, plan.size), s.var)
                value = b.load(self.y, b.add(b.mul(n, lanes), lane.var))
                self.epilogue(index, plan.vector, value, None)
