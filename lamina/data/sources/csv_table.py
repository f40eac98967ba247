"""CSV files as a source: whole columns of numbers and text, in memory.

In: files of separated values (RFC 4180). Out: one array for each column. Errors name file, line and
column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lamina.data.source import Columns, Source
from lamina.data.sources.csv_cells import KINDS, Cells, WrongCell, convert
from lamina.data.sources.csv_records import Records, record_lines, split_records
from lamina.data.sources.csv_text import read_text, sniff_delimiter
from lamina.data.sources.reading import Path, checked_rows, counted, listed_paths, shown
from lamina.errors import ArgumentError, FormatError, LaminaError

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "?")
_TYPES = {int: "int", float: "float", bool: "bool", str: "text"}


class CSV(Source):
    r"""The columns of one CSV file, or of several with the same header, one after the other.

    `columns` are the arrays by name: int64, float64 (NaN where missing), bool, or objects for text
    (None where missing).

    columns: names of those that are wanted, in this order; None: all.
    delimiter: None: the one of , ; tab | that the first records agree on.
    types: kinds by name, "int", "float", "bool" or "text" (or int, float, bool, str); others are
    inferred from all their cells. A column of which nine cells in ten are numbers is one of
    numbers, and the tenth a mistake that is named.
    header: True: the first record has the names; False: there is none, and columns are `column1`
    and so on; or the names themselves.
    missing: cells that stand for no value. encoding: None: UTF-8, or what the byte order mark says.

    Raises FormatError with file, line and column: `table.csv, line 17, column "age": 'abc' is no
    number`; for another number of fields, quotes that do not end, an empty file, two columns of one
    name. Split by pyarrow where that is installed, with the same result.

    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/table.csv"
    >>> with open(path, "w") as file:
    ...     _ = file.write("age,city\n31,Rome\n,Oslo\n")
    >>> table = CSV(path)
    >>> table
    CSV(2 rows, 2 columns)
    >>> table.columns
    {'age': array([31., nan]), 'city': array(['Rome', 'Oslo'], dtype=object)}
    """

    def __init__(
        self,
        path: Path | Sequence[Path],
        columns: Sequence[str] | None = None,
        delimiter: str | None = None,
        types: Mapping[str, str | type] | None = None,
        header: bool | Sequence[str] = True,
        missing: Sequence[str] = MISSING,
        encoding: str | None = None,
        fast: bool = True,
    ) -> None:
        self.paths = listed_paths("CSV", path)
        self._header = header is True
        self._encoding = encoding
        self._delimiters: list[str] = []
        self._lines: dict[int, list[int]] = {}
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
            raise ArgumentError("CSV", operands=[("delimiter", repr(delimiter))], got=delimiter,
                                rule="the delimiter is one character, no quote and no line break")
        parts = [self._read(name, delimiter, header, fast) for name in self.paths]
        self._starts = np.cumsum([0] + [len(part.columns[0]) for part in parts])
        self.names = _chosen(parts[0].names, columns)
        kinds = _checked_types(types or {}, parts[0].names)
        self.columns = {name: self._convert(name, parts, kinds.get(name), tuple(missing))
                        for name in self.names}

    def __len__(self) -> int:
        return int(self._starts[-1])

    def take(self, rows: np.ndarray) -> Columns:
        numbers = checked_rows("CSV", rows, len(self))
        return tuple(self.columns[name][numbers] for name in self.names)

    def place(self, row: int) -> str:
        part = int(np.searchsorted(self._starts, row, "right")) - 1
        if part not in self._lines:
            self._lines[part] = self._lines_of(part)
        number = row - int(self._starts[part])
        lines = self._lines[part]
        where = f"line {lines[number]}" if number < len(lines) else f"row {number}"
        return f"{shown(self.paths[part])}, {where}"

    def __repr__(self) -> str:
        return f"CSV({counted(len(self), 'row')}, {counted(len(self.names), 'column')})"

    def _read(self, path: str, delimiter: str | None, header: bool | Sequence[str],
              fast: bool) -> Records:
        text = read_text(path, self._encoding)
        self._delimiters.append(delimiter or sniff_delimiter(text))
        records = split_records(text, path, self._delimiters[-1], header, fast)
        first = getattr(self, "_names", records.names)
        if records.names != first:
            raise FormatError(
                "CSV", operands=[("file", shown(self.paths[0])), ("columns", ", ".join(first)),
                                 ("file", shown(path)), ("columns", ", ".join(records.names))],
                rule="all files have the same columns in the same order")
        self._names = records.names
        return records

    def _convert(self, name: str, parts: Sequence[Records], kind: str | None,
                 missing: Sequence[str]) -> np.ndarray:
        position = parts[0].names.index(name)
        cells = [part.columns[position] for part in parts]
        whole: Cells = cells[0] if len(cells) == 1 else _Joined(cells)
        try:
            return convert(whole, kind, missing)
        except WrongCell as wrong:
            cell = repr(whole.texts()[wrong.row])
            raise FormatError(
                "CSV", operands=[("record", f'{self.place(wrong.row)}, column "{name}": '
                                            f"{cell} {wrong.fault}")],
                rule="all cells of a column are of its type, or missing",
                hint=wrong.hint.replace("NAME", repr(name)).replace("CELL", cell),
                got=cell) from None

    def _lines_of(self, part: int) -> list[int]:
        """The lines of a file's records, from reading it again; none if it has changed since."""
        try:
            text = read_text(self.paths[part], self._encoding)
            return record_lines(text, self._delimiters[part], self._header)
        except (LaminaError, ValueError):
            return []


class _Joined(Cells):
    """The cells of several files as one column."""

    def __init__(self, parts: Sequence[Cells]) -> None:
        self.parts = parts

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def among(self, words: Sequence[str]) -> np.ndarray:
        return np.concatenate([part.among(words) for part in self.parts])

    def matching(self, grammar: str) -> np.ndarray:
        return np.concatenate([part.matching(grammar) for part in self.parts])

    def numbers(self, rows: np.ndarray, dtype: type) -> np.ndarray:
        pieces, start = [], 0
        for part in self.parts:
            here = rows[(rows >= start) & (rows < start + len(part))] - start
            pieces.append(part.numbers(here, dtype))
            start += len(part)
        return np.concatenate(pieces)

    def texts(self) -> np.ndarray:
        return np.concatenate([part.texts() for part in self.parts])

    def head(self, count: int) -> Cells:
        return self.parts[0].head(count)


def _chosen(names: tuple[str, ...], wanted: Sequence[str] | None) -> tuple[str, ...]:
    if wanted is None:
        return names
    chosen = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    unknown = [name for name in chosen if name not in names]
    if unknown or not chosen or len(set(chosen)) < len(chosen):
        raise ArgumentError("CSV", operands=[("columns", ", ".join(map(repr, chosen)) or "none"),
                                             ("the file's", ", ".join(map(repr, names)))],
                            rule="columns are some of the file's, each once", got=chosen)
    return chosen


def _checked_types(types: Mapping[str, str | type], names: tuple[str, ...]) -> dict[str, str]:
    kinds = {name: _TYPES.get(kind, kind) if isinstance(kind, type) else kind
             for name, kind in types.items()}
    for name, kind in kinds.items():
        if name not in names or kind not in KINDS:
            raise ArgumentError("CSV", operands=[("types", f"{name!r}: {types[name]!r}"),
                                                 ("columns", ", ".join(map(repr, names)))],
                                rule="types gives columns one of " + ", ".join(KINDS), got=kind)
    return {name: str(kind) for name, kind in kinds.items()}
