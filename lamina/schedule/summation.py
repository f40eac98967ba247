"""In which order sums are added up: decided by structure and sizes alone.

In: the sizes of a sum. Out: how its terms are grouped. Nothing else in the compiler may change the
order in which numbers are added: not tiles, not threads, and not whether a size is a constant of
the kernel or an argument. So the bits of a result do not depend on what else was computed before.

`Rules` applies a rule to the sizes of one graph, and remembers what came out: a plan serves other
sizes only where all of its rules come out the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

from lamina.shapes import Dim, Var, ceil_div, evaluate, variables

GUESS = 192  # what a run-time size is taken to be when nobody says better

PARTS = 16  # of a sum that is cut for the threads; the last ones may be shorter, or empty

FEW_RESULTS = 512  # of a reduction: more are work enough for all threads
MUCH = 1 << 15  # elements that are worth a second kernel
LONG = 256  # elements for each result, at least

TILE = (8, 32)  # rows and columns of a register tile, about
SMALL_PRODUCT = 1 << 20  # multiply-adds that are not worth a second kernel
LONG_PRODUCT = 4096  # terms of a sum, at least
FEW_SUMS = 40_000  # results that stay in cache while operands from beyond it pass
MOST_SUMS = 1 << 17  # results whose parts are kept in memory
BEYOND_L2, BEYOND_L3 = 4 << 20, 16 << 20  # bytes of operands that these caches do not hold
LARGE_PRODUCT = 1 << 27  # multiply-adds, some milliseconds, for which a plan of their own pays

COPY = 1.2  # cost of a copy into panels, in multiply-adds of vectors, for each element
FAR_COPY = 5.0  # for each element from beyond the caches
ALONG = 1.3  # cost of a multiply-add along the lanes
FOLD = 6.0  # cost of adding up the lanes for one result


class Rules:
    """The rules that were applied for one plan, and what came out of them.

    values: of the size variables, in the graph that the plan is made for; without them, a guess.
    """

    def __init__(self, values: Mapping[Var, Any] | None = None) -> None:
        self._values = values or {}
        self._made: dict[tuple[Any, ...], Any] = {}

    def apply(self, rule: Callable[..., Any], *sizes: Dim) -> Any:
        """What the rule says for these sizes."""
        outcome = rule(*[evaluate(size, {v: self._values.get(v, GUESS) for v in variables(size)})
                         for size in sizes])
        if any(not isinstance(size, int) for size in sizes):
            self._made[rule, sizes] = outcome
        return outcome

    def typical(self, *sizes: Dim) -> tuple[tuple[Var, int], ...]:
        """What to take the variables of a product's sizes for, if not for what is typical.

        Where it is a large one: for what they are in the graph at hand.
        """
        if not self.apply(is_large, *sizes):
            return ()
        found = dict.fromkeys(v for size in sizes for v in variables(size))
        return tuple((v, self._values[v]) for v in found if v in self._values)

    def hold(self, values: Mapping[Var, Any]) -> bool:
        """Whether all outcomes are the same where the variables have these values."""
        return all(rule(*[evaluate(size, values) for size in sizes]) == outcome
                   for (rule, sizes), outcome in self._made.items())


def is_large(*sizes: int) -> bool:
    """Whether a product is so large that its caches matter, more than the time to plan for it."""
    return prod(sizes) >= LARGE_PRODUCT


def exactly(*sizes: int) -> tuple[int, ...]:
    """The sizes themselves: a plan that was made for them serves no others."""
    return sizes


def cut(*sizes: int) -> int:
    """Which of the axes of a sum is cut in parts: the first that is long enough, or the longest."""
    long = [i for i, size in enumerate(sizes) if size >= PARTS]
    return long[0] if long else sizes.index(max(sizes))


def part_of(size: Dim) -> tuple[Dim, Dim]:
    """How many parts an axis is cut in, and the length of each but the last ones."""
    each = ceil_div(size, PARTS)
    return (ceil_div(size, each) if isinstance(each, int) and each else PARTS), each


def reduction_in_parts(results: int, length: int) -> bool:
    """Whether a reduction of `length` elements for each result is cut in `PARTS`."""
    return results <= FEW_RESULTS and results * length >= MUCH and length >= LONG


def along_lanes(rows: int, columns: int, batch: int, terms: int, lanes: int, item: int) -> bool:
    """Whether the lanes of a vector hold parts of one sum.

    For a product of two arrays that both have the terms of a sum side by side. The other way is to
    copy the columns' operand into panels, with different sums in the lanes.
    """
    copied = columns * batch * terms
    here = rows * columns * batch * (-(-terms // lanes) * ALONG + FOLD)
    there = rows * -(-columns // lanes) * batch * terms
    return here < there + copied * (FAR_COPY if copied * item > BEYOND_L3 else COPY)


def narrow_along_lanes(rows: int, columns: int, batch: int, terms: int, side: int, lanes: int
                       ) -> bool:
    """Whether lanes hold parts of one sum because there are too few columns to fill them.

    side: how many of the terms lie side by side in the rows' operand. The columns' operand is
    copied so that they do there as well.
    """
    if columns >= lanes:
        return False
    vectors = terms // max(1, side) * -(-side // lanes)
    here = batch * columns * (rows * (vectors * ALONG + FOLD) + terms * COPY)
    return here < batch * rows * terms


def product_in_parts(rows: int, columns: int, batch: int, terms: int, operands: int) -> bool:
    """Whether the sums of a product are cut in `PARTS`; operands: their bytes.

    Where there are too few results to keep all threads busy, and where operands from beyond the
    caches would be read again and again.
    """
    sums = rows * columns * batch
    if sums * terms < SMALL_PRODUCT or terms < LONG_PRODUCT or sums > MOST_SUMS:
        return False
    tiles = batch * -(-rows // TILE[0]) * -(-columns // TILE[1])
    return tiles < PARTS or operands > BEYOND_L3 or (
        sums <= FEW_SUMS and operands > BEYOND_L2)
