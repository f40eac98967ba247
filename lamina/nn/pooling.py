"""Pooling layers in 1, 2 and 3 dimensions, without parameters.

In and out: `[batch, *space, channels]`, or `[batch, channels, *space]` with
`data_format="channels_first"`.
"""

from __future__ import annotations

from lamina import functional as F
from lamina.functional.operands import CHANNELS_LAST, checked_format
from lamina.functional.windows import Size
from lamina.nn.module import Module
from lamina.tensor import Tensor


class _Pool(Module):
    """What all pooling layers share: arguments and text."""

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        data_format: str = CHANNELS_LAST,
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.data_format = checked_format(data_format)

    def extra_repr(self) -> str:
        """Window and stride."""
        text = f"{self.kernel_size}, stride {self.stride}"
        return text if self.padding == 0 else f"{text}, padding {self.padding}"


class MaxPool1d(_Pool):
    """The maximum of each window of `[batch, length, channels]`."""

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, length, channels]`."""
        return F.max_pool1d(input, self.kernel_size, self.stride, self.padding, self.data_format)


class MaxPool2d(_Pool):
    """The maximum of each window of `[batch, height, width, channels]`.

    >>> import lamina as lm
    >>> lm.nn.MaxPool2d(2)(lm.zeros((1, 28, 28, 3))).shape
    (1, 14, 14, 3)
    """

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, height, width, channels]`."""
        return F.max_pool2d(input, self.kernel_size, self.stride, self.padding, self.data_format)


class MaxPool3d(_Pool):
    """The maximum of each window of `[batch, depth, height, width, channels]`."""

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, depth, height, width, channels]`."""
        return F.max_pool3d(input, self.kernel_size, self.stride, self.padding, self.data_format)


class AvgPool1d(_Pool):
    """The mean of each window of `[batch, length, channels]`; padding counts as zeros."""

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, length, channels]`."""
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.data_format)


class AvgPool2d(_Pool):
    """The mean of each window of `[batch, height, width, channels]`; padding counts as zeros."""

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, height, width, channels]`."""
        return F.avg_pool2d(input, self.kernel_size, self.stride, self.padding, self.data_format)


class AvgPool3d(_Pool):
    """The mean of each window of `[batch, depth, height, width, channels]`; zero padding."""

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, depth, height, width, channels]`."""
        return F.avg_pool3d(input, self.kernel_size, self.stride, self.padding, self.data_format)
