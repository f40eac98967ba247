"""Parquet files as a source: row groups are read when one of their rows is asked for.

In: files and names of columns. Out: their rows. The row groups used last stay decoded, up to a
number of bytes; each read opens the file anew, so that threads do not wait for one another.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.data.source import Columns, Source
from lamina.data.sources.parquet_columns import as_array
from lamina.data.sources.reading import (
    Path,
    checked_rows,
    counted,
    damaged,
    listed_paths,
    missing_package,
    open_file,
    shown,
)
from lamina.data.sources.recent import Recent
from lamina.errors import ArgumentError, FormatError


class Parquet(Source):
    """The rows of one Parquet file, or of several with the same columns, one after the other.

    columns: names of those that are wanted, in this order; None: all. Whole numbers and truth
    values with nulls become float64 with NaN; texts, lists and structures are arrays of objects
    with None; lists of a fixed size are one array `[n, size]`; dates and times are datetime64.

    cache: bytes of decoded row groups that are kept. Rows in a wholly random order read a group for
    each row that is not in it: let it hold the file, or shuffle within windows.

    Raises DataError or FormatError: missing, truncated, corrupt, changed since it was opened,
    another format, files that differ in their columns.

    >>> import pyarrow, pyarrow.parquet, tempfile
    >>> path = tempfile.mkdtemp() + "/table.parquet"
    >>> pyarrow.parquet.write_table(pyarrow.table({"age": [31, None], "city": ["Rome", "Oslo"]}),
    ...                             path)
    >>> Parquet(path).take(np.array([1, 0]))
    (array([nan, 31.]), array(['Oslo', 'Rome'], dtype=object))
    """

    def __init__(self, path: Path | Sequence[Path], columns: Sequence[str] | None = None,
                 cache: int = 256 << 20) -> None:
        _load_package()
        self.paths = listed_paths("Parquet", path)
        self._stamps = [_stamp(path) for path in self.paths]
        self._footers = [self._footer(path) for path in self.paths]
        schemas = [footer.schema.to_arrow_schema() for footer in self._footers]
        self._schema = schemas[0]
        self.names = self._chosen(columns)
        self._check_schemas(schemas)
        self._groups = [(part, group) for part, footer in enumerate(self._footers)
                        for group in range(footer.num_row_groups)]
        sizes = [self._footers[part].row_group(group).num_rows for part, group in self._groups]
        self._starts = np.cumsum([0, *sizes])
        self._recent: Recent[int, Columns] = Recent(cache)
        self._with_nulls = {name for name in self.names if self._has_nulls(name)}

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """All rows of each column, by name."""
        return dict(zip(self.names, self.take(np.arange(len(self))), strict=True))

    def take(self, rows: np.ndarray) -> Columns:
        numbers = checked_rows("Parquet", rows, len(self))
        if not len(numbers):
            return self._arrays(self._schema.empty_table().select(list(self.names)))
        groups = np.searchsorted(self._starts, numbers, "right") - 1
        order = np.argsort(groups, kind="stable")
        distinct, starts = np.unique(groups[order], return_index=True)
        pieces = []
        for group, mine in zip(distinct.tolist(), np.split(order, starts[1:]), strict=True):
            inside = numbers[mine] - self._starts[group]
            pieces.append([column[inside] for column in self._group(group)])
        back = np.argsort(order)
        return tuple(np.concatenate(column)[back] for column in zip(*pieces, strict=True))

    def place(self, row: int) -> str:
        part = self._groups[int(np.searchsorted(self._starts, row, "right")) - 1][0]
        before = next(i for i, (other, _) in enumerate(self._groups) if other == part)
        return f"{shown(self.paths[part])}, row {row - int(self._starts[before])}"

    def __repr__(self) -> str:
        return f"Parquet({counted(len(self), 'row')}, {counted(len(self.names), 'column')})"

    def _group(self, group: int) -> Columns:
        return self._recent.get(group, lambda: self._read(group))

    def _read(self, group: int) -> tuple[Columns, int]:
        """The columns of a row group, and the bytes that they take."""
        part, number = self._groups[group]
        table = self._table(part, number, list(self.names))
        try:
            arrays = self._arrays(table)
        except ValueError as error:  # a text that is not UTF-8, a time that is none
            raise _damaged(self.paths[part], f"{error}, in row group {number}") from None
        return arrays, table.nbytes + sum(array.nbytes for array in arrays)

    def _arrays(self, table: Any) -> Columns:
        return tuple(as_array(table.column(name), name in self._with_nulls) for name in self.names)

    def _table(self, part: int, group: int, names: list[str]) -> Any:
        path = self.paths[part]
        if _stamp(path) != self._stamps[part]:
            raise FormatError("Parquet", operands=[("file", shown(path))],
                              rule="the file stays as it was when it was opened")
        arrow, parquet = _load_package()
        try:
            with parquet.ParquetFile(path, metadata=self._footers[part]) as file:
                return file.read_row_group(group, columns=names, use_threads=False)
        except (arrow.ArrowException, OSError, ValueError) as error:
            raise _damaged(path, f"{_first_line(error)}, in row group {group}") from None

    def _footer(self, path: str) -> Any:
        arrow, parquet = _load_package()
        try:
            return parquet.read_metadata(path)
        except (arrow.ArrowException, OSError, ValueError) as error:
            raise _damaged(path, _first_line(error)) from None

    def _has_nulls(self, name: str) -> bool:
        """From the statistics in the files; where one has none, from the column itself."""
        field = self._schema.field(name)
        if not field.nullable:
            return False
        for part, group in self._groups:
            nulls = self._counted_nulls(part, group, name)
            if nulls is None:
                nulls = self._table(part, group, [name]).column(name).null_count
            if nulls:
                return True
        return False

    def _counted_nulls(self, part: int, group: int, name: str) -> int | None:
        """What the statistics say; None where there are none.

        They are asked for only where the two places that give a column's type agree: pyarrow ends
        the process otherwise.
        """
        footer = self._footers[part]
        chunks = footer.row_group(group)
        for leaf in range(chunks.num_columns):
            chunk = chunks.column(leaf)
            if chunk.path_in_schema != name:
                continue
            if chunk.physical_type != footer.schema.column(leaf).physical_type:
                raise _damaged(self.paths[part], f"two types of column {name!r}, in row group "
                                                 f"{group}")
            if chunk.is_stats_set and chunk.statistics.has_null_count:
                return int(chunk.statistics.null_count)
        return None

    def _chosen(self, columns: Sequence[str] | None) -> tuple[str, ...]:
        there = self._schema.names
        chosen = tuple(there if columns is None else
                       [columns] if isinstance(columns, str) else columns)
        if not chosen or any(name not in there for name in chosen):
            raise ArgumentError(
                "Parquet", operands=[("columns", ", ".join(map(repr, chosen)) or "none"),
                                     ("the file's", ", ".join(map(repr, there)))],
                rule="columns are some of the file's", got=chosen)
        if any(there.count(name) > 1 for name in chosen) or len(set(chosen)) < len(chosen):
            raise FormatError("Parquet", operands=[("file", shown(self.paths[0])),
                                                   ("columns", ", ".join(map(repr, chosen)))],
                              rule="each column has its own name")
        return chosen

    def _check_schemas(self, schemas: Sequence[Any]) -> None:
        for path, schema in zip(self.paths, schemas, strict=True):
            for name in self.names:
                theirs = schema.field(name).type if name in schema.names else "none"
                ours = self._schema.field(name).type
                if theirs != ours:
                    raise FormatError(
                        "Parquet", operands=[(shown(self.paths[0]), f"{name}: {ours}"),
                                             (shown(path), f"{name}: {theirs}")],
                        rule="all files have the same columns of the same types")


def _stamp(path: str) -> tuple[int, int]:
    descriptor = open_file(path)
    status = os.fstat(descriptor)
    os.close(descriptor)
    return status.st_size, status.st_mtime_ns


def _damaged(path: str, found: str) -> FormatError:
    return damaged("Parquet", "Parquet file", path, found)


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _load_package() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise missing_package("Parquet", "pyarrow", "tables") from None
    return pyarrow, parquet
