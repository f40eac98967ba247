"""What lies where in a tar file, so that its members are read in any order.

In: an uncompressed tar file. Out: name, offset and size of every regular member, found once; kept
in a small file beside it if that is asked for.
"""

from __future__ import annotations

import json
import os
import tarfile
from typing import Any, NamedTuple

from lamina.data.sources.reading import damaged, open_file, shown
from lamina.errors import FormatError
from lamina.files import write_atomically

KEPT = ".index.json"  # the ending of the file beside the shard
_VERSION = 1
_BLOCK = 512  # bytes; headers begin at multiples of it
_PACKED = {b"\x1f\x8b": ("gzip", "gunzip"), b"BZh": ("bzip2", "bunzip2"),
           b"\xfd7zXZ\0": ("xz", "unxz"), b"\x28\xb5\x2f\xfd": ("zstd", "unzstd")}


class Member(NamedTuple):
    """A file in a shard: its name, and where its bytes lie."""

    name: str
    offset: int
    size: int


class ShardIndex(NamedTuple):
    """The members of a shard, and its size and time of change when they were found."""

    members: list[Member]
    stamp: tuple[int, int]


def index_shard(path: str, keep: bool) -> ShardIndex:
    """The members of a shard. keep: read them from, and write them to, `PATH.index.json`.

    Raises DataError if it cannot be read; FormatError if it is packed, truncated or no tar file.
    """
    with os.fdopen(open_file(path), "rb") as file:
        status = os.fstat(file.fileno())
        stamp = (status.st_size, status.st_mtime_ns)
        kept = _kept(path, stamp) if keep else None
        if kept is not None:
            return ShardIndex(kept, stamp)
        _check_start(path, file.read(8))
        file.seek(0)
        members = _members(path, file, status.st_size)
    if keep:
        content = {"version": _VERSION, "stamp": stamp, "members": members}
        write_atomically(path + KEPT, [json.dumps(content, separators=(",", ":")).encode()])
    return ShardIndex(members, stamp)


def _check_start(path: str, start: bytes) -> None:
    for mark, (kind, command) in _PACKED.items():
        if start.startswith(mark):
            raise FormatError(
                "TarShards", operands=[("file", shown(path)), ("found", f"a {kind} file")],
                rule="a shard is not compressed: its records are read in any order, and images are "
                "compressed already", hint=f"{command} {shown(os.path.basename(path))}")
    if not start:
        raise FormatError("TarShards", operands=[("file", shown(path)), ("found", "0 bytes")],
                          rule="the file is not empty")


def _members(path: str, file: Any, size: int) -> list[Member]:
    try:
        with tarfile.open(fileobj=file, mode="r:", errorlevel=0) as archive:
            found = [(member, member.sparse is not None) for member in archive if member.isreg()]
            end = archive.offset
    except (tarfile.TarError, OSError, ValueError, EOFError) as error:
        raise _damaged(path, str(error)) from None
    for member, is_sparse in found:
        if is_sparse:
            raise _damaged(path, f"{member.name} is stored with holes")
        if member.offset_data + member.size > size:
            raise _damaged(path, f"{size} bytes, and {member.name} ends at "
                                 f"{member.offset_data + member.size}")
    _check_end(path, file, end)
    return [Member(member.name, member.offset_data, member.size) for member, _ in found]


def _check_end(path: str, file: Any, end: int) -> None:
    """The format ends with blocks of zeros; tarfile also stops, and says nothing, at a bad header.

    So would records be lost from shards that were cut, damaged, or written one after another.
    """
    file.seek(end)
    block = file.read(_BLOCK)
    if len(block) < _BLOCK:
        raise _damaged(path, f"no end mark after byte {end}")
    while block:
        if block.count(0) != len(block):
            raise _damaged(path, f"no header and no end mark at byte {end}")
        end += len(block)
        block = file.read(_BLOCK)


def _damaged(path: str, found: str) -> FormatError:
    return damaged("TarShards", "tar file", path, found)


def _kept(path: str, stamp: tuple[int, int]) -> list[Member] | None:
    """The members in the file beside the shard; None if it is not there, old or damaged."""
    try:
        with open(path + KEPT, encoding="utf-8") as file:
            content = json.load(file)
        if content["version"] != _VERSION or tuple(content["stamp"]) != stamp:
            return None
        members = [Member(str(name), int(offset), int(size))
                   for name, offset, size in content["members"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    fits = all(0 <= m.offset and 0 <= m.size and m.offset + m.size <= stamp[0] for m in members)
    return members if fits else None
