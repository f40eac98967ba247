"""The cells of one column as numbers, texts, times or flags.

In: an array of any dtype, where None, NaN, NaT and "" are missing. Out: float64 with NaN, texts
with None, datetime64 with NaT. What cannot be read is a FormatError that names column and row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.errors import FormatError

FLAGS = {
    "true": 1.0, "yes": 1.0, "t": 1.0, "y": 1.0, "on": 1.0, "1": 1.0,
    "false": 0.0, "no": 0.0, "f": 0.0, "n": 0.0, "off": 0.0, "0": 0.0,
}  # fmt: skip
_MISSING_TYPES = ("NAType", "NaTType")  # pandas' own
_TIME = "datetime64[us]"


@dataclass(frozen=True)
class Cells:
    """A column: its name, its values, and where each row comes from."""

    name: str
    values: np.ndarray
    place: Callable[[int], str]

    def numbers(self) -> np.ndarray:
        """float64 `[rows]`, NaN where a value is missing; durations in seconds."""
        if self.values.dtype.kind in "biuf":
            numbers = self.values.astype(np.float64)
        elif self.values.dtype.kind == "m":
            numbers = self.values / np.timedelta64(1, "s")
        elif self.values.dtype.kind in "McV":
            raise self.wrong(0, "a number")
        else:
            numbers = self._parsed(_as_float, "a number")
        infinite = np.isinf(numbers)
        if infinite.any():
            raise self.wrong(int(np.argmax(infinite)), "a finite number")
        return numbers

    def texts(self) -> list[str | None]:
        """One text for each row, None where a value is missing; 3.0 is "3", True is "true"."""
        if self.values.dtype.kind in "biuf":
            known, inverse = np.unique(self.values, return_inverse=True)
            names = np.empty(len(known), object)
            names[:] = [_text(value) for value in known.tolist()]
            return names[inverse].tolist()
        values = self.values.tolist()
        try:
            text_of = {value: _text(value) for value in set(values)}
        except TypeError:
            bad = next(i for i, value in enumerate(values) if getattr(value, "__hash__", 0) is None)
            raise self.wrong(bad, "a text or a number") from None
        return list(map(text_of.__getitem__, values))

    def times(self) -> np.ndarray:
        """datetime64[us] `[rows]`, in UTC where a time zone was known."""
        if self.values.dtype.kind == "M":
            return self.values.astype(_TIME)
        if self.values.dtype.kind in "biufmcV":
            raise self.wrong(0, "a date or time such as 2026-01-31 or 2026-01-31T18:30:00")
        return self._parsed(_as_time, "a date or time such as 2026-01-31 or 2026-01-31T18:30:00")

    def flags(self) -> np.ndarray:
        """float64 `[rows]`: 1, 0, or NaN where a value is missing."""
        texts = self.texts()
        flag_of = {text: np.nan if text is None else FLAGS.get(text.strip().lower(), 2.0)
                   for text in set(texts)}
        flags = np.fromiter(map(flag_of.__getitem__, texts), np.float64, len(texts))
        if (flags == 2.0).any():
            raise self.wrong(int(np.argmax(flags == 2.0)), "true or false, yes or no, 1 or 0")
        return flags

    def wrong(self, row: int, expected: str, hint: str = "") -> FormatError:
        """The error for one cell."""
        shown = f"{self.values[row]!r:.60}" if len(self.values) else "nothing"
        return FormatError(
            "TableRecipe",
            operands=[("column", repr(self.name)), ("place", self.place(row)), ("value", shown)],
            rule=f"each value of this column is {expected}",
            hint=hint,
            expected=expected,
            got=self.values[row] if len(self.values) else None,
        )

    def _parsed(self, parse: Callable[[np.ndarray], np.ndarray], expected: str) -> np.ndarray:
        try:
            return parse(self.values)
        except (ValueError, TypeError, OverflowError):
            raise self.wrong(self._first_bad(parse), expected) from None

    def _first_bad(self, parse: Callable[[np.ndarray], np.ndarray]) -> int:
        """The first row that `parse` refuses, found by halving."""
        low, high = 0, len(self.values)
        while high - low > 1:
            middle = (low + high) // 2
            try:
                parse(self.values[low:middle])
            except (ValueError, TypeError, OverflowError):
                high = middle
            else:
                low = middle
        return low


def _as_float(values: np.ndarray) -> np.ndarray:
    if values.dtype == object:
        try:
            return values.astype(np.float64)  # None becomes NaN
        except (ValueError, TypeError):
            pass
    texts = _stripped(values)
    return np.where(texts == "", "nan", texts).astype(np.float64)


def _as_time(values: np.ndarray) -> np.ndarray:
    if values.dtype == object and str not in set(map(type, values.tolist())):
        known = [None if _is_missing(value) else value for value in values.tolist()]
        return _in_utc(known)
    texts = _stripped(values)
    zulu = np.strings.endswith(texts, "Z")
    texts = np.where(zulu, np.strings.rstrip(texts, "Z"), texts)
    texts = np.where(texts == "", "NaT", texts)
    if not (np.strings.isdigit(texts.astype("U1")) | (texts == "NaT")).all():
        raise ValueError("no date")  # NumPy itself would take "today" for one
    return texts.astype(_TIME)


def _in_utc(values: list[Any]) -> np.ndarray:
    """Dates and times of `datetime`; those with a time zone are told in UTC."""
    plain = [
        (value - value.utcoffset()).replace(tzinfo=None)
        if getattr(value, "tzinfo", None) is not None else value
        for value in values
    ]
    return np.array(plain, _TIME)


def _stripped(values: np.ndarray) -> np.ndarray:
    """Texts without spaces around them, "" where a value is missing."""
    if values.dtype == object:
        cells = values.tolist()
        if set(map(type, cells)) - {str}:
            text_of = {cell: _text(cell) or "" for cell in set(cells)}
            cells = list(map(text_of.__getitem__, cells))
        values = np.array(cells, str)
    return np.strings.strip(values.astype(str))


def _text(value: Any) -> str | None:
    if _is_missing(value):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return value == ""
    return value is None or type(value).__name__ in _MISSING_TYPES or bool(value != value)
