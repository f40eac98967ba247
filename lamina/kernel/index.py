"""Index expressions as values: a scalar base plus a step from lane to lane, or a full vector.

In: `shapes.Dim` polynomials over loop variables and sizes. Out: `Index` records in the builder's
values; what is the same in all lanes stays scalar, what grows by one stays a contiguous access.
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina.kernel.builder import Builder
from lamina.kernel.loops import Value
from lamina.shapes import Dim, Quotient, Var


@dataclass(frozen=True)
class Index:
    """base + lane * step, or `vector` where lanes have no such order."""

    base: Value
    step: int = 0
    vector: Value | None = None

    @property
    def uniform(self) -> bool:
        """The same in every lane."""
        return self.step == 0 and self.vector is None


class Indices:
    """Evaluates index expressions. `env` holds the variables in scope."""

    def __init__(self, builder: Builder) -> None:
        self.b = builder
        self.env: dict[Var, Index] = {}
        self.lanes = 1
        self._memo: list[dict[Dim, Index]] = [{}]

    def push(self) -> None:
        """Enter a block: what is computed inside is forgotten at `pop`."""
        self._memo.append({})

    def pop(self) -> None:
        """Leave a block."""
        self._memo.pop()

    def bind(self, var: Var, index: Index) -> None:
        """Give a variable its value; everything that was known of it is forgotten."""
        self.env[var] = index
        self.forget()

    def forget(self) -> None:
        """Drop all that was computed."""
        for layer in self._memo:
            layer.clear()

    def vector(self, index: Index) -> Value:
        """All lanes."""
        if index.vector is not None:
            return index.vector
        base = self.b.splat(index.base, self.lanes)
        if index.step == 0 or self.lanes == 1:
            return base
        return base + self.b.iota(self.lanes) * index.step

    def value(self, index: Index) -> Value:
        """A scalar if all lanes are the same, else all lanes."""
        return index.base if index.uniform else self.vector(index)

    def scalar(self, x: Dim) -> Value:
        """A size, or an index that is the same in all lanes."""
        return self.eval(x).base

    def eval(self, x: Dim) -> Index:
        """The value of an expression."""
        if isinstance(x, int):
            return Index(self.b.index(x))
        for layer in reversed(self._memo):
            if x in layer:
                return layer[x]
        total = Index(self.b.index(0))
        for monomial, factor in x.terms.items():
            term = Index(self.b.index(factor))
            for atom in monomial:
                term = self._mul(term, self.env[atom] if isinstance(atom, Var)
                                 else self._quotient(atom))
            total = self._add(total, term)
        self._memo[-1][x] = total
        return total

    def _add(self, x: Index, y: Index) -> Index:
        if x.vector is None and y.vector is None:
            return Index(x.base + y.base, x.step + y.step)
        return Index(x.base, 0, self.vector(x) + self.vector(y))

    def _mul(self, x: Index, y: Index) -> Index:
        if x.uniform and y.uniform:
            return Index(x.base * y.base)
        if x.uniform:
            x, y = y, x
        if x.vector is None and y.uniform and y.base.const is not None:
            return Index(x.base * y.base, x.step * int(y.base.const))
        return Index(x.base, 0, self.vector(x) * self.vector(y))

    def _quotient(self, atom: Quotient) -> Index:
        left, right = self.eval(atom.left), self.eval(atom.right)
        operation = self.b.div if atom.op == "//" else self.b.rem
        if left.uniform and right.uniform:
            return Index(operation(left.base, right.base))
        return Index(left.base, 0, operation(self.vector(left), self.vector(right)))
