"""PNG files from arrays: enough of the format to show images, without a library.

In: uint8 `[height, width]` (grey) or `[height, width, 3]` (red, green, blue). Out: a file.
PNG (W3C recommendation, third edition, 2025), sections 5 and 10: a signature, then chunks of
length, name, content and CRC; rows of pixels, each after a filter byte, packed by zlib.
"""

from __future__ import annotations

import os
import struct
import zlib

import numpy as np

from lamina.errors import ArgumentError
from lamina.files import write_atomically

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPE = {1: 0, 3: 2}  # channels -> the format's number for grey and for colours


def write_png(path: str | os.PathLike[str], pixels: np.ndarray) -> None:
    """Write an image, all or nothing; the same pixels always give the same bytes.

    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/black.png"
    >>> write_png(path, np.zeros((2, 3), np.uint8))
    >>> with open(path, "rb") as file:
    ...     file.read()[1:4]
    b'PNG'
    """
    write_atomically(path, [png_bytes(pixels, op="write_png")])


def png_bytes(pixels: np.ndarray, level: int = 9, op: str = "png_bytes") -> bytes:
    """The file's content, for what keeps images inside other files.

    level: of zlib, from 1 (quick) to 9 (small). op: what errors name.

    >>> png_bytes(np.zeros((2, 3), np.uint8))[1:4]
    b'PNG'
    """
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or pixels.size == 0 or (
            pixels.ndim == 3 and pixels.shape[2] not in _COLOUR_TYPE):
        raise ArgumentError(op, got=pixels.shape,
                            operands=[("pixels", f"{pixels.dtype} {list(pixels.shape)}")],
                            rule="pixels are uint8 [height, width] or [height, width, 1 or 3]")
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1)
    unfiltered = np.concatenate([np.zeros((height, 1), np.uint8), rows], 1)
    channels = rows.shape[1] // width
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPE[channels], 0, 0, 0)
    packed = zlib.compress(unfiltered.tobytes(), level)
    chunks = [(b"IHDR", header), (b"IDAT", packed), (b"IEND", b"")]
    return b"".join([_SIGNATURE, *(_chunk(name, content) for name, content in chunks)])


def _chunk(name: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)
