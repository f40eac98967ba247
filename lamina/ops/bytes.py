"""Products of 8-bit integers, added up in 32 bits: four neighbours at a time, as words.

In: arrays of int8 or uint8. Out: int32, exact (the sum wraps beyond its range). Processors multiply
four unsigned bytes by four signed ones and add all up in one instruction; what is signed on the
left becomes unsigned by adding 128, which is taken off again as 128 times a sum of the right side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import dtypes
from lamina.graph.node import Node, constant
from lamina.ops.contraction import contract_words, matmul_spec
from lamina.ops.convolution import Ints, Pairs, correlate, with_margins
from lamina.ops.elementwise import (
    add,
    bitwise_and,
    bitwise_left_shift,
    bitwise_or,
    bitwise_xor,
    cast,
    multiply,
    subtract,
)
from lamina.ops.movement import pad, permute, reshape, slice_
from lamina.ops.reduction import sum_
from lamina.shapes import ceil_div

BYTES = (dtypes.int8, dtypes.uint8)
HALF, HALVES = 128, -0x7F7F7F80  # 0x80 in one byte, and in each of a word's


def words(x: Node, axis: int) -> Node:
    """Four neighbours along an axis as one int32, the first in the lowest byte; zeros at the end."""
    size = ceil_div(x.shape[axis], 4)
    missing = size * 4 - x.shape[axis]
    if missing != 0:
        none = (0,) * x.ndim
        x = pad(x, low=none, high=tuple(missing if i == axis else 0 for i in range(x.ndim)),
                interior=none, value=0)
    parts = [bitwise_and(cast(_every_fourth(x, axis, byte, size), dtype=dtypes.int32),
                         constant(255, dtypes.int32)) for byte in range(4)]
    whole = parts[0]
    for byte, part in enumerate(parts[1:], 1):
        whole = bitwise_or(whole, bitwise_left_shift(part, constant(8 * byte, dtypes.int32)))
    return whole


def _every_fourth(x: Node, axis: int, start: int, size: Any) -> Node:
    return slice_(x, starts=tuple(start if i == axis else 0 for i in range(x.ndim)),
                  steps=tuple(4 if i == axis else 1 for i in range(x.ndim)),
                  shape=tuple(size if i == axis else d for i, d in enumerate(x.shape)))


def _unsigned(x: Node) -> Node:
    """Words of unsigned bytes: those of int8, each 128 more."""
    return bitwise_xor(x, constant(HALVES, dtypes.int32))


def _signed(x: Node) -> Node:
    """uint8 as int8, each 128 less."""
    if x.dtype is dtypes.int8:
        return x
    return subtract(cast(x, dtype=dtypes.int8), constant(-HALF, dtypes.int8))


def _sum(x: Node, axes: Sequence[int]) -> Node:
    """128 times the sums of bytes over some axes."""
    total = sum_(cast(x, dtype=dtypes.int32), axes=tuple(axes))
    return multiply(total, constant(HALF, dtypes.int32))


def matmul(x: Node, y: Node) -> Node:
    """x [..., m, k] times y [..., k, n], both of two axes or more, as int32."""
    matmul_spec(x, y)  # the error of sizes that do not fit
    last = x.ndim - 1
    left, right = words(x, last), words(_signed(y), y.ndim - 2)
    if x.dtype is dtypes.int8:
        left = _unsigned(left)
    total = contract_words(left, right, **matmul_spec(left, right))
    if x.dtype is dtypes.int8:  # (x + 128) y - 128 y
        total = subtract(total, _sum(_signed(y), (y.ndim - 2,)))
    if y.dtype is dtypes.uint8:  # x (y - 128) + 128 x
        total = add(total, _sum(x, (last,)))
    return total


def linear(x: Node, w: Node) -> Node:
    """x [..., k] times w [n, k] transposed, as int32."""
    turned = permute(w, axes=(1, 0))
    if x.ndim > 1:
        return matmul(x, turned)
    return reshape(matmul(reshape(x, shape=(1, *x.shape)), turned), shape=(w.shape[0],))


def conv(x: Node, w: Node, stride: Ints, padding: Pairs, dilation: Ints) -> Node:
    """Convolution of x [batch, *space, c] with signed w [out, c, *kernel], as int32."""
    wide = with_margins(x, w, stride, padding, dilation, 1)
    left, right = words(wide, x.ndim - 1), words(w, 1)
    if x.dtype is dtypes.uint8:
        return correlate(left, right, stride, dilation, 1, swapped=False, product=contract_words)
    total = correlate(_unsigned(left), right, stride, dilation, 1, swapped=False,
                      product=contract_words)
    each = _sum(w, range(1, w.ndim))  # a filter's sum, [out, 1, ...]
    return subtract(total, reshape(each, shape=(w.shape[0],)))
