"""Windows over a flow that is read in order: so many consecutive rows, again and again.

In: blocks of rows. Out: blocks of windows, `[windows, size, ...]`, and what follows each.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from lamina.data.block import Block, Item, State, Waiting
from lamina.data.rows import windows_of
from lamina.data.stages.flow import Flow


class Window(Flow):
    """Windows of `size` rows, `stride` apart, with the `horizon` rows after each."""

    def __init__(
        self, inner: Flow, size: int, stride: int, horizon: int, block: int
    ) -> None:
        super().__init__(inner)
        self._size, self._stride, self._horizon = size, stride, horizon
        self._most = block

    def open(self, epoch: int, at: State) -> Iterator[Item]:
        waiting = Waiting(partial(self.inner.open, epoch), at)
        reach = self._size + self._horizon
        while (found := waiting.fill(reach + (self._most - 1) * self._stride)) >= reach:
            count = min(self._most, (found - reach) // self._stride + 1)
            block = waiting.peek(reach + (count - 1) * self._stride)
            waiting.drop(count * self._stride)
            yield self._windows(block, count, reach), waiting.state

    def _windows(self, block: Block, count: int, reach: int) -> Block:
        first = np.arange(count) * self._stride
        rows = (first[:, None] + np.arange(reach)).reshape(-1)
        columns = tuple(column[rows] for column in block.columns)
        return Block(windows_of(columns, count, self._size, self._horizon), block.ids[first])
