"""The head of a flow over a source: rows by number, in the order of the index plane.

In: a source and an order. Out: blocks of rows; the state is the next position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from lamina.data.block import SOURCE, Block, State
from lamina.data.cache import Cached
from lamina.data.dataset import Dataset
from lamina.data.order import Order
from lamina.data.report import Guard
from lamina.data.source import Columns, Source
from lamina.data.stages.flow import Flow, Task
from lamina.errors import ShapeError

_AHEAD = 4096  # positions whose rows are worked out at once


class Read(Flow):
    """Blocks of `block` rows of a source, which is number `number` of the pipeline's."""

    parallel = True
    seekable = True

    def __init__(
        self, source: Source, order: Order, block: int, number: int, guard: Guard
    ) -> None:
        super().__init__()
        self.order = order
        self.block = None if guard.skips else block
        self._rows = block
        self._base = number * SOURCE
        self._guard = guard
        self._source = source
        self._take: Callable[[np.ndarray], Columns] = source.take
        self._is_ours = type(source) is Cached
        if isinstance(source, Dataset) and type(source) is Dataset:  # nothing overrides its methods
            self._take = source.take_known
            self._is_ours = source.transform is None

    def tasks(self, epoch: int, at: State) -> Iterator[Task]:
        position = at or 0
        stride = self._rows * max(1, _AHEAD // self._rows)
        while self.order.length is None or position < self.order.length:
            ahead = position + stride
            stop = ahead if self.order.length is None else min(ahead, self.order.length)
            ids = self.order.rows(epoch, np.arange(position, stop)) + self._base
            for start in range(0, len(ids), self._rows):
                chosen = ids[start:start + self._rows]
                read = partial(self._read, chosen)
                yield partial(self._guard.read, read, chosen), position + start + len(chosen)
            position = stop

    def _read(self, all_ids: np.ndarray, part: Any) -> Block:
        ids = all_ids[part]
        columns = tuple(self._take(ids - self._base if self._base else ids))
        if not columns or any(len(column) != len(ids) for column in columns):
            raise ShapeError(
                type(self._source).__name__,
                operands=[("rows", str(len(ids))),
                          ("columns", ", ".join(str(np.shape(c)) for c in columns) or "none")],
                rule="take(rows) returns columns with a row for each number")
        return Block(columns, ids, self._is_ours)
