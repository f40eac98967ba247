"""Many small images as one: how samples of a model are looked at.

In: images `[count, height, width]` or `[count, height, width, channels]`, of one or three channels.
Out: one image, or a PNG file of it.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_counts
from lamina.io.png import write_png
from lamina.tensor import Tensor


def image_grid(images: Any, columns: int = 8, scale: int = 1, padding: int = 1,
               low: float = 0.0, high: float | None = None) -> np.ndarray:
    """uint8 `[height, width]` or `[height, width, 3]` with the images in rows of `columns`.

    images: a tensor or array; values from `low` (black) to `high` (white), cut there; high is 1,
    and 255 for uint8. scale: each pixel becomes a square of so many; padding: grey pixels between
    the images.

    >>> image_grid(np.ones((3, 2, 2)), columns=2, padding=0).tolist()
    [[255, 255, 255, 255], [255, 255, 255, 255], [255, 255, 128, 128], [255, 255, 128, 128]]
    """
    check_counts("image_grid", 1, columns=columns, scale=scale)
    check_counts("image_grid", 0, padding=padding)
    bytes_ = _as_bytes(_checked(images), low, high)
    count, height, width, channels = bytes_.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    cells = np.full((rows * columns, height * scale + padding, width * scale + padding, channels),
                    128, np.uint8)
    large = bytes_.repeat(scale, axis=1).repeat(scale, axis=2)
    cells[:count, :height * scale, :width * scale] = large
    table = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    grid = table.reshape(rows * cells.shape[1], columns * cells.shape[2], channels)
    grid = grid[:grid.shape[0] - padding, :grid.shape[1] - padding]
    return grid[..., 0] if channels == 1 else grid


def save_grid(path: str | os.PathLike[str], images: Any, columns: int = 8, scale: int = 1,
              padding: int = 1, low: float = 0.0, high: float | None = None) -> None:
    """Write `image_grid(images, ...)` to a PNG file.

    >>> import tempfile
    >>> save_grid(tempfile.mkdtemp() + "/samples.png", np.zeros((16, 8, 8)), columns=4)
    """
    write_png(path, image_grid(images, columns, scale, padding, low, high))


def _checked(images: Any) -> np.ndarray:
    array = images.numpy() if isinstance(images, Tensor) else np.asarray(images)
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or array.size == 0 or array.shape[3] not in (1, 3):
        raise ShapeError("image_grid", operands=[("images", f"{array.dtype} {list(array.shape)}")],
                         rule="images is [count, height, width], or that with 1 or 3 channels",
                         hint="images[None]" if array.ndim == 2 and array.size else "",
                         got=array.shape)
    return array


def _as_bytes(array: np.ndarray, low: float, high: float | None) -> np.ndarray:
    if high is None:
        high = 255.0 if array.dtype == np.uint8 else 1.0
    if not low < high:
        raise ArgumentError("image_grid", operands=[("low", str(low)), ("high", str(high))],
                            rule="low is less than high")
    shares = (array.astype(np.float64) - low) / (high - low)
    return (np.clip(np.nan_to_num(shares), 0.0, 1.0) * 255).round().astype(np.uint8)
