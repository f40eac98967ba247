"""Batches of so many rows, padded if their rows differ in length.

In: blocks of any length. Out: one block for each batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from lamina.data.block import Block, Item, State, Waiting
from lamina.data.stages.flow import Each, Flow
from lamina.errors import ShapeError


class Batch(Each):
    """Batches of `size` rows. Blocks that have as many already go through as they are."""

    def __init__(self, inner: Flow, size: int, drop_last: bool, pad: float | None) -> None:
        super().__init__(inner)
        self.block = size
        self._size, self._drop_last, self._pad = size, drop_last, pad

    @property
    def parallel(self) -> bool:  # type: ignore[override]
        """Where nothing has to be put together."""
        return self.inner.parallel and self.inner.block == self._size

    def each(self, block: Block) -> Block | None:
        if self._drop_last and len(block) < self._size:
            return None
        return block if self._pad is None else padded(block, self._pad)

    def open(self, epoch: int, at: State) -> Iterator[Item]:
        if self.inner.block == self._size:
            yield from super().open(epoch, at)
            return
        waiting = Waiting(partial(self.inner.open, epoch), at)
        while found := waiting.fill(self._size):
            batch = self.each(waiting.take(min(found, self._size)))
            if batch is not None:
                yield batch, waiting.state


def padded(block: Block, value: float) -> Block:
    """Columns of rows of several lengths as one array, `[rows, longest, ...]`.

    Raises ShapeError for rows that differ in more than their first axis.
    """
    columns = tuple(_padded(column, value) if _is_ragged(column) else column
                    for column in block.columns)
    return Block(columns, block.ids)


def lengths_of(column: np.ndarray) -> np.ndarray:
    """int64 `[rows]`: the first axis of each row, or the number of characters."""
    if column.dtype == object:
        return np.fromiter(map(len, column), np.int64, len(column))
    return np.full(len(column), column.shape[1] if column.ndim > 1 else 1)


def _is_ragged(column: Any) -> bool:
    return (isinstance(column, np.ndarray) and column.dtype == object and len(column) > 0
            and not isinstance(column[0], (str, bytes)) and hasattr(column[0], "__len__"))


def _padded(column: np.ndarray, value: float) -> np.ndarray:
    rows = [np.asarray(row) for row in column]
    rests = {row.shape[1:] for row in rows}
    if len(rests) > 1 or any(row.ndim == 0 for row in rows):
        raise ShapeError(
            "pipeline.batch",
            operands=[("rows", ", ".join(sorted({str(list(row.shape)) for row in rows}))[:200])],
            rule="rows that are padded differ in the first axis alone")
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    flat = np.concatenate(rows)
    out = np.full((len(rows), lengths.max(initial=0), *rests.pop()), value, flat.dtype)
    out[np.arange(out.shape[1]) < lengths[:, None]] = flat
    return out
