"""Files out of archives, without writing anything to disk.

In: the bytes of a zip or tar archive, compressed or not, and paths in it. Out: the bytes of those
members. `outer.tar.gz!path` is a path in an archive that lies in the archive.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from collections.abc import Mapping

from lamina.data.datasets.fetching import Unavailable


def read_members(archive: bytes, members: Mapping[str, str], name: str) -> dict[str, bytes]:
    """The members by the names that they are wanted under; raises Unavailable."""
    try:
        return {wanted: _member(archive, path) for wanted, path in members.items()}
    except (KeyError, OSError, EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile) as error:
        raise Unavailable([(name, f"not as expected: {error}")]) from None


def _member(archive: bytes, path: str) -> bytes:
    outer, _, inner = path.partition("!")
    content = _read(archive, outer)
    return _member(content, inner) if inner else content


def _read(archive: bytes, path: str) -> bytes:
    if archive.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
            return zipped.read(path)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tarred:
        file = tarred.extractfile(path)
        if file is None:
            raise KeyError(f"{path} is a folder")
        return file.read()
