"""Attention in tiles (`schedule.attention`): queries across the lanes, past which keys go by.

In: the spec of `attend` nodes that read the same operands. Out: statements in a builder: here what
both kernels share, those of the results in `kernel.attention_result`, those of the gradients in
`kernel.attention_gradient`.

Nothing is packed in panels: rows of k and v are read element by element, and so are S and T where
they are the left side of a product.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from lamina.graph.node import Node
from lamina.kernel.attention_gradient import Gradient
from lamina.kernel.attention_result import Result
from lamina.kernel.index import Index
from lamina.kernel.loops import Buffer, Value
from lamina.kernel.pack import transpose
from lamina.kernel.small_product import TURNS, Matrix, multiply
from lamina.kernel.writer import Writer
from lamina.schedule.attention import (
    GRADIENT,
    KEYS,
    NAMES,
    QUERIES,
    mask_of,
    merged,
    operands,
)
from lamina.schedule.fuse import storage
from lamina.schedule.iteration import broadcast_index
from lamina.schedule.tile_costs import small_rows
from lamina.shapes import Dim, the_var, variable

NEAR = 2  # times its elements that the next row begins after this one, at most, to be read there

Heads = dict[str, Value]  # the place on each leading axis


class AttentionWriter(Writer):
    """Either kernel."""

    def write(self) -> None:
        node = self.spec.nodes[0]
        self.plan = merged(self.spec.nodes)
        self.dtype = node.dtype
        self.vector = self.target.lanes(self.dtype.itemsize)
        self.operands = {name: self.inline.buffer_of(storage(x))
                         for n in self.spec.nodes for name, x in operands(n).items()}
        self.mask = mask_of(node)
        self.parts = {n.attrs["part"]: self.outputs[n] for n in self.spec.nodes
                      if n in self.outputs}
        sizes = dict(self.plan.batch)
        self.places: list[Dim] = [variable(name, sizes[name]) if name in sizes else 0 for name in
                                  (f"b{n}" for n in range(len(node.shape) - 2))]
        self.places += [variable("i", self.plan.queries), variable("j", self.plan.keys)]
        self.queries, self.keys = (self.fresh_size(n) for n in (self.plan.queries, self.plan.keys))
        self.scores = self.scratch(KEYS * QUERIES)
        self.copies: dict[str, Buffer] = {}  # of rows that lie apart
        task = Gradient(self) if node.attrs["part"] in GRADIENT else Result(self)
        with self.b.loop(self.b.lo, self.b.hi) as turn:
            task.write(turn.var)

    def scalar(self, body: Callable[..., Any], x: Value) -> Value:
        """A function of `ops.scalar`."""
        result: Value = body(self.b, x)
        return result

    # -- memory --------------------------------------------------------------------------------
    def scratch(self, count: int) -> Buffer:
        """Stack memory."""
        return self.b.scratch(self.dtype, count)

    def padded(self, size: int) -> int:
        """A size in whole vectors."""
        return -(-size // self.vector) * self.vector

    def stride(self, name: str, var: str) -> Value:
        """Elements from one value of a variable to the next."""
        return self.fresh_size(self.plan.access(name).stride(var))

    def start(self, name: str, heads: Heads) -> Value:
        """Where an operand of a head begins."""
        b, total = self.b, self.fresh_size(self.plan.access(name).base)
        for var, at in heads.items():
            total = b.add(total, b.mul(at, self.stride(name, var)))
        return total

    def heads(self, number: Value) -> Heads:
        """The place on each leading axis of a head."""
        found: Heads = {}
        for var, size in reversed(self.plan.batch):
            count = self.fresh_size(size)
            found[var], number = self.b.rem(number, count), self.b.div(number, count)
        return found

    def fill(self, buffer: Buffer, first: Value, count: Value, value: float) -> None:
        """Neighbouring elements of one value."""
        b, lanes = self.b, self.vector
        full = b.mul(b.div(count, lanes), lanes)
        with b.loop(0, full, lanes) as turn:
            b.store(buffer, b.add(first, turn.var), b.const(value, self.dtype, lanes))
        if full.const is None or full.const != count.const:
            with b.loop(full, count) as turn:
                b.store(buffer, b.add(first, turn.var), b.const(value, self.dtype))

    def clear(self, buffer: Buffer, value: float = 0.0) -> None:
        """All of a piece of stack memory."""
        self.fill(buffer, self.b.index(0), self.b.index(buffer.stack), value)

    # -- squares that are turned -----------------------------------------------------------------
    def turned_in(self, name: str, heads: Heads, first: Value, size: int, out: Buffer) -> None:
        """Rows of an operand from `first` on, QUERIES of them, as columns.

        Beyond the last query there are copies of it.
        """
        b, lanes, source = self.b, self.vector, self.operands[name]
        start, row = self.start(name, heads), self.stride(name, "i")

        def square(query: Value, column: Value, mask: Value | None) -> None:
            rows = []
            for n in range(lanes):
                at = b.min(b.add(b.add(first, query), n), b.sub(self.queries, 1))
                place = b.add(b.add(start, b.mul(at, row)), column)
                rows.append(b.load(source, place, lanes, mask))
            for n, value in enumerate(transpose(b, rows)):
                b.store(out, b.add(b.mul(b.add(column, n), QUERIES), query), value)

        self.squares(size, square)

    def turned_out(self, source: Buffer, part: str, heads: Heads, first: Value,
                   factor: Buffer | None = None) -> None:
        """Columns of stack memory as rows of a result, perhaps each times a number of its own."""
        b, lanes, out = self.b, self.vector, self.parts[part]
        row = self.stride(part, "i")
        start = b.add(self.start(part, heads), b.mul(first, row))
        exact = self.queries.const is not None and int(self.queries.const) % QUERIES == 0

        def square(query: Value, column: Value, mask: Value | None) -> None:
            rows = []
            for n in range(lanes):
                place = b.add(b.mul(b.add(column, n), QUERIES), query)
                value = b.load(source, place, lanes)
                rows.append(value if factor is None else
                            b.mul(value, b.load(factor, query, lanes)))
            for n, value in enumerate(transpose(b, rows)):
                at, inside = b.add(query, n), mask
                if not exact:
                    here = b.compare("lt", b.add(first, at), self.queries)
                    inside = b.splat(here, lanes) if mask is None else b.and_(
                        b.splat(here, lanes), mask)
                b.store(out, b.add(b.add(start, b.mul(at, row)), column), value, inside)

        self.squares(self.size_of(self.axes(part)[1]), square)

    def squares(self, size: int, square: Callable[[Value, Value, Value | None], None]) -> None:
        """All squares of QUERIES by `size`: (first query, first column, mask of the columns)."""
        b, lanes = self.b, self.vector
        full = size // lanes * lanes
        with b.loop(0, QUERIES, lanes) as query:
            with b.loop(0, full, lanes) as column:
                square(query.var, column.var, None)
            if size > full:
                mask = b.compare("lt", b.iota(lanes), size - full)
                square(query.var, b.index(full), mask)

    # -- products and scores ---------------------------------------------------------------------
    def product(self, left: Matrix, right: Matrix, sizes: tuple[Value, int, Value], out: Matrix,
                added: bool = True, factor: Buffer | None = None, by_key: bool = False) -> None:
        """out = left x right, or added to what is there, each column of which has its factor.

        by_key: the terms of each sum are keys.
        """
        b, lanes = self.b, self.vector
        even = by_key and self.keys.const is not None and int(self.keys.const) % TURNS == 0

        def place(row: Value, column: Value) -> Value:
            return b.add(b.add(out.start, b.mul(row, out.row)), column)

        def first(row: Value, column: Value, mask: Value | None) -> Value:
            if not added:
                return b.const(0, self.dtype, lanes)
            value = b.load(out.buffer, place(row, column), lanes, mask)
            return value if factor is None else b.mul(value, b.load(factor, column, lanes))

        def last(row: Value, column: Value, value: Value, mask: Value | None) -> None:
            b.store(out.buffer, place(row, column), value, mask)

        multiply(b, small_rows(self.target), lanes, left, right, sizes, first, last,
                 even)

    def in_stack(self, buffer: Buffer) -> Matrix:
        """Stack memory with QUERIES columns."""
        return Matrix(buffer, self.b.index(0), self.b.index(QUERIES), self.b.index(1))

    def part(self, name: str, heads: Heads, first: Value) -> Matrix:
        """Rows of a result from one on."""
        row = self.stride(name, self.axes(name)[0])
        start = self.b.add(self.start(name, heads), self.b.mul(first, row))
        return Matrix(self.parts[name], start, row, self.b.index(1))

    def rows(self, name: str, heads: Heads, first: Value, count: Value) -> Matrix:
        """Some rows of an operand, in stack memory where they lie apart.

        Rows a power of two of bytes apart share few of the cache's sets.
        """
        b, lanes = self.b, self.vector
        along, across = self.axes(name)
        row = self.stride(name, along)
        start = b.add(self.start(name, heads), b.mul(first, row))
        size = self.size_of(across)
        if row.const is not None and int(row.const) <= NEAR * size:
            return Matrix(self.operands[name], start, row, b.index(1))
        width = self.padded(size)
        if name not in self.copies:
            self.copies[name] = self.scratch((KEYS if along == "j" else QUERIES) * width)
        copy = self.copies[name]
        full = size // lanes * lanes

        def move(at: Value, column: Value, mask: Value | None) -> None:
            place = b.add(b.add(start, b.mul(at, row)), column)
            value = b.load(self.operands[name], place, lanes, mask)
            b.store(copy, b.add(b.mul(at, width), column), value)

        with b.loop(0, count) as turn:
            with b.loop(0, full, lanes) as column:
                move(turn.var, column.var, None)
            if size > full:
                move(turn.var, b.index(full), b.compare("lt", b.iota(lanes), size - full))
        return Matrix(copy, b.index(0), b.index(width), b.index(1))

    def axes(self, name: str) -> tuple[str, str]:
        """The variables of an operand's last two axes."""
        along, across = NAMES[name]
        return along, across

    def size_of(self, var: str) -> int:
        """Features, or outs."""
        return self.plan.features if var == "d" else self.plan.outs

    def end(self, first: Value) -> Value:
        """The keys that some of the queries from `first` on see."""
        if not self.plan.causal:
            return self.keys
        return self.b.min(self.keys, self.b.add(first, QUERIES))

    def score(self, heads: Heads, first: Value, key: Value, column: Value, product: Value
              ) -> Value:
        """Of some queries and one key: the product, scaled and masked."""
        b, lanes = self.b, self.vector
        value = b.mul(product, self.plan.scale)
        if self.mask is not None:
            added = self.masked(self.mask, heads, b.add(first, column), key)
            value = b.add(value, b.splat(added, lanes))
        if self.plan.causal:
            query = b.add(b.splat(b.add(first, column), lanes), b.iota(lanes))
            seen = b.compare("ge", query, b.splat(key, lanes))
            value = b.select(seen, value, b.const(-inf, self.dtype, lanes))
        return value

    def masked(self, mask: Node, heads: Heads, query: Value, key: Value) -> Value:
        """A mask's values for some queries and one key."""
        b, lanes = self.b, self.vector
        inside = None
        if self.queries.const is None or int(self.queries.const) % QUERIES:
            every = b.add(b.splat(query, lanes), b.iota(lanes))
            inside = b.compare("lt", every, b.splat(self.queries, lanes))
        self.inline.indices.lanes = lanes
        self.inline.push(inside)
        places = {f"b{n}": place for n, place in enumerate(self.places[:-2])}
        for var, at in heads.items():
            self.inline.indices.env[the_var(places[var])] = Index(at)
        for place, index in zip(self.places[-2:], (Index(query, 1), Index(key)), strict=True):
            self.inline.indices.env[the_var(place)] = index
        self.inline.forget()
        self.inline.indices.forget()
        value = self.inline.value(mask, broadcast_index(tuple(self.places), mask.shape))
        self.inline.pop(masked=inside is not None)
        self.inline.indices.lanes = 1
        return value
