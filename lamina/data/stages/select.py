"""What take, skip, shard and repeat are where the index plane cannot be asked: by counting.

In: blocks. Out: some of their rows, or of the batches; or all of them several times.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from lamina.data.block import Item, State, Waiting
from lamina.data.draws import bits, key_of
from lamina.data.order import epoch_of
from lamina.data.stages.flow import Flow


class Select(Flow):
    """Every `step`-th row, or batch, from `start` on and before `stop`."""

    def __init__(
        self, inner: Flow, start: int, stop: int | None, step: int, batched: bool
    ) -> None:
        super().__init__(inner)
        self._start, self._stop, self._step = start, stop, step
        self._batched = batched

    def open(self, epoch: int, at: State) -> Iterator[Item]:
        count, up = (0, None) if at is None else at
        if self._stop is not None and count >= self._stop:
            return
        for block, after in self.inner.open(epoch, up):
            number = 1 if self._batched else len(block)
            chosen = self._chosen(np.arange(count, count + number))
            count += number
            if chosen.any():
                is_whole = self._batched or chosen.all()
                yield block if is_whole else block.rows(chosen), [count, after]
            if self._stop is not None and count >= self._stop:
                return

    def _chosen(self, numbers: np.ndarray) -> np.ndarray:
        chosen = (numbers >= self._start) & ((numbers - self._start) % self._step == 0)
        return chosen if self._stop is None else chosen & (numbers < self._stop)


class Repeat(Flow):
    """The flow so many `times`, or without end; each time is an epoch of its own for it."""

    def __init__(self, inner: Flow, times: int | None) -> None:
        super().__init__(inner)
        self._times = times

    def open(self, epoch: int, at: State) -> Iterator[Item]:
        turn, up = (0, None) if at is None else at
        while self._times is None or turn < self._times:
            is_empty = up is None
            for block, after in self.inner.open(epoch_of(epoch, turn, self._times), up):
                is_empty = False
                yield block, [turn, after]
            if is_empty:
                return
            turn, up = turn + 1, None


class ShuffleNear(Flow):
    """Rows that are read in order, shuffled among `size` at a time."""

    def __init__(self, inner: Flow, size: int, seed: int) -> None:
        super().__init__(inner)
        self._size, self._seed = size, seed

    def open(self, epoch: int, at: State) -> Iterator[Item]:
        number, state = (0, None) if at is None else at
        waiting = Waiting(partial(self.inner.open, epoch), state)
        while found := waiting.fill(self._size):
            block = waiting.take(min(found, self._size))
            key = key_of(self._seed, epoch, number)
            number += 1
            order = bits(key, np.arange(len(block))).argsort(kind="stable")
            yield block.rows(order), [number, waiting.state]


