"""Small matrices of constants times values, in few instructions.

In: a matrix, and values of a kernel. Out: the products, as values. Zeros and ones cost nothing;
what rows or columns that differ in signs alone have in common is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from lamina.kernel.builder import Builder
from lamina.kernel.loops import Value

Matrix = Sequence[Sequence[float]]


def combined(b: Builder, matrix: Matrix, xs: Sequence[Value]) -> list[Value]:
    """The matrix times xs, with what is shared by columns, or rows, that differ in signs alone."""
    matrix, xs = _with_sums(b, matrix, list(xs))
    results: dict[int, Value] = {}
    for i, row in enumerate(matrix):
        if i in results:
            continue
        twin = next((j for j in range(i + 1, len(matrix)) if j not in results
                     and _differ_in_signs(row, matrix[j])), None)
        if twin is None:
            results[i] = _sum(b, row, xs)
            continue
        other = matrix[twin]
        same = _sum(b, [x if x == y else 0 for x, y in zip(row, other, strict=True)], xs)
        rest = _sum(b, [x if x != y else 0 for x, y in zip(row, other, strict=True)], xs)
        results[i], results[twin] = b.add(same, rest), b.sub(same, rest)
    return [results[i] for i in range(len(matrix))]


def _with_sums(b: Builder, matrix: Matrix, xs: list[Value]) -> tuple[Matrix, list[Value]]:
    """The same product, of the sum and the difference of such columns' factors."""
    columns = [list(column) for column in zip(*matrix, strict=True)]
    for i, j in combinations(range(len(columns)), 2):
        if len(matrix) < len(columns) and _differ_in_signs(columns[i], columns[j]):
            same = [x == y for x, y in zip(columns[i], columns[j], strict=True)]
            xs[i], xs[j] = b.add(xs[i], xs[j]), b.sub(xs[i], xs[j])
            columns[i], columns[j] = ([x if s == want else 0 for x, s in
                                       zip(columns[i], same, strict=True)]
                                      for want in (True, False))
    return tuple(zip(*columns, strict=True)), xs


def _differ_in_signs(row: Sequence[float], other: Sequence[float]) -> bool:
    """Whether rows have the same absolute values, and some but not all signs differ."""
    pairs = [(x, y) for x, y in zip(row, other, strict=True) if x or y]
    equal = sum(x == y for x, y in pairs)
    return all(abs(x) == abs(y) for x, y in pairs) and 0 < equal < len(pairs)


def _sum(b: Builder, factors: Sequence[float], xs: Sequence[Value]) -> Value:
    terms = [(f, x) for f, x in zip(factors, xs, strict=True) if f]
    terms.sort(key=lambda term: term[0] != 1)  # one that needs no product comes first
    (factor, first), *rest = terms
    total = first if factor == 1 else b.mul(first, factor)
    for factor, x in rest:
        if factor == 1:
            total = b.add(total, x)
        elif factor == -1:
            total = b.sub(total, x)
        else:
            total = b.fma(x, factor, total)
    return total


def transformed(b: Builder, matrix: Matrix, square: Sequence[Sequence[Value]]
                ) -> list[list[Value]]:
    """matrix x square x matrix^T. square: by columns."""
    columns = [combined(b, matrix, column) for column in square]
    return [combined(b, matrix, row) for row in zip(*columns, strict=True)]
