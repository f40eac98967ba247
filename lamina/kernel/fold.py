"""Sums across the lanes of several vectors at once.

In: 1, 2, 4, ... vectors. Out: one vector; each of its lanes is the sum over one of them. The halves
of a vector are added first, then the halves of that: the same order for any number of vectors, so
a sum has the same bits in every tile.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.kernel.builder import Builder
from lamina.kernel.loops import Value


def fold(b: Builder, vectors: Sequence[Value]) -> Value:
    """The sums of the lanes of 1, 2, 4... vectors, as the lanes of one."""
    vectors, width = list(vectors), vectors[0].lanes
    while width > 1:  # each run of so many lanes belongs to one sum
        pairs = list(zip(vectors[::2], vectors[1::2], strict=True)) if len(vectors) > 1 else [
            (vectors[0], vectors[0])]
        lanes = vectors[0].lanes * min(2, len(vectors))
        low = [i for i in range(lanes) if i % width < width // 2]
        high = [i for i in range(lanes) if i % width >= width // 2]
        vectors = [b.add(b.shuffle(x, y, low), b.shuffle(x, y, high)) for x, y in pairs]
        width //= 2
    while len(vectors) > 1:  # more vectors than lanes: their sums side by side
        vectors = [b.shuffle(x, y, range(2 * x.lanes))
                   for x, y in zip(vectors[::2], vectors[1::2], strict=True)]
    return vectors[0]
