"""The gradients of an attention in tiles, by queries, keys and values.

In: the writer of the kernel. Out: statements in its builder.

    for task in lo..hi                       a head
      for QUERIES queries
        Q = q^T;  G = g^T;  D = 0
        for KEYS keys
          S = exp(k Q scale + mask - top - log);  T = S (v G - delta) scale
          D += k^T T;  dv += S g;  dk += T q
        dq = D^T
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.kernel.loops import Value
from lamina.kernel.small_product import Matrix
from lamina.ops.scalar import weight
from lamina.schedule.attention import KEYS, QUERIES

if TYPE_CHECKING:
    from lamina.kernel.attention import AttentionWriter, Heads


class Gradient:
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
        """All of a head."""
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
                share = w.scalar(weight, b.sub(b.sub(score, numbers["top"]), numbers["log"]))
                b.store(w.scores, at, share)
                if self.by_scores:
                    slope = b.sub(b.load(self.slopes, at, lanes), numbers["delta"])
                    b.store(self.slopes, at, b.mul(b.mul(share, slope), self.plan.scale))
