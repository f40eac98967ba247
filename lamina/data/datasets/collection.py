"""What is known of a data set that is fetched: its files, their checksums, and where they lie.

In: facts. Out: a `Collection`, which `sources.locate` looks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """What a file is once unpacked: its length in bytes and its SHA-256.

    member: where it lies in the package, `inner.tar.gz!path` for an archive within the archive.
    """

    size: int
    sha256: str
    member: str = ""


@dataclass(frozen=True)
class Package:
    """A package that brings data: of Debian's archive, of the Python index, or of npm."""

    index: str  # "debian", "python" or "npm"
    name: str
    version: str = ""


@dataclass(frozen=True)
class Collection:
    """A data set as files; each may be stored plain or with `.gz` at the end of its name."""

    name: str  # of its folder
    title: str
    files: Mapping[str, File]
    hint: str  # what to do without any source
    addresses: tuple[str, ...] = ()  # URLs of folders
    package: Package | None = None
