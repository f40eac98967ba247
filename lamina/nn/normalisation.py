"""Normalisation of one example by itself: layer, RMS, group and local response norm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lamina import functional as F
from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_at_least, check_counts, check_numbers
from lamina.functional.normalisation import sizes_of
from lamina.functional.operands import CHANNELS_LAST, check_tensors, checked_format, describe
from lamina.nn.lookup import last_size
from lamina.nn.module import Module
from lamina.nn.parameter import Parameter
from lamina.tensor import Tensor, ones, zeros


class LayerNorm(Module):
    """Normalises each example over its last axes (Ba et al. 2016, equation 4).

    (x - mean) / sqrt(var + eps) weight + bias; weight and bias have the shape of those axes.
    normalized_shape: the sizes of those axes, an int for the last alone; without it the first call
    tells the last.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int] | None = None,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        check_at_least("LayerNorm", 0, eps=eps)
        self.normalized_shape: tuple[int, ...] = ()
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.has_bias = elementwise_affine and bias
        if normalized_shape is None:
            self._unknown = "normalized_shape"
        else:
            self._make(normalized_shape)

    def _make(self, normalized_shape: int | Sequence[int]) -> None:
        self.normalized_shape = shape = sizes_of("LayerNorm", normalized_shape)
        self.weight = Parameter(ones(shape)) if self.elementwise_affine else None
        self.bias = Parameter(zeros(shape)) if self.has_bias else None

    def _learn(self, *inputs: Any) -> None:
        self._make(last_size("LayerNorm", inputs[0]))

    def _learn_from(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        weight = shapes.get("weight", ())
        if weight:
            self._make(weight)
        return bool(weight)

    def forward(self, input: Tensor) -> Tensor:
        """input: `[..., *normalized_shape]`."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The number of features."""
        return "x".join(str(size) for size in self.normalized_shape) or "?"


class RMSNorm(Module):
    """Divides each example by its root mean square (Zhang and Sennrich 2019, equation 4).

    x / sqrt(mean(x^2) + eps) weight.
    normalized_shape: the sizes of the last axes, an int for the last alone. eps: the smallest
    number that changes 1 in the dtype of the input, unless given.

    >>> import lamina as lm
    >>> lm.nn.RMSNorm(4, eps=0.0)(lm.full((1, 4), 3.0)).tolist()
    [[1.0, 1.0, 1.0, 1.0]]
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
    ) -> None:
        check_at_least("RMSNorm", 0, eps=0.0 if eps is None else eps)
        self.normalized_shape = sizes_of("RMSNorm", normalized_shape)
        self.eps = eps
        self.weight = Parameter(ones(self.normalized_shape)) if elementwise_affine else None

    def forward(self, input: Tensor) -> Tensor:
        """input: `[..., *normalized_shape]`."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The number of features."""
        return "x".join(str(size) for size in self.normalized_shape)


class GroupNorm(Module):
    """Normalises groups of channels of each example (Wu and He 2018, equations 1 to 7).

    (x - mean) / sqrt(var + eps) weight + bias over `[batch, *space, channels]`.
    num_groups divides num_channels: 1 group is layer norm over all of an image, as many groups as
    channels are instance norm.

    >>> import lamina as lm
    >>> lm.nn.GroupNorm(2, 8)(lm.ones((4, 5, 5, 8))).shape
    (4, 5, 5, 8)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        data_format: str = CHANNELS_LAST,
    ) -> None:
        check_counts("GroupNorm", 1, num_groups=num_groups, num_channels=num_channels)
        check_at_least("GroupNorm", 0, eps=eps)
        if num_channels % num_groups:
            raise ArgumentError(
                "GroupNorm",
                operands=[("num_groups", str(num_groups)), ("num_channels", str(num_channels))],
                rule="num_groups divides num_channels",
                got=num_groups,
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.data_format = checked_format(data_format)
        self.weight = Parameter(ones((num_channels,))) if affine else None
        self.bias = Parameter(zeros((num_channels,))) if affine else None

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, *space, channels]`, or channels first."""
        check_tensors("GroupNorm", input=input)
        last = self.data_format == CHANNELS_LAST
        axis, other = (-1, 1) if last else (1, -1)
        if input.ndim < 2 or input.shape[axis] != self.num_channels:
            fits = input.ndim > 2 and input.shape[other] == self.num_channels
            raise ShapeError(
                "GroupNorm",
                operands=[("input", describe(input)), ("num_channels", str(self.num_channels))],
                rule=f"the {'last' if last else 'second'} axis of the input has num_channels",
                hint=f'data_format="{"channels_first" if last else CHANNELS_LAST}"' if fits else "",
                expected=self.num_channels,
                got=input.shape,
            )
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps,
                            self.data_format)

    def extra_repr(self) -> str:
        """The numbers of groups and channels."""
        return f"{self.num_groups} groups of {self.num_channels // self.num_groups}"


class LocalResponseNorm(Module):
    """Divides by a power of the mean square over `size` near channels (Krizhevsky et al. 2012).

    x / (k + alpha / size * sum of x^2 over these channels)^beta over `[batch, *space, channels]`;
    alpha is divided by the size as in PyTorch.
    """

    def __init__(
        self,
        size: int,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 1.0,
        data_format: str = CHANNELS_LAST,
    ) -> None:
        check_counts("LocalResponseNorm", 1, size=size)
        check_numbers("LocalResponseNorm", alpha=alpha, beta=beta, k=k)
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k
        self.data_format = checked_format(data_format)

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, *space, channels]`, or channels first."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k,
                                     self.data_format)

    def extra_repr(self) -> str:
        """The number of channels."""
        return f"over {self.size} channels"
