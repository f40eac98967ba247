"""Columns of cells, and what they become: whole numbers, numbers, truth values or text.

In: the text of each cell of a column. Out: int64, float64, bool or an array of objects. Two kinds
of column hold the cells: a list, and an array of pyarrow; both follow the same grammar.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

_BLANK = " \t"
# Of cells without blanks around them; the same text is given to Python's re and to pyarrow's RE2
WHOLE = "[+-]?[0-9]+"
NUMBER = (r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
          r"|[+-]?([iI][nN][fF]([iI][nN][iI][tT][yY])?|[nN][aA][nN])")
TRUTH = "[tT][rR][uU][eE]|[fF][aA][lL][sS][eE]"
ANSWER = f"{TRUTH}|[yY][eE][sS]|[nN][oO]|[01]"
_TRUE = frozenset(("true", "yes", "1"))


class Cells(Protocol):
    """The cells of a column. Masks are bool `[n]`; cells are compared without blanks around."""

    def __len__(self) -> int: ...

    def among(self, words: Sequence[str]) -> np.ndarray:
        """Mask of the cells that are one of `words`."""

    def matching(self, grammar: str) -> np.ndarray:
        """Mask of the cells that match all of `grammar`."""

    def numbers(self, rows: np.ndarray, dtype: type) -> np.ndarray:
        """The cells of these rows, all known to match, as int64 or float64; OverflowError."""

    def texts(self) -> np.ndarray:
        """The cells as they are, in an array of objects."""

    def head(self, count: int) -> Cells:
        """The first cells alone."""


class ListedCells(Cells):
    """Cells in a list of Python's texts."""

    def __init__(self, cells: list[str]) -> None:
        self.cells = cells
        self.bare = [cell.strip(_BLANK) for cell in cells]

    def __len__(self) -> int:
        return len(self.cells)

    def among(self, words: Sequence[str]) -> np.ndarray:
        chosen = frozenset(words)
        return np.fromiter((cell in chosen for cell in self.bare), bool, len(self))

    def matching(self, grammar: str) -> np.ndarray:
        match = re.compile(grammar).fullmatch
        return np.fromiter((match(cell) is not None for cell in self.bare), bool, len(self))

    def numbers(self, rows: np.ndarray, dtype: type) -> np.ndarray:
        convert = int if dtype is np.int64 else float
        return np.array([convert(self.bare[row]) for row in rows.tolist()], dtype)

    def texts(self) -> np.ndarray:
        column = np.empty(len(self), object)
        column[:] = self.cells
        return column

    def head(self, count: int) -> Cells:
        return ListedCells(self.cells[:count])


class ArrowCells(Cells):
    """Cells in an array of pyarrow."""

    def __init__(self, cells: Any) -> None:
        from pyarrow import compute

        self.cells = cells
        self.compute = compute
        self.bare = compute.ascii_trim(cells, characters=_BLANK)

    def __len__(self) -> int:
        return len(self.cells)

    def among(self, words: Sequence[str]) -> np.ndarray:
        import pyarrow

        return self._mask(self.compute.is_in(self.bare, pyarrow.array(words, pyarrow.string())))

    def matching(self, grammar: str) -> np.ndarray:
        return self._mask(self.compute.match_substring_regex(self.bare, f"^({grammar})$"))

    def numbers(self, rows: np.ndarray, dtype: type) -> np.ndarray:
        import pyarrow

        chosen = self.bare if len(rows) == len(self) else self.bare.take(pyarrow.array(rows))
        kind = pyarrow.int64() if dtype is np.int64 else pyarrow.float64()
        try:
            return np.array(chosen.cast(kind).to_numpy(), dtype)
        except pyarrow.ArrowInvalid:  # signs and ranges that only Python reads
            return ListedCells(chosen.to_pylist()).numbers(np.arange(len(rows)), dtype)

    def texts(self) -> np.ndarray:
        return np.array(self.cells.to_numpy(), object)

    def head(self, count: int) -> Cells:
        return ArrowCells(self.cells.slice(0, count))

    def _mask(self, chunks: Any) -> np.ndarray:
        return np.array(chunks.to_numpy(), bool)


KINDS = ("int", "float", "bool", "text")
_GRAMMARS = {"int": (WHOLE, "whole number"), "float": (NUMBER, "number"),
             "bool": (ANSWER, "truth value")}
_MOSTLY = 0.9  # a column with more numbers than this share is one of numbers, with mistakes


class WrongCell(Exception):
    """A cell that its column cannot take: (row, what is wrong, way out)."""

    def __init__(self, row: int, fault: str, hint: str = "") -> None:
        self.row, self.fault, self.hint = row, fault, hint
        super().__init__(row, fault)


def convert(cells: Cells, kind: str | None, missing: Sequence[str]) -> np.ndarray:
    """A column as an array. kind: one of `KINDS`, or None: what the cells look like.

    Missing cells are NaN among numbers, None among texts. Raises WrongCell.
    """
    absent = cells.among(missing)
    present = ~absent
    chosen = kind or _looks_like(cells, absent)
    if chosen == "text":
        texts = cells.texts()
        texts[absent] = None
        return texts
    grammar, noun = _GRAMMARS[chosen]
    is_known = kind is None and chosen != "float"  # by inference, which looked at every cell
    wrong = np.flatnonzero(present & ~(is_known or cells.matching(grammar)))
    if wrong.size:
        raise WrongCell(int(wrong[0]), f"is no {noun}",
                        "" if kind else 'types={NAME: "text"}, or missing=(..., CELL)')
    if chosen == "float":
        column = np.full(len(cells), np.nan)
        column[present] = cells.numbers(np.flatnonzero(present), np.float64)
        return column
    if absent.any():
        raise WrongCell(int(np.flatnonzero(absent)[0]), f"is missing, which no {noun} is",
                        'types={NAME: "float"}')
    if chosen == "bool":
        return np.array([text.strip(_BLANK).lower() in _TRUE for text in cells.texts()], bool)
    return _whole_numbers(cells, kind)


def _looks_like(cells: Cells, absent: np.ndarray) -> str:
    """The kind of a column; one of whole numbers or truth values has no cell missing."""
    if absent.all():
        return "float"
    if not absent.any():
        if _all_match(cells, WHOLE):
            return "int"
        if _all_match(cells, TRUTH):
            return "bool"
    present = len(cells) - int(absent.sum())
    numbers = int((cells.matching(NUMBER) & ~absent).sum())
    return "float" if numbers > _MOSTLY * present else "text"


def _all_match(cells: Cells, grammar: str) -> bool:
    """The first cells decide, most often, so that the others are not looked at."""
    return bool(cells.head(100).matching(grammar).all() and cells.matching(grammar).all())


def _whole_numbers(cells: Cells, kind: str | None) -> np.ndarray:
    every = np.arange(len(cells))
    try:
        return cells.numbers(every, np.int64)
    except (OverflowError, ValueError):  # ValueError: thousands of digits
        if kind is None:
            return cells.numbers(every, np.float64)
    limit = 1 << 63
    digits = (text.strip(_BLANK) for text in cells.texts())
    row = next(r for r, d in enumerate(digits) if len(d) > 4000 or not -limit <= int(d) < limit)
    raise WrongCell(row, "does not fit into 64 bits", 'types={NAME: "float"}')
