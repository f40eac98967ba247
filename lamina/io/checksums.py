"""Checksums of a safetensors file: one for each array and one for the header, in the metadata.

In: the bytes of a file as it is written or read. Out: eight hexadecimal digits each, or FormatError
where they are not those of the bytes.

CRC-32 (`zlib.crc32`, ISO 3309) finds every change of one bit and every run of up to 32 wrong bits,
and goes at gigabytes a second without holding up other threads; a cryptographic hash finds no
accident that it would miss in practice and takes two to five times as long. A file has both entries
or neither, so that a flipped bit in the name of one does not pass for a file without checksums.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from lamina.errors import FormatError

ARRAYS = "lamina.checksums"
HEADER = "lamina.header"

_BLANK = "0" * 8
_MARK = f'"{HEADER}":"'.encode()  # as the header's JSON has it: only a key, never part of a text


def checksum(data: bytes | memoryview, start: int = 0) -> str:
    """CRC-32 of the bytes, as eight hexadecimal digits.

    >>> checksum(b"123456789")
    'cbf43926'
    """
    return f"{zlib.crc32(data, start):08x}"


def entries(sums: Mapping[str, str]) -> dict[str, str]:
    """What the metadata says before the header is sealed: the arrays' sums, and a blank."""
    return {ARRAYS: json.dumps(dict(sums), separators=(",", ":"), ensure_ascii=False),
            HEADER: _BLANK}


def sealed(header: bytes) -> bytes:
    """The header, length included, with its own checksum in place of the blank."""
    place = header.index(_MARK) + len(_MARK)
    return b"".join([header[:place], checksum(header).encode(), header[place + len(_BLANK):]])


def take(header: bytes, metadata: dict[str, str], path: str) -> dict[str, str] | None:
    """The arrays' sums, taken out of the metadata; None for a file without checksums.

    header: its bytes, length included. Raises FormatError if they are not those that were sealed.
    """
    there = [name for name in (ARRAYS, HEADER) if name in metadata]
    if not there:
        return None
    if len(there) == 1:
        raise damaged(path, f"{there[0]} without its companion")
    wanted, text = metadata.pop(HEADER), metadata.pop(ARRAYS)
    place = header.find(_MARK) + len(_MARK)
    blank = b"".join([header[:place], _BLANK.encode(), header[place + len(_BLANK):]])
    if place < len(_MARK) or checksum(blank) != wanted:
        raise damaged(path, "the header is not what was written")
    try:
        sums = dict(json.loads(text))
    except (TypeError, ValueError, RecursionError):
        raise damaged(path, f"{ARRAYS}: {text!r:.60}") from None
    return sums


def check(name: str, raw: Any, sums: Mapping[str, str], path: str) -> None:
    """Raise FormatError if the bytes of an array are not those that were written."""
    found = checksum(raw)
    if sums.get(name) != found:
        raise damaged(path, f"{name!r:.60} has the checksum {found}, not {sums.get(name)}")


def damaged(path: str, found: str) -> FormatError:
    """The error for bytes that are not those that were written."""
    return FormatError(
        "safetensors.read",
        operands=[("file", path), ("found", found)],
        rule="every byte of a file is as it was written",
        hint=f"an older copy of the file; or, if another program rewrote it, have that leave out "
             f"the metadata {ARRAYS} and {HEADER}",
    )
