"""Memory: values that do not live at the same time share the same bytes.

In: for each value its size and the first and last level that needs it. Out: offsets into one arena,
and its size, which is known before anything runs. Largest first, each at the lowest place that is
free over its whole life (Pisarchyk and Lee, 2020, "greedy by size").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

ALIGNMENT = 64
Key = TypeVar("Key")


@dataclass(frozen=True)
class Lifetime:
    """Bytes, and the levels of the first write and the last read."""

    nbytes: int
    first: int
    last: int


def place(lifetimes: Mapping[Key, Lifetime]) -> tuple[dict[Key, int], int]:
    """Offsets, and the size of the arena.

    >>> place({"a": Lifetime(100, 0, 1), "b": Lifetime(100, 2, 3)})
    ({'a': 0, 'b': 0}, 128)
    """
    placed: list[tuple[int, int, Lifetime]] = []  # start, end, life
    offsets: dict[Key, int] = {}
    for key, life in sorted(lifetimes.items(), key=lambda item: -item[1].nbytes):
        size = (max(1, life.nbytes) + ALIGNMENT - 1) & -ALIGNMENT
        start = 0
        for low, high, other in sorted((p for p in placed), key=lambda p: p[0]):
            if other.last < life.first or life.last < other.first:
                continue
            if start + size <= low:
                break
            start = max(start, high)
        placed.append((start, start + size, life))
        offsets[key] = start
    return offsets, max((end for _, end, _ in placed), default=0)
