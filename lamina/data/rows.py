"""Sources made of sources: rows that went through a function, some of them, windows, an order.

In: a Source. Out: another that is read by number too, so that everything on the index plane works
on it: each row of it depends on rows of the other by number alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.data.order import Order
from lamina.data.source import Columns, Source, labels_of
from lamina.errors import ArgumentError, ShapeError

BlockFunction = Callable[..., Any]


class Mapped(Source):
    """The rows of a source after `function(*columns)`, called with whole blocks."""

    def __init__(self, source: Source, function: BlockFunction) -> None:
        self.source = source
        self.function = function
        self.classes = source.classes

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: np.ndarray) -> Columns:
        return applied(self.function, self.source.take(rows), len(rows))

    def place(self, row: int) -> str:
        return self.source.place(row)


def applied(function: BlockFunction, columns: Columns, rows: int | None) -> Columns:
    """What a function makes of a block: columns of as many rows; None: of any number of rows."""
    result = function(*columns)
    found = tuple(map(as_rows, result if isinstance(result, (tuple, list)) else (result,)))
    lengths = {len(column) if column.ndim else 0 for column in found}
    if not found or len(lengths) > 1 or rows not in (None, *lengths):
        raise ShapeError(
            "pipeline.map",
            operands=[("given", _shapes(columns)), ("returned", _shapes(found) or "nothing")],
            rule="a function returns a column, or a tuple of them, with a row for each it is given",
            hint="filter() to leave rows out" if lengths and rows and min(lengths) < rows else "",
        )
    return found


def as_rows(value: Any) -> np.ndarray:
    """A column: an array; text and rows of several shapes become objects."""
    numpy = getattr(value, "numpy", None)
    if numpy is not None and not isinstance(value, np.ndarray):
        value = numpy()
    try:
        array = np.asarray(value)
    except ValueError:
        return _objects(value)
    return array.astype(object) if array.dtype.kind in "US" else array


def _objects(rows: Any) -> np.ndarray:
    """Rows of several shapes as arrays in an array of objects."""
    column = np.empty(len(rows), object)
    for number, row in enumerate(rows):
        column[number] = np.asarray(row)
    return column


def _shapes(columns: Columns) -> str:
    return ", ".join(f"{c.dtype} {list(c.shape)}" for c in columns)


class Windowed(Source):
    """Window number i: `size` consecutive rows from row i * stride on, `[n, size, ...]` each.

    horizon: one column more, of the last column's next rows, `[n, horizon, ...]`.
    """

    def __init__(self, source: Source, size: int, stride: int, horizon: int) -> None:
        self.source = source
        self.size, self.stride, self.horizon = size, stride, horizon
        if not len(self):
            raise ArgumentError(
                "pipeline.window",
                operands=[("rows", str(len(source))), ("size", str(size)),
                          ("horizon", str(horizon))],
                rule="there is at least one whole window")

    def __len__(self) -> int:
        return max(0, (len(self.source) - self.size - self.horizon) // self.stride + 1)

    def take(self, rows: np.ndarray) -> Columns:
        reach = self.size + self.horizon
        needed = (rows[:, None] * self.stride + np.arange(reach)).reshape(-1)
        return windows_of(self.source.take(needed), len(rows), self.size, self.horizon)

    def place(self, row: int) -> str:
        return f"the window from {self.source.place(row * self.stride)}"


def windows_of(columns: Columns, count: int, size: int, horizon: int) -> Columns:
    """Columns of `count` windows one after the other, `[count * (size + horizon), ...]`, apart."""
    split = [c.reshape(count, size + horizon, *c.shape[1:]) for c in columns]
    past = tuple(c[:, :size] for c in split)
    return (*past, split[-1][:, size:]) if horizon else past


class Chosen(Source):
    """Some rows of a source: those with these numbers, int64 `[n]`, in this order.

    >>> squares = FunctionSource(lambda rows: rows**2, length=10)
    >>> Chosen(squares, np.array([7, 2])).take(np.array([0, 1]))
    (array([49,  4]),)
    """

    def __init__(self, source: Source, numbers: np.ndarray) -> None:
        self.source = source
        self.numbers = numbers
        self.names, self.classes = source.names, source.classes

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def labels(self) -> np.ndarray | None:
        """The labels of these rows, where the source has them at hand."""
        labels = labels_of(self.source)
        return None if labels is None else labels[self.numbers]

    def take(self, rows: np.ndarray) -> Columns:
        return self.source.take(self.numbers[rows])

    def place(self, row: int) -> str:
        return self.source.place(int(self.numbers[row]))


class Ordered(Source):
    """The rows of a source in an order that every epoch has."""

    def __init__(self, source: Source, order: Order) -> None:
        self.source = source
        self.order = order
        self.names, self.classes = source.names, source.classes

    def __len__(self) -> int:
        return self.order.length or 0

    def take(self, rows: np.ndarray) -> Columns:
        return self.source.take(self.order.rows(0, rows))

    def place(self, row: int) -> str:
        return self.source.place(int(self.order.rows(0, np.array([row]))[0]))


class FunctionSource(Source):
    """`length` rows of a function of their numbers: `function(rows) -> columns`, rows int64 `[n]`.

    >>> squares = FunctionSource(lambda rows: rows**2, length=10)
    >>> squares.take(np.array([3, 4]))
    (array([ 9, 16]),)
    """

    def __init__(self, function: BlockFunction, length: int) -> None:
        self.function = function
        self.length = length

    def __len__(self) -> int:
        return self.length

    def take(self, rows: np.ndarray) -> Columns:
        return applied(self.function, (rows,), len(rows))
