"""Kinds of columns: what is learned from the training rows, and the features that come of it.

In: the options of a kind, and cells. Out: `learn(cells)` gives what was learned, as values that
JSON keeps exactly; `names(state)` the features; `write(cells, state, out)` fills their columns of
`out`, float32 `[rows, features]`, which is zero before.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lamina.data.tabular.cells import Cells
from lamina.data.tabular.hashing import count_words, hash_texts
from lamina.data.tabular.scaling import (
    Scaling,
    check_choice,
    check_count,
    mean_and_deviation,
    rule_of_missing,
)
from lamina.errors import ArgumentError

State = dict[str, Any]
OTHER = "<other>"
MISSING = "<missing>"


@dataclass(frozen=True)
class Column:
    """What all kinds share."""

    kind: ClassVar[str] = ""

    def learn(self, cells: Cells) -> State:
        """What the training rows tell."""
        raise NotImplementedError(f"{type(self).__name__} has no learn method")

    def names(self, state: State) -> list[str]:
        """What comes after the column's name in the name of each feature."""
        raise NotImplementedError(f"{type(self).__name__} has no names method")

    def write(self, cells: Cells, state: State, out: np.ndarray) -> None:
        """Fill the features of all rows."""
        raise NotImplementedError(f"{type(self).__name__} has no write method")


@dataclass(frozen=True)
class Number(Column):
    """Numbers, scaled.

    missing: what stands for a missing value: "mean", "median", a number, or "error".
    indicator: one more feature, 1 where the value is missing; None: if training rows lack some.
    scale: "standard" (mean 0, deviation 1), "minmax" (0 to 1), "robust" (median 0, quartiles one
    apart) or "none". log: sign(x) log(1 + |x|) first. clip: two quantiles, such as (0.01, 0.99),
    between which values are kept.
    """

    kind: ClassVar[str] = "number"
    missing: str | float = "mean"
    indicator: bool | None = None
    scale: str = "standard"
    log: bool = False
    clip: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        rule_of_missing(type(self).__name__, self.missing)
        self._scaling()

    def _scaling(self) -> Scaling:
        return Scaling(self.scale, self.log, self.clip)

    def learn(self, cells: Cells) -> State:
        """Fill and scale of the values that there are."""
        numbers = self.numbers(cells)
        present = numbers[~np.isnan(numbers)]
        indicator = self.indicator
        if indicator is None:
            indicator = bool(len(present) < len(numbers)) and len(present) > 0
        fill: float = 0.0 if isinstance(self.missing, str) else float(self.missing)
        if len(present) and self.missing in ("mean", "median"):
            fill = float(mean_and_deviation(present)[0] if self.missing == "mean"
                         else np.median(present))
        return {"fill": fill, "indicator": indicator, **self._scaling().learn(present)}

    def names(self, state: State) -> list[str]:
        """The number, and whether it is missing."""
        return ["", " is missing"] if state["indicator"] else [""]

    def write(self, cells: Cells, state: State, out: np.ndarray) -> None:
        """Scaled numbers."""
        numbers = self.numbers(cells)
        absent = np.isnan(numbers)
        if self.missing == "error" and absent.any():
            raise cells.wrong(int(np.argmax(absent)), "there: none may be missing")
        out[:, 0] = self._scaling().apply(np.where(absent, state["fill"], numbers), state)
        if state["indicator"]:
            out[:, 1] = absent

    def numbers(self, cells: Cells) -> np.ndarray:
        """float64 `[rows]`, NaN where missing."""
        return cells.numbers()


@dataclass(frozen=True)
class Integer(Number):
    """Whole numbers, scaled like `Number`; 1.5 is an error."""

    kind: ClassVar[str] = "integer"

    def numbers(self, cells: Cells) -> np.ndarray:
        """float64 `[rows]`, checked."""
        numbers = cells.numbers()
        broken = numbers != np.floor(numbers)
        broken &= ~np.isnan(numbers)
        if broken.any():
            raise cells.wrong(int(np.argmax(broken)), "a whole number",
                              f'{{{cells.name!r}: "number"}} among the columns')
        return numbers


@dataclass(frozen=True)
class Category(Column):
    """One feature for each of the most frequent values, 1 where it is that one.

    maximum: of values that get a feature of their own; minimum: rows that a value needs for it.
    The rest of the training rows share `<other>`, and missing ones have `<missing>`.
    unseen: a value that was not in the training rows counts as "other" (zeros where there is no
    such feature), or is an "error". missing: "category", "most_frequent" or "error".
    """

    kind: ClassVar[str] = "category"
    maximum: int = 64
    minimum: int = 1
    unseen: str = "other"
    missing: str = "category"

    def __post_init__(self) -> None:
        check_count("Category", maximum=self.maximum, minimum=self.minimum)
        check_choice("Category", "unseen", self.unseen, ("other", "error"))
        check_choice("Category", "missing", self.missing, ("category", "most_frequent", "error"))

    def learn(self, cells: Cells) -> State:
        """The most frequent values, and whether there are others."""
        counts = Counter(cells.texts())
        absent = counts.pop(None, 0)
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0] or ""))
        kept = [text for text, count in ranked[: self.maximum] if count >= self.minimum]
        return {
            "values": sorted(text for text in kept if text is not None),
            "other": len(kept) < len(ranked),
            "missing": bool(absent) and self.missing == "category",
            "most_frequent": ranked[0][0] if ranked else None,
            "rest": sorted(str(t) for t, _ in ranked if t not in set(kept))
            if self.unseen == "error" else [],
        }

    def names(self, state: State) -> list[str]:
        """Values, then `<other>` and `<missing>` where they are."""
        last = [OTHER] * state["other"] + [MISSING] * state["missing"]
        return [f"={value}" for value in [*state["values"], *last]]

    def write(self, cells: Cells, state: State, out: np.ndarray) -> None:
        """Ones at the values."""
        codes = self.codes(cells, state)
        known = np.flatnonzero(codes >= 0)
        out[known, codes[known]] = 1.0

    def codes(self, cells: Cells, state: State) -> np.ndarray:
        """int64 `[rows]`: the number of each row's feature, -1 where it has none."""
        texts = cells.texts()
        code_of: dict[str | None, int] = {text: i for i, text in enumerate(state["values"])}
        count = len(code_of)
        unseen = count if state["other"] else -1
        absent = count + state["other"] if state["missing"] else unseen
        if self.missing == "most_frequent":
            absent = code_of.get(state["most_frequent"], unseen)
        strange = set(texts) - code_of.keys() - {None}
        if self.unseen == "error" and strange - set(state["rest"]):
            row = next(i for i, t in enumerate(texts) if t in strange - set(state["rest"]))
            raise cells.wrong(row, "one that the training rows have: " + ", ".join(
                [*state["values"], *state["rest"]])[:60], 'unseen="other"')
        code_of.update(dict.fromkeys(strange, unseen))
        code_of[None] = absent
        codes = np.fromiter(map(code_of.__getitem__, texts), np.int64, len(texts))
        if self.missing == "error" and None in set(texts):
            raise cells.wrong(texts.index(None), "there: none may be missing")
        return codes


@dataclass(frozen=True)
class Hashed(Column):
    """Categories of any number, such as user names, in `buckets` features by their hash.

    The hash is 64-bit FNV-1a of the UTF-8 text, modulo `buckets`. Nothing is learned, so there are
    no unseen values; a missing one has zeros.
    """

    kind: ClassVar[str] = "hashed"
    buckets: int = 64

    def __post_init__(self) -> None:
        check_count(type(self).__name__, buckets=self.buckets)

    def learn(self, cells: Cells) -> State:
        """Nothing."""
        cells.texts()
        return {}

    def names(self, state: State) -> list[str]:
        """Numbers of the buckets."""
        return [f"#{i}" for i in range(self.buckets)]

    def write(self, cells: Cells, state: State, out: np.ndarray) -> None:
        """Ones at the buckets."""
        texts = cells.texts()
        known = [text for text in dict.fromkeys(texts) if text is not None]
        buckets = (hash_texts(known) % np.uint64(self.buckets)).tolist()
        code_of: dict[str | None, int] = dict(zip(known, buckets, strict=True))
        code_of[None] = -1
        codes = np.fromiter(map(code_of.__getitem__, texts), np.int64, len(texts))
        rows = np.flatnonzero(codes >= 0)
        out[rows, codes[rows]] = 1.0


@dataclass(frozen=True)
class Text(Column):
    """Free text: counts of its words in `buckets` features by their hash, as a vector of length 1.

    Words and hash are those of `hashing.count_words`; a missing text has zeros.
    """

    kind: ClassVar[str] = "text"
    buckets: int = 128

    def __post_init__(self) -> None:
        check_count("Text", buckets=self.buckets)

    def learn(self, cells: Cells) -> State:
        """Nothing."""
        cells.texts()
        return {}

    def names(self, state: State) -> list[str]:
        """Numbers of the buckets."""
        return [f" words#{i}" for i in range(self.buckets)]

    def write(self, cells: Cells, state: State, out: np.ndarray) -> None:
        """Counts, normalised."""
        rows, buckets = count_words(cells.texts(), self.buckets)
        places, counts = np.unique(rows * self.buckets + buckets, return_counts=True)
        rows, buckets = np.divmod(places, self.buckets)
        squares = np.bincount(rows, counts.astype(np.float64) ** 2, minlength=len(out))
        out[rows, buckets] = counts / np.sqrt(squares[rows])


@dataclass(frozen=True)
class Boolean(Column):
    """True and false as 1 and 0; also yes and no, t and f, y and n, on and off, 1 and 0.

    missing: "most_frequent", "false", "true" or "error". indicator: as for `Number`.
    """

    kind: ClassVar[str] = "boolean"
    missing: str = "most_frequent"
    indicator: bool | None = None

    def __post_init__(self) -> None:
        check_choice("Boolean", "missing", self.missing,
                     ("most_frequent", "false", "true", "error"))

    def learn(self, cells: Cells) -> State:
        """What stands for a missing one."""
        flags = cells.flags()
        absent = np.isnan(flags)
        frequent = bool(np.mean(flags[~absent]) >= 0.5) if not absent.all() else False
        fill = frequent if self.missing == "most_frequent" else self.missing == "true"
        indicator = self.indicator
        if indicator is None:
            indicator = bool(absent.any()) and not absent.all()
        return {"fill": float(fill), "indicator": indicator}

    def names(self, state: State) -> list[str]:
        """The flag, and whether it is missing."""
        return ["", " is missing"] if state["indicator"] else [""]

    def write(self, cells: Cells, state: State, out: np.ndarray) -> None:
        """Flags."""
        flags = cells.flags()
        absent = np.isnan(flags)
        if self.missing == "error" and absent.any():
            raise cells.wrong(int(np.argmax(absent)), "there: none may be missing")
        out[:, 0] = np.where(absent, state["fill"], flags)
        if state["indicator"]:
            out[:, 1] = absent


@dataclass(frozen=True)
class Ignored(Column):
    """A column that gives no features, such as a number of the row."""

    kind: ClassVar[str] = "ignored"

    def learn(self, cells: Cells) -> State:
        """Nothing."""
        return {}

    def names(self, state: State) -> list[str]:
        """None."""
        return []

    def write(self, cells: Cells, state: State, out: np.ndarray) -> None:
        """Nothing."""


def as_column(name: str, column: Any, kinds: dict[str, type[Column]]) -> Column:
    """A kind as it is, its class, or the one that is called so."""
    if isinstance(column, Column):
        return column
    if isinstance(column, type) and issubclass(column, Column) and column is not Column:
        return column()
    if isinstance(column, str) and column in kinds:
        return kinds[column]()
    raise ArgumentError(
        "TableRecipe",
        operands=[("column", repr(name)), ("kind", f"{column!r:.60}")],
        rule="a column is a kind of lm.data.tabular or one of " + ", ".join(kinds),
        got=column,
    )
