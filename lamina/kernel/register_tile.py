"""One register tile of a contraction: rows x columns accumulators, summed and handed on.

In: a `Site` (what all tiles of a kernel share), a place in the output and the tile's extent there.
Out: statements in the builder: the reduce loops with their multiply-adds, then the epilogue once
for each accumulator. With blocks, the sums are taken up from the task's store and left there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from lamina.kernel.fold import fold
from lamina.kernel.loops import Buffer, Value
from lamina.kernel.site import Site, Store
from lamina.schedule.contraction import Access, ReduceLoop, reduce_loops
from lamina.schedule.tile_costs import LINE

MaskOf = Callable[[int], Value | None]
Step = Callable[[list[Value], list[Value]], list[Value]]

MOST_LINES = 4  # that one operand asks for in a turn: more are streams, which hardware foresees
FLAT_FMAS = 60  # reduce loops with fewer multiply-adds in all are written out; more make it spill


@dataclass(frozen=True)
class _Turns:
    """A reduce loop: how often, and how far each operand moves in a turn."""

    size: Value
    strides: tuple[Value, Value]


class RegisterTile:
    """rows x columns accumulators at one place of the output."""

    def __init__(self, w: Site, index: dict[str, Value], blocks: dict[str, int], ragged: bool
                 ) -> None:
        self.w, self.b, self.tile, self.index = w, w.b, w.tile, index
        self.columns = -(-blocks[w.tile.column] // w.lanes)
        names = [v for v in w.out if blocks[v] > 1 and v != w.tile.column]
        self.rows = [dict(zip(names, at, strict=True))
                     for at in product(*(range(blocks[v]) for v in names))]
        self.mask = self.edge_mask() if ragged else None
        self.operands = [_Operand(self, x, buffer)
                         for x, buffer in zip((w.c.a, w.c.b), w.buffers, strict=True)]

    def edge_mask(self) -> Value:
        """Lanes of the last column that lie inside the output."""
        b, column = self.b, self.tile.column
        left = b.sub(self.w.size(column), self.index[column])
        left = b.sub(left, (self.columns - 1) * self.w.lanes)
        return b.compare("lt", b.iota(self.w.lanes), b.splat(left, self.w.lanes))

    def mask_of(self, column: int) -> Value | None:
        """The mask of a column, None where all lanes are inside."""
        return self.mask if column == self.columns - 1 else None

    def write(self) -> None:
        """The sums, then the epilogue; or one part of that."""
        self.ask_for_the_epilogue()
        zero = self.b.const(0, self.w.acc, self.tile.lanes)
        sums = [zero] * (len(self.rows) * self.columns)
        store = self.w.store
        if store is None:
            self.finish(self.total(sums))
        elif self.w.part is None:
            self.finish(self.stored(store))
        else:
            self.keep(store, self.total(self.stored(store)))

    def ask_for_the_epilogue(self) -> None:
        """Ask for each cache line that the epilogue reads in its rows."""
        if self.w.ask is None or self.w.part is not None or self.tile.horizontal:
            return
        width = self.columns * self.w.lanes
        each = max(1, LINE // self.w.acc.itemsize)
        for row, column in product(self.rows, (*range(0, width, each), width - 1)):
            self.w.ask(self.place(row, column))

    def total(self, sums: list[Value]) -> list[Value]:
        """`sums` and the products of all turns, or of one block."""
        start, loops = self.extent()
        step = self.along if self.tile.horizontal else self.step
        return self.reduce(loops, start, sums, step)

    def extent(self) -> tuple[list[Value], list[_Turns]]:
        """Where the operands start, and the reduce loops but for one across the lanes."""
        start, part = [o.start for o in self.operands], self.w.part
        order = [r for r in self.tile.reduce if r != self.tile.vector]
        loops: list[_Turns] = []
        if part is not None:
            for var, at in part.index.items():
                start = self.shifted(start, at, self.strides(var))
            order = [r for r in order if r not in part.index]
            if part.var != self.tile.vector:
                loops = [_Turns(part.size, self.strides(part.var))]
        value = self.w.value
        return start, loops + [_Turns(self.turns(loop), (value(loop.a), value(loop.b)))
                               for loop in reduce_loops(self.w.c, order)]

    def turns(self, loop: ReduceLoop) -> Value:
        """How often a reduce loop turns; several variables in one are never cut."""
        one = len(loop.names) == 1
        return self.w.turns(loop.names[0], self.index) if one else self.w.value(loop.size)

    def strides(self, var: str) -> tuple[Value, Value]:
        """How far each operand moves with a variable."""
        return self.w.value(self.w.c.a.stride(var)), self.w.value(self.w.c.b.stride(var))

    # -- sums kept between blocks ----------------------------------------------------------------
    def places(self) -> Iterator[tuple[int, int, dict[str, Value]]]:
        """Each accumulator: row, column, output index."""
        for (i, row), j in product(enumerate(self.rows), range(self.columns)):
            yield i, j, self.place(row, j * self.w.lanes)

    def stored(self, store: Store) -> list[Value]:
        """The accumulators as the blocks so far have left them."""
        places = [store.at(index) for _, _, index in self.places()]
        return [self.b.load(store.buffer, at, self.tile.lanes) for at in places]

    def keep(self, store: Store, sums: list[Value]) -> None:
        """Leave the accumulators for the next block."""
        places = [store.at(index) for _, _, index in self.places()]
        for value, at in zip(sums, places, strict=True):
            self.b.store(store.buffer, at, value)

    # -- the reduce loops ------------------------------------------------------------------------
    def reduce(self, loops: Sequence[_Turns], offsets: list[Value], sums: list[Value], step: Step
               ) -> list[Value]:
        """All turns of `loops` added to `sums`; `step` does the innermost turn."""
        if not loops:
            return step(offsets, sums)
        loop, inner = loops[0], loops[1:]
        if self.is_flat(loops, len(sums)):
            for count in range(int(loop.size.const or 0)):
                at = self.shifted(offsets, self.b.index(count), loop.strides)
                sums = self.reduce(inner, at, sums, step)
            return sums
        if not inner and self.tile.next_rows and self.w.part is None:
            return self.line_by_line(loop, offsets, sums, step)
        return self.turned(loop.size, loops, offsets, sums, step)

    def line_by_line(self, loop: _Turns, offsets: list[Value], sums: list[Value], step: Step
                     ) -> list[Value]:
        """All turns, a cache line at a time: meanwhile that line of the next rows is asked for."""
        side = 0 if self.operands[1].by_column else 1
        rows = self.operands[side]
        with self.b.loop(0, loop.size, rows.line, carry=sums) as turn:
            at = self.shifted(offsets, turn.var, loop.strides)
            rows.ask_next(at[side])
            turn.next(*self.turned(self.b.index(rows.line), [loop], at, turn.carry, step))
        return turn.results

    def turned(self, size: Value, loops: Sequence[_Turns], offsets: list[Value],
               sums: list[Value], step: Step) -> list[Value]:
        """`size` turns of the first of `loops`, all of the others."""
        loop, inner = loops[0], loops[1:]
        for lo, hi, turns in self.runs(size, 1 if inner else self.unroll):
            with self.b.loop(lo, hi, turns, carry=sums) as turn:
                sums = turn.carry
                at = self.shifted(offsets, turn.var, loop.strides)
                for u in range(turns):
                    here = self.shifted(at, self.b.index(u), loop.strides)
                    if not inner and self.tile.ahead:
                        self.ask_ahead(here, loop.strides)
                    sums = self.reduce(inner, here, sums, step)
                turn.next(*sums)
            sums = turn.results
        return sums

    def ask_ahead(self, offsets: list[Value], strides: tuple[Value, Value]) -> None:
        """Ask for the cache lines of a later turn, where turns are far apart."""
        turns = self.b.index(self.tile.ahead)
        for o, at, stride in zip(self.operands, self.shifted(offsets, turns, strides), strides,
                                 strict=True):
            if stride.const is None or abs(stride.const) >= o.line:
                o.ask(at)

    @property
    def unroll(self) -> int:
        """Turns written out: the full tile's; an edge is not worth the code."""
        full = self.tile.columns * prod(n for _, n in self.tile.rows)
        return self.tile.unroll if len(self.rows) * self.columns == full and not self.mask else 1

    def runs(self, size: Value, turns: int) -> Iterator[tuple[Value, Value, int]]:
        """Loops that cover `size` turns: by `turns` at a time, then the rest one by one."""
        b, lo = self.b, self.b.index(0)
        for step in dict.fromkeys((turns, 1)):
            hi = b.mul(b.div(size, step), step)
            if hi.const is None or lo.const != hi.const:
                yield lo, hi, step
            lo = hi

    def is_flat(self, loops: Sequence[_Turns], sums: int) -> bool:
        """Whether so few turns are left that they are written out."""
        turns = prod(-1 if loop.size.const is None else int(loop.size.const) for loop in loops)
        return all(loop.size.const is not None for loop in loops) and turns * sums <= FLAT_FMAS

    def shifted(self, offsets: list[Value], turn: Value, strides: tuple[Value, Value]
                ) -> list[Value]:
        """Offsets of the operands, `turn` turns of a loop further."""
        return [self.b.add(o, self.b.mul(turn, s)) for o, s in zip(offsets, strides, strict=True)]

    def step(self, offsets: list[Value], sums: list[Value]) -> list[Value]:
        """One multiply-add for each accumulator."""
        return self.accumulate(offsets, sums, self.mask_of)

    def accumulate(self, offsets: list[Value], sums: list[Value], mask_of: MaskOf) -> list[Value]:
        """One turn: each factor is read once."""
        loads = [o.reader(at, mask_of) for o, at in zip(self.operands, offsets, strict=True)]
        return [self.multiply_add(loads[0](i, j), loads[1](i, j), sums[i * self.columns + j])
                for i in range(len(self.rows)) for j in range(self.columns)]

    def multiply_add(self, x: Value, y: Value, z: Value) -> Value:
        """x * y + z, of words the products of their parts."""
        if self.w.c.words:
            return (self.b.add_halves if self.w.acc.is_float else self.b.add_bytes)(x, y, z)
        if self.w.acc.is_float:
            return self.b.fma(x, y, z)
        return self.b.add(self.b.mul(x, y), z)

    # -- sums across the lanes -------------------------------------------------------------------
    def along(self, offsets: list[Value], sums: list[Value]) -> list[Value]:
        """One run along the vector variable: full vectors, then a masked one."""
        b, lanes, var, part = self.b, self.tile.lanes, self.tile.vector, self.w.part
        strides = self.strides(var)
        size = part.size if part and part.var == var else self.w.turns(var, self.index)
        for lo, hi, turns in self.runs(b.div(size, lanes), self.unroll):
            with b.loop(lo, hi, turns, carry=sums) as turn:
                sums = turn.carry
                at = self.shifted(offsets, b.mul(turn.var, lanes), strides)
                for u in range(turns):
                    here = self.shifted(at, b.index(u * lanes), strides)
                    sums = self.accumulate(here, sums, lambda j: None)
                turn.next(*sums)
            sums = turn.results
        if size.const is not None and int(size.const) % lanes == 0:
            return sums
        full = b.mul(b.div(size, lanes), lanes)
        mask = b.compare("lt", b.iota(lanes), b.splat(b.sub(size, full), lanes))
        at = self.shifted(offsets, full, strides)
        return self.accumulate(at, sums, lambda j: mask)

    # -- results ---------------------------------------------------------------------------------
    def place(self, row: Mapping[str, int], column: int) -> dict[str, Value]:
        """The output index of an accumulator's first lane."""
        shift = {**row, self.tile.column: column}
        return {v: self.b.add(at, shift.get(v, 0)) for v, at in self.index.items()}

    def finish(self, sums: list[Value]) -> None:
        """Each accumulator to the epilogue."""
        if self.tile.horizontal:
            self.finish_horizontal(sums)
            return
        for i, j, index in self.places():
            value = sums[i * self.columns + j]
            self.w.epilogue(index, self.tile.column, value, self.mask_of(j))

    def finish_horizontal(self, sums: list[Value]) -> None:
        """The columns of each row as one vector, or one by one where they are not 2, 4, 8."""
        for i, row in enumerate(self.rows):
            line = sums[i * self.columns: (i + 1) * self.columns]
            if self.columns & (self.columns - 1) == 0:
                self.w.epilogue(self.place(row, 0), self.tile.column, fold(self.b, line), None)
                continue
            for j, value in enumerate(line):
                total = fold(self.b, [value])
                self.w.epilogue(self.place(row, j), self.tile.column, total, None)


class _Operand:
    """One operand of a register tile: where its rows and columns lie, and how they are read."""

    def __init__(self, t: RegisterTile, access: Access, buffer: Buffer) -> None:
        self.t, self.b, self.access, self.buffer = t, t.b, access, buffer
        w = t.w
        self.start = self.b.add(w.value(access.base), self.linear(t.index))
        self.row_offsets = [self.row_offset(row) for row in t.rows]
        self.stride = w.value(access.stride(t.tile.column))
        self.along = w.value(access.stride(t.tile.vector))

    def linear(self, index: Mapping[str, Value]) -> Value:
        """The offset of an output index."""
        b, total, panel = self.b, self.b.index(0), self.access.panel
        for var, at in index.items():
            if panel is not None and panel.var == var:
                whole = b.mul(b.div(at, panel.width), self.t.w.value(panel.stride))
                total = b.add(b.add(total, whole), b.rem(at, panel.width))
            else:
                total = b.add(total, b.mul(at, self.t.w.value(self.access.stride(var))))
        return total

    def row_offset(self, row: Mapping[str, int]) -> Value:
        """How far a row lies from the tile's first."""
        b, total = self.b, self.b.index(0)
        for var, count in row.items():
            total = b.add(total, b.mul(b.index(count), self.t.w.value(self.access.stride(var))))
        return total

    def reader(self, offset: Value, mask_of: MaskOf) -> Callable[[int, int], Value]:
        """Reads the factor of accumulator (i, j) at one turn of the reduce loops, each once."""
        made: dict[tuple[object, int], Value] = {}

        def read(i: int, j: int) -> Value:
            row = self.row_offsets[i]
            key = (row.const if row.const is not None else row, j if self.by_column else 0)
            if key not in made:
                made[key] = self.load(offset, row, j, mask_of)
            return made[key]

        return read

    def ask(self, offset: Value) -> None:
        """Ask for the cache lines of one turn, if they are few."""
        lines = self.lines()
        if len(lines) <= MOST_LINES:
            for at in lines:
                self.b.prefetch(self.buffer, self.b.add(offset, at))

    def ask_next(self, offset: Value) -> None:
        """Ask for one element of each of the rows that follow the tile's."""
        (var, count), = self.t.tile.rows
        first = self.b.add(offset, self.b.mul(self.t.w.value(self.access.stride(var)), count))
        for row in self.row_offsets:
            self.b.prefetch(self.buffer, self.b.add(first, row))

    def lines(self) -> list[int]:
        """Offsets that lie in each cache line of one turn, as far as they are constants."""
        width = self.t.columns * self.t.w.lanes if self.by_column else 1
        lines: list[int] = []
        for row in sorted({int(r.const) for r in self.row_offsets if r.const is not None}):
            for at in (*range(row, row + width, self.line), row + width - 1):
                if not lines or at >= lines[-1] + self.line:
                    lines.append(at)
        return lines

    @property
    def line(self) -> int:
        """Elements of a cache line."""
        return LINE // self.buffer.dtype.itemsize

    @property
    def by_column(self) -> bool:
        """Whether columns differ."""
        return self.stride.const != 0

    def load(self, offset: Value, row: Value, j: int, mask_of: MaskOf) -> Value:
        """A vector along the lanes, or one element for all of them."""
        b, t = self.b, self.t
        lanes = t.tile.lanes
        at = b.add(offset, b.add(row, b.mul(self.stride, j * t.w.lanes)))
        if self.along.const == 0:
            value = b.load(self.buffer, at)
        elif self.along.const == 1:
            packed = self.access.panel is not None and self.access.panel.var == t.tile.vector
            value = b.load(self.buffer, at, lanes, None if packed else mask_of(j))
        else:
            offsets = b.add(at, b.mul(b.iota(lanes), b.splat(self.along, lanes)))
            value = b.gather(self.buffer, offsets, mask_of(j))
        return b.splat(value if t.w.c.words else b.cast(value, t.w.acc), lanes)
