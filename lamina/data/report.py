"""Records that cannot be read: found one by one, named, and left out where that was asked for.

In: what reads a block of rows. Out: the rows that could be read; or one error that names file and
record. A block that fails is halved until the record alone is left.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamina.data.block import SOURCE, Block, join
from lamina.errors import DataError, FormatError, LaminaError, ShapeError

# Mistakes in code rather than in a record: never left out.
MISTAKES = (NameError, AttributeError, TypeError, ImportError, MemoryError, ShapeError,
            StopIteration)
_NAMED = (DataError, FormatError, ShapeError)  # they say themselves where they come from
_SHOWN = 20
_WAY_OUT = 'on_error="skip" leaves such records out and counts them'

Read = Callable[[Any], Block]
Place = Callable[[int], str]


@dataclass
class Report:
    """What was left out by `on_error="skip"`: how many records, and where the first ones are.

    >>> Report().skipped
    0
    """

    places: list[str] = field(default_factory=list)
    _bad: set[int] = field(default_factory=set, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def skipped(self) -> int:
        """Number of records, each counted once however often it was met."""
        return len(self._bad)

    def add(self, number: int, place: Place, error: Exception) -> None:
        """Count a record by its id; place and reason of the first ones are kept."""
        with self._lock:
            if number not in self._bad:
                self._bad.add(number)
                if len(self._bad) <= _SHOWN:
                    self.places.append(f"{place(number)}: {_reason(error)}")

    def known(self, ids: np.ndarray) -> np.ndarray | None:
        """A mask of the rows that were found unreadable before, or None if none was."""
        if not self._bad:
            return None
        with self._lock:
            bad = np.fromiter(self._bad, np.int64, len(self._bad))
        mask = np.isin(ids, bad)
        return mask if mask.any() else None

    def __str__(self) -> str:
        lines = [f"{self.skipped} records left out", *self.places]
        more = self.skipped - len(self.places)
        return "\n  ".join(lines + ([f"and {more} more"] if more else []))


@dataclass
class Guard:
    """How a run treats records that cannot be read."""

    place: Place
    report: Report
    skips: bool
    where: tuple[str, int] | None = None

    def read(self, read: Read, ids: np.ndarray) -> Block | None:
        """What `read` makes of the rows with these ids, or of those that it can: None for none.

        read: called with a slice or numbers, int64 `[n]`: which of the rows.
        """
        known = self.report.known(ids) if self.skips else None
        if known is not None and known.all():
            return None
        part = slice(None) if known is None else np.flatnonzero(~known)
        try:
            return read(part)
        except Exception as error:  # a decoder's or a user's, of any kind
            numbers = np.arange(len(ids))[part]
            if isinstance(error, MISTAKES) or not self.skips:
                raise self._named(read, ids, numbers, error) from error
            return self._readable(read, ids, numbers, error)

    def _readable(
        self, read: Read, ids: np.ndarray, numbers: np.ndarray, error: Exception
    ) -> Block | None:
        """What of the rows that failed with `error` can be read."""
        if len(numbers) == 1:
            self.report.add(int(ids[numbers[0]]), self.place, error)
            return None
        parts = []
        for half in _halves(numbers):
            try:
                parts.append(read(half))
            except MISTAKES:
                raise
            except Exception as inner:  # noqa: BLE001  see above
                part = self._readable(read, ids, half, inner)
                parts += [] if part is None else [part]
        return join(parts) if parts else None

    def _named(
        self, read: Read, ids: np.ndarray, numbers: np.ndarray, error: Exception
    ) -> Exception:
        """The error that names the record; one that does so already stays as it is."""
        if isinstance(error, _NAMED):
            return with_way_out(error)
        numbers, error = _first(read, numbers, error)
        if isinstance(error, _NAMED):
            return with_way_out(error)
        first, last = self.place(int(ids[numbers[0]])), self.place(int(ids[numbers[-1]]))
        is_one = len(numbers) == 1
        is_mistake = isinstance(error, MISTAKES)
        return DataError(
            "pipeline",
            operands=[("record", first) if is_one else ("records", f"{first} .. {last}"),
                      ("error", _reason(error))],
            rule="sources and functions of a pipeline take every block of rows",
            hint="" if is_mistake else _WAY_OUT,
            where=self.where)


def with_way_out(error: Exception) -> Exception:
    """The error of a file that is corrupt also says how to leave it out; others stay as they are.

    >>> print(with_way_out(FormatError("image", rule="the file is whole", where=("a.py", 1))))
    FormatError in image, at a.py:1
      rule: the file is whole
      try: on_error="skip" leaves such records out and counts them
    """
    if isinstance(error, FormatError) and not error.hint:
        error.hint = _WAY_OUT
        error.args = (error._text(),)
    return error


def _first(
    read: Read, numbers: np.ndarray, error: Exception
) -> tuple[np.ndarray, Exception]:
    """The first row that fails alone; all where none does."""
    whole, first = numbers, error
    while len(numbers) > 1:
        for half in _halves(numbers):
            try:
                read(half)
            except Exception as inner:  # noqa: BLE001  what is looked for
                numbers, error = half, inner
                break
        else:
            return whole, first
    return numbers, error


def _halves(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    middle = len(numbers) // 2
    return numbers[:middle], numbers[middle:]


def _reason(error: Exception) -> str:
    if isinstance(error, LaminaError):
        text = "; ".join(f"{name} {text}" for name, text in error.operands) or error.rule
    else:
        text = str(error).split("\n")[0]
    return f"{type(error).__name__}: {text}"[:300]


def places(sources: list[Place]) -> Place:
    """Ids as text, by the sources' own words."""
    return lambda number: sources[number // SOURCE](number % SOURCE)
