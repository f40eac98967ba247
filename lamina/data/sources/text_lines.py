"""Lines of text files as rows, found by number without reading the files again.

In: paths. Out: `str` rows without their line ends. Held is eight bytes for a line: where it begins.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lamina.data.source import Columns, Source
from lamina.errors import ArgumentError, DataError, FormatError

_CHUNK = 1 << 22  # bytes that are searched at once
_GZIP = b"\x1f\x8b"
_seeking = threading.Lock()
_MARK = b"\xef\xbb\xbf"  # the byte order mark of UTF-8, which some editors put first


class TextLines(Source):
    r"""The lines of one file, or of several one after the other; one column of `str`.

    encoding: one in which a line ends with the byte 10, as in UTF-8 and Latin-1. Raises DataError
    for a file that cannot be read, and FormatError for a packed one; `take` raises FormatError that
    names file and line for bytes that are no text.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "poem.txt")
    >>> _ = path.write_text("one\ntwo\nthree")
    >>> lines = TextLines(path)
    >>> len(lines), lines.take(np.array([2, 0]))[0].tolist()
    (3, ['three', 'one'])
    """

    names = ("text",)

    def __init__(
        self,
        paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        encoding: str = "utf-8",
    ) -> None:
        listed = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
        if not listed:
            raise ArgumentError("TextLines", operands=[("paths", "none")],
                                rule="there is at least one file")
        self.encoding = _checked(encoding)
        self.paths = [Path(path) for path in listed]
        self._files = [_File(path) for path in self.paths]
        self._ends = np.cumsum([len(file) for file in self._files])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def take(self, rows: np.ndarray) -> Columns:
        texts = np.empty(len(rows), object)
        files = np.searchsorted(self._ends, rows, side="right")
        for number in np.unique(files).tolist():
            chosen = np.flatnonzero(files == number)
            texts[chosen] = self._lines(number, rows[chosen] - self._start(number))
        return (texts,)

    def place(self, row: int) -> str:
        number = int(np.searchsorted(self._ends, row, side="right"))
        return f"{self.paths[number]}, line {row - self._start(number) + 1}"

    def _start(self, number: int) -> int:
        return int(self._ends[number - 1]) if number else 0

    def _lines(self, number: int, lines: np.ndarray) -> list[str]:
        found = []
        for line, text in zip(lines.tolist(), self._files[number].read(lines), strict=True):
            try:
                found.append(text.decode(self.encoding))
            except UnicodeDecodeError as error:
                raise FormatError(
                    "TextLines",
                    operands=[("record", f"{self.paths[number]}, line {line + 1}"),
                              ("bytes", f"{text[max(0, error.start - 8):error.end + 8]!r}")],
                    rule=f"the text is {self.encoding}: {error.reason}",
                    hint='encoding="latin-1" reads any bytes') from error
        return found


class _File:
    """One file: where its lines begin, and the end of the last one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        try:
            with open(path, "rb") as file:
                self._edges = _edges(path, file)
            self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise DataError(
                "TextLines",
                operands=[("file", str(path)), ("reason", error.strerror or str(error))],
                rule="the file is there and can be read") from error

    def __len__(self) -> int:
        return len(self._edges) - 1

    def __del__(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def read(self, lines: np.ndarray) -> list[bytes]:
        """These lines without their ends; lines that follow each other are read at once."""
        found: list[bytes] = []
        breaks = np.flatnonzero(np.diff(lines) != 1) + 1
        for start, stop in pairwise([0, *breaks.tolist(), len(lines)]):
            found += self._run(int(lines[start]), int(lines[stop - 1]) + 1)
        return found

    def _run(self, first: int, last: int) -> list[bytes]:
        edges = self._edges[first:last + 1].astype(np.int64)
        size = int(edges[-1] - edges[0])
        text = _read_at(self._descriptor, size, int(edges[0]))
        if len(text) < size:
            raise DataError(
                "TextLines", operands=[("record", f"{self._path}, line {first + 1}")],
                rule="the file stays as it was when it was opened; it has become shorter")
        inner = (edges - edges[0]).tolist()
        return [text[a:b].removesuffix(b"\n").removesuffix(b"\r") for a, b in pairwise(inner)]


def _edges(path: Path, file: BinaryIO) -> np.ndarray:
    """uint64 `[lines + 1]`: where each line begins, and where the last one ends."""
    found, offset, last = [np.zeros(1, np.uint64)], 0, b"\n"
    while chunk := file.read(_CHUNK):
        if offset == 0 and chunk.startswith(_GZIP):
            raise FormatError(
                "TextLines", operands=[("file", str(path))],
                rule="lines are found by number, which a packed file does not allow",
                hint="unpack it, or read it in order: pipeline(lambda: gzip.open(path, 'rt'))")
        if offset == 0 and chunk.startswith(_MARK):
            found[0] += np.uint64(len(_MARK))
        newlines = np.flatnonzero(np.frombuffer(chunk, np.uint8) == 10)
        found.append((newlines + (offset + 1)).astype(np.uint64))
        offset += len(chunk)
        last = chunk[-1:]
    if last != b"\n":
        found.append(np.array([offset], np.uint64))
    return np.concatenate(found)


def _read_at(descriptor: int | None, size: int, offset: int) -> bytes:
    """Bytes of a file at a place; several threads may ask for them."""
    parts = []
    while size and descriptor is not None:
        part = _part_at(descriptor, size, offset)
        if not part:
            break
        parts.append(part)
        size -= len(part)
        offset += len(part)
    return b"".join(parts)


def _part_at(descriptor: int, size: int, offset: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(descriptor, size, offset)
    with _seeking:  # Windows
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)


def _checked(encoding: str) -> str:
    try:
        ends_with_ten = "\n".encode(encoding) == b"\n"
    except LookupError:
        ends_with_ten = False
    if not ends_with_ten:
        raise ArgumentError(
            "TextLines", operands=[("encoding", f"{encoding!r:.60}")],
            rule="a line ends with the byte 10 in the encoding", hint='encoding="utf-8"')
    return encoding
