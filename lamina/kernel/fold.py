"""Sums across the lanes of several vectors at once.

In: 1, 2, 4, ... vectors. Out: one vector; each of its lanes is the sum over one of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.kernel.builder import Builder
from lamina.kernel.loops import Value


def fold(b: Builder, vectors: Sequence[Value]) -> Value:
    """The sums of the lanes of 1, 2, 4... vectors, as the lanes of one."""
    count, lanes = len(vectors), vectors[0].lanes
    vectors = list(vectors)
    group = 1
    while len(vectors) > 1 and group < lanes:
        low, high = _interleaved(lanes, group)
        vectors = [b.add(b.shuffle(x, y, low), b.shuffle(x, y, high))
                   for x, y in zip(vectors[::2], vectors[1::2], strict=True)]
        group *= 2
    while len(vectors) > 1:  # more vectors than lanes: their sums side by side
        vectors = [b.shuffle(x, y, range(2 * x.lanes))
                   for x, y in zip(vectors[::2], vectors[1::2], strict=True)]
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
