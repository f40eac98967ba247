"""Python in the middle of a program: a function of arrays behind the address of a kernel.

In: a `host_callback` node, and its shapes for given sizes. Out: an object with the address of a
function that the driver calls like any kernel, in the thread that started the program. What the
Python function raises is kept for that thread, and raised when the program has ended.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from lamina.dtypes import DType, bfloat16, narrow_bfloat16, widen_bfloat16
from lamina.errors import DTypeError, ShapeError
from lamina.graph.node import Node

KERNEL = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 4)  # bufs, args, lo, hi
FAILED = 2  # the status word after an exception


class _Raised(threading.local):
    error: BaseException | None = None


raised = _Raised()


class HostFunction:
    """Keeps alive what the driver calls."""

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel
        self.address = ctypes.cast(kernel, ctypes.c_void_p).value or 0


def host_function(node: Node, shapes: Sequence[tuple[int, ...]],
                  specs: Sequence[tuple[tuple[int, ...], DType]], wanted: Sequence[int]
                  ) -> HostFunction:
    """The function of a node; args are the status word, the inputs, the wanted results."""
    function = node.attrs["function"]
    types = [x.dtype for x in node.inputs]

    def kernel(bufs: int, args: int, low: int, high: int) -> None:
        def pointer(k: int) -> int:
            slot, offset = (ctypes.c_int64 * 2).from_address(args + 16 * k)
            return ctypes.c_int64.from_address(bufs + 8 * slot).value + offset

        try:
            if raised.error is not None:
                return
            arrays = [_array(pointer(1 + k), shape, dtype).copy()
                      for k, (shape, dtype) in enumerate(zip(shapes, types, strict=True))]
            results = _fitting(node, function(*map(_readable, arrays, types)), specs)
            for k, i in enumerate(wanted):
                _array(pointer(1 + len(types) + k), *specs[i])[...] = results[i]
        except BaseException as error:  # noqa: BLE001  also KeyboardInterrupt: C passes none on
            raised.error = error
            ctypes.c_int64.from_address(pointer(0)).value = FAILED

    return HostFunction(KERNEL(kernel))


def call_host(node: Node, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The oracle's way: results of stored dtypes, from stored arrays."""
    arrays = [_readable(x, n.dtype) for x, n in zip(inputs, node.inputs, strict=True)]
    specs: Any = node.attrs["specs"]
    return _fitting(node, node.attrs["function"](*arrays), specs)


def raise_pending() -> None:
    """Raise what a callback of this thread raised, if one did."""
    error, raised.error = raised.error, None
    if error is not None:
        raise error


def _array(address: int, shape: tuple[int, ...], dtype: DType) -> np.ndarray:
    size = prod(shape) * dtype.itemsize
    memory = memoryview((ctypes.c_char * size).from_address(address) if size else b"")
    return np.frombuffer(memory, dtype.storage).reshape(shape)


def _readable(array: np.ndarray, dtype: DType) -> np.ndarray:
    """What NumPy can compute with: bfloat16 comes as float32."""
    return widen_bfloat16(array) if dtype is bfloat16 else array


def _fitting(node: Node, found: Sequence[Any], specs: Sequence[tuple[tuple[int, ...], DType]]
             ) -> list[np.ndarray]:
    """Results as stored arrays of the shapes and dtypes that were promised."""
    if len(found) != len(specs):
        raise ShapeError("host_callback", where=node.where, rule=node.op.kind.rule,
                         operands=[("promised", f"{len(specs)} arrays"),
                                   ("returned", f"{len(found)}")])
    fitting = []
    for result, (shape, dtype) in zip(map(np.asarray, found), specs, strict=True):
        wanted = np.dtype(np.float32) if dtype is bfloat16 else dtype.storage
        if result.shape != shape or (result.dtype != wanted and not np.can_cast(
                result.dtype, wanted, "same_kind")):
            kind = ShapeError if result.shape != shape else DTypeError
            raise kind("host_callback", where=node.where, rule=node.op.kind.rule,
                       operands=[("promised", f"{dtype.name} {list(shape)}"),
                                 ("returned", f"{result.dtype.name} {list(result.shape)}")])
        result = result.astype(wanted)
        fitting.append(narrow_bfloat16(result) if dtype is bfloat16 else result)
    return fitting
