"""Matrix products inside a kernel, of operands that lie in cache, in register tiles.

In: a builder; a left matrix, whose elements are read one by one; a right one, whose rows are read
as vectors. Out: statements. Each sum starts as `begin` says, takes up its terms in their order, and
is handed to `finish`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lamina.kernel.builder import Builder
from lamina.kernel.loops import Buffer, Value
from lamina.schedule.tile_costs import SMALL_COLUMNS

TURNS = 2  # of the loop over the terms that are written out

Begin = Callable[[Value, Value, Value | None], Value]  # row, first column, mask -> a vector
Finish = Callable[[Value, Value, Value, Value | None], None]  # the same, with a vector


@dataclass(frozen=True)
class Matrix:
    """Elements at start + i * row + j * column of a buffer."""

    buffer: Buffer
    start: Value
    row: Value
    column: Value

    @property
    def turned(self) -> Matrix:
        """Rows as columns."""
        return Matrix(self.buffer, self.start, self.column, self.row)


def multiply(b: Builder, tile_rows: int, lanes: int, left: Matrix, right: Matrix,
             sizes: tuple[Value, int, Value], begin: Begin, finish: Finish, even: bool = False
             ) -> None:
    """left x right. sizes: rows, columns (known), and terms of each sum; even: so are the terms.

    The right matrix has neighbouring columns; what lies beyond the last one is masked.
    """
    rows, columns, terms = sizes
    even = even or (terms.const is not None and int(terms.const) % TURNS == 0)
    full = columns // (SMALL_COLUMNS * lanes) * SMALL_COLUMNS * lanes
    tile = _Tile(b, lanes, left, right, terms, TURNS if even else 1, begin, finish)

    def panel(column: Value, width: int) -> None:
        count = -(-width // lanes)
        mask = None if width % lanes == 0 else b.compare("lt", b.iota(lanes), width % lanes)
        whole = b.mul(b.div(rows, tile_rows), tile_rows)
        with b.loop(0, whole, tile_rows) as turn:
            tile.write(turn.var, column, tile_rows, count, mask)
        left_over = b.sub(rows, whole)
        if left_over.const is None:
            with b.loop(whole, rows) as turn:
                tile.write(turn.var, column, 1, count, mask)
        elif left_over.const:
            tile.write(whole, column, int(left_over.const), count, mask)

    if full:
        with b.loop(0, full, SMALL_COLUMNS * lanes) as turn:
            panel(turn.var, SMALL_COLUMNS * lanes)
    if columns > full:
        panel(b.index(full), columns - full)


@dataclass(frozen=True)
class _Tile:
    """What all register tiles of a product share."""

    b: Builder
    lanes: int
    left: Matrix
    right: Matrix
    terms: Value
    turns: int
    begin: Begin
    finish: Finish

    def write(self, row: Value, column: Value, rows: int, columns: int, mask: Value | None
              ) -> None:
        """rows x columns vectors, of which the last one may be masked."""
        b, lanes = self.b, self.lanes
        grid = [(b.add(row, i), b.add(column, j * lanes), mask if j == columns - 1 else None)
                for i in range(rows) for j in range(columns)]
        sums = [self.begin(*place) for place in grid]
        with b.loop(0, self.terms, self.turns, carry=sums) as turn:
            sums = turn.carry
            for n in range(self.turns):
                sums = self.turn(b.add(turn.var, n), row, column, rows, columns, mask, sums)
            turn.next(*sums)
        for place, value in zip(grid, turn.results, strict=True):
            at, first, inside = place
            self.finish(at, first, value, inside)

    def turn(self, term: Value, row: Value, column: Value, rows: int, columns: int,
             mask: Value | None, sums: list[Value]) -> list[Value]:
        """One multiply-add for each sum."""
        b, left, right = self.b, self.left, self.right
        start = b.add(b.add(right.start, b.mul(term, right.row)), column)
        vectors = [b.load(right.buffer, b.add(start, j * self.lanes), self.lanes,
                          mask if j == columns - 1 else None) for j in range(columns)]
        start = b.add(b.add(left.start, b.mul(term, left.column)), b.mul(row, left.row))
        result = []
        for i in range(rows):
            factor = b.splat(b.load(left.buffer, b.add(start, b.mul(left.row, i))), self.lanes)
            result += [b.fma(factor, x, z)
                       for x, z in zip(vectors, sums[i * columns:(i + 1) * columns], strict=True)]
        return result
