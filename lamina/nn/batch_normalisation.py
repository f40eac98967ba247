"""Normalisation by statistics that are kept: batch norm, and instance norm where asked for.

In and out: `[batch, *space, channels]`, or `[batch, channels, *space]` with
`data_format="channels_first"`. Without num_features the first call tells it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina import functional as F
from lamina.dtypes import int64
from lamina.errors import ShapeError
from lamina.functional.arguments import check_at_least, check_counts, check_probability
from lamina.functional.operands import CHANNELS_LAST, check_tensors, checked_format, describe
from lamina.nn.lookup import known, last_size
from lamina.nn.module import Module
from lamina.nn.parameter import Buffer, Parameter
from lamina.tensor import Tensor, ones, zeros


class _ChannelNorm(Module):
    """Weights, statistics and checks that batch norm and instance norm share."""

    ranks: tuple[int, ...]

    def __init__(
        self,
        num_features: int | None,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        data_format: str,
    ) -> None:
        check_at_least(type(self).__name__, 0, eps=eps)
        if momentum is not None:
            check_probability(type(self).__name__, momentum, "momentum")
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

    def _learn_from(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        sizes = shapes.get("weight", shapes.get("running_mean", ()))
        if len(sizes) == 1:
            self._make(sizes[0])
        return len(sizes) == 1

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


class _BatchNorm(_ChannelNorm):
    """Normalises each channel by the batch, or in evaluation by running statistics."""

    def __init__(
        self,
        num_features: int | None = None,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        data_format: str = CHANNELS_LAST,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, data_format)

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


class BatchNorm1d(_BatchNorm):
    """Batch norm over `[batch, channels]` or `[batch, length, channels]`."""

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch norm over `[batch, height, width, channels]` (Ioffe and Szegedy 2015, algorithm 1).

    (x - mean) / sqrt(var + eps) weight + bias, mean and variance of each channel over the batch.
    momentum: weight of the new batch in the running statistics; None for their plain average.

    >>> import lamina as lm
    >>> lm.nn.BatchNorm2d(8)(lm.ones((4, 5, 5, 8))).shape
    (4, 5, 5, 8)
    """

    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch norm over `[batch, depth, height, width, channels]`."""

    ranks = (5,)


class _InstanceNorm(_ChannelNorm):
    """Normalises each channel of each example (Ulyanov et al. 2016, equation 4)."""

    def __init__(
        self,
        num_features: int | None = None,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        data_format: str = CHANNELS_LAST,
    ) -> None:
        check_probability(type(self).__name__, momentum, "momentum")
        super().__init__(num_features, eps, momentum, affine, track_running_stats, data_format)

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, *space, channels]`, or channels first."""
        self._check(input)
        by_input = self.training or self.running_mean is None
        return F.instance_norm(input, self.running_mean, self.running_var, self.weight, self.bias,
                               by_input, self.momentum or 0.0, self.eps, self.data_format)


class InstanceNorm1d(_InstanceNorm):
    """Instance norm over `[batch, length, channels]`."""

    ranks = (3,)


class InstanceNorm2d(_InstanceNorm):
    """Instance norm over `[batch, height, width, channels]` (Ulyanov et al. 2016, equation 4).

    (x - mean) / sqrt(var + eps) weight + bias, of each channel of each example over its space.
    track_running_stats: evaluation uses running statistics instead of the example's.

    >>> import lamina as lm
    >>> lm.nn.InstanceNorm2d(8)(lm.ones((4, 5, 5, 8))).shape
    (4, 5, 5, 8)
    """

    ranks = (4,)


class InstanceNorm3d(_InstanceNorm):
    """Instance norm over `[batch, depth, height, width, channels]`."""

    ranks = (5,)
