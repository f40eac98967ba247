"""Random numbers that are a function of their place: of seed, epoch and position.

In: a key and positions. Out: 64 random bits for each, the same whenever they are asked for, so that
any place of any epoch can be gone back to.
"""

from __future__ import annotations

import numpy as np

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15  # 2**64 / golden ratio: SplitMix64 (Steele, Lea, Flood 2014)
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB  # its finaliser, variant 13 of Stafford's


def key_of(*numbers: int) -> int:
    """64 bits from whole numbers such as seed and epoch; another order gives another key.

    >>> key_of(0, 1) == key_of(0, 1), key_of(0, 1) == key_of(1, 0)
    (True, False)
    """
    key = 0
    for number in numbers:
        while True:  # 64 bits at a time, however large it is
            key = _mixed((key ^ (number & _MASK)) + _STEP)
            number >>= 64
            if number in (0, -1):
                break
    return key


def bits(key: int, positions: np.ndarray) -> np.ndarray:
    """uint64 `[n]` for positions `[n]`: the numbers of SplitMix64 started at `key`."""
    z = (positions.astype(np.uint64) + np.uint64(1)) * np.uint64(_STEP) + np.uint64(key)
    z ^= z >> np.uint64(30)
    z *= np.uint64(_FIRST)
    z ^= z >> np.uint64(27)
    z *= np.uint64(_SECOND)
    z ^= z >> np.uint64(31)
    return z


def uniform(key: int, positions: np.ndarray) -> np.ndarray:
    """float64 `[n]` in [0, 1) for positions `[n]`.

    >>> bool((uniform(3, np.arange(1000)) < 0.5).mean().round(1) == 0.5)
    True
    """
    return (bits(key, positions) >> np.uint64(11)) * 2.0**-53


def _mixed(z: int) -> int:
    z &= _MASK
    z = (z ^ z >> 30) * _FIRST & _MASK
    z = (z ^ z >> 27) * _SECOND & _MASK
    return z ^ z >> 31
