"""Attention in tiles (`schedule.attention`): queries across the lanes, past which keys go by.

In: the spec of `attend` nodes that read the same operands. Out: statements in a builder.

    result:    for task in lo..hi                       QUERIES queries of a head
                 Q = q^T;  O = 0;  top = -inf;  total = 0
                 for KEYS keys
                   S = k Q scale + mask                 [keys, queries]
                   top, total, S = exp(S - top)         each query's column is in one lane
                   O = O exp(old top - top) + v^T S     [outs, queries]
                 y = (O / total)^T;  lse = top, log total

    gradient:  for task in lo..hi                       a head
                 for QUERIES queries
                   Q = q^T;  G = g^T;  D = 0
                   for KEYS keys
                     S = exp(k Q scale + mask - top - log);  T = S (v G - delta) scale
                     D += k^T T;  dv += S g;  dk += T q
                   dq = D^T

Nothing is packed in panels: rows of k and v are read element by element, and so are S and T where
they are the left side of a product.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from lamina.graph.node import Node
from lamina.kernel.index import Index
from lamina.kernel.loops import Buffer, Value
from lamina.kernel.pack import transpose
from lamina.kernel.small_product import TURNS, Matrix, multiply
from lamina.kernel.writer import Writer
from lamina.ops.scalar import log
from lamina.ops.scalar import weight as weight_of
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
        task = _Gradient(self) if node.attrs["part"] in GRADIENT else _Result(self)
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


class _Result:
    """A task of the result."""

    def __init__(self, w: AttentionWriter) -> None:
        self.w, self.b, self.plan = w, w.b, w.plan
        self.turned = w.scratch(w.padded(self.plan.features) * QUERIES)
        self.by_values = "attention" in w.parts  # else the sums of the queries are all
        self.sums = w.scratch(max(1, w.padded(self.plan.outs)) * QUERIES)
        self.top, self.total, self.factor = (w.scratch(QUERIES) for _ in range(3))

    def write(self, number: Value) -> None:
        w, b, plan = self.w, self.b, self.plan
        blocks = b.div(b.add(w.queries, QUERIES - 1), QUERIES)
        head, first = b.div(number, blocks), b.mul(b.rem(number, blocks), QUERIES)
        heads, end = w.heads(head), w.end(first)
        w.turned_in("q", heads, first, plan.features, self.turned)
        w.clear(self.sums)
        w.clear(self.total)
        w.clear(self.top, -inf)
        with b.loop(0, end, KEYS) as turn:
            key, count = turn.var, b.min(b.sub(end, turn.var), KEYS)
            w.product(w.rows("k", heads, key, count), w.in_stack(self.turned),
                      (count, QUERIES, b.index(plan.features)), w.in_stack(w.scores), added=False)
            self.weigh(heads, first, key, count)
            if self.by_values:
                values = w.rows("v", heads, key, count)
                w.product(values.turned, w.in_stack(w.scores),
                          (b.index(plan.outs), QUERIES, count), w.in_stack(self.sums),
                          factor=self.factor, by_key=True)
        self.finish(heads, first)

    def weigh(self, heads: Heads, first: Value, key: Value, count: Value) -> None:
        """Scores become weights by the largest so far; what was summed before gets a factor."""
        w, b, lanes, dtype = self.w, self.b, self.w.vector, self.w.dtype
        with b.loop(0, QUERIES, lanes) as column:
            old = b.load(self.top, column.var, lanes)
            with b.loop(0, count, carry=[old]) as turn:
                at = b.add(b.mul(turn.var, QUERIES), column.var)
                value = w.score(heads, first, b.add(key, turn.var), column.var,
                                b.load(w.scores, at, lanes))
                b.store(w.scores, at, value)
                turn.next(b.max(turn.carry[0], value))
            top, = turn.results
            b.store(self.top, column.var, top)
            unseen = b.compare("eq", top, b.const(-inf, dtype, lanes))
            top = b.select(unseen, b.const(0, dtype, lanes), top)
            with b.loop(0, count, carry=[b.const(0, dtype, lanes)]) as turn:
                at = b.add(b.mul(turn.var, QUERIES), column.var)
                value = w.scalar(weight_of, b.sub(b.load(w.scores, at, lanes), top))
                b.store(w.scores, at, value)
                turn.next(b.add(turn.carry[0], value))
            factor = w.scalar(weight_of, b.sub(old, top))
            b.store(self.factor, column.var, factor)
            total = b.mul(b.load(self.total, column.var, lanes), factor)
            b.store(self.total, column.var, b.add(total, turn.results[0]))

    def finish(self, heads: Heads, first: Value) -> None:
        """The results, from memory of the stack."""
        w, b, lanes = self.w, self.b, self.w.vector
        with b.loop(0, QUERIES, lanes) as column:
            total = b.load(self.total, column.var, lanes)
            one = b.const(1, w.dtype, lanes)
            b.store(self.factor, column.var, b.div(one, total))
            if "attention_lse" in w.parts:
                out = w.part("attention_lse", heads, first)
                beside = w.stride("attention_lse", "two")
                every = b.add(b.splat(column.var, lanes), b.iota(lanes))
                at = b.add(b.splat(out.start, lanes), b.mul(every, b.splat(out.row, lanes)))
                inside = b.compare("lt", every, b.splat(b.sub(w.queries, first), lanes))
                b.scatter(out.buffer, at, b.load(self.top, column.var, lanes), inside)
                b.scatter(out.buffer, b.add(at, b.splat(beside, lanes)), w.scalar(log, total),
                          inside)
        if self.by_values:
            w.turned_out(self.sums, "attention", heads, first, self.factor)


class _Gradient:
    """A task of the gradients."""

    def __init__(self, w: AttentionWriter) -> None:
        self.w, self.b, self.plan = w, w.b, w.plan
        features, outs = w.padded(self.plan.features), w.padded(self.plan.outs)
        self.turned, self.cotangents, self.sums = (
            w.scratch(size * QUERIES) for size in (features, outs, features))
        self.slopes = w.scratch(KEYS * QUERIES)
        self.numbers = {name: w.scratch(QUERIES) for name in ("top", "log", "delta")}
        self.by_scores = "delta" in w.operands  # dq and dk need the slopes of the scores

    def write(self, head: Value) -> None:
        w, b, plan = self.w, self.b, self.plan
        heads = w.heads(head)
        for name in ("attention_dk", "attention_dv"):
            if name in w.parts:
                out, size = w.part(name, heads, b.index(0)), b.index(w.size_of(w.axes(name)[1]))
                with b.loop(0, w.keys) as turn:
                    w.fill(out.buffer, b.add(out.start, b.mul(turn.var, out.row)), size, 0.0)
        with b.loop(0, w.queries, QUERIES) as block:
            first = block.var
            w.turned_in("q", heads, first, plan.features, self.turned)
            if self.by_scores:
                w.turned_in("g", heads, first, plan.outs, self.cotangents)
            w.clear(self.sums)
            self.read_numbers(heads, first)
            end, some = w.end(first), b.min(b.sub(w.queries, first), QUERIES)
            rows = {name: w.rows(name, heads, first, some) for name in ("q", "g")}
            with b.loop(0, end, KEYS) as turn:
                self.step(heads, first, some, turn.var, b.min(b.sub(end, turn.var), KEYS), rows)
            if "attention_dq" in w.parts:
                w.turned_out(self.sums, "attention_dq", heads, first)

    def read_numbers(self, heads: Heads, first: Value) -> None:
        """What there is one of for each query; beyond the last query, that of the last."""
        w, b = self.w, self.b
        beside = w.stride("lse", "two")
        places = {"top": ("lse", b.index(0)), "log": ("lse", beside)}
        if self.by_scores:
            places["delta"] = "delta", b.index(0)
        for number, (name, shift) in places.items():
            start, row = b.add(w.start(name, heads), shift), w.stride(name, "i")
            with b.loop(0, QUERIES) as turn:
                at = b.min(b.add(first, turn.var), b.sub(w.queries, 1))
                value = b.load(w.operands[name], b.add(start, b.mul(at, row)))
                b.store(self.numbers[number], turn.var, value)

    def step(self, heads: Heads, first: Value, some: Value, key: Value, count: Value,
             rows: dict[str, Matrix]) -> None:
        """`some` queries from `first` on, in rows, and `count` keys from `key` on."""
        w, b = self.w, self.b
        features, outs = self.plan.features, self.plan.outs
        scores, slopes = w.in_stack(w.scores), w.in_stack(self.slopes)
        keys = w.rows("k", heads, key, count)
        w.product(keys, w.in_stack(self.turned), (count, QUERIES, b.index(features)), scores,
                  added=False)
        if self.by_scores:
            w.product(w.rows("v", heads, key, count), w.in_stack(self.cotangents),
                      (count, QUERIES, b.index(outs)), slopes, added=False)
        self.weigh(heads, first, key, count)
        if "attention_dq" in w.parts:
            w.product(keys.turned, slopes, (b.index(features), QUERIES, count),
                      w.in_stack(self.sums), by_key=True)
        for part, left, right, size in (("attention_dv", scores, rows["g"], outs),
                                        ("attention_dk", slopes, rows["q"], features)):
            if part in w.parts:
                w.product(left, right, (count, size, some), w.part(part, heads, key))

    def weigh(self, heads: Heads, first: Value, key: Value, count: Value) -> None:
        """Scores become weights, and products with cotangents the scores' cotangents."""
        w, b, lanes = self.w, self.b, self.w.vector
        with b.loop(0, QUERIES, lanes) as column:
            numbers = {n: b.load(x, column.var, lanes) for n, x in self.numbers.items()}
            with b.loop(0, count) as turn:
                at = b.add(b.mul(turn.var, QUERIES), column.var)
                score = w.score(heads, first, b.add(key, turn.var), column.var,
                                b.load(w.scores, at, lanes))
                share = w.scalar(weight_of, b.sub(b.sub(score, numbers["top"]), numbers["log"]))
                b.store(w.scores, at, share)
                if self.by_scores:
                    slope = b.sub(b.load(self.slopes, at, lanes), numbers["delta"])
                    b.store(self.slopes, at, b.mul(b.mul(share, slope), self.plan.scale))
