"""The in-memory loader: shuffles row numbers and gathers whole batches.

In: a Dataset, or its arrays. Out: tuples of tensors, `[batch, ...]` each. No Python runs for a
single row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from lamina.data.dataset import Dataset, Transform
from lamina.errors import ArgumentError
from lamina.tensor import Tensor, asarray


class Loader:
    """Batches of a dataset: `for images, labels in Loader(images, labels, batch_size=128): ...`.

    shuffle: another order each epoch, the same in every run with the same `seed`.
    drop_last: leave out the last batch if it is short.
    `epoch` counts the iterations begun; set it to resume at the order of that epoch.

    >>> loader = Loader(np.arange(10), batch_size=4)
    >>> [batch.shape for batch, in loader]
    [(4,), (4,), (2,)]
    """

    def __init__(
        self,
        *data: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        drop_last: bool = False,
        seed: int = 0,
        transform: Transform | None = None,
    ) -> None:
        if len(data) == 1 and isinstance(data[0], Dataset):
            self.dataset = _with_transform(data[0], transform)
        else:
            self.dataset = Dataset(*data, transform=transform)
        self.batch_size = _checked(batch_size)
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.seed = seed
        self.epoch = 0
        self._done = 0  # batches handed out of the epoch that was begun
        self._first = 0  # where the next iteration begins
        if len(self) == 0:
            raise _no_batch(len(self.dataset), batch_size)

    def __len__(self) -> int:
        """Number of batches."""
        rows = len(self.dataset)
        return rows // self.batch_size if self.drop_last else -(-rows // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        order = self._order(self.epoch)
        self.epoch += 1
        first, self._first = self._first, 0
        for number in range(first, len(self)):
            self._done = number + 1
            start = number * self.batch_size
            stop = min(start + self.batch_size, len(self.dataset))
            batch = self.dataset[start:stop] if order is None else self.dataset.take(
                order[start:stop])
            yield tuple(asarray(array) for array in batch)
        self._done = 0

    def state(self) -> dict[str, int]:
        """The position after the latest batch that was handed out."""
        if self._done:
            return {"epoch": self.epoch - 1, "batch": self._done}
        return {"epoch": self.epoch, "batch": self._first}

    def restore(self, state: Mapping[str, int]) -> None:
        """The next iteration goes on from the position that `state()` gave."""
        self.epoch, self._first, self._done = state["epoch"], state["batch"], 0

    def _order(self, epoch: int) -> np.ndarray | None:
        """Row numbers of an epoch, or None for the order of the arrays."""
        if not self.shuffle:
            return None
        return np.random.default_rng((self.seed, epoch)).permutation(len(self.dataset))


def _with_transform(dataset: Dataset, transform: Transform | None) -> Dataset:
    if transform is None:
        return dataset
    if dataset.transform is not None:
        raise ArgumentError(
            "Loader",
            operands=[("transform", repr(transform))],
            rule="the dataset has a transform already; a loader adds none",
        )
    return Dataset(*dataset.arrays, transform=transform)


def _checked(batch_size: int) -> int:
    if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ArgumentError(
            "Loader",
            operands=[("batch_size", repr(batch_size))],
            rule="batch_size is an int of at least 1",
            got=batch_size,
        )
    return int(batch_size)


def _no_batch(rows: int, batch_size: int) -> ArgumentError:
    return ArgumentError(
        "Loader",
        operands=[("rows", str(rows)), ("batch_size", str(batch_size))],
        rule="there is at least one batch",
        hint=f"batch_size={rows}, or drop_last=False" if rows else "",
    )
