"""The head of a flow over what can only be read in order: iterables, generators, functions.

In: what makes an iterator of records, or of batches. Out: blocks of rows; the state counts what was
read. A stream is entered in its middle by reading from its beginning and leaving out what was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from lamina.data.block import SOURCE, Block, Item, State
from lamina.data.report import Guard
from lamina.data.rows import applied, as_rows
from lamina.data.stages.flow import Flow
from lamina.errors import DataError, LaminaError


class Stream:
    """Something to iterate, anew for each epoch if it can be.

    data: an iterable, or a function without arguments that makes one. Raises DataError when a
    second epoch is asked of an iterator, which gives its items only once.
    """

    def __init__(self, data: Iterable[Any] | Callable[[], Iterable[Any]], batches: bool) -> None:
        self.data = data
        self.batches = batches
        self._is_used = False

    @property
    def name(self) -> str:
        """The stream in errors."""
        return getattr(self.data, "__qualname__", type(self.data).__name__)

    def __iter__(self) -> Iterator[Any]:
        if not isinstance(self.data, Iterable):
            return iter(self.data())
        items = iter(self.data)
        if items is not self.data:
            return items
        if self._is_used:
            raise DataError(
                "pipeline",
                operands=[("stream", self.name)],
                rule="an iterator gives its items once: it has no second epoch",
                hint="pipeline(make), where make() returns a new iterator each time")
        self._is_used = True
        return items

    def place(self, row: int) -> str:
        """A record in errors."""
        return f"record {row} of {self.name}"


class ReadStream(Flow):
    """Blocks of `block` records, or the batches that the stream gives."""

    seekable = False

    def __init__(self, stream: Stream, block: int, number: int, guard: Guard) -> None:
        super().__init__()
        self._stream = stream
        self._rows = block
        self._base = number * SOURCE
        self._guard = guard

    def open(self, epoch: int, at: State) -> Iterator[Item]:
        items, rows = (0, 0) if at is None else at
        source = iter(self._stream)
        try:
            self._leave_out(source, items)
            while found := self._next(source, items, rows):
                columns, count = found
                items += 1 if self._stream.batches else count
                ids = np.arange(rows, rows + count) + self._base
                rows += count
                if count:
                    yield Block(columns, ids), [items, rows]
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()

    def _leave_out(self, source: Iterator[Any], items: int) -> None:
        left_out = sum(1 for _ in islice(source, items))
        if left_out < items:
            raise DataError(
                "pipeline",
                operands=[("stream", self._stream.name), ("items", str(left_out)),
                          ("to go on after", str(items))],
                rule="a restored stream gives again what it gave before")

    def _next(
        self, source: Iterator[Any], items: int, rows: int
    ) -> tuple[tuple[np.ndarray, ...], int] | None:
        """The next columns and their number of rows; None at the end."""
        wanted = 1 if self._stream.batches else self._rows
        found: list[Any] = []
        try:
            found.extend(islice(source, wanted))
        except Exception as error:
            if isinstance(error, LaminaError):
                raise
            raise DataError(
                "pipeline",
                operands=[("stream", self._stream.name), ("item", str(items + len(found))),
                          ("error", f"{type(error).__name__}: {error!s:.200}")],
                rule="the iterator gives its items without an error",
                where=self._guard.where) from error
        if not found:
            return None
        if self._stream.batches:
            columns = applied(_as_given, (found[0],), None)
            return columns, len(columns[0])
        return _columns(found, self._stream.place(rows)), len(found)


def _as_given(batch: Any) -> Any:
    return batch


def _columns(records: list[Any], place: str) -> tuple[np.ndarray, ...]:
    """Records, values or tuples of them, as columns."""
    if not isinstance(records[0], tuple):
        return (as_rows([_value(record) for record in records]),)
    width = len(records[0])
    if any(not isinstance(record, tuple) or len(record) != width for record in records):
        raise DataError(
            "pipeline", operands=[("records", f"{len(records)} from {place}")],
            rule="every record is a tuple of as many values, or each is one value")
    return tuple(as_rows([_value(v) for v in values]) for values in zip(*records, strict=True))


def _value(value: Any) -> Any:
    if isinstance(value, float):
        return np.float32(value)
    numpy = getattr(value, "numpy", None)
    return value if numpy is None else numpy()
