"""Arrays of images as a folder of files, one sub-folder for each class.

In: images and labels. Out: PNG files, as `lamina.data.ImageFolder` and other programs read them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lamina.errors import ShapeError
from lamina.files import write_atomically
from lamina.io.png import png_bytes


def write_image_folder(
    folder: str | os.PathLike[str],
    images: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str] | None = None,
) -> Path:
    """Write `folder/CLASS/00017.png` for each image; the folder.

    images: uint8 [n, height, width] or [n, height, width, 3]. labels: whole numbers [n].
    classes: names by number; the numbers themselves where there are none.
    Raises ShapeError where images and labels differ in number, DataError where writing fails.

    >>> import tempfile
    >>> images = np.zeros((2, 4, 4), np.uint8)
    >>> folder = write_image_folder(tempfile.mkdtemp(), images, np.array([0, 1]), ["cat", "dog"])
    >>> sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))
    ['cat/00000.png', 'dog/00001.png']
    """
    if images.ndim not in (3, 4) or labels.shape != images.shape[:1]:
        raise ShapeError(
            "write_image_folder",
            operands=[("images", f"{images.dtype} {list(images.shape)}"),
                      ("labels", f"{labels.dtype} {list(labels.shape)}")],
            rule="images are [n, height, width] or [n, height, width, 3], and labels [n]",
        )
    for i, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
        name = str(label) if classes is None else classes[label]
        content = png_bytes(image, op="write_image_folder")
        write_atomically(Path(folder, name, f"{i:05d}.png"), [content], durable=False)
    return Path(folder)
