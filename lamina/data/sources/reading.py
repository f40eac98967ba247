"""What all file sources share: reading whole files, checking arguments, naming what is missing.

In: paths and numbers from the user. Out: bytes and int64 arrays, or one error that names the file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

import numpy as np

from lamina.errors import ArgumentError, DataError, FormatError, IndexingError

Path = str | os.PathLike[str]
_LARGEST = 1 << 31  # bytes of one record's file; a larger one is no image and no sentence
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


def shown(path: Path) -> str:
    """A path as text that can always be printed, whatever bytes the file system gave."""
    return os.fsdecode(path).encode("utf-8", "backslashreplace").decode("utf-8")


def open_file(path: Path) -> int:
    """A descriptor of a regular file, for reading; DataError says why there is none.

    A pipe or a device of that name is refused rather than waited for.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise unreadable(path, error) from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        reason = "is a folder" if stat.S_ISDIR(mode) else "is no regular file"
        raise unreadable(path, reason)
    return descriptor


def read_file(path: Path, largest: int = _LARGEST) -> bytes:
    """All bytes of a regular file.

    Raises DataError if it cannot be read, FormatError if it is empty or has over `largest` bytes.
    """
    with os.fdopen(open_file(path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > largest:
            raise FormatError("read", operands=[("file", shown(path)), ("found", f"{size} bytes")],
                              rule=f"the file has at most {largest} bytes", got=size)
        try:
            content = file.read()
        except OSError as error:
            raise unreadable(path, error) from None
    if not content:
        raise FormatError("read", operands=[("file", shown(path)), ("found", "0 bytes")],
                          rule="the file is not empty", got=0)
    return content


def unreadable(path: Path, reason: BaseException | str) -> DataError:
    """The error for a file that the operating system does not give."""
    text = reason if isinstance(reason, str) else getattr(reason, "strerror", None) or str(reason)
    return DataError("read", operands=[("file", shown(path)), ("reason", text)],
                     rule="the file must exist and be readable")


def damaged(op: str, kind: str, path: Path, found: str) -> FormatError:
    """The error for a file, or a record in one, that is not a whole one of its kind."""
    return FormatError(
        op, operands=[("file", shown(path)), ("found", found)],
        rule=f"the file is a whole {kind}: this one is truncated, corrupt or none")


def missing_package(op: str, package: str, extra: str) -> DataError:
    """The error for an optional package that is not installed."""
    return DataError(op, operands=[("package", f"{package} is not installed")],
                     rule=f"{op} reads by means of {package}",
                     hint=f"pip install 'lamina[{extra}]'")


def checked_rows(op: str, rows: np.ndarray, count: int) -> np.ndarray:
    """Row numbers as int64 `[n]`, each from 0 to `count - 1`; IndexingError otherwise."""
    numbers = np.asarray(rows)
    if numbers.size == 0:
        return np.zeros(0, np.int64)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise IndexingError(op, operands=[("rows", f"{numbers.dtype} {list(numbers.shape)}")],
                            rule="rows are whole numbers [n]")
    outside = numbers[(numbers < 0) | (numbers >= count)]
    if outside.size:
        raise IndexingError(op, operands=[("row", str(outside[0])), ("rows", str(count))],
                            rule="row numbers are from 0 up to the number of rows",
                            got=int(outside[0]))
    return numbers.astype(np.int64)


def listed_paths(op: str, paths: Path | Sequence[Path]) -> list[str]:
    """One path or several, as a list of text; ArgumentError if there is none."""
    found = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    if not found or not all(isinstance(path, (str, os.PathLike)) for path in found):
        raise ArgumentError(op, operands=[("paths", repr(paths))],
                            rule="there is at least one path, and paths are text", got=paths)
    return [os.fsdecode(path) for path in found]


def checked_labels(op: str, labels: object, rows: int, classes: Sequence[str]) -> np.ndarray:
    """Labels as int64 `[rows]`, of as many classes as have names where any have."""
    numbers = np.asarray(labels)
    if numbers.shape != (rows,) or (numbers.dtype.kind not in "iu" and rows):
        raise ArgumentError(
            op, operands=[("labels", f"{numbers.dtype} {list(numbers.shape)}"),
                          ("rows", str(rows))],
            rule="labels are whole numbers, one for each row", got=numbers.shape)
    numbers = numbers.astype(np.int64)
    outside = np.flatnonzero((numbers < 0) | (bool(classes) & (numbers >= len(classes))))
    if outside.size:
        row = int(outside[0])
        raise ArgumentError(
            op, operands=[("label", f"{numbers[row]}, of row {row}"),
                          ("classes", str(len(classes) or "not named"))],
            rule="labels are numbers of classes, from 0", got=int(numbers[row]))
    return numbers


def as_column(values: Sequence[object]) -> np.ndarray:
    """An array of objects, one for each value, whatever their shapes."""
    column = np.empty(len(values), object)
    for row, value in enumerate(values):
        column[row] = value
    return column


def counted(count: int, noun: str) -> str:
    """`1 class`, `3 classes`, `1,200 rows`."""
    plural = noun + ("es" if noun.endswith(("s", "x")) else "s")
    return f"{count:,} {noun if count == 1 else plural}"
