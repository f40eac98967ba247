"""Products of narrow numbers, added up in 32 bits: several neighbours at a time, as words.

In: arrays of int8 or uint8. Out: int32, exact (the sum wraps beyond its range). Processors multiply
four unsigned bytes by four signed ones and add all up in one instruction; what is signed on the
left becomes unsigned by adding 128, which is taken off again as 128 times a sum of the right side.
Two bfloat16 make a word too (`pairs`), for processors that multiply those (`schedule.pairing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.graph.node import Attrs, Kind, Node, Op, Sample, constant
from lamina.ops.contraction import contract_words, matmul_spec
from lamina.ops.convolution import Ints, Pairs, correlate, with_margins
from lamina.ops.elementwise import (
    add,
    bitwise_and,
    bitwise_left_shift,
    bitwise_or,
    cast,
    multiply,
    subtract,
)
from lamina.ops.kinds import ELEMENTWISE
from lamina.ops.movement import pad, permute, reshape, slice_
from lamina.ops.reduction import sum_
from lamina.ops.rules import shape_error
from lamina.shapes import Shape, ceil_div, divide

BYTES = (dtypes.int8, dtypes.uint8)
HALF, HALVES = 128, -0x7F7F7F80  # 0x80 in one byte, and in each of a word's


def _grouped(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    *outer, last = inputs[0].shape
    parts = 4 // inputs[0].dtype.itemsize
    if isinstance(last, int) and last % parts:
        raise shape_error(op, inputs, f"{last} neighbours", rule="four bytes make a word")
    return (*outer, divide(last, parts))


def _as_words_numpy(x: np.ndarray, flipped: bool) -> np.ndarray:
    if x.dtype == np.float32:  # bfloat16, widened
        x = dtypes.narrow_bfloat16(x)
    found = np.ascontiguousarray(x).view("<i4")
    return found ^ np.int32(HALVES) if flipped else found


as_words = Op(
    "as_words", Kind("words", "four bytes make a word", _grouped,
                     lambda op, inputs, batched, attrs: op(inputs[0], **attrs)),
    "Four bytes, or two bfloat16, of the last axis as one int32, the first in the lowest place; "
    "flipped: the highest bit of each byte is turned over, which makes int8 uint8 by adding 128.",
    numpy=_as_words_numpy, dtype=lambda *_, **__: dtypes.int32, takes=(*BYTES, dtypes.bfloat16),
    samples=(Sample((((3, 8), 0, 100),), {"flipped": False}),
             Sample((((2, 3, 68), 0, 100),), {"flipped": True})))


def words(x: Node, axis: int) -> Node:
    """Four neighbours along an axis as one int32, the first in the lowest byte; 0 at the end."""
    x, size = _filled_up(x, axis, 4), ceil_div(x.shape[axis], 4)
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
    x, size = _filled_up(x, axis, 2), ceil_div(x.shape[axis], 2)
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


def _filled_up(x: Node, axis: int, parts: int) -> Node:
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


def _unsigned_words(x: Node) -> Node:
    """Words along the last axis of unsigned bytes: of int8, each 128 more."""
    return as_words(_filled_up(x, x.ndim - 1, 4), flipped=x.dtype is dtypes.int8)


def _signed(x: Node) -> Node:
    """uint8 as int8, each 128 less."""
    if x.dtype is dtypes.int8:
        return x
    return subtract(cast(x, dtype=dtypes.int8), constant(-HALF, dtypes.int8))


def _shift_of(x: Node, axes: Sequence[int]) -> Node:
    """What 128 more on the other side adds to a product: 128 times sums of bytes."""
    total = sum_(cast(x, dtype=dtypes.int32), axes=tuple(axes))
    return multiply(total, constant(HALF, dtypes.int32))


def matmul(x: Node, y: Node) -> Node:
    """x [..., m, k] times y [..., k, n], both of two axes or more, as int32."""
    return _product(x, y, words(_signed(y), y.ndim - 2))


def _product(x: Node, y: Node, right: Node) -> Node:
    """x times y, whose words are `right`, [..., k / 4, n]."""
    matmul_spec(x, y)  # the error of sizes that do not fit
    last = x.ndim - 1
    left = _unsigned_words(x)
    total = contract_words(left, right, **matmul_spec(left, right))
    if x.dtype is dtypes.int8:  # (x + 128) y - 128 y
        total = subtract(total, _shift_of(_signed(y), (y.ndim - 2,)))
    if y.dtype is dtypes.uint8:  # x (y - 128) + 128 x
        total = add(total, _shift_of(x, (last,)))
    return total


def linear(x: Node, w: Node) -> Node:
    """x [..., k] times w [n, k] transposed, as int32."""
    if x.ndim == 1:
        return reshape(linear(reshape(x, shape=(1, *x.shape)), w), shape=(w.shape[0],))
    turned = permute(w, axes=(1, 0))
    return _product(x, turned, permute(words(_signed(w), 1), axes=(1, 0)))


def conv(x: Node, w: Node, stride: Ints, padding: Pairs, dilation: Ints) -> Node:
    """Convolution of x [batch, *space, c] with signed w [out, c, *kernel], as int32."""
    wide = with_margins(x, w, stride, padding, dilation, 1)
    left, right = _unsigned_words(wide), words(w, 1)
    total = correlate(left, right, stride, dilation, 1, swapped=False, product=contract_words)
    if x.dtype is dtypes.uint8:
        return total
    each = _shift_of(w, range(1, w.ndim))  # a filter's sum, [out, 1, ...]
    return subtract(total, reshape(each, shape=(w.shape[0],)))


OPS = (as_words, pair)
