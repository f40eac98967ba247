"""The kind of a column, told from its cells.

In: cells. Out: a `Column`. In this order: flags, numbers, times; texts that are all numbers, flags
or times are taken for them; texts of few different values are categories, texts of several words
are text, and texts that are different in most rows (names, keys) are ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import numpy as np

from lamina.data.tabular.cells import FLAGS, Cells
from lamina.data.tabular.columns import Boolean, Category, Column, Ignored, Integer, Number, Text
from lamina.data.tabular.datetimes import Datetime
from lamina.errors import FormatError

FEW = 20  # different texts that are always categories
SAMPLE = 100  # different texts that are read as numbers and times before all are
WORDS = 3.0  # spaces in a text, on average, from which on it is free text


def infer_column(cells: Cells) -> Column:
    """The kind that fits all cells."""
    kind = cells.values.dtype.kind
    if kind == "b":
        return Boolean()
    if kind in "iu":
        return Integer()
    if kind == "f":
        return Ignored() if np.isnan(cells.values).all() else Number()
    if kind == "m":
        return Number()
    if kind in "cV":
        raise cells.wrong(0, "a number, a text or a time")
    if kind == "M":
        return _datetime(cells)
    return _of_texts(cells)


def _of_texts(cells: Cells) -> Column:
    texts = cells.texts()
    known = set(texts) - {None}
    if not known:
        return Ignored()
    flags = {str(text).strip().lower() for text in known}
    if flags <= FLAGS.keys() and not flags <= {"0", "1"}:
        return Boolean()
    some = Cells(cells.name, np.array(list(islice(known, SAMPLE)), object), cells.place)
    if _reads(some.numbers) and _reads(cells.numbers):
        numbers = cells.numbers()
        numbers = numbers[~np.isnan(numbers)]
        return Integer() if np.array_equal(numbers, np.floor(numbers)) else Number()
    if _reads(some.times) and _reads(cells.times):
        return _datetime(cells)
    if len(known) <= FEW:
        return Category()
    spaces = np.mean([str(text).count(" ") for text in known])
    if spaces >= WORDS:
        return Text()
    present = len(texts) - texts.count(None)
    return Category() if len(known) <= present / 2 else Ignored()


def _datetime(cells: Cells) -> Column:
    times = cells.times()
    times = times[~np.isnat(times)]
    if not len(times):
        return Ignored()
    only_dates = bool((times == times.astype("datetime64[D]")).all())
    return Datetime(("time", "month", "weekday")) if only_dates else Datetime()


def _reads(read: Callable[[], np.ndarray]) -> bool:
    try:
        read()
    except FormatError:
        return False
    return True
