"""Event files: records one after another, each with its length and checksums.

In: the bytes of events. Out: a file `events.out.tfevents.SECONDS.HOST.PROCESS.NUMBER`. A record is
its length (uint64), the masked checksum of these eight bytes, the content, and its masked checksum,
all little-endian: the format of TensorFlow's record_writer. Only whole records reach the file, and
a crash can cut off no more than the last one, which readers then leave out.
"""

from __future__ import annotations

import itertools
import os
import socket
import struct
import threading
import time
from pathlib import Path

from lamina.files import append
from lamina.io.tensorboard.crc import masked_crc32c

_number = itertools.count()


def framed(content: bytes) -> bytes:
    """One record."""
    length = struct.pack("<Q", len(content))
    return b"".join((length, struct.pack("<I", masked_crc32c(length)), content,
                     struct.pack("<I", masked_crc32c(content))))


class EventFile:
    """A new file, made with its first record; records wait in memory until `flush`.

    seconds: the longest that a record waits when more come. records: as many as wait at most.
    """

    def __init__(self, folder: str | os.PathLike[str], suffix: str = "", records: int = 100,
                 seconds: float = 30.0) -> None:
        name = (f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}"
                f".{os.getpid()}.{next(_number):04d}{suffix}")
        self.path = Path(folder, name)
        self.records = records
        self.seconds = seconds
        self._waiting: list[bytes] = []
        self._flushed = time.monotonic()
        self._lock = threading.Lock()

    def write(self, content: bytes) -> None:
        """Add a record."""
        record = framed(content)
        with self._lock:
            self._waiting.append(record)
            due = (len(self._waiting) >= self.records
                   or time.monotonic() - self._flushed >= self.seconds)
        if due:
            self.flush()

    def flush(self) -> None:
        """Give all records to the operating system.

        Raises DataError; the records then still wait, and the file has none of them.
        """
        with self._lock:
            self._flushed = time.monotonic()
            if not self._waiting:
                return
            append(self.path, b"".join(self._waiting))
            self._waiting = []
