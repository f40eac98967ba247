"""The loader: the short way to shuffled batches, a pipeline of the most usual kind.

In: a Source such as a Dataset, or arrays. Out: tuples of tensors, `[batch, ...]` each. No Python
runs for a single row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lamina.data.dataset import Dataset, Transform
from lamina.data.pipeline import Pipeline
from lamina.data.rows import Mapped
from lamina.data.source import Source
from lamina.errors import ArgumentError


class Loader:
    """Batches of a dataset: `for images, labels in Loader(images, labels, batch_size=128): ...`.

    data: arrays, or one Source. shuffle: another order each epoch, the same in every run with the
    same `seed`. drop_last: leave out the last batch if it is short. transform: a function of the
    arrays of a whole batch.
    `epoch` counts the iterations begun; set it to resume at the order of that epoch, or go back to
    any batch with `state` and `restore`.

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
        if len(data) == 1 and isinstance(data[0], Source):
            self.dataset = _with_transform(data[0], transform)
        else:
            self.dataset = Dataset(*data, transform=transform)
        self.batch_size = _checked(batch_size)
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.seed = seed
        rows = Pipeline(self.dataset)
        self.pipeline = (rows.shuffle(seed) if shuffle else rows).batch(
            self.batch_size, drop_last=drop_last)
        if len(self) == 0:
            raise _no_batch(len(self.dataset), batch_size)

    def __len__(self) -> int:
        """Number of batches."""
        return len(self.pipeline)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.pipeline)

    @property
    def epoch(self) -> int:
        """The epoch that the next iteration is."""
        return self.pipeline.epoch

    @epoch.setter
    def epoch(self, number: int) -> None:
        self.pipeline.epoch = number

    def state(self) -> dict[str, Any]:
        """The position after the batch that was handed out last; see `Pipeline.state`."""
        return self.pipeline.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Let the next iteration begin at a position that `state` gave."""
        self.pipeline.restore(state)


def _with_transform(source: Source, transform: Transform | None) -> Source:
    if transform is None:
        return source
    if not isinstance(source, Dataset):
        return Mapped(source, transform)
    if source.transform is not None:
        raise ArgumentError(
            "Loader",
            operands=[("transform", repr(transform))],
            rule="the dataset has a transform already; a loader adds none",
        )
    return Dataset(*source.arrays, transform=transform, names=source.names)


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
