"""Memory of the CPU device: aligned blocks, kept for reuse.

In: sizes in bytes. Out: `Buffer`s, whose memory goes back to a free list when nobody holds them, so
that a training step asks the operating system for nothing.
"""

from __future__ import annotations

import ctypes
import threading
from itertools import count
from math import prod
from typing import Any

import numpy as np

from lamina.errors import CapacityError
from lamina.runtime import capacity
from lamina.runtime.capacity import LARGE, check_fits

ALIGNMENT = 64
KEPT_BYTES = 1 << 30  # memory that may wait on the free lists, at least
KEPT_SHARE = 4  # and where there is much, a fourth of what is free

_NUMBERS: dict[str, Any] = {
    "?": ctypes.c_bool, "f": ctypes.c_float, "d": ctypes.c_double, "i": ctypes.c_int32,
    "l": ctypes.c_long, "b": ctypes.c_int8, "B": ctypes.c_uint8}
Blocks = list[tuple[np.ndarray, int]]
SMALL = 4096  # bytes of blocks that are not counted
MOST_SMALL = 1 << 18  # bytes of those of one size that wait
_small: list[Blocks] = [[] for _ in range(SMALL // ALIGNMENT + 1)]  # by how many lines they have
_free: dict[int, Blocks] = {}
_kept = 0
_most = KEPT_BYTES  # that is kept
_lock = threading.Lock()
_serials = count()


class Buffer:
    """A block of memory. `address` is aligned; `owner` keeps foreign memory alive.

    serial: another number for every block, and for every content that a program gives it.
    """

    __slots__ = ("address", "nbytes", "serial", "_block", "_size", "owner", "__weakref__")

    def __init__(self, nbytes: int, address: int = 0, owner: Any = None) -> None:
        global _kept
        self.nbytes = nbytes
        self.serial = next(_serials)
        self.owner = owner
        if owner is not None:
            self.address, self._block, self._size = address, None, 0
            return
        if nbytes <= SMALL:  # lists of Python need no lock
            lines = (nbytes + ALIGNMENT - 1) // ALIGNMENT or 1
            self._size = size = lines * ALIGNMENT
            try:
                self._block, self.address = _small[lines].pop()
                return
            except IndexError:
                pass
        else:
            self._size = size = _rounded(nbytes)
            with _lock:
                blocks = _free.get(size)
                if blocks:
                    self._block, self.address = blocks.pop()
                    _kept -= size
                    return
        if size >= LARGE:
            self._block = None  # should there be no memory
            _make_room(size)
        raw = np.empty(size + ALIGNMENT, np.uint8)
        start = ctypes.addressof(ctypes.c_char.from_buffer(raw.data))
        self.address = (start + ALIGNMENT - 1) & -ALIGNMENT
        self._block = raw[self.address - start:]

    def renew(self) -> None:
        """The content is another one."""
        self.serial = next(_serials)

    def array(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """A NumPy view of the memory, which it keeps alive."""
        count = prod(shape)
        if count == 0:
            return _empty(shape, dtype)
        return np.asarray(_View(self, shape, dtype))

    def copied(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """A copy of the elements."""
        if self._block is None or self.nbytes > SMALL or prod(shape) == 0:
            return self.array(shape, dtype).copy()
        return np.ndarray(shape, dtype, self._block).copy()  # the block is ours until we end

    def number(self, dtype: np.dtype) -> bool | int | float | None:
        """The first element as a Python number; None for a dtype that Python does not read."""
        kind = _NUMBERS.get(dtype.char)
        return None if kind is None else kind.from_address(self.address).value

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffer:
        new = Buffer(self.nbytes)
        ctypes.memmove(new.address, self.address, self.nbytes)
        return new

    def __reduce__(self) -> str:
        raise TypeError("a buffer is memory of this process; pickle the tensor")

    def __del__(self) -> None:
        global _kept
        block, size = self._block, self._size
        try:
            if block is None:
                return
            if size <= SMALL:
                waiting = _small[size // ALIGNMENT]
                if len(waiting) * size < MOST_SMALL:
                    waiting.append((block, self.address))
            elif _kept + size <= _most:
                with _lock:
                    _free.setdefault(size, []).append((block, self.address))
                    _kept += size
        except TypeError:  # the interpreter is going down
            pass


def _empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array of no elements; NumPy wants its other sizes to be ones that memory could have."""
    if prod(size or 1 for size in shape) * dtype.itemsize >= 1 << 63:
        raise CapacityError("memory", operands=[("shape", str(list(shape)))],
                            rule="sizes that are not 0 multiply to less than 2**63 bytes")
    return np.empty(shape, dtype)


class _View:
    """What NumPy reads a buffer's memory through."""

    __slots__ = ("buffer", "__array_interface__")

    def __init__(self, buffer: Buffer, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.buffer = buffer
        self.__array_interface__ = {"version": 3, "typestr": dtype.str, "shape": shape,
                                    "data": (buffer.address, False)}


def _rounded(nbytes: int) -> int:
    """Sizes in classes an eighth apart, so that blocks fit again."""
    step = 1 << max(6, nbytes.bit_length() - 4)
    return (nbytes + step - 1) & -step


def from_array(array: np.ndarray) -> Buffer:
    """A buffer with a copy of an array's elements."""
    array = np.asarray(array, order="C")
    buffer = Buffer(max(1, array.nbytes))
    if array.nbytes:
        ctypes.memmove(buffer.address, array.ctypes.data, array.nbytes)
    return buffer


def _make_room(size: int) -> None:
    """See that a large block fits, if need be without what waits; raises CapacityError."""
    global _most
    free = capacity.available_bytes()
    if free is None:
        return
    if size > free and _kept:
        release_all()
    else:
        _most = max(KEPT_BYTES, (free + _kept) // KEPT_SHARE)
    check_fits(size)


def release_all() -> None:
    """Give the memory on the free lists back to the system."""
    global _kept
    with _lock:
        _free.clear()
        for waiting in _small:
            waiting.clear()
        _kept = 0
