"""Layers that multiply by a matrix, and those that only rearrange: Linear, Identity, Flatten.

In and out: `[..., features]`.
"""

from __future__ import annotations

from lamina import functional as F
from lamina.functional.arguments import check_counts
from lamina.nn import init
from lamina.nn.module import Module
from lamina.nn.parameter import Parameter
from lamina.tensor import Tensor


class Linear(Module):
    """`input @ weight.T + bias`: `[..., in_features]` to `[..., out_features]`.

    weight: `[out_features, in_features]`.

    >>> import lamina as lm
    >>> lm.nn.Linear(784, 10)(lm.zeros((32, 784))).shape
    (32, 10)
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        check_counts("Linear", 0, in_features=in_features, out_features=out_features)
        self.in_features = in_features
        self.out_features = out_features
        shape = (out_features, in_features)
        self.weight = Parameter(init.kaiming_uniform(shape))
        self.bias = Parameter(init.bias_uniform(out_features, shape)) if bias else None

    def forward(self, input: Tensor) -> Tensor:
        """input: `[..., in_features]`."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """`784 -> 10`."""
        without = ", no bias" if self.bias is None else ""
        return f"{self.in_features} -> {self.out_features}{without}"


class Identity(Module):
    """The input, unchanged. Arguments are accepted and ignored, so it can stand in for a layer."""

    def __init__(self, *arguments: object, **options: object) -> None:
        pass

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return input


class Flatten(Module):
    """Axes `start_dim` to `end_dim` as one: `[batch, 7, 7, 64]` to `[batch, 3136]` by default."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape that has both axes."""
        return F.flatten(input, self.start_dim, self.end_dim)
