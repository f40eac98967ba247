"""Scalar bodies that need no approximation: extremes, rounding, signs, integers, bits.

In: a builder and numbers. Out: the exact result, NumPy's where it defines one.
"""

from __future__ import annotations

from lamina.ops.scalar.language import Number, Scalars


def maximum(b: Scalars, x: Number, y: Number) -> Number:
    """The larger; NaN if either is (`max` keeps a NaN in x and loses one in y)."""
    larger = b.max(x, y)
    return b.select(b.compare("ne", y, y), y, larger) if x.dtype.is_float else larger


def minimum(b: Scalars, x: Number, y: Number) -> Number:
    """The smaller; NaN if either is."""
    smaller = b.min(x, y)
    return b.select(b.compare("ne", y, y), y, smaller) if x.dtype.is_float else smaller
