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

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from lamina.kernel.builder import Builder
from lamina.kernel.loops import Buffer, Value
from lamina.kernel.register_tile import RegisterTile
from lamina.kernel.site import Ask, Epilogue, Part, Resolve, Site, Store
from lamina.schedule.contraction import Contraction, Tile


def emit(b: Builder, contraction: Contraction, tile: Tile, a: Buffer, b_: Buffer,
         epilogue: Epilogue, resolve: Resolve | None = None, ask: Ask | None = None) -> None:
    """Write the kernel body. `resolve` turns symbolic sizes and strides into values.

    ask: (index) asks for the memory that the epilogue reads there, ahead of time.
    """
    writer = _Writer(Site(b, contraction, tile, (a, b_), epilogue, resolve, ask))
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


class _Writer:
    """Tasks, and the loops inside one, around register tiles."""

    def __init__(self, site: Site) -> None:
        self.site, self.b, self.tile = site, site.b, site.tile

    # -- tasks and the loops inside one ----------------------------------------------------------
    def task(self, number: Value) -> None:
        """One task: its part of every variable, then the loops over that part."""
        b = self.b
        spans: dict[str, tuple[Value, Value]] = {}
        for var, step in reversed(self.tile.grid):
            size = self.site.size(var)
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
        site = self.site
        site.store = Store(site, {v: lo for v, (lo, _) in spans.items()})
        site.store.clear()
        with ExitStack() as loops:
            site.part = self.open_blocks(loops, {v: lo for v, (lo, _) in spans.items()})
            self.nest(0, spans, {}, {}, False)
        site.part = None
        self.nest(0, spans, {}, {}, False)

    def open_blocks(self, loops: ExitStack, origin: Mapping[str, Value]) -> Part:
        """Open a loop for each reduce variable down to the blocked one."""
        b, index = self.b, {}
        name, step = self.tile.block or ("", 1)
        for var in self.tile.reduce:
            size = self.site.turns(var, origin)
            by = step if var == name else 1
            turn = loops.enter_context(b.loop(0, size, by)).var if size.const != 1 else b.index(0)
            index[var] = turn
            if var == name:
                break
        left = b.sub(size, turn)
        whole = size.const is not None and int(size.const) % step == 0
        return Part(index, name, b.index(step) if whole else b.min(left, step))

    def nest(self, level: int, spans: Mapping[str, tuple[Value, Value]], index: dict[str, Value],
             blocks: dict[str, int], ragged: bool) -> None:
        """The loops from `level` inwards, at the given index of the outer ones."""
        if level == len(self.tile.nest):
            RegisterTile(self.site, index, blocks, ragged).write()
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
        size = self.site.c.size(var)
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
        ragged = var == self.tile.vector and (size - full) % self.site.lanes != 0
        edge = _Span(b.index(full), hi, size - full, ragged, once=True)
        return [_Span(lo, b.min(hi, full), block), edge] if full else [edge]

    def cover_unknown(self, var: str, block: int, lo: Value, hi: Value) -> list[_Span]:
        """The edge is covered by ever smaller tiles; by single masked vectors along the lanes."""
        b, lanes = self.b, self.site.lanes
        vectors = var == self.tile.vector and lanes > 1
        steps = [block] + ([] if vectors else [t for t in self.tile.tails if t < block])
        spans = []
        for step in steps:
            end = b.add(lo, b.mul(b.div(b.sub(hi, lo), step), step))
            spans.append(_Span(lo, end, step))
            lo = end
        return spans + ([_Span(lo, hi, lanes, ragged=True)] if vectors else [])
