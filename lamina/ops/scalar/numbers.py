"""Scalar bodies that need no approximation: extremes, signs, neighbours, division, shifts, bits.

In: a builder and numbers. Out: the exact result, NumPy's where it defines one.
"""

from __future__ import annotations

from lamina import dtypes
from lamina.ops.scalar.language import FORMAT, INFINITY, Number, Scalars, bits, halves, like

UNSIGNED = {dtypes.int8: dtypes.uint8, dtypes.int16: dtypes.uint16, dtypes.int32: dtypes.uint32,
            dtypes.int64: dtypes.uint64}


def maximum(b: Scalars, x: Number, y: Number) -> Number:
    """The larger; NaN if either is (`max` keeps a NaN in x and loses one in y)."""
    larger = b.max(x, y)
    return b.select(b.compare("ne", y, y), y, larger) if x.dtype.is_float else larger


def minimum(b: Scalars, x: Number, y: Number) -> Number:
    """The smaller; NaN if either is."""
    smaller = b.min(x, y)
    return b.select(b.compare("ne", y, y), y, smaller) if x.dtype.is_float else smaller


def absolute(b: Scalars, x: Number) -> Number:
    """|x|; the most negative integer stays."""
    return x if x.dtype.kind == "u" else b.abs(x)


def sign(b: Scalars, x: Number) -> Number:
    """-1, 0 or 1; NaN stays."""
    zero = x + 0.0 if x.dtype.is_float else x  # the sum makes -0.0 a zero without sign
    upper = b.select(x > 0, like(b, x, 1), zero)
    return upper if x.dtype.kind == "u" else b.select(x < 0, like(b, x, -1), upper)


def signbit(b: Scalars, x: Number) -> Number:
    """Whether the sign bit is set, -0.0 and NaN included."""
    return b.compare("ne", bits(b, x) >> (x.dtype.bits - 1), 0)


def copysign(b: Scalars, x: Number, y: Number) -> Number:
    """|x| with the sign of y."""
    mask = FORMAT[x.dtype].sign
    return b.bitcast((bits(b, x) & (mask - 1)) | (bits(b, y) & mask), x.dtype)


def nextafter(b: Scalars, x: Number, y: Number) -> Number:
    """The number next to x on the way to y."""
    mask = FORMAT[x.dtype].sign
    word = bits(b, x)
    away = (x < y) ^ b.compare("ne", word & mask, 0)
    step = b.select(away, word + 1, word - 1)
    first = (bits(b, y) & mask) | 1
    moved = b.bitcast(b.select(b.compare("eq", x, 0.0), first, step), x.dtype)
    moved = b.select(b.compare("eq", x, y), y, moved)
    moved = b.select(b.compare("ne", y, y), y, moved)
    return b.select(b.compare("ne", x, x), x, moved)


def isnan(b: Scalars, x: Number) -> Number:
    """Whether x is NaN."""
    return b.compare("ne", x, x)


def isinf(b: Scalars, x: Number) -> Number:
    """Whether x is infinite; no integer is."""
    if not x.dtype.is_float:
        return b.compare("ne", x, x)
    return b.compare("eq", b.abs(x), INFINITY)


def isfinite(b: Scalars, x: Number) -> Number:
    """Whether x is neither infinite nor NaN; every integer is."""
    if not x.dtype.is_float:
        return b.compare("eq", x, x)
    return b.abs(x) < INFINITY


# ---- division ------------------------------------------------------------------------------------
def floor_divide(b: Scalars, x: Number, y: Number) -> Number:
    """The quotient rounded down; integers give 0 for a zero divisor."""
    if x.dtype.is_float:
        return _float_division(b, x, y)[0]
    quotient = b.div(x, y)
    if x.dtype.kind == "i":
        rest = x - quotient * y
        quotient = b.select(_apart(b, rest, y), quotient - 1, quotient)
    return b.select(b.compare("eq", y, 0), 0, quotient)


def remainder(b: Scalars, x: Number, y: Number) -> Number:
    """What is left by `floor_divide`, with the sign of y; integers give 0 for a zero divisor."""
    if x.dtype.is_float:
        return _float_division(b, x, y)[1]
    rest = b.rem(x, y)
    if x.dtype.kind == "i":
        rest = b.select(_apart(b, rest, y), rest + y, rest)
    return b.select(b.compare("eq", y, 0), 0, rest)


def _apart(b: Scalars, rest: Number, y: Number) -> Number:
    """Whether a remainder is not zero and has the other sign."""
    return b.compare("ne", rest, 0) & ((rest ^ y) < 0)


def _float_division(b: Scalars, x: Number, y: Number) -> tuple[Number, Number]:
    """Quotient and remainder.

    float32 is divided in float64, exactly; float64 exactly where the quotient is below 2**96 and
    the divisor normal (beyond that the remainder is 0, and the quotient x / y).
    """
    if x.dtype is dtypes.float32:
        wide, other = b.cast(x, dtypes.float64), b.cast(y, dtypes.float64)
        quotient, rest = _long_division(b, wide, other, 12)
        return b.cast(quotient, dtypes.float32), b.cast(rest, dtypes.float32)
    return _long_division(b, x, y, 4)


def _long_division(b: Scalars, x: Number, y: Number, digits: int) -> tuple[Number, Number]:
    """Digits of 25 bits of the quotient, from the first on.

    Each product with y is exact, and so is each difference. A digit may be one too large, so the
    rest may lie below zero.
    """
    endless = b.compare("eq", b.abs(y), INFINITY)
    divisor = b.select(endless, like(b, y, 0.0), y)
    upper, lower = halves(b, divisor)
    inverse = 1.0 / y
    mask = (1 << 64) - (1 << 28)
    rest = x
    for _ in range(digits):
        digit = b.trunc(b.bitcast(bits(b, rest * inverse) & mask, x.dtype))
        rest = (rest - digit * upper) - digit * lower
    settled = b.abs(rest) < b.abs(y)
    beyond = (b.abs(x) < INFINITY) & (b.abs(y) > 0.0) & ~settled
    rest = b.select(beyond, 0.0, rest)
    wrong = b.compare("ne", rest, 0.0) & ((rest < 0.0) ^ (y < 0.0))
    quotient = b.rint((x - rest) / y)
    quotient = b.select(wrong, quotient - 1.0, quotient)
    either = b.bitcast(bits(b, x) ^ bits(b, y), x.dtype)  # has the sign of the quotient
    quotient = b.select(b.compare("eq", quotient, 0.0), copysign(b, quotient, either), quotient)
    rest = b.select(wrong, rest + y, rest)
    rest = b.select(b.compare("eq", rest, 0.0), copysign(b, rest, y), rest)
    zero = b.compare("eq", y, 0.0)
    return b.select(zero, x / y, quotient), b.select(b.compare("ne", y, y), y, rest)


# ---- bits ----------------------------------------------------------------------------------------
def left_shift(b: Scalars, x: Number, y: Number) -> Number:
    """x * 2**y in wrapping integers; 0 for counts of the width or more (and below zero)."""
    return b.select(_inside(b, y), x << y, 0)


def right_shift(b: Scalars, x: Number, y: Number) -> Number:
    """x / 2**y rounded down; counts of the width or more leave nothing but the sign."""
    if x.dtype.kind == "u":
        return b.select(_inside(b, y), x >> y, 0)
    return x >> b.select(_inside(b, y), y, x.dtype.bits - 1)


def _inside(b: Scalars, count: Number) -> Number:
    """Whether 0 <= count < width."""
    return b.bitcast(count, UNSIGNED.get(count.dtype, count.dtype)) < int(count.dtype.bits)


# Threefry-2x32: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011, table 2 (the
# rotations) and section 3.3 (the parity of the key schedule).
ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA
ROUNDS = 20


def threefry(b: Scalars, counter: Number, key0: Number, key1: Number) -> Number:
    """The first word of Threefry-2x32 with 20 rounds at the counter (counter, 0)."""
    keys = (key0, key1, key0 ^ key1 ^ PARITY)
    x, y = counter + key0, key1
    for i in range(ROUNDS):
        turn = ROTATIONS[i % 8]
        x = x + y
        y = ((y << turn) | (y >> (32 - turn))) ^ x
        if i % 4 == 3:
            step = i // 4 + 1
            x = x + keys[step % 3]
            y = y + keys[(step + 1) % 3] + step
    return x


def bits_to_unit(b: Scalars, x: Number) -> Number:
    """The upper 24 of 32 bits as a multiple of 2**-24 in [0, 1)."""
    return b.cast(b.bitcast(x >> 8, dtypes.int32), dtypes.float32) * 2.0**-24
