"""IDX, the array format of MNIST and its relatives.

In: a file, gzipped or plain. Out: one NumPy array. A file is two zero bytes, a byte for the element
type, a byte for the number of axes, each axis as a big-endian uint32, and the elements row-major
(http://yann.lecun.com/exdb/mnist, "The IDX file format").
"""

from __future__ import annotations

import gzip
import io
import math
import os
import zlib

import numpy as np

from lamina.errors import DataError, FormatError

ELEMENTS = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_ANNOUNCED = 1 << 34  # bytes; a header that announces more is taken for a corrupt one


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """The array of an IDX file, gzipped or plain.

    Raises DataError if the file cannot be read, FormatError if it is truncated or corrupt.

    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp(), "labels-idx1-ubyte")
    >>> path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    11
    >>> read_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    name = os.fspath(path)
    return parse_idx(unpack(read_bytes(path), name), name)


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file; DataError says why not."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise DataError(
            "read",
            operands=[("file", os.fspath(path)), ("reason", error.strerror or str(error))],
            rule="the file must exist and be readable",
        ) from error


def unpack(content: bytes, name: str, limit: int = _ANNOUNCED) -> bytes:
    """`content` without its gzip wrapping, if it has one; never more than `limit` bytes."""
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            plain = stream.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(
            "gzip",
            operands=[("file", name), ("found", f"{len(content)} bytes: {error}")],
            rule="the file is a whole gzip stream: this one is truncated or corrupt",
            hint="fetch the file again",
        ) from None
    if len(plain) > limit:
        raise FormatError(
            "gzip",
            operands=[("file", name), ("found", f"more than {limit} bytes once unpacked")],
            rule=f"the file unpacks to at most {limit} bytes",
        )
    return plain


def parse_idx(content: bytes, name: str = "<bytes>") -> np.ndarray:
    """The array that the bytes of a plain IDX file describe; it is owned and writable."""
    axes = content[3] if len(content) >= 4 else 0
    start = 4 + 4 * axes
    if len(content) < max(start, 4) or content[:2] != b"\0\0" or content[2] not in ELEMENTS:
        raise FormatError(
            "idx",
            operands=[("file", name), ("found", f"{len(content)} bytes: {content[:8].hex(' ')}")],
            rule="an IDX file starts with 00 00, an element type (08 to 0e), the number of axes "
            "and each axis in four bytes",
            hint="check that this is the right file, or fetch it again",
        )
    dtype = np.dtype(ELEMENTS[content[2]])
    shape = tuple(np.frombuffer(content, ">u4", axes, 4).tolist())
    expected = math.prod(shape) * dtype.itemsize
    if len(content) - start != expected:
        raise _wrong_length(name, dtype, shape, expected, len(content) - start)
    array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="))


def _wrong_length(
    name: str, dtype: np.dtype, shape: tuple[int, ...], expected: int, got: int
) -> FormatError:
    return FormatError(
        "idx",
        operands=[
            ("file", name),
            ("header", f"{dtype.name} {list(shape)}: {expected} bytes"),
            ("found", f"{got} bytes: {'truncated' if got < expected else 'too many'}"),
        ],
        rule="the elements fill the rest of the file exactly",
        hint="fetch the file again",
        expected=expected,
        got=got,
    )
