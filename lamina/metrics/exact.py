"""Sums without rounding, so that the order and the grouping of the numbers do not matter.

In: float64 numbers. Out: their exact sum as a fraction, or rounded once.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

_UNIT = 1126  # sums are counted in 2^-1126: the last bit of the smallest float64, as frexp shows it
_BITS = 53  # of a float64's significand
_HALF = 26
_CHUNK = 1 << 25  # so many halves of a significand add up in a float64 without rounding
_SPLITTER = 134217729.0  # 2^27 + 1 (Dekker 1971, section 5.6)


class ExactSum:
    """The exact sum of float64 numbers, as an integer; NaN and infinities are kept apart.

    >>> float(ExactSum().add(np.array([1e100, 1.0, -1e100])))
    1.0
    """

    __slots__ = ("special", "units")

    def __init__(self, units: int = 0, special: float = 0.0) -> None:
        self.units = units
        self.special = special

    def add(self, values: np.ndarray) -> ExactSum:
        """Add all elements; returns itself."""
        flat = np.asarray(values, np.float64).reshape(-1)
        finite = np.isfinite(flat)
        if not finite.all():
            with np.errstate(invalid="ignore"):
                self.special += float(flat[~finite].sum())
            flat = flat[finite]
        for first in range(0, flat.size, _CHUNK):
            self.units += _units(flat[first:first + _CHUNK])
        return self

    def add_products(self, x: np.ndarray, y: np.ndarray) -> ExactSum:
        """Add x y for each element, unrounded but for what is below the smallest float64."""
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        with np.errstate(all="ignore"):
            product = x * y
            error = _product_error(x, y, product)
        self.add(product)
        return self.add(np.where(np.isfinite(error), error, 0.0))

    def fraction(self) -> Fraction:
        """The exact sum of the finite numbers."""
        return Fraction(self.units, 1 << _UNIT)

    def __add__(self, other: ExactSum) -> ExactSum:
        return ExactSum(self.units + other.units, self.special + other.special)

    def __float__(self) -> float:
        return float(self.fraction()) if self.special == 0 else self.special

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExactSum) and self.units == other.units and (
            self.special == other.special or self.special != self.special)

    def __hash__(self) -> int:
        return hash(self.units)


def _units(values: np.ndarray) -> int:
    """The sum of finite float64 numbers in units of 2^-1126."""
    significand, exponent = np.frexp(values)
    whole = np.ldexp(significand, _BITS).astype(np.int64)
    shift = exponent - _BITS + _UNIT  # from 0: exponents start at 53 - 1126
    high = np.bincount(shift, weights=whole >> _HALF)
    low = np.bincount(shift, weights=whole & ((1 << _HALF) - 1))
    used = np.flatnonzero((high != 0) | (low != 0))
    return sum(((int(high[n]) << _HALF) + int(low[n])) << int(n) for n in used)


def _product_error(x: np.ndarray, y: np.ndarray, product: np.ndarray) -> np.ndarray:
    """x y - product, exactly (Dekker 1971, section 5.7)."""
    (a, b), (c, d) = _halves(x), _halves(y)
    error: np.ndarray = b * d - (((product - a * c) - b * c) - a * d)
    return error


def _halves(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scaled = _SPLITTER * x
    high = scaled - (scaled - x)
    return high, x - high
