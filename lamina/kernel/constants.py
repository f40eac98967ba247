"""Constants in kernels: what a dtype holds of a Python number, and arithmetic that is done early.

In: Python numbers, or two index values of which some are constant. Out: the exact number of the
dtype; the value of the index arithmetic where it is known while the kernel is written.
"""

from __future__ import annotations

import math
import struct

from lamina.dtypes import DType
from lamina.kernel.loops import Number, Value


def exact(value: Number, dtype: DType) -> Number:
    """The number of the dtype that a Python number stands for."""
    if dtype.kind == "b":
        return bool(value)
    if dtype.is_integer:
        wrapped = int(value) & ((1 << dtype.bits) - 1)
        sign = dtype.kind == "i" and wrapped >> (dtype.bits - 1)
        return wrapped - (1 << dtype.bits) if sign else wrapped
    value = float(value)
    if dtype.bits > 32:
        return value
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def saturated(value: Number, dtype: DType) -> int:
    """A float constant as an integer: truncated, clipped to the dtype's range, NaN to 0."""
    lowest = -(1 << (dtype.bits - 1)) if dtype.kind == "i" else 0
    highest = lowest + (1 << dtype.bits) - 1
    if math.isnan(value):
        return 0
    return lowest if value <= lowest else highest if value >= highest else int(value)


def fold_index(op: str, a: Value, b: Value) -> Value | int | None:
    """What `op` gives on two indices if that is a constant or one of them, else None."""
    x, y = a.const, b.const
    if x is not None and y is not None:
        x, y = int(x), int(y)
        match op:
            case "add":
                return x + y
            case "sub":
                return x - y
            case "mul":
                return x * y
            case "div" if y > 0 and x >= 0:
                return x // y
            case "rem" if y > 0 and x >= 0:
                return x % y
            case "min":
                return min(x, y)
            case "max":
                return max(x, y)
        return None
    if op in ("add", "sub") and y == 0 or op in ("mul", "div") and y == 1:
        return a
    if op == "add" and x == 0 or op == "mul" and x == 1:
        return b
    if op == "mul" and (x == 0 or y == 0) or op == "rem" and y == 1:
        return 0
    return None
