"""What no operation may make out of numbers, for LAMINA_CHECK: NaN, and in a block infinities too.

In: an array. Out: whether there is such a value in it. Loaded without the compiler.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_blocks: list[None] = []  # the blocks of `infinities_too` that are running


@contextmanager
def infinities_too() -> Iterator[None]:
    """In the block an infinity counts like a NaN: what makes one out of numbers is named."""
    _blocks.append(None)
    try:
        yield
    finally:
        _blocks.pop()


def called() -> str:
    """What the values are called."""
    return "infinity" if _blocks else "NaN"


def found(x: np.ndarray) -> bool:
    """Whether an array has one."""
    return bool((~np.isfinite(x) if _blocks else np.isnan(x)).any())
