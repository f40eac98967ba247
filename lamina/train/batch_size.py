"""The largest batch that is worth it: `find_batch_size`.

In: a function that runs one step of so many examples. Out: a size that fits the memory and beyond
which an example no longer gets cheaper.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from lamina.errors import ArgumentError
from lamina.functional.arguments import check_at_least, check_counts

_REPEATS = 3  # timed runs of each size, after one that may compile


@dataclass(frozen=True)
class BatchSearch:
    """What `find_batch_size` found: the size, and the seconds for an example by size.

    too_large: the first size that did not fit, or None.
    """

    batch_size: int
    seconds: dict[int, float]
    too_large: int | None


def find_batch_size(
    step: Callable[[int], object],
    smallest: int = 1,
    largest: int = 65536,
    gain: float = 0.1,
    clock: Callable[[], float] = time.perf_counter,
) -> BatchSearch:
    """Try sizes from `smallest`, doubling, up to the last that makes an example cheaper by `gain`.

    step: runs one training step of so many examples to its end (reads the loss), and raises
    MemoryError (`lamina.errors.CapacityError` is one) where that does not fit. The search ends
    there, at `largest`, or after two sizes in a row that gain nothing: the size before them is
    the knee. gain=0: the largest that fits. Whatever `step` trains stays trained: give it a copy.
    Raises the MemoryError if the smallest does not fit.

    >>> def step(size):
    ...     if size > 100:
    ...         raise MemoryError
    >>> find_batch_size(step, gain=0).batch_size
    64
    """
    check_counts("find_batch_size", 1, smallest=smallest, largest=largest)
    check_at_least("find_batch_size", 0, gain=gain)
    if not 1 <= smallest <= largest or not 0 <= gain < 1:
        raise ArgumentError(
            "find_batch_size",
            operands=[("smallest, largest", f"{smallest}, {largest}"), ("gain", repr(gain))],
            rule="1 <= smallest <= largest, and gain is a share from 0 to less than 1",
            hint="smallest=1, largest=65536, gain=0.1")
    seconds: dict[int, float] = {}
    too_large, size, best = None, smallest, smallest
    cheapest = inf
    while size <= largest:
        try:
            seconds[size] = _time(step, size, clock)
        except MemoryError:
            if not seconds:
                raise
            too_large = size
            break
        if not gain or seconds[size] < (1.0 - gain) * cheapest:
            best = size
        elif size >= 4 * best:
            break
        cheapest = min(cheapest, seconds[size])
        size *= 2
    return BatchSearch(best, seconds, too_large)


def _time(step: Callable[[int], object], size: int, clock: Callable[[], float]) -> float:
    """Seconds for an example: the best of some runs, since others can only take longer."""
    step(size)
    times = []
    for _ in range(_REPEATS):
        start = clock()
        step(size)
        times.append(clock() - start)
    return min(times) / size
