"""Contractions in the loop language: register tiles, for every kind of sum of products.

In: a `Builder`, a `Contraction` and the `Tile` that was chosen for it (`schedule.tiling.choose`),
the two operands' buffers, an epilogue. Out: statements in the builder.

    choose -> tile.packs are copied by the scheduler -> contraction = packed(contraction, tile)
    with chunks 0 <= c < tile.tasks(contraction):   emit(b, contraction, tile, a, b_, epilogue)

    for task in lo..hi                               which part of the output
      for each variable of tile.nest                 full tiles, then smaller ones for the edge
        accumulators = 0                             rows x columns vectors, all in registers
        for the reduce variables: accumulator += a * b
        epilogue(index, vector variable, accumulator, mask), once for each accumulator

With `tile.block` the sums of a task lie in stack memory: for each block of the reduce variables the
loops run as above, but take up the accumulators there and leave them there; the epilogue follows
in a last run.

`epilogue(index, var, value, mask)` computes the fused tail and stores it. `index` maps each output
variable to the scalar index of the first lane; the lanes of `value` run along `var` (their number
may differ from call to call; 1 is a scalar); lanes that are off in `mask` lie outside the output
(None: all are inside). It is called once for each output element, in one task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from math import prod

from lamina.kernel.loops import Buffer, Builder, Value
from lamina.schedule.contraction import Access, Contraction, Tile, reduce_loops
from lamina.shapes import Dim

Epilogue = Callable[[dict[str, Value], str, Value, Value | None], None]
Resolve = Callable[[Dim], Value]

FLAT_FMAS = 60  # reduce loops with fewer multiply-adds in all are written out; more make it spill


def emit(b: Builder, contraction: Contraction, tile: Tile, a: Buffer, b_: Buffer,
         epilogue: Epilogue, resolve: Resolve | None = None) -> None:
    """Write the kernel body. `resolve` turns symbolic sizes and strides into values."""
    writer = _Writer(b, contraction, tile, (a, b_), epilogue, resolve)
    with b.loop(b.lo, b.hi) as task:
        writer.task(task.var)


@dataclass(frozen=True)
class _Span:
    """Turns of one variable: from lo to hi in steps of `values`; `ragged` needs a mask."""

    lo: Value
    hi: Value
    values: int
    ragged: bool = False
    once: bool = False  # at most one turn: not a loop; runs if lo < hi


@dataclass(frozen=True)
class _Part:
    """A block of the reduce variables: where it starts, and how long it is in the last of them."""

    index: dict[str, Value]
    var: str
    size: Value


@dataclass(frozen=True)
class _Turns:
    """A reduce loop: how often, and how far each operand moves in a turn."""

    size: Value
    strides: tuple[Value, Value]


class _Store:
    """The sums of a task in stack memory, laid out like the task's part of the output."""

    def __init__(self, w: _Writer, origin: Mapping[str, Value]) -> None:
        self.w, self.b, self.origin = w, w.b, origin
        self.strides: dict[str, int] = {}
        self.count = w.tile.lanes if w.tile.horizontal else 1
        for var, step in sorted(w.tile.grid, key=lambda g: g[0] != w.tile.column):
            self.strides[var] = self.count
            self.count *= -(-step // w.tile.lanes) * w.tile.lanes if w.is_column(var) else step
        self.buffer = w.b.scratch(w.acc, self.count)

    def clear(self) -> None:
        """All sums zero."""
        lanes = self.w.tile.lanes
        with self.b.loop(0, self.count, lanes) as turn:
            self.b.store(self.buffer, turn.var, self.b.const(0, self.w.acc, lanes))

    def at(self, index: Mapping[str, Value]) -> Value:
        """Where the sum for an output index lies."""
        b, total = self.b, self.b.index(0)
        for var, at in index.items():
            total = b.add(total, b.mul(b.sub(at, self.origin[var]), self.strides[var]))
        return total


class _Writer:
    def __init__(self, b: Builder, contraction: Contraction, tile: Tile,
                 buffers: tuple[Buffer, Buffer], epilogue: Epilogue, resolve: Resolve | None
                 ) -> None:
        self.b = b
        self.c = contraction
        self.tile = tile
        self.buffers = buffers
        self.epilogue = epilogue
        self.resolve = resolve
        self.acc = contraction.acc
        self.store: _Store | None = None
        self.part: _Part | None = None
        self.out = [v for v, _ in contraction.out_vars]

    def value(self, size: Dim) -> Value:
        """A size or stride as a value."""
        if isinstance(size, int):
            return self.b.index(size)
        if self.resolve is None:
            raise TypeError(f"{size!r} needs `resolve`")
        return self.resolve(size)

    # -- tasks and the loops inside one ----------------------------------------------------------
    def task(self, number: Value) -> None:
        """One task: its part of every variable, then the loops over that part."""
        b = self.b
        spans: dict[str, tuple[Value, Value]] = {}
        for var, step in reversed(self.tile.grid):
            size = self.value(self.c.size(var))
            count = b.div(b.add(size, step - 1), step)
            if var == self.tile.grid[0][0]:
                digit = number if count.const != 1 else b.index(0)
            else:
                digit = b.rem(number, count)
                number = b.div(number, count)
            lo = b.mul(digit, step)
            spans[var] = (lo, b.min(b.add(lo, step), size) if count.const != 1 else size)
        if self.tile.block is None:
            self.nest(0, spans, {}, {}, False)
        else:
            self.blocked(spans)

    def blocked(self, spans: Mapping[str, tuple[Value, Value]]) -> None:
        """One task, block by block of the reduce variables."""
        self.store = _Store(self, {v: lo for v, (lo, _) in spans.items()})
        self.store.clear()
        with ExitStack() as loops:
            self.part = self.open_blocks(loops)
            self.nest(0, spans, {}, {}, False)
        self.part = None
        self.nest(0, spans, {}, {}, False)

    def open_blocks(self, loops: ExitStack) -> _Part:
        """Open a loop for each reduce variable down to the blocked one."""
        b, index = self.b, {}
        name, step = self.tile.block or ("", 1)
        for var in self.tile.reduce:
            size = self.value(self.c.size(var))
            by = step if var == name else 1
            turn = loops.enter_context(b.loop(0, size, by)).var if size.const != 1 else b.index(0)
            index[var] = turn
            if var == name:
                break
        left = b.sub(size, turn)
        whole = size.const is not None and int(size.const) % step == 0
        return _Part(index, name, b.index(step) if whole else b.min(left, step))

    def nest(self, level: int, spans: Mapping[str, tuple[Value, Value]], index: dict[str, Value],
             blocks: dict[str, int], ragged: bool) -> None:
        """The loops from `level` inwards, at the given index of the outer ones."""
        if level == len(self.tile.nest):
            self.register_tile(index, blocks, ragged)
            return
        var, block = self.tile.nest[level]
        for span in self.cover(var, block, *spans[var]):
            for at in self.turns(span):
                self.nest(level + 1, spans, {**index, var: at}, {**blocks, var: span.values},
                          ragged or span.ragged)

    def turns(self, span: _Span) -> Iterator[Value]:
        """The body of a span, opened as a loop, a branch or nothing; yields the variable."""
        if span.lo.const is not None and span.hi.const is not None:
            if span.lo.const >= span.hi.const:
                return
            if span.lo.const + span.values >= span.hi.const:
                yield span.lo
                return
        if span.once:
            with self.b.when(span.lo < span.hi):
                yield span.lo
            return
        with self.b.loop(span.lo, span.hi, span.values) as turn:
            yield turn.var

    def cover(self, var: str, block: int, lo: Value, hi: Value) -> list[_Span]:
        """Spans that cover lo..hi: full blocks first, then what is left."""
        size = self.c.size(var)
        if isinstance(size, int):
            return self.cover_known(var, size, block, lo, hi)
        if block == 1:
            return [_Span(lo, hi, 1)]
        return self.cover_unknown(var, block, lo, hi)

    def cover_known(self, var: str, size: int, block: int, lo: Value, hi: Value) -> list[_Span]:
        """The edge is one smaller tile, in the one task that reaches it."""
        b, full = self.b, size // block * block
        if full == size:
            return [_Span(lo, hi, block)]
        ragged = self.is_column(var) and (size - full) % self.lanes != 0
        edge = _Span(b.index(full), hi, size - full, ragged, once=True)
        return [_Span(lo, b.min(hi, full), block), edge] if full else [edge]

    def cover_unknown(self, var: str, block: int, lo: Value, hi: Value) -> list[_Span]:
        """The edge is covered by ever smaller tiles; by single masked vectors along the lanes."""
        b, lanes = self.b, self.lanes
        vectors = self.is_column(var) and lanes > 1
        steps = [block] + ([] if vectors else [t for t in self.tile.tails if t < block])
        spans = []
        for step in steps:
            end = b.add(lo, b.mul(b.div(b.sub(hi, lo), step), step))
            spans.append(_Span(lo, end, step))
            lo = end
        return spans + ([_Span(lo, hi, lanes, ragged=True)] if vectors else [])

    def is_column(self, var: str) -> bool:
        """Whether the variable runs across the lanes of the output."""
        return var == self.tile.vector

    @property
    def lanes(self) -> int:
        """Values of the column variable in a register; 1 if the sum is horizontal."""
        return 1 if self.tile.horizontal else self.tile.lanes

    # -- one register tile -----------------------------------------------------------------------
    def register_tile(self, index: dict[str, Value], blocks: dict[str, int], ragged: bool) -> None:
        """Sum, then hand each accumulator to the epilogue."""
        _RegisterTile(self, index, blocks, ragged).write()


class _RegisterTile:
    """rows x columns accumulators at one place of the output."""

    def __init__(self, w: _Writer, index: dict[str, Value], blocks: dict[str, int], ragged: bool
                 ) -> None:
        self.w, self.b, self.tile, self.index = w, w.b, w.tile, index
        self.columns = -(-blocks[w.tile.column] // w.lanes)
        names = [v for v in w.out if blocks[v] > 1 and v != w.tile.column]
        self.rows = [dict(zip(names, at, strict=True))
                     for at in product(*(range(blocks[v]) for v in names))]
        self.mask = self.edge_mask(blocks[w.tile.column]) if ragged else None
        self.operands = [_Operand(self, x, buffer)
                         for x, buffer in zip((w.c.a, w.c.b), w.buffers, strict=True)]

    def edge_mask(self, values: int) -> Value:
        """Lanes of the last column that lie inside the output."""
        b, column = self.b, self.tile.column
        left = b.sub(self.w.value(self.w.c.size(column)), self.index[column])
        left = b.sub(left, (self.columns - 1) * self.w.lanes)
        return b.compare("lt", b.iota(self.w.lanes), b.splat(left, self.w.lanes))

    def mask_of(self, column: int) -> Value | None:
        """The mask of a column, None where all lanes are inside."""
        return self.mask if column == self.columns - 1 else None

    def write(self) -> None:
        """The sums, then the epilogue; or one part of that."""
        zero = self.b.const(0, self.w.acc, self.tile.lanes)
        sums = [zero] * (len(self.rows) * self.columns)
        store = self.w.store
        if store is None:
            self.finish(self.total(sums))
        elif self.w.part is None:
            self.finish(self.stored(store))
        else:
            self.keep(store, self.total(self.stored(store)))

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
        return start, loops + [_Turns(value(loop.size), (value(loop.a), value(loop.b)))
                               for loop in reduce_loops(self.w.c, order)]

    def strides(self, var: str) -> tuple[Value, Value]:
        """How far each operand moves with a variable."""
        return self.w.value(self.w.c.a.stride(var)), self.w.value(self.w.c.b.stride(var))

    # -- sums kept between blocks ----------------------------------------------------------------
    def places(self) -> Iterator[tuple[int, int, dict[str, Value]]]:
        """Each accumulator: row, column, output index."""
        for (i, row), j in product(enumerate(self.rows), range(self.columns)):
            yield i, j, self.place(row, j * self.w.lanes)

    def stored(self, store: _Store) -> list[Value]:
        """The accumulators as the blocks so far have left them."""
        places = [store.at(index) for _, _, index in self.places()]
        return [self.b.load(store.buffer, at, self.tile.lanes) for at in places]

    def keep(self, store: _Store, sums: list[Value]) -> None:
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
        for lo, hi, turns in self.runs(loop.size, 1 if inner else self.unroll):
            with self.b.loop(lo, hi, turns, carry=sums) as turn:
                sums = turn.carry
                at = self.shifted(offsets, turn.var, loop.strides)
                for u in range(turns):
                    here = self.shifted(at, self.b.index(u), loop.strides)
                    sums = self.reduce(inner, here, sums, step)
                turn.next(*sums)
            sums = turn.results
        return sums

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
        """x * y + z."""
        if self.w.acc.is_float:
            return self.b.fma(x, y, z)
        return self.b.add(self.b.mul(x, y), z)

    # -- sums across the lanes -------------------------------------------------------------------
    def along(self, offsets: list[Value], sums: list[Value]) -> list[Value]:
        """One run along the vector variable: full vectors, then a masked one."""
        b, lanes, var, part = self.b, self.tile.lanes, self.tile.vector, self.w.part
        strides = self.strides(var)
        size = part.size if part and part.var == var else self.w.value(self.w.c.size(var))
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
                total = self.b.reduce("add", value)
                self.w.epilogue(self.place(row, j), self.tile.column, total, None)


def fold(b: Builder, vectors: Sequence[Value]) -> Value:
    """The sums of the lanes of 1, 2, 4... vectors, as the lanes of one."""
    count, lanes = len(vectors), vectors[0].lanes
    vectors = list(vectors)
    group = 1
    while len(vectors) > 1:
        low, high = _interleaved(lanes, group)
        vectors = [b.add(b.shuffle(x, y, low), b.shuffle(x, y, high))
                   for x, y in zip(vectors[::2], vectors[1::2], strict=True)]
        group *= 2
    value = vectors[0]
    while value.lanes > count:
        half = value.lanes // 2
        value = b.add(b.shuffle(value, value, range(half)),
                      b.shuffle(value, value, range(half, value.lanes)))
    return value


def _interleaved(lanes: int, group: int) -> tuple[list[int], list[int]]:
    """Lanes of two vectors, merged by groups: even groups of both, then odd groups of both."""
    pairs = range(0, lanes, 2 * group)
    low = [s + p + g for p in pairs for s in (0, lanes) for g in range(group)]
    high = [s + p + group + g for p in pairs for s in (0, lanes) for g in range(group)]
    return low, high


MaskOf = Callable[[int], Value | None]
Step = Callable[[list[Value], list[Value]], list[Value]]


class _Operand:
    """One operand of a register tile: where its rows and columns lie, and how they are read."""

    def __init__(self, t: _RegisterTile, access: Access, buffer: Buffer) -> None:
        self.t, self.b, self.access, self.buffer = t, t.b, access, buffer
        w = t.w
        self.start = self.b.add(w.value(access.base), self.linear(t.index))
        self.in_rows = [any(access.carries(v) for v in row) for row in t.rows]
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
        return b.splat(b.cast(value, t.w.acc), lanes)
