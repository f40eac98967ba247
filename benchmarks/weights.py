"""Numbers that names make: both sides of a comparison have them without a file between them.

In: the name and shape of a parameter, a buffer or an input. Out: NumPy float64 arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod, sqrt
from typing import Any
from zlib import crc32

import numpy as np


def _table() -> np.ndarray:
    """65,521 numbers (a prime), evenly spread in [-1, 1): splitmix64 of 0, 1, 2, ..."""
    x = np.arange(1, 65_522, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0


TABLE = _table()


def numbers(name: str, shape: Sequence[int]) -> np.ndarray:
    """In [-1, 1): the table from a place that the name tells, again and again."""
    return np.resize(np.roll(TABLE, -(crc32(name.encode()) % TABLE.size)), tuple(shape))


def state(name: str, value: Any) -> np.ndarray:
    """What a parameter or buffer starts with: of deviation 1 / sqrt(fan in), or near 1 or 0."""
    shape = tuple(value.shape)
    if "int" in str(value.dtype):
        return np.zeros(shape, np.int64)
    if len(shape) > 1:
        return numbers(name, shape) * sqrt(3 / prod(shape[1:]))
    if name.endswith(("running_var", "weight")):
        return 1 + numbers(name, shape) / 4
    return numbers(name, shape) / 10


def states(values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """What all parameters and buffers of a network start with, by name, in float32."""
    found = {name: state(name, value) for name, value in values.items()}
    if "lm_head.weight" in found:  # it is the table of embeddings
        found["lm_head.weight"] = found["transformer.wte.weight"]
    return {k: v.astype(np.float32) if v.dtype == np.float64 else v for k, v in found.items()}


def for_torch(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a module of PyTorch."""
    import torch

    return {name: torch.tensor(value) for name, value in states(values).items()}
