"""The safetensors format: named arrays in a file that cannot run code.

In: a path and arrays by name. Out: the file, or the arrays that a file holds. A file is

    8 bytes    length n of the header, little endian
    n bytes    JSON: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
    the rest   the arrays, little endian, row-major, without holes or overlaps

as in https://huggingface.co/docs/safetensors, "Format". Whatever breaks a rule is a FormatError.
What is written here has checksums in its metadata (lamina/io/checksums.py), which are verified.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from lamina.dtypes import BY_NAME, DType, bool_
from lamina.errors import ArgumentError, DataError, DTypeError, FormatError
from lamina.files import write_atomically
from lamina.io import checksums

TAGS = {
    "BOOL": "bool",
    "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64",
    "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64",
    "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64",
}  # fmt: skip
_TAG_OF = {name: tag for tag, name in TAGS.items()}

METADATA = "__metadata__"
MAX_HEADER = 100_000_000  # bytes; the limit of the reference implementation
_FOREIGN = {
    b"PK": ("a zip archive, such as torch.save writes", "torch"),
    b"\x80": ("a pickle, such as torch.save wrote", "torch"),
    b"\x93NUMPY": ("an array of numpy.save", "numpy"),
}  # by their first bytes
_WAYS = {
    "torch": "safetensors.torch.save_file(model.state_dict(), path), where PyTorch is",
    "numpy": "lm.tensor(numpy.load(path))",
}
_ALIGNMENT = 8  # of the first array, in bytes: the header is padded with spaces

Arrays = Mapping[str, tuple[str, np.ndarray]]


class Contents(NamedTuple):
    """What a file holds: arrays by name, each with the name of its dtype, and its metadata.

    verified: whether it had checksums, which are not part of the metadata here.
    """

    arrays: dict[str, tuple[str, np.ndarray]]
    metadata: dict[str, str]
    verified: bool = False


class Header(NamedTuple):
    """The header: entries in the order of their bytes, metadata, where the data starts.

    sums: checksums by name; None for a file without.
    """

    entries: list[Entry]
    metadata: dict[str, str]
    start: int
    sums: dict[str, str] | None


@dataclass(frozen=True)
class Entry:
    """One array of the header; `begin` and `end` count bytes from the end of the header."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    begin: int
    end: int


# Writing


def write(
    path: str | os.PathLike[str], arrays: Arrays, metadata: Mapping[str, str] | None = None
) -> None:
    """Write named arrays, all or nothing; the same arrays always give the same bytes.

    arrays: name -> (dtype name, array); a bfloat16 array comes as its bits in uint16.
    Raises DTypeError, ArgumentError or DataError.

    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/w.safetensors"
    >>> write(path, {"w": ("float32", np.ones([2, 3], np.float32))}, {"epoch": "3"})
    >>> contents = read(path)
    >>> contents.arrays["w"][1].shape, contents.metadata
    ((2, 3), {'epoch': '3'})
    """
    write_atomically(path, encoded(arrays, metadata))


def encoded(arrays: Arrays, metadata: Mapping[str, str] | None = None) -> list[Any]:
    """The bytes of the file that `write` makes, in pieces; those of arrays are not copied."""
    ordered = sorted(arrays, key=lambda name: (-_checked_dtype(name, *arrays[name]).itemsize, name))
    raw = {name: _bytes(arrays[name][1]) for name in ordered}
    sums = {name: checksums.checksum(raw[name]) for name in ordered}
    header: dict[str, Any] = {
        METADATA: _checked_metadata(metadata or {}) | checksums.entries(sums)}
    end = 0
    for name in ordered:
        dtype, array = arrays[name]
        begin, end = end, end + array.nbytes
        shape = list(array.shape)
        header[name] = {"dtype": _TAG_OF[dtype], "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return [checksums.sealed(len(text).to_bytes(8, "little") + text), *raw.values()]


def _bytes(array: np.ndarray) -> Any:
    """The elements, little endian and row-major."""
    if not array.size:
        return b""
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8).data


def _checked_dtype(name: str, dtype: str, array: np.ndarray) -> DType:
    if not _is_name(name) or name == METADATA:
        raise ArgumentError(
            "safetensors.write",
            operands=[("name", repr(name))],
            rule=f"a name is text that UTF-8 can hold, other than {METADATA}",
        )
    if dtype not in BY_NAME or BY_NAME[dtype].storage != array.dtype.newbyteorder("="):
        raise DTypeError(
            "safetensors.write",
            operands=[(name, f"{array.dtype} {list(array.shape)}, given as {dtype}")],
            rule="an array has the storage type of its dtype; bfloat16 is stored as uint16",
        )
    return BY_NAME[dtype]


def _checked_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    for key, value in metadata.items():
        if not (_is_name(key) and _is_name(value)):
            raise ArgumentError(
                "safetensors.write",
                operands=[("metadata", f"{key!r}: {value!r}")],
                rule="metadata maps text to text",
            )
    return dict(sorted(metadata.items()))


# Reading


def read(path: str | os.PathLike[str]) -> Contents:
    """The arrays and the metadata of a file; the arrays are owned and writable.

    Raises DataError if the file cannot be opened and FormatError if anything in it is wrong.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            header = read_header(file, size, os.fspath(path))
            file.seek(header.start)
            arrays = {e.name: (e.dtype.name, _read_array(file, e, path, header.sums))
                      for e in header.entries}
    except FormatError:
        raise
    except OSError as error:
        raise DataError(
            "safetensors.read",
            operands=[("file", os.fspath(path)), ("reason", error.strerror or str(error))],
            rule="the file must exist and be readable",
        ) from error
    return Contents(arrays, header.metadata, header.sums is not None)


def read_header(file: BinaryIO, size: int, path: str) -> Header:
    """What a file says of its arrays; its own checksum, if it has one, is verified."""
    prefix = file.read(8)
    length = int.from_bytes(prefix, "little")
    if length > MAX_HEADER:
        _refuse_foreign(prefix, path)
    if len(prefix) < 8 or length > min(size - 8, MAX_HEADER):
        raise _malformed(path, f"{size} bytes, header of {length} announced", "the header is cut")
    text = file.read(length)
    header = _parse_json(text, path)
    metadata = _parse_metadata(header.pop(METADATA, {}), path)
    entries = [_parse_entry(name, value, path) for name, value in header.items()]
    entries.sort(key=lambda entry: (entry.begin, entry.end))
    _check_layout(entries, size - 8 - length, path)
    return Header(entries, metadata, 8 + length, checksums.take(prefix + text, metadata, path))


def _refuse_foreign(prefix: bytes, path: str) -> None:
    """Raise FormatError for a file of another well-known format."""
    for start, (found, way) in _FOREIGN.items():
        if prefix.startswith(start):
            raise FormatError(
                "safetensors.read",
                operands=[("file", path), ("found", found)],
                rule="the file is in the safetensors format, which cannot run code",
                hint=_WAYS[way],
            )


def _parse_json(text: bytes, path: str) -> dict[str, Any]:
    if not text.startswith(b"{"):
        raise _malformed(path, repr(text[:24]), "the header starts with {")
    try:
        header = json.loads(text.decode(), object_pairs_hook=_object_without_repeats)
    except (ValueError, RecursionError) as error:
        raise _malformed(path, str(error), "the header is JSON in UTF-8") from None
    return header


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return result


def _parse_metadata(value: Any, path: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(map(_is_name, value.values())):
        raise _malformed(path, f"{METADATA}: {value!r:.60}", "metadata maps text to text")
    return value


def _parse_entry(name: str, value: Any, path: str) -> Entry:
    shown = f"{name!r:.60}: {value!r:.120}"
    if not _is_name(name) or not isinstance(value, dict):
        raise _malformed(path, shown, "an entry is a name and an object")
    if set(value) != {"dtype", "shape", "data_offsets"}:
        raise _malformed(path, shown, "an entry has dtype, shape and data_offsets")
    tag, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(tag, str) or tag not in TAGS:
        raise _malformed(path, shown, "dtype is one of " + ", ".join(TAGS))
    if not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2:
        raise _malformed(path, shown, "shape and the two data_offsets are lists of sizes")
    dtype = BY_NAME[TAGS[tag]]
    if offsets[1] - offsets[0] != math.prod(shape) * dtype.itemsize:
        raise _malformed(path, shown, "data_offsets span as many bytes as shape and dtype need")
    return Entry(name, dtype, tuple(shape), offsets[0], offsets[1])


def _check_layout(entries: list[Entry], data_bytes: int, path: str) -> None:
    end = 0
    for entry in entries:
        if entry.begin != end:
            found = f"{entry.name!r:.60} starts at byte {entry.begin}, the one before ends at {end}"
            raise _malformed(path, found, "arrays follow each other without holes or overlaps")
        end = entry.end
    if end != data_bytes:
        found = f"{data_bytes} bytes of data, {end} announced"
        cut = "the file is truncated" if data_bytes < end else "bytes follow the last array"
        raise _malformed(path, f"{found}: {cut}", "the data ends where the last array ends")


def _read_array(
    file: BinaryIO, entry: Entry, path: str | os.PathLike[str], sums: Mapping[str, str] | None
) -> np.ndarray:
    try:
        array = np.empty(entry.shape, entry.dtype.storage.newbyteorder("<"))
    except (ValueError, MemoryError) as error:
        shown = f"{entry.name!r:.60}: {list(entry.shape)!r:.80}: {error}"
        raise _malformed(os.fspath(path), shown, "NumPy can hold arrays of this shape") from None
    raw = array.reshape(-1).view(np.uint8)
    if array.size and file.readinto(raw.data) != raw.nbytes:  # type: ignore[attr-defined]
        raise _malformed(os.fspath(path), f"{entry.name!r:.60} is cut", "the file stays whole")
    if sums is not None:
        checksums.check(entry.name, raw.data if array.size else b"", sums, os.fspath(path))
    if entry.dtype is bool_:
        np.not_equal(raw, 0, out=array.reshape(-1))  # any other byte is no valid NumPy bool
    return array.astype(entry.dtype.storage, copy=False)


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 1 << 63 for n in value)


def _is_name(value: Any) -> bool:
    """Text without half surrogates, which JSON escapes can smuggle in and UTF-8 cannot hold."""
    return isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value)


def _malformed(path: str, found: str, rule: str) -> FormatError:
    return FormatError(
        "safetensors.read",
        operands=[("file", path), ("found", found)],
        rule=rule,
        hint="an older copy of the file, or save the model again",
    )
