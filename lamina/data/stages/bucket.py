"""Batches of rows of similar length: little padding, the same shapes again and again.

In: blocks, and the length of each row. Out: a batch whenever a bucket is full; the rest at the end.
The state names the rows that wait, each with the state before the block that it came in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.data.block import Block, Item, State, join
from lamina.data.report import Guard
from lamina.data.stages.batch import lengths_of, padded
from lamina.data.stages.flow import Flow
from lamina.errors import ArgumentError, ShapeError

Length = int | Callable[..., Any]  # the column whose rows are measured, or a function of columns


class Bucket(Flow):
    """Bucket i holds lengths up to `boundaries[i]`, the last one what is longer."""

    def __init__(
        self, inner: Flow, length: Length, boundaries: tuple[int, ...], sizes: tuple[int, ...],
        pad: float, drop_last: bool, guard: Guard,
    ) -> None:
        super().__init__(inner)
        self._length = length
        self._boundaries = np.array(boundaries, np.int64)
        self._sizes = sizes
        self._pad = pad
        self._drop_last = drop_last
        self._guard = guard

    def open(self, epoch: int, at: State) -> Iterator[Item]:
        buckets = _Buckets(self._sizes)
        before, waiting = (None, []) if at is None else (at["up"], at["waiting"])
        items = self._again(epoch, before, waiting, buckets)
        while True:
            while (full := buckets.full()) is not None:
                batch = padded(buckets.take(full), self._pad)
                yield batch, {"up": before, "waiting": buckets.waiting()}
            item = next(items, None)
            if item is None:
                break
            block, after = item
            self._sort(before, np.arange(len(block)), block, buckets)
            before = after
        while not self._drop_last and (some := buckets.some()) is not None:
            batch = padded(buckets.take(some), self._pad)
            yield batch, {"up": before, "waiting": buckets.waiting()}

    def _again(
        self, epoch: int, before: State, waiting: list[Any], buckets: _Buckets
    ) -> Iterator[Item]:
        """Read the rows that waited into their buckets; the items from `before` on."""
        if self.inner.seekable:
            for state, rows in waiting:
                block, _ = next(self.inner.open(epoch, state))
                self._choose(state, rows, block, buckets)
            return self.inner.open(epoch, before)
        state = waiting[0][0] if waiting else before
        items = self.inner.open(epoch, state)
        left = list(waiting)
        while state != before:
            block, after = next(items)
            if left and left[0][0] == state:
                self._choose(state, left.pop(0)[1], block, buckets)
            state = after
        return items

    def _choose(self, state: State, rows: list[int], block: Block, buckets: _Buckets) -> None:
        numbers = np.array(rows, np.int64)
        self._sort(state, numbers, block.rows(numbers), buckets)

    def _sort(self, before: State, numbers: np.ndarray, block: Block, buckets: _Buckets) -> None:
        lengths = self._lengths(block)
        if lengths.shape != (len(block),) or lengths.dtype.kind not in "iu":
            raise ShapeError(
                "pipeline.bucket",
                operands=[("rows", str(len(block))),
                          ("lengths", f"{lengths.dtype} {list(lengths.shape)}")],
                rule="the function returns a whole number for each row of the block",
                where=self._guard.where)
        places = np.searchsorted(self._boundaries, lengths, side="left")
        buckets.add(before, numbers, block, places)

    def _lengths(self, block: Block) -> np.ndarray:
        if not isinstance(self._length, int):
            return np.asarray(self._length(*block.columns))
        if self._length >= len(block.columns):
            raise ArgumentError(
                "pipeline.bucket",
                operands=[("length", str(self._length)), ("columns", str(len(block.columns)))],
                rule="length is the number of a column, or a function of the columns",
                where=self._guard.where)
        return lengths_of(block.columns[self._length])


@dataclass
class _Piece:
    """Rows of block number `number` that wait. rows: which of it, ascending."""

    number: int
    before: State
    rows: np.ndarray
    block: Block


class _Buckets:
    """The rows that wait, in the order in which they came."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        self._sizes = sizes
        self._pieces: list[list[_Piece]] = [[] for _ in sizes]
        self._number = 0

    def add(self, before: State, numbers: np.ndarray, block: Block, places: np.ndarray) -> None:
        """Rows `numbers` of the block after `before`, each to the bucket in `places`."""
        for bucket in np.unique(places).tolist():
            chosen = np.flatnonzero(places == bucket)
            piece = _Piece(self._number, before, numbers[chosen], block.rows(chosen))
            self._pieces[bucket].append(piece)
        self._number += 1

    def full(self) -> int | None:
        """The first bucket that has enough rows for a batch."""
        for number, size in enumerate(self._sizes):
            if sum(len(piece.rows) for piece in self._pieces[number]) >= size:
                return number
        return None

    def some(self) -> int | None:
        """The first bucket that has any row."""
        return next((number for number, pieces in enumerate(self._pieces) if pieces), None)

    def take(self, bucket: int) -> Block:
        """A batch out of a bucket: its first rows."""
        pieces, wanted, blocks = self._pieces[bucket], self._sizes[bucket], []
        while pieces and wanted:
            piece = pieces.pop(0)
            count = min(wanted, len(piece.rows))
            blocks.append(piece.block.rows(slice(0, count)))
            wanted -= count
            if count < len(piece.rows):
                rest = slice(count, None)
                pieces.insert(0, _Piece(piece.number, piece.before, piece.rows[rest],
                                        piece.block.rows(rest)))
        return join(blocks)

    def waiting(self) -> list[Any]:
        """For each block with rows that wait: the state before it, and the rows."""
        found: dict[int, tuple[State, list[int]]] = {}
        for pieces in self._pieces:
            for piece in pieces:
                found.setdefault(piece.number, (piece.before, []))[1].extend(piece.rows.tolist())
        return [[before, sorted(rows)] for _, (before, rows) in sorted(found.items())]
