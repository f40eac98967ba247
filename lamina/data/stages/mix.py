"""Several flows as one: which of them each row, or batch, comes from is drawn by weight.

In: flows. Out: blocks of rows of all of them; each keeps its own order. The draw is a function of
seed, epoch and position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from lamina.data.block import Block, Item, State, Waiting, join
from lamina.data.draws import key_of, uniform
from lamina.data.stages.flow import Flow
from lamina.errors import ShapeError


class Mix(Flow):
    """`weights` are shares of the draws. Ends with the first flow that ends, or with the last.

    Where it goes on after one has ended, that one's share goes to the others.
    """

    def __init__(
        self, inners: list[Flow], weights: tuple[float, ...], seed: int, to_last: bool,
        batched: bool, block: int,
    ) -> None:
        super().__init__(*inners)
        self._weights = np.array(weights)
        self._seed = seed
        self._to_last = to_last
        self._batched = batched
        self._most = 1 if batched else block

    def open(self, epoch: int, at: State) -> Iterator[Item]:
        position, ended, states = (
            (0, [], [None] * len(self.inners)) if at is None
            else (at["position"], list(at["ended"]), at["flows"]))
        kind: Callable[..., Waiting | _WaitingBatch] = _WaitingBatch if self._batched else Waiting
        flows = [kind(partial(inner.open, epoch), state)
                 for inner, state in zip(self.inners, states, strict=True)]
        key = key_of(self._seed, epoch)
        while len(ended) < len(flows) and (self._to_last or not ended):
            draws = uniform(key, np.arange(position, position + self._most))
            choices = self._choices(draws, ended)
            count, short = _enough(flows, choices)
            if count:
                block = _interleaved(flows, choices[:count])
                position += count
                state = {"position": position, "ended": list(ended),
                         "flows": [flow.state for flow in flows]}
                yield block, state
            if short is not None:
                ended.append(short)

    def _choices(self, draws: np.ndarray, ended: list[int]) -> np.ndarray:
        """The number of a flow for each draw."""
        weights = self._weights.copy()
        weights[ended] = 0.0
        ends = np.cumsum(weights)
        return np.searchsorted(ends / ends[-1], draws, side="right")


class _WaitingBatch:
    """A flow of batches, one at a time; as `Waiting` is for rows."""

    def __init__(self, opening: Callable[[State], Iterator[Item]], at: State) -> None:
        self._items = opening(at)
        self._next: Item | None = None
        self.state = at

    def fill(self, wanted: int) -> int:
        """1 if there is a batch."""
        if self._next is None:
            self._next = next(self._items, None)
        return 0 if self._next is None else 1

    def take(self, wanted: int) -> Block:
        """The batch that `fill` found."""
        if self._next is None:
            raise IndexError("there is no batch")
        block, self.state = self._next
        self._next = None
        return block


def _enough(flows: list[Waiting | _WaitingBatch], choices: np.ndarray) -> tuple[int, int | None]:
    """How many of the choices can be served, and the flow that has no more for the next one."""
    count, short = len(choices), None
    for number, flow in enumerate(flows):
        places = np.flatnonzero(choices == number)
        found = flow.fill(len(places)) if len(places) else 0
        if found < len(places) and places[found] < count:
            count, short = int(places[found]), number
    return count, short


def _interleaved(flows: list[Waiting | _WaitingBatch], choices: np.ndarray) -> Block:
    parts = []
    for number, flow in enumerate(flows):
        wanted = int(np.count_nonzero(choices == number))
        if wanted:
            parts.append(flow.take(wanted))
    if len(parts) == 1:
        return parts[0]
    if len({len(part.columns) for part in parts}) > 1:
        raise ShapeError(
            "data.mix",
            operands=[("columns", " and ".join(str(len(part.columns)) for part in parts))],
            rule="pipelines that are mixed have the same columns")
    order = np.empty(len(choices), np.int64)
    order[np.argsort(choices, kind="stable")] = np.arange(len(choices))
    return join(parts).rows(order)
