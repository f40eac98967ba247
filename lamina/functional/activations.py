"""Smooth activations, softmax and gates. In and out: a float tensor of any shape.

Those that are straight lines by pieces are in `thresholds`.
"""

from __future__ import annotations

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_numbers, check_positive
from lamina.functional.operands import check_float, check_tensors, describe
from lamina.tensor import (
    Tensor,
    exp,
    expm1,
    log1p,
    maximum,
    minimum,
    relu,
    sigmoid,
    silu,
    softsign,
    split,
    tanh,
    where,
)
from lamina.tensor import abs as absolute
from lamina.tensor import elu as elu_of
from lamina.tensor import gelu as exact_gelu
from lamina.tensor import log_softmax as log_softmax_along
from lamina.tensor import softmax as softmax_along

__all__ = ["celu", "elu", "gelu", "glu", "log_softmax", "logsigmoid", "mish", "relu", "selu",
           "sigmoid", "silu", "softmax", "softmin", "softplus", "softsign", "tanh", "tanhshrink"]

# sqrt(2 / pi) and the cubic term of the tanh approximation (Hendrycks and Gimpel 2016, section 2).
_GELU_SCALE = 0.7978845608028654
_GELU_CUBIC = 0.044715

# The fixed point of mean 0 and variance 1 (Klambauer et al. 2017, equation 14 of the appendix).
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """x where positive, else alpha (exp(x) - 1) (Clevert et al. 2015, section 3)."""
    return elu_of(input, alpha=float(alpha))


def selu(input: Tensor) -> Tensor:
    """scale elu(x, alpha), the two numbers fixed so that mean 0 and variance 1 stay.

    Klambauer et al. 2017, equation 2.
    """
    return SELU_SCALE * elu_of(input, alpha=SELU_ALPHA)


def celu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """x where positive, else alpha (exp(x / alpha) - 1) (Barron 2017).

    Its slope is continuous for every alpha. Raises ArgumentError for an alpha of 0.
    """
    check_tensors("celu", input=input)
    check_celu(alpha)
    below = where(input > 0, 0.0, input)  # so that exp does not overflow where it is not used
    return where(input > 0, input, alpha * expm1(below * (1 / alpha)))


def check_celu(alpha: float) -> None:
    """Raise ArgumentError for an alpha of 0: it is divided by."""
    check_numbers("celu", alpha=alpha)
    if alpha == 0:
        raise ArgumentError("celu", operands=[("alpha", repr(alpha))], rule="alpha is not 0",
                            got=alpha)


def logsigmoid(input: Tensor) -> Tensor:
    """log(1 / (1 + exp(-x))), without overflow."""
    return minimum(input, 0.0) - log1p(exp(-absolute(input)))


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta x)) / beta, without overflow (Dugas et al. 2001, equation 4).

    threshold: x itself where beta x is larger; what that leaves out is below 2e-9.
    """
    check_positive("softplus", beta=beta)
    scaled = input if beta == 1 else input * beta
    smooth = maximum(scaled, 0.0) + log1p(exp(-absolute(scaled)))
    if beta != 1:
        smooth = smooth * (1 / beta)
    return smooth if threshold >= 20 else where(scaled > threshold, input, smooth)


def mish(input: Tensor) -> Tensor:
    """x tanh(log(1 + exp(x))) (Misra 2019, equation 1)."""
    return input * tanh(softplus(input))


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)."""
    check_tensors("tanhshrink", input=input)
    return input - tanh(input)


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


def softmin(input: Tensor, dim: int = -1) -> Tensor:
    """softmax(-input) along `dim`."""
    check_tensors("softmin", input=input)
    return softmax_along(-input, dim)


def log_softmax(input: Tensor, dim: int = -1) -> Tensor:
    """log(softmax(input)) along `dim`, computed without overflow or underflow."""
    return log_softmax_along(input, dim)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along `dim` times the sigmoid of the second (Dauphin et al. 2016, eq. 1).

    input: `[..., 2 n, ...]`; result: `[..., n, ...]`. Raises ShapeError where the size is odd.
    """
    check_float("glu", input=input)
    if not -input.ndim <= dim < input.ndim or input.shape[dim] % 2:
        raise ShapeError(
            "glu",
            operands=[("input", describe(input)), ("dim", str(dim))],
            rule="the axis is there, and its size is even",
            got=input.shape,
        )
    half, gate = split(input, [input.shape[dim] // 2] * 2, dim)
    return half * sigmoid(gate)
