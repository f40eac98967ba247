"""Blocks of rows, what flows through the data plane; and rows that wait for a batch.

In: columns, arrays with a first axis. Out: blocks of other lengths, and the state to go on from.
A row's id is the number of its source in the pipeline, times 2**48, plus its row there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.data.memory import joined

State = Any  # of a flow: None, numbers, lists and dicts, so that JSON gives back the same
SOURCE = 1 << 48  # ids of a source


@dataclass(slots=True)
class Block:
    """Rows. ids: int64 `[rows]`, where they come from. is_ours: nobody else holds the columns."""

    columns: tuple[Any, ...]
    ids: np.ndarray
    is_ours: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, chosen: Any) -> Block:
        """Those of a slice, a mask or an array of numbers."""
        is_new = not isinstance(chosen, slice)
        return Block(tuple(c[chosen] for c in self.columns), self.ids[chosen], is_new)


Item = tuple[Block, State]  # a block, and the state after it
Opening = Callable[[State], Iterator[Item]]


def join(blocks: list[Block]) -> Block:
    """One block of several with the same columns."""
    if len(blocks) == 1:
        return blocks[0]
    columns = tuple(joined(list(parts)) for parts in zip(*(b.columns for b in blocks),
                                                         strict=True))
    return Block(columns, np.concatenate([b.ids for b in blocks]), is_ours=True)


class Waiting:
    """Rows of a flow that were read and not yet given on.

    `state` leads back to the first of them: where its block begins, and rows to leave out there.
    """

    def __init__(self, opening: Opening, at: State) -> None:
        before: State = None if at is None else at["up"]
        self._offset: int = 0 if at is None else at["skip"]
        self._items = opening(before)
        self._after = before  # the state after the last block that was read
        self._blocks: deque[tuple[State, Block]] = deque()  # each with the state before it
        self.rows = -self._offset

    def fill(self, wanted: int) -> int:
        """Read until so many rows wait; how many do, fewer only at the end."""
        while self.rows < wanted:
            item = next(self._items, None)
            if item is None:
                break
            block, after = item
            self._blocks.append((self._after, block))
            self._after = after
            self.rows += len(block)
        return max(0, self.rows)

    def take(self, wanted: int) -> Block:
        """The first rows, which `fill` found."""
        self.rows -= wanted
        parts = []
        while wanted:
            block = self._blocks[0][1]
            stop = min(len(block), self._offset + wanted)
            is_whole = self._offset == 0 and stop == len(block)
            parts.append(block if is_whole else block.rows(slice(self._offset, stop)))
            wanted -= stop - self._offset
            self._offset = stop
            self._leave()
        return join(parts)

    def drop(self, rows: int) -> None:
        """Leave out rows, some of which may not have been read yet."""
        rows = min(rows, self.fill(rows))
        self.rows -= rows
        self._offset += rows
        self._leave()

    def peek(self, rows: int) -> Block:
        """The first rows, which stay."""
        parts, start = [], self._offset
        for _, block in self._blocks:
            part = block.rows(slice(start, start + rows))
            parts.append(part)
            rows -= len(part)
            start = 0
            if rows <= 0:
                break
        return join(parts)

    @property
    def state(self) -> State:
        """Where the first row that waits can be read again."""
        if not self._blocks:
            return {"up": self._after, "skip": self._offset}
        return {"up": self._blocks[0][0], "skip": self._offset}

    def _leave(self) -> None:
        while self._blocks and self._offset >= len(self._blocks[0][1]):
            self._offset -= len(self._blocks.popleft()[1])
