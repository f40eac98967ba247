"""Scalar bodies over the builder's instructions: no libm, one text for every target.

Each is a function (builder, *numbers) -> number that serves any number of lanes of float32 or
float64 (or of integers where it says so). Each states its error bound and where its constants come
from.
"""

from lamina.ops.scalar.exponential import cosh, exp, exp2, expm1, sigmoid, sinh, tanh
from lamina.ops.scalar.logarithm import acosh, asinh, atanh, log, log1p, log2, log10
from lamina.ops.scalar.numbers import maximum, minimum
from lamina.ops.scalar.special import erf
from lamina.ops.scalar.trigonometric import cos, sin, tan

__all__ = ["acosh", "asinh", "atanh", "cos", "cosh", "erf", "exp", "exp2", "expm1", "log", "log10",
           "log1p", "log2", "maximum", "minimum", "sigmoid", "sin", "sinh", "tan", "tanh"]
