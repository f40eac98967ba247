"""The exponential and the functions made of it.

In: a builder and numbers of float32 or float64. Out: the value of the function, for every input,
subnormal results included.

All reduce x = n ln 2 + r with |r| <= ln(2) / 2. ln 2 is split so that n times its upper part is
exact. The polynomials were fitted for Lamina (tests/ops/fits.py): Remez exchange in 45 digits over
|r| <= 0.3468 for the relative error of exp(r) - 1 (of 2**r for `exp2`), the constant and linear
terms held at one. float32: degree 6, error 2**-26 (exp2 2**-29); float64: degree 12, error 2**-61
(exp2 2**-64).
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina import dtypes
from lamina.ops.scalar.language import (
    Number,
    Scalars,
    horner,
    like,
    nearest,
    power_of_two,
    scaled,
    with_sign,
)

LOG2_E = 1.4426950408889634


@dataclass(frozen=True)
class _Tables:
    ln2: tuple[float, float]  # the upper 15 (40) bits, and the rest
    expm1: tuple[float, ...]  # (exp(r) - 1) / r
    exp2: tuple[float, ...]  # 2**r
    least: float  # exp is 0 below
    most: float  # exp is infinite above
    flat: float  # exp(-x) does not change 1 above
    small: float  # exp(x) - 1 and sinh x are x below


_TABLES = {
    dtypes.float32: _Tables(
        ln2=(0.693145751953125, 1.428606765330187e-06),
        expm1=(0.0013883139472454786, 0.00836655031889677, 0.04166719317436218,
               0.1666654348373413, 0.4999999701976776, 1.0),
        exp2=(0.0001547662977827713, 0.0013400272000581026, 0.00961800292134285,
              0.055503278970718384, 0.24022650718688965, 0.6931471824645996, 1.0),
        least=-104.0, most=89.5, flat=18.0, small=2.0**-25),
    dtypes.float64: _Tables(
        ln2=(0.6931471805592082, 7.371002565167799e-13),
        expm1=(2.0875236310483886e-09, 2.5109023531131696e-08, 2.7557403078972924e-07,
               2.7557244257263495e-06, 2.480158717187147e-05, 0.000198412698860699,
               0.0013888888888962786, 0.008333333333321655, 0.041666666666666505,
               0.16666666666666677, 0.5, 1.0),
        exp2=(2.5741480399641803e-11, 4.4566724722766186e-10, 7.054888537187233e-09,
              1.0178051215828795e-07, 1.3215486832109987e-06, 1.5252733856224357e-05,
              0.00015403530393342559, 0.001333355814639045, 0.009618129107628494,
              0.0555041086648217, 0.24022650695910072, 0.6931471805599453, 1.0),
        least=-746.0, most=710.5, flat=38.0, small=2.0**-54),
}


def _reduced(b: Scalars, x: Number) -> tuple[Number, Number]:
    """r and n: x is n ln 2 + r."""
    high, low = _TABLES[x.dtype].ln2
    whole, n = nearest(b, x, LOG2_E)
    return b.fma(whole, -low, b.fma(whole, -high, x)), n


def _exp_of_reduced(b: Scalars, r: Number) -> Number:
    return horner(b, r, (*_TABLES[r.dtype].expm1, 1.0))


def exp(b: Scalars, x: Number) -> Number:
    """e**x; error below 1 ulp (1.2 without fused multiply-add)."""
    t = _TABLES[x.dtype]
    gone, x = _without_the_least(b, x)
    r, n = _reduced(b, b.min(x, t.most))
    return b.select(gone, like(b, x, 0.0), scaled(b, _exp_of_reduced(b, r), n))


def _without_the_least(b: Scalars, x: Number) -> tuple[Number, Number]:
    """Where e**x is 0, and x with 0 there: processors take long over products that vanish."""
    gone = x < _TABLES[x.dtype].least
    return gone, b.select(gone, like(b, x, 0.0), x)


def exp_of_pair(b: Scalars, x: Number, low: Number) -> Number:
    """e**(x + low) for a `low` that is small beside x; error below 1 ulp."""
    t = _TABLES[x.dtype]
    r, n = _reduced(b, b.min(b.max(x, t.least - 2.0), t.most + 2.0))
    return scaled(b, _exp_of_reduced(b, r + b.min(b.max(low, -1.0), 1.0)), n)


def exp_of_negative(b: Scalars, x: Number) -> Number:
    """e**x for -87 < x <= 0 (float64: -708 < x): results are normal, so scaled in one step."""
    r, n = _reduced(b, x)
    return _exp_of_reduced(b, r) * power_of_two(b, n, x.dtype)


def weight(b: Scalars, x: Number) -> Number:
    """e**x for x <= 0, about: what a softmax adds up; 0 where it is below the normal numbers."""
    least = -87.0 if x.dtype is dtypes.float32 else -708.0
    gone = x < least
    return b.select(gone, like(b, x, 0.0), exp_of_negative(b, b.select(gone, like(b, x, 0.0), x)))


def exp2(b: Scalars, x: Number) -> Number:
    """2**x; error below 1 ulp (1.3 without fused multiply-add), exact for integers."""
    t = _TABLES[x.dtype]
    x = b.min(b.max(x, t.least * 1.45), t.most * 1.45)
    whole, n = nearest(b, x, 1.0)
    return scaled(b, horner(b, x - whole, t.exp2), n)


def _expm1_over(b: Scalars, x: Number, halvings: int) -> Number:
    """(e**x - 1) / 2**halvings, relative to its size also where it is small."""
    r, n = _reduced(b, x)
    grown = horner(b, r, _TABLES[x.dtype].expm1) * r
    scale = power_of_two(b, n - halvings if halvings else n, x.dtype)
    return b.fma(scale, grown, scale - 2.0**-halvings)


def expm1(b: Scalars, x: Number) -> Number:
    """e**x - 1; error below 2.5 ulp."""
    t = _TABLES[x.dtype]
    y = _expm1_over(b, b.min(b.max(x, -t.flat), t.most - 0.5), 1) * 2.0
    return b.select(b.abs(x) < t.small, x, y)


def sinh(b: Scalars, x: Number) -> Number:
    """Hyperbolic sine, from v = (e**|x| - 1) / 4: 2 v + 2 v / (4 v + 1); error below 3 ulp."""
    t = _TABLES[x.dtype]
    size = b.abs(x)
    v = _expm1_over(b, b.min(size, t.most), 2)
    y = (v + v / b.fma(v, 4.0, 1.0)) * 2.0
    return b.select(size < t.small, x, with_sign(b, y, x))


def cosh(b: Scalars, x: Number) -> Number:
    """Hyperbolic cosine, from e = e**|x| / 2: e + 1 / (4 e); error below 2 ulp."""
    r, n = _reduced(b, b.min(b.abs(x), _TABLES[x.dtype].most))
    half = scaled(b, _exp_of_reduced(b, r), n - 1)
    return half + 0.25 / half


def tanh(b: Scalars, x: Number) -> Number:
    """Hyperbolic tangent, from k = e**(-2 |x|) - 1: -k / (2 + k); error below 3 ulp."""
    k = _expm1_over(b, b.max(b.abs(x) * -2.0, -_TABLES[x.dtype].flat - 2.0), 0)
    return with_sign(b, b.abs(k / (k + 2.0)), x)


def sigmoid(b: Scalars, x: Number) -> Number:
    """1 / (1 + e**-x), from e**-|x| so that nothing overflows; error below 2.5 ulp."""
    gone, size = _without_the_least(b, -b.abs(x))
    r, n = _reduced(b, size)
    e = b.select(gone, like(b, x, 0.0), scaled(b, _exp_of_reduced(b, r), n))
    return b.select(x < 0.0, e, like(b, x, 1.0)) / (e + 1.0)
