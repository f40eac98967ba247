"""Products of 8-bit integers, added up in 32 bits: four neighbours at a time, as words.

In: arrays of int8 or uint8. Out: int32, exact (the sum wraps beyond its range). Processors multiply
four unsigned bytes by four signed ones and add all up in one instruction; what is signed on the
left becomes unsigned by adding 128, which is taken off again as 128 times a sum of the right side.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina import dtypes
from lamina.graph.node import Node, constant
from lamina.ops.contraction import contract_words, matmul_spec
from lamina.ops.convolution import Ints, Pairs, correlate, with_margins
from lamina.ops.elementwise import add, cast, multiply, subtract
from lamina.ops.movement import permute, reshape
from lamina.ops.reduction import sum_
from lamina.ops.words import as_words, filled_up, words

HALF = 128


def _unsigned_words(x: Node) -> Node:
    """Words along the last axis of unsigned bytes: of int8, each 128 more."""
    return as_words(filled_up(x, x.ndim - 1, 4), flipped=x.dtype is dtypes.int8)


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
