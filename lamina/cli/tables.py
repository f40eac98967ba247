"""Tables for people: by Rich on a terminal, aligned text anywhere else, CSV in a file.

In: headings and rows of text. Out: lines.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lamina.files import write_atomically

_LEAST_WIDTH = 14  # of a column of text on a narrow terminal
_GAP = 2  # between columns


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], numbers: int) -> None:
    """Print a table; the columns from `numbers` on are numbers, to the right."""
    if sys.stdout.isatty() and _print_rich(headings, rows, numbers):
        return
    widths = [max([len(heading), *(len(row[i]) for row in rows)])
              for i, heading in enumerate(headings)]
    for row in [headings, *rows]:
        cells = [text.ljust(width) if i < numbers else text.rjust(width)
                 for i, (text, width) in enumerate(zip(row, widths, strict=True))]
        print("  ".join(cells).rstrip())


def _print_rich(headings: Sequence[str], rows: Sequence[Sequence[str]], numbers: int) -> bool:
    """Whether Rich is there and has printed the table.

    On a narrow terminal columns of text are shortened; figures never are: half a number would be
    another one. Lines that are still too long go on in the next line.
    """
    try:
        import rich.cells
        import rich.console
        import rich.table
        import rich.text
    except ImportError:
        return False
    table = rich.table.Table(box=None, pad_edge=False, header_style="bold")
    console = rich.console.Console()
    widths = [max(map(rich.cells.cell_len, column))
              for column in zip(headings, *rows, strict=True)]
    widths = _narrowed(widths, numbers, console.width - _GAP * (len(widths) - 1))
    console.width = max(console.width, sum(widths) + _GAP * (len(widths) - 1))
    for i, (heading, width) in enumerate(zip(headings, widths, strict=True)):
        table.add_column(heading, justify="left" if i < numbers else "right", no_wrap=True,
                         overflow="ellipsis", width=width)
    for row in rows:
        table.add_row(*map(rich.text.Text, row))
    console.print(table)
    return True


def _narrowed(widths: Sequence[int], numbers: int, room: int) -> list[int]:
    """The widths, the largest of the first `numbers` columns less, as far as `room` asks for it."""
    found = list(widths)
    while sum(found) > room:
        widest = max(range(numbers), key=found.__getitem__, default=None)
        if widest is None or found[widest] <= _LEAST_WIDTH:
            return found
        found[widest] -= 1
    return found


def print_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Print `name  value` lines, aligned."""
    found = list(pairs)
    width = max((len(name) for name, _ in found), default=0)
    for name, text in found:
        print(f"{name:<{width}}  {text}")


def write_csv(path: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows, which may have different keys, to a file, all or nothing."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows([{name: cell(value) for name, value in row.items()} for row in rows])
    write_atomically(path, [text.getvalue().encode()])


def cell(value: Any) -> str:
    """A value as text: numbers to six digits, nothing for what is missing."""
    if value is None or value != value:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
