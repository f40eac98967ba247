"""What is known of a data set that is fetched: its files, their checksums, and where they lie.

In: facts. Out: a `Collection`, which `sources.locate` looks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """What a file is once unpacked: its length in bytes and its SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Collection:
    """A data set as files; each may be stored plain or with `.gz` at the end of its name."""

    name: str  # of its folder
    title: str
    files: Mapping[str, File]
    addresses: tuple[str, ...]  # URLs of folders
    debian_package: str
    hint: str  # what to do without any source
