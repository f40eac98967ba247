"""Datasets: arrays of equal length that belong together, such as images and labels.

In: arrays, tensors or lists, one row for each example. Out: rows by number, whole batches at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina.data.memory import gather, is_plain
from lamina.data.rows import as_rows
from lamina.data.source import Source
from lamina.errors import ArgumentError, ShapeError
from lamina.tensor import Tensor

Batch = tuple[np.ndarray, ...]
Transform = Callable[..., Any]
_INT64 = np.dtype(np.int64)


class Dataset(Source):
    """Rows of several arrays: `Dataset(images, labels)`.

    Lists of text, and of rows that differ in length, become arrays of objects.
    transform: called with the arrays of a whole batch, returns as many or others:
    `lambda images, labels: (images.astype(np.float32) / 255, labels)`.
    names: of the arrays, for sources of named columns. classes: names of the labels in the last
    array.

    >>> data = Dataset([[1.0], [2.0], [3.0]], [0, 1, 0])
    >>> len(data)
    3
    >>> data[1:]
    (array([[2.],
           [3.]], dtype=float32), array([1, 0]))
    """

    def __init__(
        self,
        *arrays: Any,
        transform: Transform | None = None,
        names: Sequence[str] = (),
        classes: Sequence[str] = (),
    ) -> None:
        self.arrays = tuple(_as_array(array) for array in arrays)
        self.transform = transform
        self.names = tuple(names)
        self.classes = tuple(classes)
        _check_lengths(self.arrays)
        self._plain = [is_plain(array) for array in self.arrays]

    def __len__(self) -> int:
        return len(self.arrays[0])

    @property
    def labels(self) -> np.ndarray:
        """The last array."""
        return self.arrays[-1]

    def __getitem__(self, rows: Any) -> Batch:
        """rows: an int, a slice or an array of numbers; the result has been transformed."""
        if isinstance(rows, slice):
            return self._transformed(tuple(array[rows] for array in self.arrays))
        return self.take(np.asarray(rows))

    def take(self, rows: np.ndarray) -> Batch:
        """The rows with these numbers, `[batch, ...]` of each array, transformed."""
        if (rows.ndim != 1 or rows.dtype != _INT64 or not rows.size
                or _reach(rows) >= len(self.arrays[0])):
            return self._transformed(tuple(np.take(array, rows, axis=0) for array in self.arrays))
        return self.take_known(rows)

    def take_known(self, rows: np.ndarray) -> Batch:
        """The same for rows int64 `[n]` that are known to exist: an order's."""
        return self._transformed(tuple(
            gather(array, rows) if plain else array[rows]
            for array, plain in zip(self.arrays, self._plain, strict=True)))

    def _transformed(self, batch: Batch) -> Batch:
        if self.transform is None:
            return batch
        result = self.transform(*batch)
        return result if isinstance(result, tuple) else (result,)

    def find_not_finite(self) -> str:
        """Where the first NaN or infinity is, such as `array 0, row 17: nan`; "" if nowhere."""
        for number, array in enumerate(self.arrays):
            if not np.issubdtype(array.dtype, np.floating):
                continue
            rows = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))
            if rows.size:
                values = array[rows[0]]
                return f"array {number}, row {rows[0]}: {values[~np.isfinite(values)].flat[0]}"
        return ""


def _reach(rows: np.ndarray) -> int:
    """The largest row number; beyond any array if one is negative."""
    unsigned = rows.view(np.uint64)
    return int(unsigned[unsigned.argmax()])  # argmax is twice as fast as max for few rows


def _as_array(value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        return value.numpy()
    array = as_rows(value)
    is_list = not hasattr(value, "dtype")
    return array.astype(np.float32) if is_list and array.dtype == np.float64 else array


def _check_lengths(arrays: tuple[np.ndarray, ...]) -> None:
    if not arrays:
        raise ArgumentError(
            "Dataset",
            operands=[("arrays", "none")],
            rule="a dataset has at least one array",
            hint="Dataset(images, labels)",
        )
    lengths = [len(array) if array.ndim else 0 for array in arrays]
    if len(set(lengths)) > 1 or any(array.ndim == 0 for array in arrays):
        raise ShapeError(
            "Dataset",
            operands=[
                (f"array {i}", f"{array.dtype} {list(array.shape)}")
                for i, array in enumerate(arrays)
            ],
            rule="all arrays have the same first axis, the examples",
            got=lengths,
        )
