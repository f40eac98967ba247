"""Permutations by index: where each position of a shuffled epoch reads, in bounded memory.

In: a number of rows, a seed, an epoch and positions. Out: the rows there. Up to `HELD` rows the
permutation is drawn whole, all n! alike. Beyond it is computed: a Feistel network on the bits of
the position, walked until the result is a row (Black and Rogaway 2002, Ciphers with Arbitrary
Finite Domains), so that data of any size is shuffled over its whole length and nothing is held.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from lamina.data.draws import bits, key_of

HELD = 1 << 20  # rows; the order of so many takes 8 MiB
_ROUNDS = 8


def permuted(positions: np.ndarray, rows: int, seed: int, epoch: int) -> np.ndarray:
    """The rows, int64 `[n]`, at positions int64 `[n]` of the shuffled order of `rows` rows.

    >>> sorted(permuted(np.arange(5), 5, seed=0, epoch=0).tolist())
    [0, 1, 2, 3, 4]
    """
    if rows <= HELD:
        return _whole(rows, seed, epoch)[positions]
    return computed(positions, rows, key_of(seed, epoch))


@lru_cache(maxsize=4)
def _whole(rows: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng((seed, epoch)).permutation(rows)


def computed(positions: np.ndarray, rows: int, key: int) -> np.ndarray:
    """The same for any number of rows above 1 without holding the order.

    >>> sorted(computed(np.arange(5), 5, key=1).tolist())
    [0, 1, 2, 3, 4]
    """
    network = _Network(rows, key)
    values = network(positions.astype(np.uint64))
    while (outside := np.flatnonzero(values >= np.uint64(rows))).size:
        values[outside] = network(values[outside])
    return values.astype(np.int64)


class _Network:
    """A bijection of the numbers below the power of two at or above `rows`."""

    def __init__(self, rows: int, key: int) -> None:
        width = max(2, (rows - 1).bit_length())
        self.low = width // 2
        self.high = width - self.low
        self.keys = bits(key, np.arange(_ROUNDS))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        low = values & np.uint64((1 << self.low) - 1)
        high = values >> np.uint64(self.low)
        for number, key in enumerate(self.keys):
            if number % 2:
                high ^= _top(low, key, self.high)
            else:
                low ^= _top(high, key, self.low)
        return high << np.uint64(self.low) | low


def _top(half: np.ndarray, key: np.uint64, width: int) -> np.ndarray:
    """`width` random bits for each value of a half: the top of two multiplications."""
    z = (half + key) * np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(32)
    z *= np.uint64(0x94D049BB133111EB)
    return z >> np.uint64(64 - width)
