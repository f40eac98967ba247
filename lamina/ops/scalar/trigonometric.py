"""Sine, cosine and tangent.

In: a builder and numbers of float32 or float64. Out: the value of the function over the whole range
of the type: the angle is reduced by as many digits of pi as the largest number needs (the idea of
Payne and Hanek, SIGNUM Newsletter 18, 1983). The polynomials were fitted for Lamina by Remez
exchange in 45 digits (tests/ops/fits.py); degrees and errors stand beside them.
"""

from __future__ import annotations

from typing import Any

from lamina import dtypes
from lamina.ops.scalar.language import (
    Number,
    Scalars,
    fast_two_sum,
    horner,
    nearest,
    two_sum,
)

# (sin(r) / r - 1) / r**2 and (cos(r) - 1 + r**2 / 2) / r**4 in r**2, for |r| <= pi / 4.
# float32: degree 2, errors 2**-28 and 2**-33; float64: degree 6 and 5, 2**-68 and 2**-64.
_SIN = {
    dtypes.float32: (-0.00019516998145263642, 0.008332176133990288, -0.16666655242443085),
    dtypes.float64: (-7.578699042271818e-13, 1.6058366675323277e-10, -2.5052104912181416e-08,
                     2.7557319214193662e-06, -0.00019841269841255077, 0.008333333333333323,
                     -0.16666666666666666),
}
_COS = {
    dtypes.float32: (2.4432789359707385e-05, -0.0013887312961742282, 0.04166664555668831),
    dtypes.float64: (-1.1358421267385362e-11, 2.087569866682663e-09, -2.75573141636893e-07,
                     2.4801587288799134e-05, -0.0013888888888872975, 0.041666666666666595),
}

# 1 / (2 pi) in five parts of 29 bits and a last one of 53: a part times a float32 is exact.
_TURN_PARTS = tuple(map(float.fromhex, (
    "0x1.45f306dp-3", "0x1.9391054p-32", "0x1.4fe13abp-61", "0x1.d1f534dp-90", "0x1.b81b6c5p-119",
    "0x1.5993c439041fcp-150")))
_TURN = 6.283185307179586

# pi / 2 in two parts of 33 bits and a last one of 53: 20 bits times a part are exact.
_QUARTER_PARTS = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21)
_QUARTER = (1.5707963267948966, 6.123233995736766e-17)
_MODERATE = 2.0**20

# The bits of 2 / pi after the point, 64 to a word, behind a word of zeros.
_WORDS = (
    0, 0xA2F9836E4E441529, 0xFC2757D1F534DDC0, 0xDB6295993C439041, 0xFE5163ABDEBBC561,
    0xB7246E3A424DD2E0, 0x06492EEA09D1921C, 0xFE1DEB1CB129A73E, 0xE88235F52EBB4484,
    0xE99C7026B45F7E41, 0x3991D639835339F4, 0x9C845F8BBDF9283B, 0x1FF897FFDE05980F,
    0xEF2F118B5A0A6D1F, 0x6D367ECF27CB09B7, 0x4F463F669E5FEA2D, 0x7527BAC7EBE5F17B,
    0x3D0739F78A5292EA, 0x6BFB5FB11F8D5D08, 0x56033046FC7B6BAB,
)


def _reduced(b: Scalars, x: Number) -> tuple[Number, Number, Number | None]:
    """r in [-pi/4, pi/4], the quarter turns between x and r, and what the rounding of r lost.

    The quarter turns are an unsigned integer, of which the low two bits matter.
    """
    if x.dtype is dtypes.float32:
        return (*_reduced_single(b, x), None)
    return _reduced_double(b, x)


def _reduced_single(b: Scalars, x: Number) -> tuple[Number, Number]:
    """In float64, from exact partial products, of which whole turns are taken.

    They are summed twice, the second time from nearly the negative of the sum, so that no digit
    that cancels was rounded: the sum is exact while its parts are multiples of 2**-53, and what
    the parts after that can cancel is 2**-29 at most.
    """
    wide = b.cast(x, dtypes.float64)
    parts = []
    for part in _TURN_PARTS:
        product = wide * part
        parts.append(product - b.rint(product) if part > 1e-40 else product)
    total = parts[0]
    for product in parts[1:]:
        total = total + product
    count, quarters = nearest(b, total, 4.0)
    rest = b.fma(count, -0.25, parts[0])
    for product in parts[1:]:
        rest = rest + product
    return b.cast(rest * _TURN, dtypes.float32), b.cast(quarters, dtypes.uint32)


def _reduced_double(b: Scalars, x: Number) -> tuple[Number, Number, Number]:
    """By three parts of pi / 2 for moderate numbers, else by the bits of 2 / pi."""
    count, quarters = nearest(b, x, 1.0 / _QUARTER[0])
    first, second, third = _QUARTER_PARTS
    high, low = two_sum(x - count * first, -(count * second))
    near, near_low = fast_two_sum(high, low - count * third)
    far, far_quarters, far_low = _reduced_large(b, x)
    moderate = b.abs(x) < _MODERATE
    return (b.select(moderate, near, far), b.select(moderate, quarters, far_quarters),
            b.select(moderate, near_low, far_low))


def _reduced_large(b: Scalars, x: Number) -> tuple[Number, Number, Number]:
    """For |x| >= 2**10, in integers.

    |x| = m 2**e with an integer m of 53 bits; of 2 / pi only the 192 bits that weigh between
    2**(1-e) and 2**(-190-e) matter, since the product is taken modulo 4.
    """
    word = b.bitcast(x, dtypes.uint64)
    field = (word >> 52) & 0x7FF
    m = (word & ((1 << 52) - 1)) | (1 << 52)
    start = field - (1075 - 62)  # e + 62: where the window begins in _WORDS, in bits
    a, c, d = _window(b, start)
    top = m * a + b.mulhi(m, c)
    low_high, low = m * c, b.mulhi(m, d)
    middle = low_high + low
    top = top + b.cast(middle < low, dtypes.uint64)
    quarters = (top + (1 << 61)) >> 62
    signed = b.bitcast(top - (quarters << 62), dtypes.int64)
    high = b.cast(signed, dtypes.float64)
    rounded = b.cast(signed - b.cast(high, dtypes.int64), dtypes.float64)
    rest = b.fma(b.cast(middle, dtypes.float64), 2.0**-64, rounded)
    high, rest = fast_two_sum(high * 2.0**-62, rest * 2.0**-62)
    r, low_r = high * _QUARTER[0], b.fma(high, _QUARTER[1], rest * _QUARTER[0])
    negative = x < 0.0
    quarters = b.select(negative, 0 - quarters, quarters)
    broken = b.compare("eq", field, 0x7FF)
    r = b.select(broken, x - x, b.select(negative, -r, r))
    return r, quarters, b.select(negative, -low_r, low_r)


def _window(b: Scalars, start: Number) -> tuple[Number, Number, Number]:
    """192 bits of _WORDS from bit `start` on: words chosen by halving, then shifted."""
    index = start >> 6
    words: list[Any] = list(_WORDS)
    for step in (16, 8, 4, 2, 1):
        chosen = b.compare("ne", index & step, 0)
        words = [b.select(chosen, *_pair(b, index, words, i, step))
                 for i in range(min(len(words), 3 + step))]
    shift = start & 63
    back = 63 - shift
    first, second, third, fourth = words[:4]
    return ((first << shift) | ((second >> 1) >> back), (second << shift) | ((third >> 1) >> back),
            (third << shift) | ((fourth >> 1) >> back))


def _pair(b: Scalars, like: Number, words: list[Any], i: int, step: int) -> tuple[Any, Any]:
    later = words[i + step] if i + step < len(words) else 0
    here = words[i]
    if isinstance(here, int) and isinstance(later, int):
        here = b.const(here, like.dtype, like.lanes)
    return later, here


def _sine(b: Scalars, r: Number, low: Number | None) -> Number:
    square = r * r
    tail = square * r * horner(b, square, _SIN[r.dtype])
    if low is not None:
        tail = tail + b.fma(square, low * -0.5, low)
    return r + tail


def _cosine(b: Scalars, r: Number, low: Number | None) -> Number:
    """1 - r**2 / 2 is taken with its rounding error."""
    square = r * r
    half = square * 0.5
    near = 1.0 - half
    tail = b.fma(square * square, horner(b, square, _COS[r.dtype]), (1.0 - near) - half)
    if low is not None:
        tail = tail - r * low
    return near + tail


def _turned(b: Scalars, x: Number, ahead: int) -> Number:
    """sin(x + ahead * pi / 2)."""
    r, quarters, low = _reduced(b, x)
    if ahead:
        quarters = quarters + ahead
    odd = b.compare("ne", quarters & 1, 0)
    value = b.select(odd, _cosine(b, r, low), _sine(b, r, low))
    shift = x.dtype.bits - 2
    flip = (quarters & 2) << shift
    return b.bitcast(b.bitcast(value, flip.dtype) ^ flip, x.dtype)


def sin(b: Scalars, x: Number) -> Number:
    """Sine; error below 2 ulp over the whole range."""
    return b.select(b.abs(x) < _TINY[x.dtype], x, _turned(b, x, 0))


def cos(b: Scalars, x: Number) -> Number:
    """Cosine; error below 2 ulp over the whole range."""
    return _turned(b, x, 1)


def tan(b: Scalars, x: Number) -> Number:
    """Tangent; error below 3.5 ulp over the whole range.

    sin / cos of the reduced angle, -cos / sin after an odd number of quarter turns.
    """
    r, quarters, low = _reduced(b, x)
    odd = b.compare("ne", quarters & 1, 0)
    sine, cosine = _sine(b, r, low), _cosine(b, r, low)
    value = b.select(odd, -cosine, sine) / b.select(odd, sine, cosine)
    return b.select(b.abs(x) < _TINY[x.dtype], x, value)


_TINY = {dtypes.float32: 2.0**-13, dtypes.float64: 2.0**-27}  # sin x and tan x are x below
