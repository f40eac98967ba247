"""Files that the tests of sources share."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

needs_permissions = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may read everything")


def picture(height: int = 24, width: int = 32, channels: int = 3) -> np.ndarray:
    """A smooth image, whose corners all differ: JPEG keeps it nearly."""
    row, column = np.mgrid[0:height, 0:width]
    planes = [row * 255 // height, column * 255 // width, 128 + (row - column) * 120 // (
        height + width), 255 - row * 100 // height]
    return np.stack(planes[:channels], axis=2).astype(np.uint8)


def encoded(pixels: np.ndarray | Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    stream = io.BytesIO()
    image.save(stream, kind, **({"quality": 95} | options if kind == "JPEG" else options))
    return stream.getvalue()


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)
