"""Files that are whole or not there: the one way in which Lamina writes to disk.

In: a path and the bytes for it. Out: a file that a crash, a full disk or Ctrl-C leaves either as it
was or complete.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lamina.errors import DataError


def write_atomically(path: str | os.PathLike[str], chunks: Iterable[Any],
                     durable: bool = True) -> None:
    """Write `chunks` (bytes or memoryviews) to `path`, all of them or nothing.

    They go to a file beside it, which is flushed to the disk and then renamed; folders are made.
    durable=False: it is not flushed, for thousands of files that can be made again.
    Raises DataError with the reason of the operating system; an older file is then still there.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "notes.txt")
    >>> write_atomically(path, [b"one ", b"two"])
    >>> path.read_text()
    'one two'
    """
    target = Path(os.path.realpath(path))  # through a link, not over it
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_and_rename(target, chunks, durable)
    except OSError as error:
        raise DataError(
            "write",
            operands=[("file", os.fspath(path)), ("reason", error.strerror or str(error))],
            rule="the folder must be writable and the disk must have room for the whole file",
        ) from error


def link_atomically(existing: str | os.PathLike[str], path: str | os.PathLike[str]) -> None:
    """Give the file `existing` a second name, in place of what had that name before.

    Where the file system has no such links it is copied. Raises DataError as `write_atomically`.
    """
    target = Path(os.path.realpath(path))
    draft = _draft(target)
    try:
        os.link(existing, draft)
        os.replace(draft, target)
        _flush_folder(target.parent)
    except OSError:
        draft.unlink(missing_ok=True)
        write_atomically(path, [Path(existing).read_bytes()])


def append(path: str | os.PathLike[str], content: bytes) -> None:
    """Add bytes to the end of a file, which is made if it is not there; all of them or nothing.

    They are given to the operating system, not flushed to the disk: a crash of this process loses
    none. What a full disk took of them is cut off again. Raises DataError.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "log.txt")
    >>> append(path, b"one ")
    >>> append(path, b"two")
    >>> path.read_text()
    'one two'
    """
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab", buffering=0) as file:
            _append(file.fileno(), content)
    except OSError as error:
        raise DataError(
            "write",
            operands=[("file", os.fspath(path)), ("reason", error.strerror or str(error))],
            rule="the folder must be writable and the disk must have room",
        ) from error


def _append(descriptor: int, content: bytes) -> None:
    end = os.fstat(descriptor).st_size
    view = memoryview(content)
    try:
        while view:
            view = view[os.write(descriptor, view):]
    except OSError:
        os.ftruncate(descriptor, end)
        raise


def check_writable(path: str | os.PathLike[str]) -> None:
    """Make the folder of `path`, and raise DataError now if a file could not be written later."""
    target = Path(os.path.realpath(path))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        reason = "is a folder" if target.is_dir() else ""
        if not os.access(target.parent, os.W_OK):
            reason = "the folder is read-only for this user"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise DataError(
            "write",
            operands=[("file", os.fspath(path)), ("reason", reason)],
            rule="the folder must exist, or be one that can be made, and be writable",
        )


def _write_and_rename(target: Path, chunks: Iterable[Any], durable: bool) -> None:
    draft = _draft(target)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(chunks)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(draft, target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    if durable:
        _flush_folder(target.parent)


def _draft(target: Path) -> Path:
    """A name beside the file that nobody else has."""
    return target.parent / f".{target.name}.{os.urandom(4).hex()}.part"


def _flush_folder(folder: Path) -> None:
    """Make the rename itself durable; Windows has no call for it."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_BINARY = getattr(os, "O_BINARY", 0)  # Windows turns \n into \r\n without it
