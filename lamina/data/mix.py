"""Pipelines mixed: one that draws its rows, or batches, from several by weight.

In: pipelines. Out: a Pipeline of all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.data import arguments as check
from lamina.data.epochs import Epochs
from lamina.data.heads import Head
from lamina.data.pipeline import Pipeline, pipeline
from lamina.data.report import Guard, Place
from lamina.data.stages.flow import Flow
from lamina.data.stages.mix import Mix
from lamina.errors import ArgumentError


def mix(
    data: Sequence[Any], weights: Sequence[float] | None = None, *, seed: int = 0,
    until: str = "first",
) -> Pipeline:
    """Rows of several pipelines, or batches if those have batches, drawn by weight.

    weights: shares of the draws, equal for None. until: the epoch ends when the "first" of them
    has no row for a draw, or with the "last", where those that ended leave their share to the rest.
    Each keeps its own order and reads an epoch of its own; `repeat()` makes one without end.

    >>> few, many = Pipeline(np.zeros(100)).repeat(), Pipeline(np.ones(700))
    >>> x, = mix([few, many], weights=[0.3, 0.7]).batch(1000).first()
    >>> 0.6 < x.mean().item() < 0.8
    True
    """
    pipelines = [pipeline(one) for one in data]
    shares = np.asarray([1.0] * len(pipelines) if weights is None else weights, np.float64)
    if not pipelines or shares.shape != (len(pipelines),) or not (
            np.isfinite(shares).all() and (shares > 0).all()):
        raise ArgumentError(
            "data.mix",
            operands=[("pipelines", str(len(pipelines))), ("weights", f"{weights!r:.60}")],
            rule="there is a positive weight for each of one or more pipelines")
    if until not in ("first", "last"):
        raise ArgumentError("data.mix", operands=[("until", f"{until!r:.60}")],
                            rule='until is "first" or "last"', got=until)
    if len({p.is_batched for p in pipelines}) > 1:
        raise ArgumentError(
            "data.mix", rule="all pipelines have batches, or none has",
            hint="mix([a, b]).batch(128)")
    head = MixHead(pipelines, tuple(shares.tolist()), check.whole("mix", "seed", seed, 0),
                   until == "last")
    return Pipeline.of(head, pipelines[0].is_batched)


class MixHead(Head):
    """Several pipelines as the beginning of one."""

    def __init__(
        self, pipelines: Sequence[Epochs], weights: tuple[float, ...], seed: int, to_last: bool
    ) -> None:
        self._pipelines = pipelines
        self._weights, self._seed, self._to_last = weights, seed, to_last

    @property
    def is_augmented(self) -> bool:  # type: ignore[override]
        """Whether one of them is."""
        return any(p.is_augmented for p in self._pipelines)

    def flow(self, block: int, places: list[Place], guard: Guard) -> Flow:
        inners = [p.flow(places, guard.where) for p in self._pipelines]
        batched = self._pipelines[0].is_batched
        return Mix(inners, self._weights, self._seed, self._to_last, batched, block)

    def count(self) -> int | None:
        counts = [p.count() for p in self._pipelines]
        return sum(n for n in counts if n is not None) if (
            self._to_last and None not in counts) else None

    def describe(self) -> str:
        inner = ", ".join(p.describe() for p in self._pipelines)
        return f"mix([{inner}], {list(self._weights)}, {self._seed}, {self._to_last})"
