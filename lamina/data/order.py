"""The index plane: orders of rows as functions from position to row.

In: an epoch and positions, int64 `[n]`. Out: numbers of rows in the source. Nothing is held but the
weights of a draw, so an order of any length is as cheap to enter in its middle as at its beginning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lamina.data.draws import bits, key_of, uniform
from lamina.data.permutation import permuted


class Order:
    """`length` positions, or None for no end; `fixed` where every epoch has the same order."""

    length: int | None
    fixed: bool = True

    def rows(self, epoch: int, positions: np.ndarray) -> np.ndarray:
        """The rows at these positions of an epoch."""
        raise NotImplementedError(f"{type(self).__name__} has no rows method")

    def describe(self) -> str:
        """For comparing two pipelines: `1000 rows.shuffle(0)`."""
        raise NotImplementedError(f"{type(self).__name__} has no describe method")


@dataclass(frozen=True)
class Natural(Order):
    """The order of the source."""

    length: int

    def rows(self, epoch: int, positions: np.ndarray) -> np.ndarray:
        return positions

    def describe(self) -> str:
        return f"{self.length} rows"


@dataclass(frozen=True)
class Shuffled(Order):
    """All of `inner`, in an order of its own for each epoch."""

    inner: Order
    seed: int
    fixed = False

    @property
    def length(self) -> int | None:  # type: ignore[override]
        """That of `inner`."""
        return self.inner.length

    def rows(self, epoch: int, positions: np.ndarray) -> np.ndarray:
        return self.inner.rows(
            epoch, permuted(positions, self.inner.length or 0, self.seed, epoch))

    def describe(self) -> str:
        return f"{self.inner.describe()}.shuffle({self.seed})"


@dataclass(frozen=True)
class Part(Order):
    """Every `step`-th position of `inner` from `start` on: what take, skip and shard leave."""

    inner: Order
    start: int
    step: int
    length: int | None

    @property
    def fixed(self) -> bool:  # type: ignore[override]
        """As `inner` is."""
        return self.inner.fixed

    def rows(self, epoch: int, positions: np.ndarray) -> np.ndarray:
        return self.inner.rows(epoch, positions * self.step + self.start)

    def describe(self) -> str:
        return f"{self.inner.describe()}[{self.start}::{self.step}][:{self.length}]"


def part(inner: Order, start: int = 0, stop: int | None = None, step: int = 1) -> Part:
    """`inner[start:stop:step]`; ends beyond it are cut.

    >>> order = part(Natural(10), start=1, step=4)
    >>> order.length, order.rows(0, np.arange(3)).tolist()
    (3, [1, 5, 9])
    """
    ends = [end for end in (stop, inner.length) if end is not None]
    length = max(0, -(-(min(ends) - start) // step)) if ends else None
    return Part(inner, start, step, length)


@dataclass(frozen=True)
class Repeated(Order):
    """`inner` so many `times`, or without end; each time is an epoch of its own for `inner`."""

    inner: Order
    times: int | None

    @property
    def length(self) -> int | None:  # type: ignore[override]
        """That of all times; an empty `inner` stays empty."""
        if not self.inner.length:
            return self.inner.length
        return None if self.times is None else self.inner.length * self.times

    @property
    def fixed(self) -> bool:  # type: ignore[override]
        """As `inner` is."""
        return self.inner.fixed

    def rows(self, epoch: int, positions: np.ndarray) -> np.ndarray:
        if not positions.size:
            return positions
        length = max(1, self.inner.length or 0)
        first = int(positions.min()) // length
        if int(positions.max()) // length == first:
            return self.inner.rows(
                epoch_of(epoch, first, self.times), positions - first * length)
        turns, places = np.divmod(positions, length)
        rows = np.empty_like(positions)
        for turn in np.unique(turns).tolist():
            chosen = turns == turn
            rows[chosen] = self.inner.rows(epoch_of(epoch, turn, self.times), places[chosen])
        return rows

    def describe(self) -> str:
        return f"{self.inner.describe()}.repeat({self.times})"


def epoch_of(epoch: int, turn: int, times: int | None) -> int:
    """The epoch that a repetition is for what is repeated: no two have the same."""
    return epoch * times + turn if times is not None else (epoch << 32) + turn


@dataclass(frozen=True, eq=False)
class Weighted(Order):
    """`length` rows drawn one by one, each with its share of the weights; rows may come again.

    candidates: rows to draw from. ends: their weights, summed up, the last one 1.
    """

    candidates: np.ndarray
    ends: np.ndarray
    seed: int
    length: int
    fixed = False

    def rows(self, epoch: int, positions: np.ndarray) -> np.ndarray:
        draws = uniform(key_of(self.seed, epoch), positions)
        return self.candidates[np.searchsorted(self.ends, draws, side="right")]

    def describe(self) -> str:
        return f"{self.length} of {len(self.candidates)} weighted rows({self.seed})"


@dataclass(frozen=True, eq=False)
class Balanced(Order):
    """`length` rows drawn one by one: a class, each as often as the others, then a row of it.

    candidates: rows, sorted by class. starts: where each class starts among them, and the end.
    """

    candidates: np.ndarray
    starts: np.ndarray
    seed: int
    length: int
    fixed = False

    def rows(self, epoch: int, positions: np.ndarray) -> np.ndarray:
        key = key_of(self.seed, epoch)
        classes = len(self.starts) - 1
        chosen = permuted_blocks(key, positions, classes)
        first, count = self.starts[chosen], np.diff(self.starts)[chosen]
        draws = uniform(key_of(key, 1), positions)
        return self.candidates[first + (draws * count).astype(np.int64)]

    def describe(self) -> str:
        return f"{self.length} balanced rows({self.seed})"


def permuted_blocks(key: int, positions: np.ndarray, size: int) -> np.ndarray:
    """For each position one of `size` numbers: every run of `size` positions has each once.

    >>> sorted(permuted_blocks(5, np.arange(3), 3).tolist())
    [0, 1, 2]
    """
    blocks, places = np.divmod(positions, size)
    numbers = np.empty_like(positions)
    for block in np.unique(blocks).tolist():
        chosen = blocks == block
        whole = bits(key, np.arange(block * size, (block + 1) * size)).argsort(kind="stable")
        numbers[chosen] = whole[places[chosen]]
    return numbers
