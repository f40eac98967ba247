"""HDF5 files as a source.

In: a file and names of data sets in it. Out: their rows. The library reads for one thread at a
time; rows are asked for in the order of the file.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.data.source import Columns, Source
from lamina.data.sources.reading import (
    Path,
    checked_rows,
    counted,
    damaged,
    missing_package,
    open_file,
    shown,
)
from lamina.errors import DataError, FormatError, LaminaError

# What the library raises for damaged content; LaminaErrors are some of these too
_DAMAGED = (OSError, ValueError, RuntimeError, KeyError, TypeError, MemoryError, OverflowError)


class HDF5(Source):
    """A column for each of these data sets of an HDF5 file, rows along their first axis.

    datasets: names or paths inside the file, such as "train/images"; None: those at its root.
    `names` are the last parts of the paths. Texts are arrays of objects. The file stays open until
    the source is dropped or `close()` is called.

    Raises DataError or FormatError: the file is missing, truncated, corrupt or of another format;
    a name is not in it; data sets differ in length.

    >>> import h5py, tempfile
    >>> path = tempfile.mkdtemp() + "/data.h5"
    >>> with h5py.File(path, "w") as file:
    ...     file["x"], file["y"] = np.eye(3), np.arange(3)
    >>> HDF5(path, ["x", "y"]).take(np.array([2, 0]))
    (array([[0., 0., 1.],
           [1., 0., 0.]]), array([2, 0]))
    """

    def __init__(self, path: Path, datasets: str | Sequence[str] | None = None) -> None:
        try:
            import h5py
        except ImportError:
            raise missing_package("HDF5", "h5py", "hdf5") from None
        self.path = shown(path)
        self._lock = threading.Lock()
        os.close(open_file(path))  # the library's words for a missing file are not ours
        try:
            self._file = h5py.File(os.fsdecode(path), "r")
        except OSError as error:
            raise self._damaged(str(error)) from None
        try:
            self._sets = self._find(h5py, datasets)
        except BaseException as error:
            self._file.close()
            if isinstance(error, _DAMAGED) and not isinstance(error, LaminaError):
                raise self._damaged(str(error)) from None
            raise
        self.names = tuple(name.rsplit("/", 1)[-1] for name in self._sets)

    def __len__(self) -> int:
        return self._length

    def take(self, rows: np.ndarray) -> Columns:
        numbers = checked_rows("HDF5", rows, len(self))
        distinct, back = np.unique(numbers, return_inverse=True)
        with self._lock:
            if not self._file:
                raise DataError("HDF5", operands=[("file", self.path)], rule="the file is open")
            return tuple(self._read(name, distinct)[back] for name in self._sets)

    def place(self, row: int) -> str:
        return f"{self.path}, row {row}"

    def close(self) -> None:
        """Close the file; rows can be taken no more."""
        with self._lock:
            self._file.close()

    def __repr__(self) -> str:
        return f"HDF5({counted(len(self), 'row')}, {', '.join(self._sets)})"

    def _find(self, h5py: Any, datasets: str | Sequence[str] | None) -> dict[str, Any]:
        there = [n for n, item in self._file.items() if isinstance(item, h5py.Dataset)]
        names = [datasets] if isinstance(datasets, str) else list(there if datasets is None
                                                                  else datasets)
        for name in names:
            if not isinstance(self._file.get(name), h5py.Dataset):
                raise DataError("HDF5", operands=[("file", self.path), ("data set", repr(name)),
                                                  ("at its root", ", ".join(self._file) or "none")],
                                rule="the file holds each data set that is named", got=name)
        found = {name: self._file[name] for name in names}
        lengths = {item.shape[0] if item.shape else None for item in found.values()}
        if len(lengths) != 1 or None in lengths:
            raise FormatError(
                "HDF5", operands=[("file", self.path),
                                  *((n, f"{i.dtype} {list(i.shape or ())}") for n, i in
                                    found.items())],
                rule="there is at least one data set, and all have the same first axis")
        self._length = int(lengths.pop() or 0)
        return {name: item.asstr() if h5py.check_string_dtype(item.dtype) else item
                for name, item in found.items()}

    def _read(self, name: str, rows: np.ndarray) -> np.ndarray:
        """Rows that rise; many that lie close together are read as one piece."""
        data = self._sets[name]
        try:
            if not len(rows):
                return np.asarray(data[0:0])
            first, last = int(rows[0]), int(rows[-1])
            if last - first < 2 * len(rows):
                return np.asarray(data[first : last + 1])[rows - first]
            return np.asarray(data[rows])
        except _DAMAGED as error:
            raise self._damaged(f"{error}, in {name!r}, rows {rows[0]} to {rows[-1]}") from None

    def _damaged(self, found: str) -> FormatError:
        return damaged("HDF5", "HDF5 file", self.path, found)
