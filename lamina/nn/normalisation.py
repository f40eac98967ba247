"""Normalisation layers: BatchNorm over the batch, LayerNorm over the features.

Without num_features the first call tells it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import functional as F
from lamina.dtypes import int64
from lamina.errors import ShapeError
from lamina.functional.arguments import check_counts
from lamina.functional.normalisation import sizes_of
from lamina.functional.operands import CHANNELS_LAST, check_tensors, checked_format, describe
from lamina.nn.lookup import known, last_size
from lamina.nn.module import Module
from lamina.nn.parameter import Buffer, Parameter
from lamina.tensor import Tensor, ones, zeros


class _BatchNorm(Module):
    """Normalises each channel by the batch, or in evaluation by running statistics."""

    ranks: tuple[int, ...]

    def __init__(
        self,
        num_features: int | None = None,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        data_format: str = CHANNELS_LAST,
    ) -> None:
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.data_format = checked_format(data_format)
        self.affine = affine
        self.track_running_stats = track_running_stats
        if num_features is None:
            self._unknown = "num_features"
        else:
            self._make(num_features)

    def _make(self, num_features: int) -> None:
        check_counts(type(self).__name__, 1, num_features=num_features)
        self.num_features = num_features
        shape, tracks = (num_features,), self.track_running_stats
        self.weight = Parameter(ones(shape)) if self.affine else None
        self.bias = Parameter(zeros(shape)) if self.affine else None
        self.running_mean = Buffer(zeros(shape)) if tracks else None
        self.running_var = Buffer(ones(shape)) if tracks else None
        self.num_batches_tracked = Buffer(zeros((), dtype=int64)) if tracks else None

    def _learn(self, *inputs: Any) -> None:
        axis = -1 if self.data_format == CHANNELS_LAST else 1
        self._make(last_size(type(self).__name__, inputs[0], axis))

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, *space, channels]`, or channels first."""
        self._check(input)
        momentum: float | Tensor = self.momentum if self.momentum is not None else 0.0
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.assign(self.num_batches_tracked + 1)
            if self.momentum is None:  # the plain average of all batches
                momentum = 1.0 / self.num_batches_tracked.astype(input.dtype)
        return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias,
                            self.training, momentum, self.eps, self.data_format)

    def _check(self, input: Tensor) -> None:
        check_tensors(type(self).__name__, input=input)
        axis = -1 if self.data_format == CHANNELS_LAST else 1
        if input.ndim in self.ranks and input.shape[axis] == self.num_features:
            return
        other = 1 if axis == -1 else -1
        fits = input.ndim in self.ranks and input.shape[other] == self.num_features
        other_format = "channels_first" if axis == -1 else CHANNELS_LAST
        raise ShapeError(
            type(self).__name__,
            operands=[("input", describe(input)), ("num_features", str(self.num_features))],
            rule=f"input has {' or '.join(str(r) for r in self.ranks)} axes, "
            f"{'the last' if axis == -1 else 'the second'} of size num_features",
            hint=f'data_format="{other_format}"' if fits else "",
            expected=self.num_features,
            got=input.shape,
        )

    def extra_repr(self) -> str:
        """The number of features."""
        return known(self.num_features)


class BatchNorm1d(_BatchNorm):
    """Batch norm over `[batch, channels]` or `[batch, length, channels]`."""

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch norm over `[batch, height, width, channels]` (Ioffe and Szegedy 2015).

    momentum: weight of the new batch in the running statistics; None for their plain average.

    >>> import lamina as lm
    >>> lm.nn.BatchNorm2d(8)(lm.ones((4, 5, 5, 8))).shape
    (4, 5, 5, 8)
    """

    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch norm over `[batch, depth, height, width, channels]`."""

    ranks = (5,)


class LayerNorm(Module):
    """Normalises each example over its last axes (Ba et al. 2016).

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

    def forward(self, input: Tensor) -> Tensor:
        """input: `[..., *normalized_shape]`."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The number of features."""
        return "x".join(str(size) for size in self.normalized_shape) or "?"
