"""Layers that pool to a given size, or to one value for each channel.

In and out: `[batch, *space, channels]`, or `[batch, channels, *space]` with
`data_format="channels_first"`. Window i of m over n elements covers floor(i n / m) to
ceil((i + 1) n / m) - 1; any m will do.
"""

from __future__ import annotations

from lamina import functional as F
from lamina.functional.adaptive_pooling import OutputSize, output_sizes
from lamina.functional.operands import CHANNELS_LAST, checked_format
from lamina.nn.module import Module
from lamina.tensor import Tensor


class _AdaptivePool(Module):
    """What all six layers share: arguments and text."""

    rank: int

    def __init__(self, output_size: OutputSize, data_format: str = CHANNELS_LAST) -> None:
        output_sizes(type(self).__name__, output_size, [1] * self.rank)
        self.output_size = output_size
        self.data_format = checked_format(data_format)

    def extra_repr(self) -> str:
        """The size of the result."""
        return str(self.output_size)


class AdaptiveAvgPool1d(_AdaptivePool):
    """Means of `[batch, length, channels]` as `[batch, output_size, channels]`."""

    rank = 1

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, length, channels]`."""
        return F.adaptive_avg_pool1d(input, self.output_size, self.data_format)


class AdaptiveAvgPool2d(_AdaptivePool):
    """Means of `[batch, height, width, channels]` as `[batch, *output_size, channels]`.

    >>> import lamina as lm
    >>> lm.nn.AdaptiveAvgPool2d((3, None))(lm.zeros((1, 7, 5, 8))).shape
    (1, 3, 5, 8)
    """

    rank = 2

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, height, width, channels]`."""
        return F.adaptive_avg_pool2d(input, self.output_size, self.data_format)


class AdaptiveAvgPool3d(_AdaptivePool):
    """Means of `[batch, depth, height, width, channels]` as `[batch, *output_size, channels]`."""

    rank = 3

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, depth, height, width, channels]`."""
        return F.adaptive_avg_pool3d(input, self.output_size, self.data_format)


class AdaptiveMaxPool1d(_AdaptivePool):
    """Maxima of `[batch, length, channels]` as `[batch, output_size, channels]`."""

    rank = 1

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, length, channels]`."""
        return F.adaptive_max_pool1d(input, self.output_size, self.data_format)


class AdaptiveMaxPool2d(_AdaptivePool):
    """Maxima of `[batch, height, width, channels]` as `[batch, *output_size, channels]`."""

    rank = 2

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, height, width, channels]`."""
        return F.adaptive_max_pool2d(input, self.output_size, self.data_format)


class AdaptiveMaxPool3d(_AdaptivePool):
    """Maxima of `[batch, depth, height, width, channels]` as `[batch, *output_size, channels]`."""

    rank = 3

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, depth, height, width, channels]`."""
        return F.adaptive_max_pool3d(input, self.output_size, self.data_format)


class GlobalAvgPool(Module):
    """The mean of each channel over all of space: `[batch, channels]` (Lin et al. 2013).

    >>> import lamina as lm
    >>> lm.nn.GlobalAvgPool()(lm.zeros((2, 7, 7, 64))).shape
    (2, 64)
    """

    def __init__(self, keepdims: bool = False, data_format: str = CHANNELS_LAST) -> None:
        self.keepdims = keepdims
        self.data_format = checked_format(data_format)

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, *space, channels]`."""
        return F.global_avg_pool(input, self.keepdims, self.data_format)


class GlobalMaxPool(Module):
    """The maximum of each channel over all of space: `[batch, channels]`."""

    def __init__(self, keepdims: bool = False, data_format: str = CHANNELS_LAST) -> None:
        self.keepdims = keepdims
        self.data_format = checked_format(data_format)

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, *space, channels]`."""
        return F.global_max_pool(input, self.keepdims, self.data_format)
