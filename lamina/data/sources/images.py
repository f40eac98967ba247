"""Images as sources: folders of classes, lists of files, JPEGs in one array.

In: paths, or bytes with offsets. Out: uint8 `[n, height, width, channels]` and labels. Each image
is decoded when it is asked for and none is kept, so that memory does not grow with the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.data.source import Columns, Source
from lamina.data.sources.folders import list_folder
from lamina.data.sources.image_decoding import ImageForm
from lamina.data.sources.reading import (
    Path,
    checked_labels,
    checked_rows,
    counted,
    listed_paths,
    read_file,
    shown,
)
from lamina.errors import ArgumentError

IMAGE_EXTENSIONS = (
    "jpg", "jpeg", "png", "bmp", "gif", "webp", "tif", "tiff", "ppm", "pgm", "pbm",
)  # fmt: skip

Size = tuple[int, int] | int | None


class _Images(Source):
    """What the three have in common: a form, perhaps labels, and `_content(row)`."""

    def __init__(self, form: ImageForm, labels: np.ndarray | None, classes: Sequence[str]) -> None:
        self.form = form
        self.labels = labels
        self.classes = tuple(classes)
        self.names = ("image",) if labels is None else ("image", "label")

    def take(self, rows: np.ndarray) -> Columns:
        numbers = checked_rows(type(self).__name__, rows, len(self))
        images = self.form.stack([
            self.form.decode(self._content(row), self.place(row)) for row in numbers.tolist()])
        return (images,) if self.labels is None else (images, self.labels[numbers])

    def _content(self, row: int) -> bytes:
        raise NotImplementedError

    def __repr__(self) -> str:
        size = "own sizes" if self.form.size is None else "{} x {}".format(*self.form.size)
        parts = [counted(len(self), "image"), size]
        parts += [counted(len(self.classes), "class")] if self.classes else []
        return f"{type(self).__name__}({', '.join(parts)})"


class ImageFiles(_Images):
    """Images at these paths: columns `image` uint8 `[n, height, width, channels]`, `label` int64.

    labels: int64 `[n]`, or None for images alone. classes: names of their classes.
    size: (height, width); None: each its own size, in an array of objects.
    channels: 1 grey, 3 colours, 4 with opacity. Opacity is dropped for fewer; 16 bits become 8.
    fit: how an image comes to `size`: "crop" keeps the aspect and cuts to the middle, "stretch"
    does not keep it, "pad" keeps it and adds black. EXIF's orientation is obeyed.

    Files are read when rows are taken; DataError or FormatError then names the file: missing,
    unreadable, empty, truncated, corrupt, none at all, or of more pixels than Pillow allows.

    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/black.png"
    >>> lm.io.write_png(path, np.zeros((40, 30, 3), np.uint8))
    >>> images, labels = ImageFiles([path], [0], size=(8, 8)).take(np.array([0, 0]))
    >>> images.shape, labels
    ((2, 8, 8, 3), array([0, 0]))
    """

    def __init__(
        self,
        paths: Path | Sequence[Path],
        labels: Any = None,
        size: Size = None,
        channels: int = 3,
        fit: str = "crop",
        classes: Sequence[str] = (),
    ) -> None:
        op = type(self).__name__
        self.paths = listed_paths(op, paths)
        if labels is not None:
            labels = checked_labels(op, labels, len(self.paths), classes)
        super().__init__(ImageForm.checked(op, size, channels, fit), labels, classes)

    def __len__(self) -> int:
        return len(self.paths)

    def place(self, row: int) -> str:
        return shown(self.paths[row])

    def _content(self, row: int) -> bytes:
        return read_file(self.paths[row])


class ImageFolder(ImageFiles):
    """Images in a folder whose sub-folders are the classes, or a flat folder without labels.

    Columns `image` and `label` as of `ImageFiles`, whose `size`, `channels` and `fit` it takes;
    `classes` are the names of the sub-folders, sorted, and rows are sorted by path.

    classes: the sub-folders to take and their order, such as those of the training set.
    labels: True: sub-folders must be classes; False: every image below, without labels; None: as
    found. extensions: endings of files that are taken, in any case; others are passed over, and so
    are names that begin with a dot. recursive: also the folders inside the classes' folders.

    Raises DataError for a folder that is missing or holds no image, for a class without one, for
    classes that differ by case alone, and for images beside the classes' folders.

    >>> import os, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> for name in ("cat/1.png", "cat/2.png", "dog/1.png"):
    ...     lm.io.write_png(os.path.join(folder, name), np.zeros((20, 30, 3), np.uint8))
    >>> photos = ImageFolder(folder, size=(16, 16))
    >>> photos, photos.classes
    (ImageFolder(3 images, 16 x 16, 2 classes), ('cat', 'dog'))
    >>> photos.take(np.array([2, 0]))[1]
    array([1, 0])
    """

    def __init__(
        self,
        folder: Path,
        size: Size = None,
        channels: int = 3,
        fit: str = "crop",
        classes: Sequence[str] | None = None,
        labels: bool | None = None,
        extensions: Sequence[str] = IMAGE_EXTENSIONS,
        recursive: bool = True,
    ) -> None:
        listing = list_folder("ImageFolder", folder, extensions, classes=classes, labels=labels,
                              recursive=recursive)
        super().__init__(listing.paths, listing.labels, size, channels, fit, listing.classes)


class JPEGs(_Images):
    """JPEG files one after the other in one array: row i is `data[offsets[i]:offsets[i + 1]]`.

    data: uint8 `[bytes]`. offsets: whole numbers `[n + 1]`, never falling. Columns and the other
    arguments as of `ImageFiles`.

    Raises ArgumentError if offsets do not fit the data; FormatError names the row of a bad image.

    >>> import io
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (40, 30)).save(file, "JPEG")
    >>> data = np.frombuffer(file.getvalue(), np.uint8)
    >>> photos = JPEGs(data, [0, len(data)], labels=[3], size=(16, 16))
    >>> [column.shape for column in photos.take(np.array([0, 0]))]
    [(2, 16, 16, 3), (2,)]
    """

    def __init__(
        self,
        data: Any,
        offsets: Any,
        labels: Any = None,
        size: Size = None,
        channels: int = 3,
        fit: str = "crop",
        classes: Sequence[str] = (),
    ) -> None:
        self.data = np.asarray(data)
        self.offsets = np.asarray(offsets)
        self._check_offsets()
        if labels is not None:
            labels = checked_labels("JPEGs", labels, len(self), classes)
        super().__init__(ImageForm.checked("JPEGs", size, channels, fit), labels, classes)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def place(self, row: int) -> str:
        return f"JPEG {row}"

    def _content(self, row: int) -> bytes:
        return self.data[self.offsets[row] : self.offsets[row + 1]].tobytes()

    def _check_offsets(self) -> None:
        data, offsets = self.data, self.offsets
        fits = (data.dtype == np.uint8 and data.ndim == 1 and offsets.ndim == 1
                and offsets.dtype.kind in "iu" and offsets.size > 0)
        if not fits or offsets[0] < 0 or offsets[-1] > data.size or (
                offsets[1:] < offsets[:-1]).any():
            raise ArgumentError(
                "JPEGs", operands=[("data", f"{data.dtype} {list(data.shape)}"),
                                   ("offsets", f"{offsets.dtype} {list(offsets.shape)}")],
                rule="data is uint8 [bytes]; offsets are whole numbers [n + 1] that never fall, "
                "from 0 to the number of bytes at most")
