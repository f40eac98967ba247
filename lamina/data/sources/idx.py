"""IDX files as a source, such as MNIST's.

In: a file of images and one of labels, plain or gzipped. Out: their rows, from memory.
"""

from __future__ import annotations

import numpy as np

from lamina.data.source import Columns, Source
from lamina.data.sources.reading import Path, checked_rows, counted, shown
from lamina.errors import FormatError


class IDX(Source):
    """Columns `image` and, with a second file, `label`: the rows of IDX files.

    Images keep the file's type and shape, such as uint8 `[n, 28, 28]`; labels are int64 `[n]`. Both
    files are read whole. Raises DataError or FormatError: missing, truncated, corrupt, of another
    format, of different lengths.

    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/images"
    >>> with open(path, "wb") as file:
    ...     _ = file.write(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes(range(6)))
    >>> IDX(path).take(np.array([1]))
    (array([[3, 4, 5]], dtype=uint8),)
    """

    def __init__(self, images: Path, labels: Path | None = None) -> None:
        from lamina.data.idx import read_idx

        self.path = shown(images)
        self.images = read_idx(images)
        self.labels = None if labels is None else read_idx(labels)
        self.names = ("image",) if labels is None else ("image", "label")
        if self.images.ndim == 0:
            raise FormatError("IDX", operands=[("file", self.path), ("found", "no axis")],
                              rule="the first axis are the rows")
        if self.labels is None or labels is None:
            return
        if self.labels.shape != (len(self),) or self.labels.dtype.kind not in "iu":
            raise FormatError(
                "IDX", operands=[
                    (self.path, f"{self.images.dtype} {list(self.images.shape)}"),
                    (shown(labels), f"{self.labels.dtype} {list(self.labels.shape)}")],
                rule="there is one label, a whole number, for each image")
        self.labels = self.labels.astype(np.int64)

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: np.ndarray) -> Columns:
        numbers = checked_rows("IDX", rows, len(self))
        images = self.images[numbers]
        return (images,) if self.labels is None else (images, self.labels[numbers])

    def place(self, row: int) -> str:
        return f"{self.path}, row {row}"

    def __repr__(self) -> str:
        return f"IDX({counted(len(self), 'row')}, {self.images.dtype} {list(self.images.shape)})"
