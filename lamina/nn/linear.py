"""Layers that multiply by a matrix, and those that only rearrange: Linear, Identity, Flatten.

In and out: `[..., features]`.
"""

from __future__ import annotations

from typing import Any

from lamina import functional as F
from lamina.functional.arguments import check_counts
from lamina.nn import init
from lamina.nn.lookup import known, last_size
from lamina.nn.module import Module
from lamina.nn.parameter import Parameter
from lamina.tensor import Tensor


class Linear(Module):
    """`input @ weight.T + bias`: `[..., in_features]` to `[..., out_features]`.

    weight: `[out_features, in_features]`. Without in_features the first call tells it:
    `Linear(out_features=10)`.

    >>> import lamina as lm
    >>> lm.nn.Linear(784, 10)(lm.zeros((32, 784))).shape
    (32, 10)
    """

    def __init__(self, in_features: int | None = None, out_features: int | None = None,
                 bias: bool = True) -> None:
        check_counts("Linear", 0, out_features=out_features)
        self.in_features = in_features
        self.out_features: Any = out_features
        self.has_bias = bias
        if in_features is None:
            self._unknown = "in_features"
        else:
            self._make(in_features)

    def _make(self, in_features: int) -> None:
        check_counts("Linear", 0, in_features=in_features, out_features=self.out_features)
        self.in_features = in_features
        shape = (self.out_features, in_features)
        self.weight = Parameter(init.kaiming_uniform(shape))
        bias = Parameter(init.bias_uniform(self.out_features, shape)) if self.has_bias else None
        self.bias: Parameter | None = bias

    def _learn(self, *inputs: Any) -> None:
        self._make(last_size("Linear", inputs[0]))

    def forward(self, input: Tensor) -> Tensor:
        """input: `[..., in_features]`."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """`784 -> 10`."""
        has_bias = self.has_bias if self._unknown else self.bias is not None
        without = "" if has_bias else ", no bias"
        return f"{known(self.in_features)} -> {self.out_features}{without}"


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
