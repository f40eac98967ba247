"""The logarithm and the functions made of it.

In: a builder and numbers of float32 or float64. Out: the value of the function, for every input,
subnormal ones included.

All write x = 2**e m with m in [sqrt(1/2), sqrt(2)) and f = m - 1, which is exact. float32:
log(1 + f) = f - f**2 / 2 + f**3 Q(f). float64: with s = f / (2 + f), log(1 + f) = 2 s + s**3
R(s**2), written as f - (f**2 / 2 - s (f**2 / 2 + s**2 R)) so that the leading term is exact. Q
and R were fitted for Lamina: Remez exchange in 45 digits for the relative error of the logarithm
(tests/ops/fits.py); Q of degree 7, error 2**-27; R of degree 6, error 2**-59.
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina import dtypes
from lamina.ops.scalar.language import (
    FORMAT,
    INFINITY,
    NAN,
    Number,
    Scalars,
    bits,
    horner,
    like,
    with_sign,
)

_SQRT_HALF_BITS = {dtypes.float32: 0x3F3504F3, dtypes.float64: 0x3FE6A09E667F3BCD}
_Q = (-0.07634098082780838, 0.12761348485946655, -0.1316021978855133, 0.1420179307460785,
      -0.1662335842847824, 0.20001225173473358, -0.2500081956386566, 0.3333333134651184)
_R = (0.1479596514309533, 0.15314052382925847, 0.18183564113043668, 0.2222219858015773,
      0.2857142874229121, 0.3999999999941523, 0.6666666666666734)


@dataclass(frozen=True)
class _Base:
    """How a logarithm comes from e and log m: constants split so that e times `high` is exact."""

    high: float  # e is worth high + low
    low: float
    factor: tuple[float, float] | None  # log m is worth this much; None: one


_LOG = {dtypes.float32: _Base(0.693145751953125, 1.428606765330187e-06, None),
        dtypes.float64: _Base(0.6931471805592082, 7.371002565167799e-13, None)}
_LOG2 = {dtypes.float32: _Base(1.0, 0.0, (1.442626953125, 6.808776379330084e-05)),
         dtypes.float64: _Base(1.0, 0.0, (1.4426950365304947, 4.3584687174185184e-09))}
_LOG10 = {dtypes.float32: _Base(0.301025390625, 4.605039066518657e-06,
                                (0.43408203125, 0.0002124506572727114)),
          dtypes.float64: _Base(0.301029995663157, 8.241712586023572e-13,
                                (0.4342944771051407, 4.798111141615973e-09))}


def split(b: Scalars, x: Number) -> tuple[Number, Number, Number]:
    """e as a float, f and the bits of 2**-e; x is normal and positive."""
    form = FORMAT[x.dtype]
    word = b.bitcast(x, form.signed)
    e = (word - _SQRT_HALF_BITS[x.dtype]) >> form.fraction
    power = e << form.fraction
    return b.cast(e, x.dtype), b.bitcast(word - power, x.dtype) - 1.0, power


def _rest(b: Scalars, f: Number) -> Number:
    """log(1 + f) - f."""
    square = f * f
    if f.dtype is dtypes.float32:
        return b.fma(square * f, horner(b, f, _Q), square * -0.5)
    s = f / (f + 2.0)
    half, z = square * 0.5, s * s
    return b.fma(s, b.fma(z, horner(b, z, _R), half), -half)


def _joined(b: Scalars, e: Number, f: Number, base: _Base) -> Number:
    """The logarithm of 2**e (1 + f), small parts first."""
    rest = _rest(b, f)
    if base.factor is not None:
        high, low = base.factor
        upper = b.bitcast(bits(b, f) & _UPPER[f.dtype], f.dtype)  # times `high` without rounding
        rest = b.fma(rest + f, low, (rest + (f - upper)) * high)
        f = upper * high
    if base.low:
        rest = b.fma(e, base.low, rest)
    return e * base.high + (f + rest)


_UPPER = {dtypes.float32: 0xFFFFF000, dtypes.float64: (1 << 64) - (1 << 27)}


def _of_edges(b: Scalars, x: Number, y: Number) -> Number:
    """y, the logarithm of x, with what belongs to zero, negative numbers, infinity and NaN."""
    edge = b.select(b.compare("eq", x, 0.0), like(b, x, -INFINITY), NAN)
    y = b.select(x > 0.0, y, edge)
    return b.select(b.compare("eq", x, INFINITY), x, y)


def steps_of_two(b: Scalars, x: Number) -> tuple[Number, Number]:
    """x times 2**n where it is subnormal, and n as a float: 0 where x is normal."""
    form = FORMAT[x.dtype]
    subnormal = x < form.tiny
    n = float(form.fraction + 2)
    return b.select(subnormal, x * 2.0**n, x), b.select(subnormal, like(b, x, n), 0.0)


def _logarithm(b: Scalars, x: Number, base: _Base) -> Number:
    normal, lift = steps_of_two(b, x)
    e, f, _ = split(b, normal)
    return _of_edges(b, x, _joined(b, e - lift, f, base))


def log(b: Scalars, x: Number) -> Number:
    """Natural logarithm; error below 1 ulp."""
    return _logarithm(b, x, _LOG[x.dtype])


def log2(b: Scalars, x: Number) -> Number:
    """Logarithm to base 2; error below 2.1 ulp, exact for powers of two."""
    return _logarithm(b, x, _LOG2[x.dtype])


def log10(b: Scalars, x: Number) -> Number:
    """Logarithm to base 10; error below 2 ulp."""
    return _logarithm(b, x, _LOG10[x.dtype])


def log1p(b: Scalars, x: Number) -> Number:
    """log(1 + x), with what the sum 1 + x rounds away put back; error below 2 ulp."""
    form = FORMAT[x.dtype]
    u = x + 1.0
    lost = x - (u - 1.0)
    e, f, power = split(b, u)
    inverse = b.bitcast(b.max(form.one - power, 0), x.dtype)
    y = _of_edges(b, u, _joined(b, e, b.fma(lost, inverse, f), _LOG[x.dtype]))
    return b.select(b.abs(x) < 2.0 ** -(form.fraction + 2), x, y)


def asinh(b: Scalars, x: Number) -> Number:
    """Inverse hyperbolic sine: log1p(t + t**2 / (1 + sqrt(1 + t**2))); error below 3 ulp."""
    t = b.abs(x)
    big = t > _BIG[x.dtype]
    square = t * t
    argument = t + square / (b.sqrt(square + 1.0) + 1.0)
    return with_sign(b, _log_of_doubled(b, t, argument, big), x)


def acosh(b: Scalars, x: Number) -> Number:
    """Inverse hyperbolic cosine: log1p(u + sqrt(2 u + u**2)), u = x - 1; error below 3 ulp."""
    u = x - 1.0
    argument = u + b.sqrt(b.fma(u, u, u + u))
    y = _log_of_doubled(b, x, argument, x > _BIG[x.dtype])
    return b.select(x < 1.0, like(b, x, NAN), y)


def atanh(b: Scalars, x: Number) -> Number:
    """Inverse hyperbolic tangent: log1p(2 t / (1 - t)) / 2; error below 3 ulp."""
    t = b.abs(x)
    y = log1p(b, (t + t) / (1.0 - t)) * 0.5
    return b.select(t < 2.0 ** -(FORMAT[x.dtype].fraction // 2 + 2), x, with_sign(b, y, x))


_BIG = {dtypes.float32: 2.0**30, dtypes.float64: 2.0**60}  # 1 / x is lost beside log x


def _log_of_doubled(b: Scalars, t: Number, argument: Number, big: Number) -> Number:
    """log1p(argument); where t is big, log(2 t)."""
    y = log1p(b, b.select(big, t, argument))
    return b.select(big, y + 0.6931471805599453, y)
