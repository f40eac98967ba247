"""Words: several narrow numbers as one int32, for instructions that multiply all of them at once.

In: arrays of bytes or of bfloat16. Out: int32, four bytes or two bfloat16 each. `ops.bytes` has the
products of bytes; the compiler makes those of bfloat16 (`schedule.pairing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.graph.node import Attrs, Kind, Node, Op, Sample, constant
from lamina.ops.elementwise import (
    bitwise_and,
    bitwise_left_shift,
    bitwise_or,
    cast,
)
from lamina.ops.kinds import ELEMENTWISE
from lamina.ops.movement import pad, slice_
from lamina.ops.rules import shape_error
from lamina.shapes import Shape, ceil_div, divide

BYTES = (dtypes.int8, dtypes.uint8)
HALVES = -0x7F7F7F80  # 0x80 in each byte of a word


def _grouped(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    *outer, last = inputs[0].shape
    parts = 4 // inputs[0].dtype.itemsize
    if isinstance(last, int) and last % parts:
        raise shape_error(op, inputs, f"{last} neighbours",
                          rule="four bytes, or two bfloat16, make a word")
    return (*outer, divide(last, parts))


def _as_words_numpy(x: np.ndarray, flipped: bool) -> np.ndarray:
    if x.dtype == np.float32:  # bfloat16, widened
        x = dtypes.narrow_bfloat16(x)
    found = np.ascontiguousarray(x).view("<i4")
    return found ^ np.int32(HALVES) if flipped else found


as_words = Op(
    "as_words", Kind("words", "four bytes, or two bfloat16, make a word", _grouped,
                     lambda op, inputs, batched, attrs: op(inputs[0], **attrs)),
    "Four bytes, or two bfloat16, of the last axis as one int32, the first in the lowest place; "
    "flipped: the highest bit of each byte is turned over, which makes int8 uint8 by adding 128.",
    numpy=_as_words_numpy, dtype=lambda *_, **__: dtypes.int32, takes=(*BYTES, dtypes.bfloat16),
    samples=(Sample((((3, 8), 0, 100),), {"flipped": False}),
             Sample((((2, 3, 68), 0, 100),), {"flipped": True})))


def words(x: Node, axis: int) -> Node:
    """Four neighbours along an axis as one int32, the first in the lowest byte; 0 at the end."""
    x, size = filled_up(x, axis, 4), ceil_div(x.shape[axis], 4)
    if axis == x.ndim - 1:
        return as_words(x, flipped=False)
    parts = [bitwise_and(cast(_every(4, x, axis, byte, size), dtype=dtypes.int32),
                         constant(255, dtypes.int32)) for byte in range(4)]
    whole = parts[0]
    for byte, part in enumerate(parts[1:], 1):
        whole = bitwise_or(whole, bitwise_left_shift(part, constant(8 * byte, dtypes.int32)))
    return whole


def pairs(x: Node, axis: int) -> Node:
    """Two bfloat16 neighbours along an axis as one int32, the first in the lower half."""
    x, size = filled_up(x, axis, 2), ceil_div(x.shape[axis], 2)
    if axis == x.ndim - 1:
        return as_words(x, flipped=False)
    return pair(_every(2, x, axis, 0, size), _every(2, x, axis, 1, size))


def _pair_numpy(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    low, high = (dtypes.narrow_bfloat16(v).astype(np.uint32) for v in np.broadcast_arrays(x, y))
    return (low | high << np.uint32(16)).view(np.int32)


def _emit_pair(b: Any, x: Any, y: Any) -> Any:
    low, high = (b.bitcast(b.narrow(v, dtypes.bfloat16), dtypes.uint32) for v in (x, y))
    return b.bitcast(low >> 16 | high, dtypes.int32)


pair = Op(
    "pair", ELEMENTWISE, "Two bfloat16 as one int32, the first in the lower half.",
    numpy=_pair_numpy, dtype=lambda *_: dtypes.int32, emit=_emit_pair, cost=4,
    takes=(dtypes.bfloat16,), samples=(Sample((((3, 8), -2, 2), ((3, 8), -2, 2))),))


def filled_up(x: Node, axis: int, parts: int) -> Node:
    """With zeros at the end of an axis, so that its size divides by the parts of a word."""
    missing = ceil_div(x.shape[axis], parts) * parts - x.shape[axis]
    if missing == 0:
        return x
    none = (0,) * x.ndim
    return pad(x, low=none, high=tuple(missing if i == axis else 0 for i in range(x.ndim)),
               interior=none, value=0)


def _every(step: int, x: Node, axis: int, start: int, size: Any) -> Node:
    return slice_(x, starts=tuple(start if i == axis else 0 for i in range(x.ndim)),
                  steps=tuple(step if i == axis else 1 for i in range(x.ndim)),
                  shape=tuple(size if i == axis else d for i, d in enumerate(x.shape)))


OPS = (as_words, pair)
