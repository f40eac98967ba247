"""Layers that multiply by a matrix, and those that only rearrange or call a function.

In and out: `[..., features]`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import Any

from lamina import functional as F
from lamina.errors import ArgumentError
from lamina.functional.arguments import check_axes, check_choice, check_counts
from lamina.functional.windows import is_count
from lamina.nn import init
from lamina.nn.lookup import known, last_size
from lamina.nn.module import Module
from lamina.nn.parameter import Parameter
from lamina.tensor import Tensor, moveaxis


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
        self.weight = Parameter(init.kaiming_uniform(shape, a=sqrt(5)))
        bias = Parameter(init.bias_uniform(self.out_features, shape)) if self.has_bias else None
        self.bias: Parameter | None = bias

    def _learn(self, *inputs: Any) -> None:
        self._make(last_size("Linear", inputs[0]))

    def _learn_from(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        weight = shapes.get("weight", ())
        if len(weight) == 2:
            self._make(weight[1])
        return len(weight) == 2

    def forward(self, input: Tensor) -> Tensor:
        """input: `[..., in_features]`."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """`784 -> 10`."""
        has_bias = self.has_bias if self._unknown else self.bias is not None
        without = "" if has_bias else ", no bias"
        return f"{known(self.in_features)} -> {self.out_features}{without}"


class Bilinear(Module):
    """`input1 weight input2 + bias` for each output: two inputs to `[..., out_features]`.

    weight: `[out_features, in1_features, in2_features]`; it and the bias start uniform within
    1 / sqrt(in1_features) of 0.

    >>> import lamina as lm
    >>> lm.nn.Bilinear(4, 5, 3)(lm.zeros((2, 4)), lm.zeros((2, 5))).shape
    (2, 3)
    """

    def __init__(
        self, in1_features: int, in2_features: int, out_features: int, bias: bool = True
    ) -> None:
        check_counts("Bilinear", 1, in1_features=in1_features, in2_features=in2_features,
                     out_features=out_features)
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        bound = 1 / sqrt(in1_features)
        shape = (out_features, in1_features, in2_features)
        self.weight = Parameter(init.uniform(shape, -bound, bound))
        self.bias = Parameter(init.uniform((out_features,), -bound, bound)) if bias else None

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """input1: `[..., in1_features]`; input2: `[..., in2_features]`."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """`4, 5 -> 3`."""
        return f"{self.in1_features}, {self.in2_features} -> {self.out_features}"


class Lambda(Module):
    """A function as a layer: `Lambda(lambda x: x * 2)`, to stand in a Sequential.

    What the function keeps is not part of the module: it has no parameters and no state.

    >>> import lamina as lm
    >>> lm.nn.Lambda(lm.exp)(lm.zeros(1)).tolist()
    [1.0]
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise ArgumentError("Lambda", operands=[("function", f"{function!r:.60}")],
                                rule="function can be called", got=function)
        self.function = function

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """What the function takes."""
        return self.function(*inputs, **options)

    def extra_repr(self) -> str:
        """The function's name."""
        return getattr(self.function, "__name__", type(self.function).__name__)


class Identity(Module):
    """The input, unchanged. Arguments are accepted and ignored, so it can stand in for a layer."""

    def __init__(self, *arguments: object, **options: object) -> None:
        pass

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return input


class Flatten(Module):
    """Axes `start_dim` to `end_dim` as one: `[batch, 7, 7, 64]` to `[batch, 3136]` by default.

    order: in which the elements follow each other. "channels_first" goes through the last of these
    axes slowest, all of one channel and then the next: what PyTorch's Flatten makes of the same
    image channels first, and so what the weights of a Linear trained there expect.

    >>> import lamina as lm
    >>> image = lm.tensor([[[1, 10], [2, 20]]])  # 1 image of 2 pixels, each with 2 channels
    >>> lm.nn.Flatten()(image).tolist(), lm.nn.Flatten(order="channels_first")(image).tolist()
    ([[1, 10, 2, 20]], [[1, 2, 10, 20]])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1, order: str = "channels_last"
                 ) -> None:
        check_choice("Flatten", "order", order, ("channels_last", "channels_first"))
        check_axes("Flatten", start_dim=start_dim, end_dim=end_dim)
        self.start_dim = start_dim
        self.end_dim = end_dim
        self.order = order

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape that has both axes."""
        flat = F.flatten(input, self.start_dim, self.end_dim)  # also checks the axes
        if self.order == "channels_last" or flat.ndim == input.ndim:
            return flat
        moved = moveaxis(input, self.end_dim, self.start_dim)
        return F.flatten(moved, self.start_dim, self.end_dim)


class Unflatten(Module):
    """Axis `dim` as several: `Unflatten(1, (7, 7, 64))` undoes `Flatten`; one size may be -1."""

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        check_axes("Unflatten", dim=dim)
        given: Any = unflattened_size
        if not isinstance(given, list | tuple) or not all(map(is_count, given)):
            raise ArgumentError("Unflatten", operands=[("unflattened_size", f"{given!r:.60}")],
                                rule="unflattened_size is a list of sizes", got=given)
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape where the product of the sizes is the size of axis `dim`."""
        return F.unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """The axis and its sizes."""
        return f"{self.dim} -> {list(self.unflattened_size)}"
