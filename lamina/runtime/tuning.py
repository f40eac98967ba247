"""Tuning: kernels of contractions are tried out, and the fastest tile is remembered.

In: a block of code that computes something. Out: a record for each contraction that was planned in
it, and an entry in the folder of compiled code that later programs on this machine choose by.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from lamina.graph.node import BUFFER, topological
from lamina.runtime import families, plans
from lamina.runtime.buffers import Buffer
from lamina.runtime.program import Program
from lamina.schedule.choice import Build, choices
from lamina.schedule.contraction import Tile
from lamina.shapes import evaluate, product
from lamina.targets import Target

ROUNDS = 9  # in which all alternatives take turns
TURN_SECONDS = 2e-3  # of one alternative's turn, at least
BETWEEN = 2  # times the second-level cache that is written between two runs: operands come from L3
GAIN = 0.95  # share of the model's time that another tile has to stay below
FILL = 0x3F  # every byte of the operands: numbers that are neither 0 nor subnormal


@dataclass(frozen=True)
class Tuned:
    """One contraction: milliseconds of the model's tile and of the best; how many there were."""

    contraction: str
    model: float
    best: float
    alternatives: int


@contextmanager
def tuning(target: Target) -> Iterator[list[Tuned]]:
    """Programs that are planned in the block have their contractions measured.

    Nothing that was planned before is used meanwhile; all that is planned later knows the outcome.
    """
    found: list[Tuned] = []

    def measure(name: str, tiles: Sequence[Tile], build: Build) -> int:
        choices.measure = None  # what is measured is planned as it is
        try:
            times = _times(tiles, build, BETWEEN * target.l2 * target.threads)
        finally:
            choices.measure = measure
        best = min(range(len(times)), key=times.__getitem__)
        if times[best] > GAIN * times[0]:
            best = 0
        found.append(Tuned(name, 1e3 * times[0], 1e3 * min(times), len(tiles)))
        return best

    plans.recall(target)  # so that it is not done in the block
    families.forget_programs()
    choices.known.clear()
    choices.measure = measure
    try:
        yield found
    finally:
        choices.measure = None
        families.forget_programs()
        plans.remember(target)


def _times(tiles: Sequence[Tile], build: Build, between: int) -> list[float]:
    """Seconds of each, with its copies; the middle of several turns."""
    other = Buffer(between)
    runs = []
    for tile in tiles:
        root = build(tile)
        leaves = [n for n in topological([root]) if n.op is BUFFER]
        buffers = [_filled(evaluate(product(n.shape), {}) * n.dtype.itemsize) for n in leaves]
        runs.append((Program([root], leaves, {}).bind({}), buffers))
    counts = []
    for bound, buffers in runs:
        bound.run(buffers)
        start = time.perf_counter()
        bound.run(buffers)
        counts.append(max(1, round(TURN_SECONDS / (time.perf_counter() - start))))
    turns: list[list[float]] = [[] for _ in runs]
    for _ in range(ROUNDS):
        for (bound, buffers), count, times in zip(runs, counts, turns, strict=True):
            total = 0.0
            for _ in range(count):
                ctypes.memset(other.address, FILL, between)
                start = time.perf_counter()
                bound.run(buffers)
                total += time.perf_counter() - start
            times.append(total / count)
    return [median(times) for times in turns]


def _filled(nbytes: int) -> Buffer:
    buffer = Buffer(max(1, nbytes))
    ctypes.memset(buffer.address, FILL, buffer.nbytes)
    return buffer
