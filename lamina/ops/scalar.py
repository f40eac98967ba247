"""Scalar bodies over the builder's instructions: no libm, one text for every target.

In: a builder and values of float32 or float64 (or integers where said), any number of lanes. Out:
the value of the function. Each states its error bound and where its constants come from.
"""

from __future__ import annotations

from lamina import dtypes
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lamina.kernel.loops import Builder, Value


def maximum(b: Builder, x: Value, y: Value) -> Value:
    """The larger; NaN if either is."""
    larger = b.select(x > y, x, y)
    return b.select(b.compare("ne", x, x), x, larger) if x.dtype.is_float else larger


def minimum(b: Builder, x: Value, y: Value) -> Value:
    """The smaller; NaN if either is."""
    smaller = b.select(x < y, x, y)
    return b.select(b.compare("ne", x, x), x, smaller) if x.dtype.is_float else smaller


def horner(b: Builder, x: Value, *coefficients: float) -> Value:
    """A polynomial, highest power first, by fused multiply-adds."""
    result = b.const(coefficients[0], x.dtype, x.lanes)
    for c in coefficients[1:]:
        result = b.fma(result, x, b.const(c, x.dtype, x.lanes))
    return result


def exp(b: Builder, x: Value) -> Value:
    """PLACEHOLDER until the scalar library lands."""
    if x.dtype is dtypes.float64:
        raise NotImplementedError
    x = b.min(b.max(x, -104.0), 89.0)
    n = b.rint(x * 1.4426950408889634)
    r = b.fma(n, b.const(-0.693359375, x.dtype), x)
    r = b.fma(n, b.const(2.12194440e-4, x.dtype), r)
    p = horner(b, r, 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2,
               1.6666665459e-1, 5.0000001201e-1)
    p = b.fma(p, r * r, r) + 1.0
    half = b.cast(n * 0.5, dtypes.int32)
    rest = b.cast(n, dtypes.int32) - half
    def pow2(i: Value) -> Value:
        return b.bitcast((i + 127) << 23, dtypes.float32)
    return p * pow2(half) * pow2(rest)


def log(b: Builder, x: Value) -> Value:
    """PLACEHOLDER until the scalar library lands."""
    i = b.bitcast(x, dtypes.int32)
    e = (i - 0x3F3504F3) >> 23
    m = b.bitcast(i - (e << 23), dtypes.float32) - 1.0
    p = horner(b, m, 7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1,
               1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1,
               3.3333331174e-1)
    z = m * m
    y = p * m * z - z * 0.5
    return m + y + b.cast(e, dtypes.float32) * 0.6931471805599453
