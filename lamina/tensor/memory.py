"""Limits of memory: how much a program may hold while it runs.

In: a number of bytes, or text such as "4 GiB". Out: programs whose plan keeps to it
(`schedule.recompute`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lamina.config import as_bytes
from lamina.errors import ArgumentError
from lamina.runtime.limits import limited


def as_limit(name: str, value: int | str | None) -> int:
    """A limit in bytes; 0 for None. Raises ArgumentError, for the function `name`."""
    if value is None:
        return 0
    found = value
    if isinstance(value, str):
        with suppress(ValueError):
            found = as_bytes(value)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 < found < 1 << 62:
        raise ArgumentError(
            name, operands=[("memory_limit", repr(value)[:60])], got=value,
            rule="a memory limit is a positive number of bytes, or text that means one",
            hint='memory_limit="4 GiB"')
    return found


@contextmanager
def memory_limit(limit: int | str | None) -> Iterator[None]:
    """Programs that run in the block, in this thread, hold `limit` bytes at most; None: any number.

    limit: bytes, or text such as "512 MiB", of a program's inputs (parameters, batch), results and
    what lies between. Where not all can be kept that the backward pass needs, some of it is
    computed again, the largest values that take the least time first. That is planned before
    anything runs; losses and gradients have the same bits. CapacityError where no plan fits.

    Values are computed when they are asked for: ask for them (`item()`, `lm.evaluate`) inside.

    >>> import lamina as lm
    >>> x = lm.ones((1000, 1000))
    >>> with lm.memory_limit("12 MB"):
    ...     (x @ x).exp().sum().item() == float("inf")
    True
    """
    with limited(as_limit("memory_limit", limit)):
        yield
