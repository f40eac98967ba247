"""Powers, and sums of squares and of exponentials that neither overflow nor lose digits.

In: a builder and numbers of float32 or float64 (`integer_power`: of an integer dtype). Out: the
value of the function, for every input; infinities, zeros and NaN as in C (ISO 9899, annex F.10).
"""

from __future__ import annotations

from lamina import dtypes
from lamina.ops.scalar.exponential import exp, exp_of_pair
from lamina.ops.scalar.language import (
    FORMAT,
    INFINITY,
    NAN,
    Number,
    Scalars,
    bits,
    fast_two_sum,
    horner,
    like,
    two_product,
)
from lamina.ops.scalar.logarithm import log, log1p, split, steps_of_two

# (log(1 + f) - 2 s - 2/3 s**3) / s**5 in s**2, s = f / (2 + f); fitted by Remez exchange in 45
# digits for the relative error of the logarithm: degree 6, error 2**-66.
_FIFTH = (0.13196359561476728, 0.1325681594748886, 0.15386757328436024, 0.18181784369284948,
          0.22222222519870247, 0.2857142857010003, 0.40000000000002256)
_TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)
_LN2 = (0.6931471805592082, 7.371002565167799e-13)  # 40 bits, and the rest


def power(b: Scalars, x: Number, y: Number) -> Number:
    """x**y; error below 1 ulp (float64: 1.5)."""
    size = b.abs(x)
    result = _single(b, size, y) if x.dtype is dtypes.float32 else _double(b, size, y)
    one = like(b, x, 1.0)
    result = b.select(b.compare("eq", size, 1.0), one, result)
    half = y * 0.5
    whole = b.compare("eq", b.rint(y), y)
    odd = whole & b.compare("ne", b.rint(half), half)
    negative = bits(b, x) & FORMAT[x.dtype].sign
    flipped = b.bitcast(bits(b, result) ^ negative, x.dtype)
    result = b.select(odd, flipped, result)
    broken = (x < 0.0) & ~whole & (x > -INFINITY)
    result = b.select(broken, NAN, result)
    return b.select(b.compare("eq", y, 0.0) | b.compare("eq", x, 1.0), one, result)


def _single(b: Scalars, size: Number, y: Number) -> Number:
    """In float64, whose logarithm has all the digits that a float32 needs."""
    wide = b.cast(y, dtypes.float64) * log(b, b.cast(size, dtypes.float64))
    return b.cast(exp(b, wide), dtypes.float32)


def _double(b: Scalars, size: Number, y: Number) -> Number:
    """The product y log(size) as a pair: its error is below 2**-65 of its size."""
    bounded = b.min(b.max(y, -(2.0**65)), 2.0**65)  # as good as infinite
    high, low = _log_pair(b, size)
    product, rest = two_product(b, high, bounded)
    result = exp_of_pair(b, product, b.fma(low, bounded, rest))
    zero, endless = b.compare("eq", size, 0.0), b.compare("eq", size, INFINITY)
    edge = b.select(zero ^ (y > 0.0), like(b, size, INFINITY), 0.0)
    result = b.select(zero | endless, edge, result)
    return b.select(b.compare("ne", size, size), size, b.select(b.compare("ne", y, y), y, result))


def _log_pair(b: Scalars, x: Number) -> tuple[Number, Number]:
    """The logarithm of a positive number as a sum of two: 2 s and 2/3 s**3 are kept as pairs."""
    normal, lift = steps_of_two(b, x)
    e, f, _ = split(b, normal)
    e = e - lift
    u, u_low = fast_two_sum(like(b, x, 2.0), f)
    s = f / u
    back, lost = two_product(b, s, u)
    s_low = (((f - back) - lost) - s * u_low) / u
    square, square_low = two_product(b, s, s)
    cube, cube_low = two_product(b, square, s)
    third, third_low = two_product(b, cube, like(b, x, _TWO_THIRDS[0]))
    third_low = third_low + (cube_low + square_low * s) * _TWO_THIRDS[0] + cube * _TWO_THIRDS[1]
    tail = cube * square * horner(b, square, _FIFTH)
    doubled = s_low + s_low
    tail = tail + (third_low + b.fma(doubled, square, doubled))
    high, low = fast_two_sum(s + s, third)
    high, low = fast_two_sum(high, low + tail)
    total, rest = fast_two_sum(e * _LN2[0], high)
    return fast_two_sum(total, rest + b.fma(e, _LN2[1], low))


def integer_power(b: Scalars, x: Number, y: Number) -> Number:
    """x**y in wrapping integers, by squaring.

    Negative exponents: 1 / x**-y rounded towards zero, and 0 for x = 0.
    """
    width = x.dtype.bits - (x.dtype.kind == "i")
    result = like(b, x, 1)
    square = x
    for i in range(width):
        result = b.select(b.compare("ne", y & (1 << i), 0), result * square, result)
        square = square * square
    if x.dtype.kind == "u":
        return result
    sign = b.select(b.compare("ne", y & 1, 0), x, x * x)
    unit = b.compare("eq", x, 1) | b.compare("eq", x, -1)
    return b.select(y < 0, b.select(unit, sign, 0), result)


def hypot(b: Scalars, x: Number, y: Number) -> Number:
    """sqrt(x**2 + y**2); error below 1.5 ulp; infinite beside any infinity."""
    if x.dtype is dtypes.float32:
        wide, other = b.cast(x, dtypes.float64), b.cast(y, dtypes.float64)
        result = b.cast(b.sqrt(wide * wide + other * other), dtypes.float32)
    else:
        larger = b.max(b.abs(x), b.abs(y))
        up, down = larger < 2.0**-500, larger > 2.0**500
        one = like(b, x, 1.0)
        scale = b.select(up, one * 2.0**600, b.select(down, one * 2.0**-600, one))
        unscale = b.select(up, one * 2.0**-600, b.select(down, one * 2.0**600, one))
        p, q = x * scale, y * scale
        result = b.sqrt(b.fma(p, p, q * q)) * unscale
    endless = b.compare("eq", b.abs(x), INFINITY) | b.compare("eq", b.abs(y), INFINITY)
    return b.select(endless, like(b, x, INFINITY), result)


def logaddexp(b: Scalars, x: Number, y: Number) -> Number:
    """log(exp(x) + exp(y)) = max + log1p(exp(-|x - y|)).

    Error below 2 ulp of the larger of the maximum and the result, beside what the rounding of the
    difference does: the two terms may cancel.
    """
    gap = b.select(b.compare("eq", x, y), like(b, x, 0.0), b.abs(x - y))  # two infinities: 0
    return b.max(x, y) + log1p(b, exp(b, -gap))


def softplus(b: Scalars, x: Number) -> Number:
    """log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)); error below 3 ulp."""
    return b.max(x, 0.0) + log1p(b, exp(b, -b.abs(x)))
