"""How much memory there is, so that what cannot fit is an error and not the end of Python.

In: a number of bytes. Out: nothing, or a MemoryError that says what is there. Linux hands out more
memory than it has and ends the process that touches it; so large blocks are compared beforehand.
"""

from __future__ import annotations

import os
from pathlib import Path

from lamina.errors import CapacityError

LARGE = 64 << 20  # blocks from this size on are looked at
_LIMITS = ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes")
_USED = ("sys/fs/cgroup/memory.current", "sys/fs/cgroup/memory/memory.usage_in_bytes")


def check_fits(nbytes: int) -> None:
    """Raise CapacityError if a new block of this size cannot be filled."""
    free = available_bytes()
    if free is not None and nbytes > free:
        raise CapacityError(
            "memory", operands=[("wanted", readable(nbytes)), ("available", readable(free))],
            rule="a value fits into the memory that is free",
            expected=free, got=nbytes)


def available_bytes(root: str = "/") -> int | None:
    """Bytes that this process may still fill; None where the system does not say."""
    found = [_meminfo(root), *(
        limit - used for limit, used in zip(_numbers(root, _LIMITS), _numbers(root, _USED),
                                            strict=True)
        if limit is not None and used is not None)]
    return min((n for n in found if n is not None), default=None)


def _meminfo(root: str) -> int | None:
    try:
        lines = Path(root, "proc/meminfo").read_text().splitlines()
        known = dict(line.split(":", 1) for line in lines if ":" in line)
        return sum(int(known[name].split()[0]) << 10 for name in ("MemAvailable", "SwapFree"))
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _numbers(root: str, paths: tuple[str, ...]) -> list[int | None]:
    found: list[int | None] = []
    for path in paths:
        try:
            text = Path(root, path).read_text().strip()
            found.append(int(text) if text.isdigit() else None)
        except OSError:
            found.append(None)
    return found


def readable(nbytes: float) -> str:
    """`1.5 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if nbytes < 1024 or unit == "TiB":
            break
        nbytes /= 1024
    return f"{nbytes:.0f} {unit}" if unit == "B" else f"{nbytes:.1f} {unit}"
