"""Folders of files whose sub-folders are classes: which files there are, and their labels.

In: a folder and the endings wanted. Out: paths in a fixed order, labels, names of classes. Links
are followed, but never round a loop; names that begin with a dot are left out.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lamina.data.sources.reading import Path, counted, shown, unreadable
from lamina.errors import DataError


@dataclass(frozen=True)
class Listing:
    """What a folder holds: paths, int64 labels `[n]` or None, and the names of the classes."""

    paths: list[str]
    labels: np.ndarray | None
    classes: tuple[str, ...]


def list_folder(
    op: str,
    folder: Path,
    extensions: Sequence[str],
    *,
    classes: Sequence[str] | None,
    labels: bool | None,
    recursive: bool,
) -> Listing:
    """The files of `folder` with these endings (any case), sorted by class and then by path.

    classes: the sub-folders to take, in this order; None: all, sorted.
    labels: True: sub-folders are classes; False: every file, no labels; None: as found.
    Raises DataError if there is no file, a class has none, or two classes differ by case alone.
    """
    root = os.fsdecode(folder)
    endings = tuple(f".{ending.lower().lstrip('.')}" for ending in extensions)
    if labels is False:
        return Listing(_found(op, root, files_below(root, endings, recursive), endings), None, ())
    if classes is not None:
        return _of_classes(root, tuple(classes), endings, recursive, op, may_be_empty=True)
    entries = _entries(root)
    loose = [entry.name for entry in entries if _is_wanted(entry, endings)]
    folders = [entry.name for entry in entries if _is_folder(entry)]
    if not folders and labels is None:
        return Listing(_found(op, root, files_below(root, endings, False), endings), None, ())
    if not folders:
        raise DataError(op, operands=[("folder", shown(root)), ("found", "no sub-folder")],
                        rule="each class is a sub-folder", hint="labels=False")
    if loose:
        raise DataError(
            op, operands=[("folder", shown(root)),
                          ("found", f"{shown(loose[0])} beside {counted(len(folders), 'folder')}")],
            rule="every file is in the folder of its class",
            hint="labels=False takes all files without labels" if labels is None else "")
    _check_alike(op, root, folders)
    return _of_classes(root, tuple(folders), endings, recursive, op, may_be_empty=False)


def files_below(folder: str, endings: tuple[str, ...], recursive: bool) -> list[str]:
    """Paths of the files in `folder`, sorted by name, sub-folders in their places."""
    found: list[str] = []
    _collect(folder, endings, recursive, (), found)
    return found


def _collect(folder: str, endings: tuple[str, ...], recursive: bool,
             above: tuple[tuple[int, int], ...], found: list[str]) -> None:
    here = _identity(folder)
    if here in above:  # a link back up
        return
    for entry in _entries(folder):
        if _is_folder(entry):
            if recursive:
                _collect(entry.path, endings, recursive, (*above, here), found)
        elif _is_wanted(entry, endings):
            found.append(entry.path)


def _of_classes(root: str, classes: tuple[str, ...], endings: tuple[str, ...], recursive: bool,
                op: str, *, may_be_empty: bool) -> Listing:
    paths: list[str] = []
    counts = []
    for name in classes:
        found = files_below(os.path.join(root, name), endings, recursive)
        if not found and not may_be_empty:
            others = [other for other in classes if other != name]
            raise DataError(
                op, operands=[("folder", shown(os.path.join(root, name))),
                              ("found", "no file that ends in " + " ".join(endings))],
                rule="each class has at least one file",
                hint=f"classes={others!r} leaves it out" if 0 < len(others) <= 10 else "")
        counts.append(len(found))
        paths += found
    _found(op, root, paths, endings)
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), counts)
    return Listing(paths, labels, tuple(shown(name) for name in classes))


def _found(op: str, root: str, paths: list[str], endings: tuple[str, ...]) -> list[str]:
    if not paths:
        raise DataError(op, operands=[("folder", shown(root)), ("found", "no such file")],
                        rule="there is at least one file that ends in " + " ".join(endings))
    return paths


def _check_alike(op: str, root: str, folders: list[str]) -> None:
    """Cat beside cat, or two spellings of one accent, are one class by mistake."""
    seen: dict[str, str] = {}
    for name in folders:
        key = unicodedata.normalize("NFC", name).casefold()
        if key in seen:
            raise DataError(
                op, operands=[("folder", shown(root)),
                              ("found", f"{shown(seen[key])!r} and {shown(name)!r}")],
                rule="names of classes differ by more than case",
                hint=f"classes=[{shown(seen[key])!r}, {shown(name)!r}, ...] if both are meant")
        seen[key] = name


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            shown_ones = [entry for entry in entries if not entry.name.startswith(".")]
    except (OSError, ValueError) as error:
        raise unreadable(folder, error) from None
    return sorted(shown_ones, key=lambda entry: entry.name)


def _identity(folder: str) -> tuple[int, int]:
    try:
        status = os.stat(folder)
    except (OSError, ValueError) as error:
        raise unreadable(folder, error) from None
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_wanted(entry: os.DirEntry[str], endings: tuple[str, ...]) -> bool:
    """A link to nowhere counts: reading it says so, where leaving it out would lose it."""
    if not entry.name.lower().endswith(endings):
        return False
    try:
        return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))
    except OSError:
        return True
