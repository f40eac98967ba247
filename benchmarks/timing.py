"""Interleaved timing: every candidate in turn, many rounds, medians and spread.

In: named callables that do the same work. Out: `Timing` for each. Machines drift, so only ratios of
one run mean anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True)
class Timing:
    """Seconds of one call: median and quartiles over the rounds; `first` is the first call's."""

    first: float
    median: float
    low: float
    high: float


def interleaved(candidates: Mapping[str, Callable[[], object]], seconds: float = 1.0,
                least: int = 7, most: int = 300) -> dict[str, Timing]:
    """Time the candidates in turn until each had about `seconds`."""
    first = {name: _once(call) for name, call in candidates.items()}
    calls = {name: _batch(call) for name, call in candidates.items()}
    samples: dict[str, list[float]] = {name: [] for name in candidates}
    started = time.perf_counter()
    for round_number in range(most):
        for name, call in candidates.items():
            n = calls[name]
            begin = time.perf_counter()
            for _ in range(n):
                call()
            samples[name].append((time.perf_counter() - begin) / n)
        if round_number + 1 >= least and time.perf_counter() - started > seconds * len(candidates):
            break
    return {name: _timing(first[name], values) for name, values in samples.items()}


def _once(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _batch(call: Callable[[], object]) -> int:
    """Calls to a sample, so that a sample lasts at least a millisecond."""
    call()
    return max(1, min(100, int(1e-3 / max(1e-7, _once(call)))))


def _timing(first: float, values: list[float]) -> Timing:
    low, _, high = quantiles(values, n=4)
    return Timing(first, median(values), low, high)
