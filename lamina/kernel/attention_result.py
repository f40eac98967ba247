"""The results of an attention in tiles, and the sums of its queries.

In: the writer of the kernel. Out: statements in its builder.

    for task in lo..hi                       QUERIES queries of a head
      Q = q^T;  O = 0;  top = -inf;  total = 0
      for KEYS keys
        S = k Q scale + mask                 [keys, queries]
        top, total, S = exp(S - top)         each query's column is in one lane
        O = O exp(old top - top) + v^T S     [outs, queries]
      y = (O / total)^T;  lse = top, log total
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from lamina.kernel.loops import Value
from lamina.ops.scalar import log, weight
from lamina.schedule.attention import KEYS, QUERIES

if TYPE_CHECKING:
    from lamina.kernel.attention import AttentionWriter, Heads


class Result:
    """A task of the result."""

    def __init__(self, w: AttentionWriter) -> None:
        self.w, self.b, self.plan = w, w.b, w.plan
        self.turned = w.scratch(w.padded(self.plan.features) * QUERIES)
        self.by_values = "attention" in w.parts  # else the sums of the queries are all
        self.sums = w.scratch(max(1, w.padded(self.plan.outs)) * QUERIES)
        self.top, self.total, self.factor = (w.scratch(QUERIES) for _ in range(3))

    def write(self, number: Value) -> None:
        """Some queries of a head."""
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
                value = w.scalar(weight, b.sub(b.load(w.scores, at, lanes), top))
                b.store(w.scores, at, value)
                turn.next(b.add(turn.carry[0], value))
            factor = w.scalar(weight, b.sub(old, top))
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
