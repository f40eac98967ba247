"""The memory that a program may hold: for the block around the code that runs, in its thread.

In: bytes. Out: what `families.prepare` plans for. LAMINA_MEMORY_LIMIT holds where no block says
more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from lamina.config import settings

_block: ContextVar[int | None] = ContextVar("memory_limit", default=None)


def limit() -> int:
    """Bytes; 0: as many as there are."""
    found = _block.get()
    return settings.memory_limit if found is None else found


@contextmanager
def limited(nbytes: int) -> Iterator[None]:
    """Programs that are prepared in the block hold so many bytes at most; 0: no limit."""
    token = _block.set(nbytes)
    try:
        yield
    finally:
        _block.reset(token)
