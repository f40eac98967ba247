"""Functions of one element at a time, one for each elementwise row.

Written by `python -m tests.tensor.stubs`.
"""

from collections.abc import Callable
from typing import Any

from lamina.graph.node import Op
from lamina.tensor.array import Tensor

ELSEWHERE: tuple[str, ...]
BY_NAME: dict[str, Callable[..., Tensor]]

def function_of(op: Op) -> Callable[..., Tensor]: ...
def add(x: Any, y: Any, /) -> Tensor:
    """x + y."""
def subtract(x: Any, y: Any, /) -> Tensor:
    """x - y."""
def multiply(x: Any, y: Any, /) -> Tensor:
    """x * y."""
def divide(x: Any, y: Any, /) -> Tensor:
    """x / y in floating point."""
def negative(x: Any, /) -> Tensor:
    """-x."""
def positive(x: Any, /) -> Tensor:
    """x."""
def abs(x: Any, /) -> Tensor:
    """Absolute value; the most negative integer stays."""
def sign(x: Any, /) -> Tensor:
    """-1, 0 or 1; NaN stays."""
def square(x: Any, /) -> Tensor:
    """x * x."""
def reciprocal(x: Any, /) -> Tensor:
    """1 / x."""
def floor_divide(x: Any, y: Any, /) -> Tensor:
    """x / y rounded down; integers give 0 for y = 0."""
def remainder(x: Any, y: Any, /) -> Tensor:
    """x - floor_divide(x, y) * y, with the sign of y; integers give 0 for y = 0."""
def equal(x: Any, y: Any, /) -> Tensor:
    """x == y."""
def not_equal(x: Any, y: Any, /) -> Tensor:
    """x != y."""
def less(x: Any, y: Any, /) -> Tensor:
    """x < y."""
def less_equal(x: Any, y: Any, /) -> Tensor:
    """x <= y."""
def greater(x: Any, y: Any, /) -> Tensor:
    """x > y."""
def greater_equal(x: Any, y: Any, /) -> Tensor:
    """x >= y."""
def isnan(x: Any, /) -> Tensor:
    """Whether x is NaN."""
def isinf(x: Any, /) -> Tensor:
    """Whether x is infinite."""
def isfinite(x: Any, /) -> Tensor:
    """Whether x is neither infinite nor NaN."""
def signbit(x: Any, /) -> Tensor:
    """Whether the sign bit is set."""
def maximum(x: Any, y: Any, /) -> Tensor:
    """The larger of x and y; NaN if either is."""
def minimum(x: Any, y: Any, /) -> Tensor:
    """The smaller of x and y; NaN if either is."""
def copysign(x: Any, y: Any, /) -> Tensor:
    """|x| with the sign of y."""
def nextafter(x: Any, y: Any, /) -> Tensor:
    """The number next to x on the way to y."""
def floor(x: Any, /) -> Tensor:
    """The largest integer not above x."""
def ceil(x: Any, /) -> Tensor:
    """The smallest integer not below x."""
def trunc(x: Any, /) -> Tensor:
    """x without its fraction."""
def round(x: Any, /) -> Tensor:
    """The nearest integer; halves to the even one."""
def logical_and(x: Any, y: Any, /) -> Tensor:
    """Both x and y."""
def logical_or(x: Any, y: Any, /) -> Tensor:
    """x or y."""
def logical_xor(x: Any, y: Any, /) -> Tensor:
    """Either x or y."""
def logical_not(x: Any, /) -> Tensor:
    """Not x."""
def bitwise_and(x: Any, y: Any, /) -> Tensor:
    """x & y."""
def bitwise_or(x: Any, y: Any, /) -> Tensor:
    """x | y."""
def bitwise_xor(x: Any, y: Any, /) -> Tensor:
    """x ^ y."""
def bitwise_invert(x: Any, /) -> Tensor:
    """Every bit of x flipped."""
def bitwise_left_shift(x: Any, y: Any, /) -> Tensor:
    """x << y; 0 for counts of the width or more."""
def bitwise_right_shift(x: Any, y: Any, /) -> Tensor:
    """x >> y; only the sign is left for counts of the width or more."""
def exp(x: Any, /) -> Tensor:
    """e to the power x."""
def exp2(x: Any, /) -> Tensor:
    """2 to the power x."""
def expm1(x: Any, /) -> Tensor:
    """exp(x) - 1, exact to the last digits where x is small."""
def log(x: Any, /) -> Tensor:
    """Natural logarithm."""
def log2(x: Any, /) -> Tensor:
    """Logarithm to base 2."""
def log10(x: Any, /) -> Tensor:
    """Logarithm to base 10."""
def log1p(x: Any, /) -> Tensor:
    """log(1 + x), exact to the last digits where x is small."""
def logaddexp(x: Any, y: Any, /) -> Tensor:
    """log(exp(x) + exp(y)) without overflow."""
def sqrt(x: Any, /) -> Tensor:
    """Square root, correctly rounded."""
def rsqrt(x: Any, /) -> Tensor:
    """1 / sqrt(x)."""
def pow(x: Any, y: Any, /) -> Tensor:
    """x to the power y; integers wrap."""
def hypot(x: Any, y: Any, /) -> Tensor:
    """sqrt(x * x + y * y) without overflow."""
def sin(x: Any, /) -> Tensor:
    """Sine of an angle in radians."""
def cos(x: Any, /) -> Tensor:
    """Cosine of an angle in radians."""
def tan(x: Any, /) -> Tensor:
    """Tangent of an angle in radians."""
def asin(x: Any, /) -> Tensor:
    """Inverse sine, in radians."""
def acos(x: Any, /) -> Tensor:
    """Inverse cosine, in radians."""
def atan(x: Any, /) -> Tensor:
    """Inverse tangent, in radians."""
def atan2(x: Any, y: Any, /) -> Tensor:
    """The angle of the point (y, x) of the plane: x first in the input is its height."""
def sinh(x: Any, /) -> Tensor:
    """Hyperbolic sine."""
def cosh(x: Any, /) -> Tensor:
    """Hyperbolic cosine."""
def tanh(x: Any, /) -> Tensor:
    """Hyperbolic tangent."""
def asinh(x: Any, /) -> Tensor:
    """Inverse hyperbolic sine."""
def acosh(x: Any, /) -> Tensor:
    """Inverse hyperbolic cosine."""
def atanh(x: Any, /) -> Tensor:
    """Inverse hyperbolic tangent."""
def erf(x: Any, /) -> Tensor:
    """The error function."""
def erfinv(x: Any, /) -> Tensor:
    """The number whose error function is x."""
def sigmoid(x: Any, /) -> Tensor:
    """1 / (1 + exp(-x))."""
def relu(x: Any, /) -> Tensor:
    """x where it is positive, else 0."""
def relu6(x: Any, /) -> Tensor:
    """x kept between 0 and 6."""
def leaky_relu(x: Any, /, *, slope: float = 0.01) -> Tensor:
    """x where it is positive, else slope * x."""
def elu(x: Any, /, *, alpha: float = 1.0) -> Tensor:
    """x where it is positive, else alpha * (exp(x) - 1)."""
def softplus(x: Any, /) -> Tensor:
    """log(1 + exp(x)) without overflow."""
def softsign(x: Any, /) -> Tensor:
    """x / (1 + |x|)."""
def hardtanh(x: Any, /, *, low: float = -1.0, high: float = 1.0) -> Tensor:
    """x kept between low and high."""
def hardsigmoid(x: Any, /) -> Tensor:
    """(x + 3) / 6 kept between 0 and 1."""
def hardswish(x: Any, /) -> Tensor:
    """x times (x + 3) / 6 kept between 0 and 1."""
