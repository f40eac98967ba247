"""What scalar bodies are written in: the builder's instructions, and a few words made of them.

In: a builder `b` and numbers `x` of any count of lanes. Out: numbers. The builder lives in a room
below this one and comes as an argument, so here stands only what is asked of it. No word branches;
a Python number beside a `Number` is a constant of its dtype.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Union

from lamina import dtypes
from lamina.dtypes import DType

Operand = Union["Number", int, float, bool]


class Number(Protocol):
    """A value in a register: one element, or one for each lane."""

    dtype: Any
    lanes: int

    def __add__(self, other: Operand, /) -> Number: ...
    def __radd__(self, other: Operand, /) -> Number: ...
    def __sub__(self, other: Operand, /) -> Number: ...
    def __rsub__(self, other: Operand, /) -> Number: ...
    def __mul__(self, other: Operand, /) -> Number: ...
    def __rmul__(self, other: Operand, /) -> Number: ...
    def __truediv__(self, other: Operand, /) -> Number: ...
    def __rtruediv__(self, other: Operand, /) -> Number: ...
    def __and__(self, other: Operand, /) -> Number: ...
    def __or__(self, other: Operand, /) -> Number: ...
    def __xor__(self, other: Operand, /) -> Number: ...
    def __lshift__(self, other: Operand, /) -> Number: ...
    def __rshift__(self, other: Operand, /) -> Number: ...
    def __lt__(self, other: Operand, /) -> Number: ...
    def __le__(self, other: Operand, /) -> Number: ...
    def __gt__(self, other: Operand, /) -> Number: ...
    def __ge__(self, other: Operand, /) -> Number: ...
    def __neg__(self) -> Number: ...
    def __invert__(self) -> Number: ...


class Scalars(Protocol):
    """The instructions that a scalar body may use; kernel/builder.py says what each does."""

    def const(self, value: int | float | bool, dtype: DType, lanes: int = 1) -> Number: ...
    def div(self, x: Operand, y: Operand) -> Number: ...
    def rem(self, x: Operand, y: Operand) -> Number: ...
    def min(self, x: Operand, y: Operand) -> Number: ...
    def max(self, x: Operand, y: Operand) -> Number: ...
    def mulhi(self, x: Operand, y: Operand) -> Number: ...
    def abs(self, x: Number) -> Number: ...
    def sqrt(self, x: Number) -> Number: ...
    def floor(self, x: Number) -> Number: ...
    def ceil(self, x: Number) -> Number: ...
    def trunc(self, x: Number) -> Number: ...
    def rint(self, x: Number) -> Number: ...
    def fma(self, x: Operand, y: Operand, z: Operand) -> Number: ...
    def compare(self, op: str, x: Operand, y: Operand) -> Number: ...
    def select(self, cond: Number, x: Operand, y: Operand) -> Number: ...
    def cast(self, x: Number, dtype: DType) -> Number: ...
    def bitcast(self, x: Number, dtype: DType) -> Number: ...


INFINITY = float("inf")
NAN = float("nan")


@dataclass(frozen=True)
class Format:
    """A binary floating-point format (IEEE 754-2019, table 3.5)."""

    bits: DType  # the unsigned integer of equal width
    signed: DType
    fraction: int  # bits after the leading one
    bias: int

    @property
    def one(self) -> int:
        """The bits of 1.0."""
        return self.bias << self.fraction

    @property
    def sign(self) -> int:
        """The sign bit."""
        return 1 << (self.bits.bits - 1)

    @property
    def infinity(self) -> int:
        """The bits of infinity."""
        return (2 * self.bias + 1) << self.fraction

    @property
    def tiny(self) -> float:
        """The smallest normal number."""
        return 2.0 ** (1 - self.bias)

    @property
    def magic(self) -> float:
        """Added to a small number it leaves the nearest integer in the low bits."""
        return 1.5 * 2.0**self.fraction


FORMAT = {
    dtypes.float32: Format(dtypes.uint32, dtypes.int32, 23, 127),
    dtypes.float64: Format(dtypes.uint64, dtypes.int64, 52, 1023),
}


def like(b: Scalars, x: Number, value: float) -> Number:
    """A constant of the dtype and lanes of x."""
    return b.const(value, x.dtype, x.lanes)


def bits(b: Scalars, x: Number) -> Number:
    """The bits of a float as an unsigned integer."""
    return b.bitcast(x, FORMAT[x.dtype].bits)


def horner(b: Scalars, x: Number, coefficients: Sequence[float]) -> Number:
    """A polynomial, the highest power first, by multiply-adds."""
    first, second, *rest = coefficients
    result = b.fma(x, first, second)
    for c in rest:
        result = b.fma(x, result, c)
    return result


def nearest(b: Scalars, x: Number, factor: float) -> tuple[Number, Number]:
    """The integer nearest to x * factor, as a float, and in the low bits of an unsigned integer.

    For |x * factor| < 2**(fraction - 1): the sum with `magic` rounds to a multiple of one.
    """
    form = FORMAT[x.dtype]
    shifted = b.fma(x, factor, form.magic)
    return shifted - form.magic, b.bitcast(shifted, form.bits)


def power_of_two(b: Scalars, n: Number, dtype: DType) -> Number:
    """2**n, n in the low bits of an unsigned integer, where the result is a normal number."""
    form = FORMAT[dtype]
    return b.bitcast((n << form.fraction) + form.one, dtype)


def scaled(b: Scalars, x: Number, n: Number) -> Number:
    """x * 2**n for x near one and |n| up to twice the largest exponent, rounded once.

    In two steps, so that results may be infinite or subnormal; by products, so that NaN stays.
    """
    half = n >> 1
    return x * power_of_two(b, half, x.dtype) * power_of_two(b, n - half, x.dtype)


def with_sign(b: Scalars, size: Number, x: Number) -> Number:
    """`size`, which is not negative, with the sign of x."""
    return b.bitcast(bits(b, size) | (bits(b, x) & FORMAT[x.dtype].sign), x.dtype)


def fast_two_sum(x: Number, y: Number) -> tuple[Number, Number]:
    """The sum of x and a smaller y, and what rounding took from it (Dekker 1971)."""
    total = x + y
    return total, y - (total - x)


def two_sum(x: Number, y: Number) -> tuple[Number, Number]:
    """The sum and what rounding took from it (Knuth, TAOCP 2, section 4.2.2, theorem B)."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


def halves(b: Scalars, x: Number) -> tuple[Number, Number]:
    """x as a sum of two numbers with half of the digits each."""
    form = FORMAT[x.dtype]
    mask = (1 << form.bits.bits) - (1 << ((form.fraction + 2) // 2))
    high = b.bitcast(bits(b, x) & mask, x.dtype)
    return high, x - high


def two_product(b: Scalars, x: Number, y: Number) -> tuple[Number, Number]:
    """The product and what rounding took from it (Dekker 1971); needs no fused multiply-add."""
    product = x * y
    x1, x0 = halves(b, x)
    y1, y0 = halves(b, y)
    return product, ((x1 * y1 - product) + x1 * y0 + x0 * y1) + x0 * y0
