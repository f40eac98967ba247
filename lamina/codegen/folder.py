"""The folder of compiled code: entries that only this user could have written, and whole.

In: keys (hexadecimal digests) and bytes. Out: the bytes, or None. What is corrupt, truncated, owned
by somebody else or writable for others is never returned. A folder that cannot be made, read or
written is no error: the cache is then empty.

    entry := MAGIC sha256(key + content) content
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from hashlib import sha256
from pathlib import Path

from lamina.config import settings

MAGIC = b"lamina1\n"
_DIGEST = sha256().digest_size
_SUFFIX = ".code"
_FRESH = 3600.0  # an entry's time of use is renewed once an hour
_KEEP = 0.8  # share of the bound that remains after old entries are removed


def cache_folder() -> Folder | None:
    """The folder that the settings name; None if the cache is off or there is no home."""
    if settings.cache.lower() == "off":
        return None
    if settings.cache:
        return Folder(Path(settings.cache) / "kernels", settings.cache_bytes)
    root = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    if not root:
        home = os.path.expanduser("~")
        if not os.path.isabs(home):
            return None
        root = os.path.join(home, ".cache")
    return Folder(Path(root) / "lamina" / "kernels", settings.cache_bytes)


class Folder:
    """Entries of one folder, at most `limit` bytes in all, least recently used ones removed."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self.limit = limit
        self._bytes = -1  # not counted yet

    def get(self, key: str) -> bytes | None:
        """The content stored under a key, if it is there and sound."""
        if not self._trusted():
            return None
        try:
            data = self._read(self.path / (key + _SUFFIX))
        except OSError:
            return None
        start = len(MAGIC) + _DIGEST
        content = data[start:]
        if data[:start] != MAGIC + _checksum(key, content):
            return None
        return content

    def put(self, key: str, content: bytes) -> None:
        """Store content under a key: whole or not at all."""
        data = MAGIC + _checksum(key, content) + content
        with contextlib.suppress(OSError):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if len(data) > self.limit or not self._trusted():
                return
            self._make_room(len(data))
            draft = self.path / f"{key}.{os.getpid()}.{time.monotonic_ns()}.draft"
            try:
                with open(draft, "xb", opener=_private) as file:
                    file.write(data)
                os.replace(draft, self.path / (key + _SUFFIX))
            except OSError:
                draft.unlink(missing_ok=True)
                raise
            self._bytes += len(data)

    def _read(self, path: Path) -> bytes:
        """The bytes of an entry that only its owner, this user, may write."""
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)
                         | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
        with open(handle, "rb") as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode) or not _own(status):
                raise PermissionError(path)
            if time.time() - status.st_mtime > _FRESH:
                with contextlib.suppress(OSError):
                    os.utime(path)
            return file.read()

    def _trusted(self) -> bool:
        """Whether nobody else can put entries into the folder; nor, from now on, read them."""
        try:
            status = os.lstat(self.path)
        except OSError:
            return False
        if not stat.S_ISDIR(status.st_mode) or not _own(status):
            return False
        if hasattr(os, "geteuid") and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            with contextlib.suppress(OSError):
                os.chmod(self.path, stat.S_IRWXU)
        return True

    def _make_room(self, size: int) -> None:
        """Remove the entries that were not used for longest, if the bound would be passed."""
        if self._bytes >= 0 and self._bytes + size <= self.limit:
            return
        entries = []
        for entry in os.scandir(self.path):
            with contextlib.suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                entries.append((status.st_mtime, status.st_size, entry.path))
        self._bytes = sum(length for _, length, _ in entries)
        if self._bytes + size <= self.limit:
            return
        for _, length, path in sorted(entries):
            if self._bytes + size <= _KEEP * self.limit:
                break
            with contextlib.suppress(OSError):
                os.unlink(path)
                self._bytes -= length


def _checksum(key: str, content: bytes) -> bytes:
    """Of the key too, so that an entry under another name is not taken."""
    return sha256(key.encode() + b"\0" + content).digest()


def _own(status: os.stat_result) -> bool:
    """Whether this user owns it and nobody else may write it (always where there are no users)."""
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
