"""Memory for batches: gathered once, into memory that a tensor takes over without another copy.

In: shapes and arrays. Out: arrays in the device's own blocks, which are used again batch after
batch; and tensors on them.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from lamina.dtypes import DType, as_dtype
from lamina.graph.node import leaf
from lamina.runtime.buffers import Buffer, from_array
from lamina.tensor import Tensor, asarray

_NUMERIC = "biuf"
_SMALL = 1 << 17  # bytes that are copied once more in the time that it takes to avoid that


def empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array that nobody wrote to yet, in a block that a tensor may take over."""
    size = prod(shape) * dtype.itemsize
    if size == 0 or dtype.kind not in _NUMERIC or not dtype.isnative:
        return np.empty(shape, dtype)
    return np.asarray(_Memory(Buffer(size), shape, dtype.str))


class _Memory:
    """What NumPy reads a whole buffer through; arrays keep it as their base."""

    __slots__ = ("buffer", "shape", "typestr", "__array_interface__")

    def __init__(self, buffer: Buffer, shape: tuple[int, ...], typestr: str) -> None:
        self.buffer, self.shape, self.typestr = buffer, shape, typestr
        self.__array_interface__ = {"version": 3, "typestr": typestr, "shape": shape,
                                    "data": (buffer.address, False)}


def is_plain(array: np.ndarray) -> bool:
    """Whether `gather` may read an array: NumPy's `take` copies all of any other one first."""
    return array.flags.c_contiguous and array.flags.aligned and array.dtype.isnative


def gather(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """`array[rows]` along the first axis, in memory as of `empty`. The caller checked the rows.

    >>> gather(np.array([[1.0], [2.0], [3.0]]), np.array([2, 0])).tolist()
    [[3.0], [1.0]]
    """
    size = array.nbytes // len(array) * len(rows)
    if size < _SMALL or array.dtype.kind not in _NUMERIC:
        return array.take(rows, 0)
    memory = _Memory(Buffer(size), (len(rows), *array.shape[1:]), array.dtype.str)
    out = np.asarray(memory)
    return array.take(rows, 0, out, "clip")  # in place; "raise" would fill a copy of `out` first


def joined(parts: list[np.ndarray]) -> np.ndarray:
    """Arrays one after the other along the first axis."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    if any(part.dtype != first.dtype or part.shape[1:] != first.shape[1:] for part in parts):
        return _joined_as_objects(parts)
    out = empty((sum(map(len, parts)), *first.shape[1:]), first.dtype)
    return np.concatenate(parts, out=out)


def _joined_as_objects(parts: list[np.ndarray]) -> np.ndarray:
    """Rows whose shapes or dtypes differ from part to part: an array of objects."""
    if all(part.shape[1:] == parts[0].shape[1:] for part in parts) and all(
            part.dtype != object for part in parts):
        return np.concatenate(parts)  # NumPy's promotion
    out = np.empty(sum(map(len, parts)), object)
    start = 0
    for part in parts:
        for row in part:
            out[start] = row
            start += 1
    return out


def as_column(array: Any, is_ours: bool) -> Any:
    """A column as it is handed out: a tensor of numbers, an array of text or of objects.

    is_ours: nobody else holds the array, so that a tensor may take its memory over.
    """
    if not isinstance(array, np.ndarray):
        return array
    if array.dtype.kind in "US":
        return array.astype(object)
    if array.dtype.kind not in _NUMERIC:
        return array
    buffer = _buffer_of(array) if is_ours else None
    if buffer is None and (type(array) is not np.ndarray or not array.dtype.isnative):
        return asarray(array)
    if buffer is None:
        buffer = from_array(array)
    return Tensor(leaf(buffer, array.shape, _dtype_of(array.dtype)))


@lru_cache(maxsize=64)
def _dtype_of(dtype: np.dtype) -> DType:
    return as_dtype(dtype)


def _buffer_of(array: np.ndarray) -> Buffer | None:
    """The block that an array is all of, or None."""
    memory: Any = array.base
    is_whole = (isinstance(memory, _Memory) and array.shape == memory.shape
                and array.dtype.str == memory.typestr and array.flags.c_contiguous)
    return memory.buffer if is_whole else None
