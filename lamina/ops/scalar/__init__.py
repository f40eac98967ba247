"""Scalar bodies over the builder's instructions: no libm, one text for every target.

Each is a function (builder, *numbers) -> number that serves any number of lanes of float32 or
float64 (or of integers where it says so). Each states its error bound and where its constants come
from.
"""

from lamina.ops.scalar.exponential import cosh, exp, exp2, expm1, sigmoid, sinh, tanh, weight
from lamina.ops.scalar.inverse import acos, asin, atan, atan2, erfinv
from lamina.ops.scalar.logarithm import acosh, asinh, atanh, log, log1p, log2, log10
from lamina.ops.scalar.numbers import (
    absolute,
    bits_to_unit,
    copysign,
    floor_divide,
    isfinite,
    isinf,
    isnan,
    left_shift,
    maximum,
    minimum,
    nextafter,
    remainder,
    right_shift,
    sign,
    signbit,
    threefry,
)
from lamina.ops.scalar.power import hypot, integer_power, logaddexp, power, softplus
from lamina.ops.scalar.special import erf
from lamina.ops.scalar.trigonometric import cos, sin, tan

__all__ = [
    "absolute", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "bits_to_unit",
    "copysign", "cos", "cosh", "erf", "erfinv", "exp", "exp2", "expm1", "floor_divide", "hypot",
    "integer_power", "isfinite", "isinf", "isnan", "left_shift", "log", "log10", "log1p", "log2",
    "logaddexp", "maximum", "minimum", "nextafter", "power", "remainder", "right_shift", "sigmoid",
    "sign", "signbit", "sin", "sinh", "softplus", "tan", "tanh", "threefry", "weight",
]
