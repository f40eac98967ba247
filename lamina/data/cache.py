"""Rows kept as they are read the first time: in memory, or in files that are mapped into it.

In: a source, such as one that decodes or maps. Out: the same rows, computed once each. In a folder
every column is one `.npy` file of all rows, beside a byte for each row that says if it is there.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np

from lamina.data.memory import gather
from lamina.data.source import Columns, Source
from lamina.errors import DataError, FormatError, ShapeError
from lamina.files import write_atomically

_COMPARED = 4  # rows that are read again when a folder is opened


class Cached(Source):
    """The rows of `source`, kept. folder: where, across runs; None keeps them in memory.

    A folder belongs to one source and its functions: empty it when they change. Raises DataError
    for a folder of other data, which it tells by the number of rows and by reading a few of them
    again, and for columns that are no arrays of numbers (memory takes those).
    """

    def __init__(self, source: Source, folder: Path | None = None) -> None:
        self.source = source
        self.names, self.classes = source.names, source.classes
        self._folder = folder
        self._columns: list[np.ndarray] = []
        self._known = np.zeros(len(source), np.uint8)
        self._lock = threading.Lock()
        if folder is not None:
            self._open(folder)

    def __len__(self) -> int:
        return len(self._known)

    def take(self, rows: np.ndarray) -> Columns:
        missing = np.unique(rows[self._known[rows] == 0])
        if missing.size:
            found = self.source.take(missing)
            with self._lock:
                self._keep(missing, found)
        return tuple(gather(column, rows) for column in self._columns)

    def place(self, row: int) -> str:
        return self.source.place(row)

    def _keep(self, rows: np.ndarray, columns: Columns) -> None:
        if not self._columns:
            self._columns = self._made(columns)
        for kept, column in zip(self._columns, columns, strict=True):
            if kept.shape[1:] != column.shape[1:] or kept.dtype != column.dtype:
                raise ShapeError(
                    "pipeline.cache",
                    operands=[("rows before", f"{kept.dtype} {list(kept.shape[1:])}"),
                              ("rows now", f"{column.dtype} {list(column.shape[1:])}")],
                    rule="every block of a source has columns of the same dtype and shape")
            kept[rows] = column
        self._known[rows] = 1

    def _made(self, columns: Columns) -> list[np.ndarray]:
        if self._folder is None:
            return [np.empty((len(self), *c.shape[1:]), c.dtype) for c in columns]
        if any(c.dtype.hasobject for c in columns):
            raise DataError(
                "pipeline.cache",
                operands=[("folder", str(self._folder)),
                          ("columns", ", ".join(str(c.dtype) for c in columns))],
                rule="a folder keeps columns of numbers whose rows have one shape",
                hint="cache(), which keeps text and rows of several lengths in memory")
        described = [{"dtype": c.dtype.str, "shape": list(c.shape[1:])} for c in columns]
        made = [self._mapped(self._folder, number, one, "w+")
                for number, one in enumerate(described)]
        known = np.memmap(self._folder / "known.bin", np.uint8, "w+", shape=(len(self),))
        write_atomically(self._folder / "cache.json",
                         [json.dumps({"rows": len(self), "columns": described}).encode()])
        self._known = known
        return made

    def _open(self, folder: Path) -> None:
        """Take over what an earlier run kept."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            text = (folder / "cache.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        except OSError as error:
            raise DataError(
                "pipeline.cache",
                operands=[("folder", str(folder)), ("reason", error.strerror or str(error))],
                rule="the folder can be made, read and written") from error
        try:
            about = json.loads(text)
            rows, described = about["rows"], about["columns"]
            self._check_rows(folder, rows)
            self._columns = [self._mapped(folder, number, one, "r+")
                             for number, one in enumerate(described)]
            self._known = np.memmap(folder / "known.bin", np.uint8, "r+", shape=(rows,))
            self._check_contents(folder)
        except (ValueError, KeyError, TypeError, FileNotFoundError) as error:
            raise FormatError(
                "pipeline.cache",
                operands=[("folder", str(folder)), ("reason", str(error))],
                rule="the folder is as an earlier run left it",
                hint="remove the folder: it is made again") from error

    def _check_rows(self, folder: Path, rows: int) -> None:
        if rows != len(self.source):
            raise DataError(
                "pipeline.cache",
                operands=[("folder", f"{folder}, {rows} rows"),
                          ("source", f"{len(self.source)} rows")],
                rule="a folder belongs to one source",
                hint="another folder, or remove this one")

    def _check_contents(self, folder: Path) -> None:
        """Read a few rows again, from the first to the last, and compare."""
        there = np.flatnonzero(self._known)
        if not there.size:
            return
        rows = np.unique(there[np.linspace(0, there.size - 1, _COMPARED).astype(np.intp)])
        found = self.source.take(rows)
        for row, *pairs in zip(rows, *found, *(c[rows] for c in self._columns), strict=True):
            now, kept = pairs[:len(found)], pairs[len(found):]
            if not all(np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f")
                       for a, b in zip(now, kept, strict=True)):
                raise DataError(
                    "pipeline.cache",
                    operands=[("folder", str(folder)),
                              ("differs", self.source.place(int(row)))],
                    rule="a folder belongs to one source and its functions, which give these rows",
                    hint="another folder, or remove this one; what draws comes after the cache")

    def _mapped(self, folder: Path, number: int, about: dict[str, Any], mode: str) -> np.ndarray:
        path = folder / f"column-{number}.npy"
        shape = (len(self.source), *about["shape"])
        if mode == "w+":
            try:
                return np.lib.format.open_memmap(
                    path, mode="w+", dtype=np.dtype(about["dtype"]), shape=shape)
            except OSError as error:
                raise DataError(
                    "pipeline.cache",
                    operands=[("file", str(path)), ("reason", error.strerror or str(error))],
                    rule="the folder is writable and has room for every row") from error
        mapped = np.lib.format.open_memmap(path, mode="r+")
        if mapped.shape != shape or mapped.dtype.str != about["dtype"]:
            raise ValueError(f"{path.name} is {mapped.dtype} {list(mapped.shape)}")
        return mapped
