"""The records of a CSV file, as columns of text.

In: the text of a file. Out: names and a column of cells for each, by pyarrow where it is installed
and sees the same records as the csv module does, else by that. Wrong files are always judged by the
csv module, so that there is one set of errors.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from lamina.data.sources.csv_cells import ArrowCells, Cells, ListedCells
from lamina.data.sources.csv_text import read_records
from lamina.data.sources.reading import counted, shown
from lamina.errors import FormatError

_BLOCK = 1 << 24  # bytes that pyarrow splits at a time


@dataclass(frozen=True)
class Records:
    """What a file holds: names, and for each a column of cells of the same length."""

    names: tuple[str, ...]
    columns: tuple[Cells, ...]


def split_records(
    text: str, path: str, delimiter: str, header: bool | Sequence[str], fast: bool
) -> Records:
    """Names and columns. header: True: the first record; False: none; or the names themselves.

    fast: by pyarrow, if it is installed. Raises FormatError with the line of a wrong record.
    """
    names = _names(text, path, delimiter, header)
    columns = _by_arrow(text, delimiter, len(names), header is True) if fast else None
    if columns is None:
        columns = _by_csv(text, path, delimiter, names, header is True)
    return Records(names, columns)


def _names(text: str, path: str, delimiter: str, header: bool | Sequence[str]) -> tuple[str, ...]:
    try:
        line, first = next(read_records(text, delimiter))
    except (csv.Error, StopIteration) as error:
        raise FormatError("CSV", operands=[("record", f"{shown(path)}, line 1: {error}")],
                          rule=_QUOTES) from None
    if header is False:
        return tuple(f"column{number}" for number in range(1, len(first) + 1))
    names = [name.strip() for name in first] if header is True else list(header)
    names = [name or f"column{number}" for number, name in enumerate(names, 1)]
    for number, name in enumerate(names):
        if name in names[:number]:
            place = f"columns {names.index(name) + 1} and {number + 1} are both {name!r}"
            raise FormatError(
                "CSV", operands=[("record", f"{shown(path)}, line {line}: {place}")],
                rule="each column has its own name",
                hint="header=False if this is no header" if header is True else "")
    return tuple(names)


def _by_csv(text: str, path: str, delimiter: str, names: Sequence[str],
            header: bool) -> tuple[Cells, ...]:
    columns: list[list[str]] = [[] for _ in names]
    line = 0
    try:
        for number, (line, fields) in enumerate(read_records(text, delimiter)):
            if len(fields) != len(names):
                raise _wrong_number(path, line, fields, len(names), header, delimiter)
            if number or not header:
                for column, field in zip(columns, fields, strict=True):
                    column.append(field)
    except csv.Error as error:
        place = f"{shown(path)}, after line {line}: {error}"
        raise FormatError("CSV", operands=[("record", place)], rule=_QUOTES) from None
    return tuple(ListedCells(column) for column in columns)


def _wrong_number(path: str, line: int, fields: list[str], expected: int, header: bool,
                  delimiter: str) -> FormatError:
    have = f"the header has {expected}" if header else f"the others have {expected}"
    return FormatError(
        "CSV", operands=[("record",
                          f"{shown(path)}, line {line}: {counted(len(fields), 'field')}, {have}")],
        rule="all records have as many fields; one that contains "
        f"{delimiter!r} stands in double quotes", expected=expected, got=len(fields))


_QUOTES = "a field that begins with a double quote ends with one; inside, a quote is written twice"


def _by_arrow(text: str, delimiter: str, width: int, header: bool) -> tuple[Cells, ...] | None:
    """Columns by pyarrow; None if it is not installed, refuses, or may see other records."""
    try:
        import pyarrow as arrow
        from pyarrow import csv as arrow_csv
    except ImportError:
        return None
    if not _is_plainly_quoted(text, delimiter):
        return None
    names = [str(number) for number in range(width)]
    try:
        table = arrow_csv.read_csv(
            arrow.BufferReader(text.encode()),
            read_options=arrow_csv.ReadOptions(column_names=names, block_size=_BLOCK,
                                               use_threads=False),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, arrow.string()), strings_can_be_null=False),
        )
    except (arrow.ArrowException, UnicodeEncodeError):
        return None
    table = table.slice(int(header))
    return tuple(ArrowCells(table.column(number)) for number in range(width))


def _is_plainly_quoted(text: str, delimiter: str) -> bool:
    """Whether every quote is the first or last character of a field: pyarrow forgives the rest."""
    quotes = text.count('"')
    if not quotes:
        return True
    edge = re.escape(delimiter) + "\r\n"
    field = re.compile(f'(?:(?<=[{edge}])|\\A)"[^"]*"(?=[{edge}]|\\Z)')
    return 2 * sum(1 for _ in field.finditer(text)) == quotes


def record_lines(text: str, delimiter: str, header: bool) -> list[int]:
    """The line on which each record begins."""
    return [line for line, _ in read_records(text, delimiter)][int(header):]


