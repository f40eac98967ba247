"""Pooling layers over windows in 1, 2 and 3 dimensions, without parameters.

In and out: `[batch, *space, channels]`, or `[batch, channels, *space]` with
`data_format="channels_first"`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import functional as F
from lamina.functional.arguments import check_counts, check_positive
from lamina.functional.operands import CHANNELS_LAST, checked_format
from lamina.functional.windows import Size, check_windows
from lamina.nn.module import Module
from lamina.tensor import Tensor


class _Pool(Module):
    """What all pooling layers share: the window and text."""

    rank: int
    padding: Size = 0

    def __init__(
        self, kernel_size: Size, stride: Size | None, ceil_mode: bool, data_format: str,
        padding: Size = 0, dilation: Size = 1,
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        check_windows(self.rank, kernel_size, self.stride, padding, dilation)
        self.ceil_mode = ceil_mode
        self.data_format = checked_format(data_format)

    def extra_repr(self) -> str:
        """Window and stride."""
        text = f"{self.kernel_size}, stride {self.stride}"
        return text if self.padding == 0 else f"{text}, padding {self.padding}"


class _MaxPool(_Pool):
    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
        data_format: str = CHANNELS_LAST,
    ) -> None:
        super().__init__(kernel_size, stride, ceil_mode, data_format, padding, dilation)
        self.return_indices = return_indices
        self.padding = padding
        self.dilation = dilation


class MaxPool1d(_MaxPool):
    """The maximum of each window of `[batch, length, channels]`."""

    rank = 1

    def forward(self, input: Tensor) -> Any:
        """input: `[batch, length, channels]`."""
        return F.max_pool1d(input, self.kernel_size, self.stride, self.padding, self.dilation,
                            self.ceil_mode, self.return_indices, self.data_format)


class MaxPool2d(_MaxPool):
    """The maximum of each window of `[batch, height, width, channels]`.

    return_indices: also where it is, for `MaxUnpool2d`; see `functional.max_pool2d`.

    >>> import lamina as lm
    >>> lm.nn.MaxPool2d(2)(lm.zeros((1, 28, 28, 3))).shape
    (1, 14, 14, 3)
    """

    rank = 2

    def forward(self, input: Tensor) -> Any:
        """input: `[batch, height, width, channels]`."""
        return F.max_pool2d(input, self.kernel_size, self.stride, self.padding, self.dilation,
                            self.ceil_mode, self.return_indices, self.data_format)


class MaxPool3d(_MaxPool):
    """The maximum of each window of `[batch, depth, height, width, channels]`."""

    rank = 3

    def forward(self, input: Tensor) -> Any:
        """input: `[batch, depth, height, width, channels]`."""
        return F.max_pool3d(input, self.kernel_size, self.stride, self.padding, self.dilation,
                            self.ceil_mode, self.return_indices, self.data_format)


class _MaxUnpool(_Pool):
    def __init__(
        self, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
        data_format: str = CHANNELS_LAST,
    ) -> None:
        super().__init__(kernel_size, stride, False, data_format, padding)
        self.padding = padding


class MaxUnpool1d(_MaxUnpool):
    """The inverse of `MaxPool1d`: values of `[batch, length, channels]` at their indices."""

    rank = 1

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
                ) -> Tensor:
        """input, indices: `[batch, length, channels]`."""
        return F.max_unpool1d(input, indices, self.kernel_size, self.stride, self.padding,
                              output_size, self.data_format)


class MaxUnpool2d(_MaxUnpool):
    """The inverse of `MaxPool2d`: values of `[batch, height, width, channels]` at their indices.

    Zeros elsewhere (Zeiler and Fergus 2014, section 2.1). output_size, of the call: the height and
    width that were pooled, where several would give the same.

    >>> import lamina as lm
    >>> pool, back = lm.nn.MaxPool2d(2, return_indices=True), lm.nn.MaxUnpool2d(2)
    >>> back(*pool(lm.zeros((1, 4, 4, 3)))).shape
    (1, 4, 4, 3)
    """

    rank = 2

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
                ) -> Tensor:
        """input, indices: `[batch, height, width, channels]`."""
        return F.max_unpool2d(input, indices, self.kernel_size, self.stride, self.padding,
                              output_size, self.data_format)


class MaxUnpool3d(_MaxUnpool):
    """The inverse of `MaxPool3d`, over `[batch, depth, height, width, channels]`."""

    rank = 3

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
                ) -> Tensor:
        """input, indices: `[batch, depth, height, width, channels]`."""
        return F.max_unpool3d(input, indices, self.kernel_size, self.stride, self.padding,
                              output_size, self.data_format)


class AvgPool1d(_Pool):
    """The mean of each window of `[batch, length, channels]`.

    count_include_pad: zeros of the padding count as elements.
    """

    rank = 1

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        data_format: str = CHANNELS_LAST,
    ) -> None:
        super().__init__(kernel_size, stride, ceil_mode, data_format, padding)
        self.padding = padding
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, length, channels]`."""
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
                            self.count_include_pad, self.data_format)


class _AvgPool(_Pool):
    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
        data_format: str = CHANNELS_LAST,
    ) -> None:
        super().__init__(kernel_size, stride, ceil_mode, data_format, padding)
        self.padding = padding
        self.count_include_pad = count_include_pad
        if divisor_override is not None:
            check_counts(type(self).__name__, 1, divisor_override=divisor_override)
        self.divisor_override = divisor_override


class AvgPool2d(_AvgPool):
    """The mean of each window of `[batch, height, width, channels]`.

    count_include_pad: zeros of the padding count as elements. divisor_override: what sums are
    divided by instead of the number of elements.
    """

    rank = 2

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, height, width, channels]`."""
        return F.avg_pool2d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
                            self.count_include_pad, self.divisor_override, self.data_format)


class AvgPool3d(_AvgPool):
    """The mean of each window of `[batch, depth, height, width, channels]`; see `AvgPool2d`."""

    rank = 3

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, depth, height, width, channels]`."""
        return F.avg_pool3d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
                            self.count_include_pad, self.divisor_override, self.data_format)


class _LPPool(_Pool):
    def __init__(
        self,
        norm_type: float,
        kernel_size: Size,
        stride: Size | None = None,
        ceil_mode: bool = False,
        data_format: str = CHANNELS_LAST,
    ) -> None:
        super().__init__(kernel_size, stride, ceil_mode, data_format)
        check_positive(type(self).__name__, norm_type=norm_type)
        self.norm_type = norm_type

    def extra_repr(self) -> str:
        """The power, window and stride."""
        return f"p {self.norm_type}, {super().extra_repr()}"


class LPPool1d(_LPPool):
    """(sum x^p)^(1/p) of each window of `[batch, length, channels]`, for p = norm_type."""

    rank = 1

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, length, channels]`."""
        return F.lp_pool1d(input, self.norm_type, self.kernel_size, self.stride, self.ceil_mode,
                           self.data_format)


class LPPool2d(_LPPool):
    """(sum x^p)^(1/p) of each window of `[batch, height, width, channels]`, for p = norm_type."""

    rank = 2

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, height, width, channels]`."""
        return F.lp_pool2d(input, self.norm_type, self.kernel_size, self.stride, self.ceil_mode,
                           self.data_format)
