"""Sources that an experiment makes: arrays that know where they come from, characters.

In: arrays, or a text. Out: rows by number.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from lamina.data import Dataset
from lamina.data.source import Columns, Source
from lamina.errors import DataError, FormatError
from lamina.functional.arguments import check_counts

Path = str | os.PathLike[str]


class Arrays(Dataset):
    """Columns in memory, whose rows are told apart in errors by their origin."""

    def __init__(self, arrays: Sequence[np.ndarray], names: Sequence[str] = (),
                 classes: Sequence[str] = (), origin: str = "") -> None:
        super().__init__(*arrays, names=names, classes=classes)
        self.origin = origin

    def place(self, row: int) -> str:
        return f"{self.origin}, row {row}" if self.origin else f"row {row}"


class Characters(Source):
    """A text as windows of characters, for a model that says what comes next.

    length: characters of a window; windows do not overlap. Columns `input` and `target`, int64
    `[n, length]`: the target of each character is the one behind it. characters: those that are
    known, in the order of their numbers; without it those of the text. `classes` are they.

    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/text.txt"
    >>> with open(path, "w") as file:
    ...     _ = file.write("abcab")
    >>> source = Characters(path, length=2)
    >>> source.classes, [column.tolist() for column in source.take(np.array([1]))]
    (('a', 'b', 'c'), [[[2, 0]], [[0, 1]]])
    """

    names = ("input", "target")

    def __init__(self, path: Path, length: int = 64, characters: str = "") -> None:
        check_counts("Characters", 1, length=length)
        self.path = os.fspath(path)
        text = read_text(self.path)
        self.classes = tuple(characters) or tuple(sorted(set(text)))
        self.length = length
        self.numbers = characters_to_numbers(text, self.classes, self.path)
        if len(self) == 0:
            raise DataError("Characters", operands=[("file", self.path),
                                                    ("characters", f"{len(text):,}")],
                            rule=f"the text has more than length, {length}, characters")

    def __len__(self) -> int:
        return (len(self.numbers) - 1) // self.length

    def take(self, rows: np.ndarray) -> Columns:
        places = np.asarray(rows)[:, None] * self.length + np.arange(self.length)
        return self.numbers[places], self.numbers[places + 1]

    def place(self, row: int) -> str:
        return f"{self.path}, characters {row * self.length} to {(row + 1) * self.length}"


def read_text(path: str) -> str:
    """The text of a UTF-8 file; raises DataError or FormatError."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise FormatError("text", operands=[("file", path), ("byte", str(error.start))],
                          rule="the file is text in UTF-8") from None
    except OSError as error:
        raise DataError("text", operands=[("file", path),
                                          ("reason", error.strerror or str(error))],
                        rule="the file can be read") from None


def characters_to_numbers(text: str, classes: Sequence[str], place: str) -> np.ndarray:
    """int64 `[characters]`: the number of each character; FormatError for one that has none."""
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    known = np.array([ord(character) for character in classes], np.uint32)
    order = np.argsort(known)
    found = np.searchsorted(known[order], codes).clip(0, len(known) - 1)
    numbers = order[found]
    wrong = np.flatnonzero(known[numbers] != codes)
    if wrong.size:
        raise FormatError("text", operands=[("text", place),
                                            ("character", f"{text[wrong[0]]!r}, "
                                                          f"number {wrong[0]}")],
                          rule="every character was in the text that the model has learned")
    return numbers.astype(np.int64)
