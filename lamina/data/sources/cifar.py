"""The binary versions of CIFAR-10 and CIFAR-100 as a source.

In: files of records: one label byte (CIFAR-10) or two (CIFAR-100: coarse, fine), then 32 x 32 bytes
of red, of green and of blue. Out: uint8 `[n, 32, 32, 3]` and labels. Source: A. Krizhevsky,
"Learning Multiple Layers of Features from Tiny Images", 2009,
https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from lamina.data.source import Columns, Source
from lamina.data.sources.reading import (
    Path,
    checked_rows,
    counted,
    listed_paths,
    read_file,
    shown,
)
from lamina.errors import ArgumentError, DataError, FormatError

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
_PIXELS = 3 * 32 * 32
_COUNTS = {"": 10, "coarse": 20, "fine": 100}  # classes by kind of label
_FILES = {  # of each split, where a folder is given; the first set of which all are there
    "train": (tuple(f"data_batch_{number}.bin" for number in range(1, 6)), ("train.bin",)),
    "test": (("test_batch.bin",), ("test.bin",)),
}
_NAMES = {"": "batches.meta.txt", "coarse": "coarse_label_names.txt",
          "fine": "fine_label_names.txt"}


class CIFAR(Source):
    """Columns `image` uint8 `[n, 32, 32, 3]` and `label` int64.

    paths: files, or the folder that holds them. split: "train" or "test", of a folder. labels:
    "fine" (100 classes) or "coarse" (20), of CIFAR-100. `classes` are those that the folder's text
    files name, or CIFAR-10's.

    Files are read whole, 3 KiB a row. Raises DataError or FormatError: missing, of another length
    than whole records, a label beyond the classes, with file and record.

    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/data_batch_1.bin"
    >>> with open(path, "wb") as file:
    ...     _ = file.write(bytes([3]) + bytes(3072))
    >>> photos = CIFAR(path)
    >>> photos, photos.classes[photos.take(np.array([0]))[1][0]]
    (CIFAR(1 image, 10 classes), 'cat')
    """

    names = ("image", "label")

    def __init__(
        self, paths: Path | Sequence[Path], split: str = "train", labels: str = "fine"
    ) -> None:
        for name, value, allowed in (("split", split, tuple(_FILES)),
                                     ("labels", labels, ("fine", "coarse"))):
            if value not in allowed:
                raise ArgumentError("CIFAR", operands=[(name, repr(value))], expected=allowed,
                                    rule=f"{name} is one of " + ", ".join(allowed), got=value)
        self.paths = listed_paths("CIFAR", paths)
        if len(self.paths) == 1 and os.path.isdir(self.paths[0]):
            self.paths = _files_of(self.paths[0], split)
        contents = [np.frombuffer(read_file(path), np.uint8) for path in self.paths]
        ahead = _label_bytes(self.paths, contents)
        records = [content.reshape(-1, ahead + _PIXELS) for content in contents]
        kind = labels if ahead == 2 else ""
        self._starts = np.cumsum([0] + [len(part) for part in records])
        self.labels = np.concatenate(
            [part[:, int(kind == "fine")] for part in records]).astype(np.int64)
        self._planes = np.concatenate([part[:, ahead:] for part in records])
        self._check_labels(_COUNTS[kind])
        self.classes = _class_names(os.path.dirname(self.paths[0]), kind)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> Columns:
        numbers = checked_rows("CIFAR", rows, len(self))
        planes = self._planes[numbers].reshape(-1, 3, 32, 32)
        return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), self.labels[numbers]

    def place(self, row: int) -> str:
        part = int(np.searchsorted(self._starts, row, "right")) - 1
        return f"{shown(self.paths[part])}, record {row - int(self._starts[part])}"

    def __repr__(self) -> str:
        return f"CIFAR({counted(len(self), 'image')}, {counted(len(self.classes), 'class')})"

    def _check_labels(self, count: int) -> None:
        wrong = np.flatnonzero(self.labels >= count)
        if wrong.size:
            row = int(wrong[0])
            raise FormatError(
                "CIFAR", operands=[("record", f"{self.place(row)}: label {self.labels[row]}")],
                rule=f"labels are below {count}", got=int(self.labels[row]))


def _files_of(folder: str, split: str) -> list[str]:
    for names in _FILES[split]:
        paths = [os.path.join(folder, name) for name in names]
        if all(os.path.exists(path) for path in paths):
            return paths
    raise DataError(
        "CIFAR", operands=[("folder", shown(folder))],
        rule="the folder holds " + ", or ".join(
            " ".join(dict.fromkeys((names[0], names[-1]))).replace(" ", " to ")
            for names in _FILES[split]))


def _label_bytes(paths: Sequence[str], contents: Sequence[np.ndarray]) -> int:
    """1 or 2, by the lengths of the files: no length up to nine million bytes fits both."""
    for ahead in (1, 2):
        if all(content.size % (ahead + _PIXELS) == 0 for content in contents):
            return ahead
    path, size = next(
        ((p, c.size) for p, c in zip(paths, contents, strict=True) if c.size % (1 + _PIXELS)),
        (paths[0], contents[0].size))
    raise FormatError(
        "CIFAR", operands=[("file", shown(path)), ("found", f"{size} bytes")], got=size,
        rule=f"files are whole records: {1 + _PIXELS} bytes each in CIFAR-10, {2 + _PIXELS} in "
        "CIFAR-100")


def _class_names(folder: str, kind: str) -> tuple[str, ...]:
    path = os.path.join(folder, _NAMES[kind])
    if os.path.exists(path):
        lines = read_file(path).decode("utf-8", "replace").split("\n")
        names = tuple(line.strip() for line in lines if line.strip())
        if len(names) == _COUNTS[kind]:
            return names
    return CLASSES if kind == "" else ()
