"""Activations. In and out: a float tensor of any shape."""

from __future__ import annotations

from lamina.errors import ArgumentError
from lamina.tensor import Tensor, exp, log1p, maximum, relu, sigmoid, silu, tanh, where
from lamina.tensor import abs as absolute
from lamina.tensor import gelu as exact_gelu
from lamina.tensor import log_softmax as log_softmax_along
from lamina.tensor import softmax as softmax_along

__all__ = ["gelu", "leaky_relu", "log_softmax", "relu", "sigmoid", "silu", "softmax", "softplus",
           "tanh"]

# sqrt(2 / pi) and the cubic term of the tanh approximation (Hendrycks and Gimpel 2016, section 2).
_GELU_SCALE = 0.7978845608028654
_GELU_CUBIC = 0.044715


def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """`input` where positive, else `negative_slope * input`."""
    return where(input > 0, input, input * negative_slope)


def softplus(input: Tensor) -> Tensor:
    """log(1 + exp(input)), without overflow."""
    return maximum(input, 0.0) + log1p(exp(-absolute(input)))


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """input times the normal distribution function at input; or its tanh approximation.

    approximate: "none" or "tanh".
    """
    if approximate == "none":
        return exact_gelu(input)
    if approximate != "tanh":
        raise ArgumentError(
            "gelu",
            operands=[("approximate", repr(approximate))],
            rule='approximate is "none" or "tanh"',
            got=approximate,
        )
    inner = _GELU_SCALE * (input + _GELU_CUBIC * input * input * input)
    return 0.5 * input * (1.0 + tanh(inner))


def softmax(input: Tensor, dim: int = -1) -> Tensor:
    """exp(input) divided by its sum along `dim`, computed without overflow."""
    return softmax_along(input, dim)


def log_softmax(input: Tensor, dim: int = -1) -> Tensor:
    """log(softmax(input)) along `dim`, computed without overflow or underflow."""
    return log_softmax_along(input, dim)
