"""Activations as layers. In and out: any shape; each calls its namesake in `functional`."""

from __future__ import annotations

from lamina import functional as F
from lamina.nn.module import Module
from lamina.tensor import Tensor


class ReLU(Module):
    """max(x, 0)."""

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.relu(input)


class LeakyReLU(Module):
    """x where positive, else `negative_slope` x."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.leaky_relu(input, self.negative_slope)

    def extra_repr(self) -> str:
        """The slope."""
        return f"slope {self.negative_slope}"


class GELU(Module):
    """x times the normal distribution function at x (Hendrycks and Gimpel 2016)."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.gelu(input, self.approximate)


class SiLU(Module):
    """x sigmoid(x), also called swish."""

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.silu(input)


class Tanh(Module):
    """Hyperbolic tangent."""

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.tanh(input)


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.sigmoid(input)


class Softmax(Module):
    """exp(x) divided by its sum along `dim`."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.softmax(input, self.dim)


class LogSoftmax(Module):
    """The logarithm of softmax along `dim`."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.log_softmax(input, self.dim)
