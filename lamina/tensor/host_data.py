"""Data from outside as the elements of a tensor.

In: numbers, nested sequences, arrays of any library that NumPy can read. Out: an array as memory
holds it, and its dtype; or the error that says why not.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.dtypes import DType, as_dtype, span
from lamina.errors import DTypeError, ShapeError


def stored_elements(data: Any, dtype: DType | None) -> tuple[np.ndarray, DType]:
    """The elements as memory holds them, and their dtype: the one given, or the data's own."""
    array = _as_array(data)
    if dtype is None:
        dtype = _natural_dtype(data, array)
    elif dtype.is_integer and array.dtype.kind in "iu" and not _is_array(data):
        _check_range(array, dtype)
    if dtype is dtypes.bfloat16:
        return dtypes.narrow_bfloat16(array), dtype
    if dtype.is_integer and array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DTypeError("tensor", operands=[("data", f"{array.dtype} {list(array.shape)}"),
                                             ("dtype", dtype.name)],
                         rule="NaN and infinity are no integers")
    with np.errstate(over="ignore"):  # a float16 may become infinite
        return array.astype(dtype.storage, copy=False), dtype


def _as_array(data: Any) -> np.ndarray:
    if _has_masks(data) and np.ma.is_masked(data):
        raise DTypeError("tensor", operands=[("data", f"{np.ma.count_masked(data)} masked values")],
                         rule="every element has a value", hint=".filled(0)")
    try:
        array = np.asarray(data)
    except ValueError:
        raise ShapeError("tensor", operands=[("data", "a ragged sequence")],
                         rule="sequences on one level have one length") from None
    except OverflowError:
        raise DTypeError("tensor", operands=[("data", "an integer beyond 64 bits")],
                         rule="elements fit a dtype") from None
    except (TypeError, RuntimeError) as error:  # an array of another library that NumPy cannot take
        raise DTypeError("tensor", operands=[("data", type(data).__name__),
                                             ("reason", f"{error!s:.60}")],
                         rule="NumPy can read the data", got=type(data)) from None
    if array.dtype.kind not in "biuf":
        raise DTypeError("tensor", operands=[("data", str(array.dtype))],
                         rule="elements are booleans, integers or floats")
    return array


def _has_masks(data: Any) -> bool:
    """Whether the data is of `numpy.ma`, which is slow to load and is not loaded by asking."""
    return "numpy.ma" in sys.modules and isinstance(data, np.ma.MaskedArray)


def _is_array(data: Any) -> bool:
    return isinstance(data, (np.ndarray, np.generic)) or hasattr(data, "__array_interface__")


def _check_range(array: np.ndarray, dtype: DType) -> None:
    """Integers that the user wrote fit their dtype; those of arrays wrap, as `astype` does."""
    held = span(dtype)
    if array.size and not (int(array.min()) in held and int(array.max()) in held):
        raise DTypeError("tensor", operands=[("data", f"{array.min()} .. {array.max()}"),
                                             ("dtype", dtype.name)],
                         rule=f"{dtype.name} holds {held[0]} .. {held[-1]}")


def _natural_dtype(data: Any, array: np.ndarray) -> DType:
    if _is_array(data):
        return as_dtype(array.dtype)
    return dtypes.float32 if array.dtype.kind == "f" else as_dtype(array.dtype)
