"""Where a pipeline begins: rows by number, a stream, or other pipelines mixed; and its steps.

In: what the user has. Out: records that say how to make the flow of a run. They hold no position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.data.dataset import Dataset
from lamina.data.order import Natural, Order
from lamina.data.report import Guard, Place
from lamina.data.rows import FunctionSource
from lamina.data.source import Source
from lamina.data.stages.flow import Flow
from lamina.data.stages.read import Read
from lamina.data.stages.stream import ReadStream, Stream
from lamina.errors import ArgumentError
from lamina.tensor import Tensor

BLOCK = 128  # rows that are read at once where no batch says otherwise

Count = Callable[[int], int | None]


@dataclass(frozen=True)
class Step:
    """A stage to be made. text: in descriptions. count: rows or batches out of it by those in.

    kind: "map", "batch", "prefetch", "augment" and so on.
    """

    kind: str
    text: str
    make: Callable[[Flow, Guard], Flow]
    count: Count
    size: int = 0


class Head:
    """Where a pipeline begins. is_augmented: it runs compiled functions, which threads may not."""

    is_augmented = False

    def flow(self, block: int, places: list[Place], guard: Guard) -> Flow:
        """The flow of a run; each source gets a number among `places`."""
        raise NotImplementedError(f"{type(self).__name__} has no flow method")

    def count(self) -> int | None:
        """Rows, or batches, of an epoch; None where that is known at its end only."""
        raise NotImplementedError(f"{type(self).__name__} has no count method")

    def describe(self) -> str:
        """For comparing two pipelines."""
        raise NotImplementedError(f"{type(self).__name__} has no describe method")


@dataclass(frozen=True)
class RowsHead(Head):
    """Rows of a source in an order."""

    source: Source
    order: Order

    def flow(self, block: int, places: list[Place], guard: Guard) -> Flow:
        places.append(self.source.place)
        return Read(self.source, self.order, block, len(places) - 1, guard)

    def count(self) -> int | None:
        return self.order.length

    def describe(self) -> str:
        return self.order.describe()


@dataclass(frozen=True)
class StreamHead(Head):
    """Records, or batches, that are read in order."""

    stream: Stream

    def flow(self, block: int, places: list[Place], guard: Guard) -> Flow:
        places.append(self.stream.place)
        return ReadStream(self.stream, block, len(places) - 1, guard)

    def count(self) -> int | None:
        return None

    def describe(self) -> str:
        return "batches of a stream" if self.stream.batches else "records of a stream"


def as_head(data: tuple[Any, ...], length: int | None, batches: bool) -> RowsHead | StreamHead:
    """What was given to `pipeline`, by its kind; see there."""
    first = data[0] if len(data) == 1 else None
    if isinstance(first, Source):
        return _rows(first)
    if length is not None:
        if not callable(first) or isinstance(length, bool) or not isinstance(
                length, (int, np.integer)) or length < 0:
            raise ArgumentError(
                "pipeline", operands=[("data", _kinds(data)), ("length", repr(length)[:60])],
                rule="length, an int, is for a function of row numbers")
        return _rows(FunctionSource(first, int(length)))
    if isinstance(first, tuple) and first and all(map(_is_array, first)) and not batches:
        return _rows(Dataset(*first))
    if data and all(map(_is_array, data)) and not batches:
        return _rows(Dataset(*data))
    if isinstance(first, Iterable) or callable(first):
        return StreamHead(Stream(first, batches))
    raise ArgumentError(
        "pipeline",
        operands=[("data", _kinds(data) or "nothing")],
        rule="data is arrays of one length, a Source, an iterable, or a function that makes one",
        hint="pipeline(images, labels)")


def _rows(source: Source) -> RowsHead:
    return RowsHead(source, Natural(len(source)))


def _is_array(value: Any) -> bool:
    """Whether rows of it are found by number; a list of tuples is records to be read in order."""
    if isinstance(value, list):
        return not value or not isinstance(value[0], tuple)
    return isinstance(value, (np.ndarray, Tensor)) or hasattr(value, "__array__")


def _kinds(data: tuple[Any, ...]) -> str:
    return ", ".join(type(value).__name__ for value in data)
