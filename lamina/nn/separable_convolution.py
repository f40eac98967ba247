"""Convolution in two steps: each channel by itself, then all channels of each place.

In and out: `[batch, *space, channels]`, or `[batch, channels, *space]` with
`data_format="channels_first"`.
"""

from __future__ import annotations

from lamina.functional.arguments import check_counts
from lamina.functional.operands import CHANNELS_LAST
from lamina.functional.windows import Size
from lamina.nn.convolution import Conv1d, Conv2d, Conv3d
from lamina.nn.module import Module
from lamina.tensor import Tensor


class _SeparableConvolution(Module):
    """What the three layers share: arguments, and the two convolutions."""

    plain: type[Conv1d] | type[Conv2d] | type[Conv3d]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        depth_multiplier: int = 1,
        bias: bool = True,
        data_format: str = CHANNELS_LAST,
    ) -> None:
        check_counts(type(self).__name__, 1, in_channels=in_channels, out_channels=out_channels,
                     depth_multiplier=depth_multiplier)
        between = in_channels * depth_multiplier
        self.depthwise = self.plain(in_channels, between, kernel_size, stride, padding, dilation,
                                    in_channels, bias, data_format)
        self.pointwise = self.plain(between, out_channels, 1, bias=bias, data_format=data_format)

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, *space, in_channels]`."""
        return self.pointwise(self.depthwise(input))


class DepthwiseSeparableConv1d(_SeparableConvolution):
    """Depthwise, then pointwise convolution over `[batch, length, channels]`."""

    plain = Conv1d


class DepthwiseSeparableConv2d(_SeparableConvolution):
    """Depthwise, then pointwise convolution over `[batch, height, width, channels]`.

    Chollet 2017, section 2; Howard et al. 2017, section 3.1. Of k k in out weights of a plain
    convolution it needs k k in + in out. The two parts are the layers `depthwise` and `pointwise`.
    depth_multiplier: channels between the two, for each channel of the input.

    >>> import lamina as lm
    >>> layer = lm.nn.DepthwiseSeparableConv2d(32, 64, 3, padding=1, bias=False)
    >>> layer(lm.zeros((1, 8, 8, 32))).shape, sum(p.size for p in layer.parameters())
    ((1, 8, 8, 64), 2336)
    """

    plain = Conv2d


class DepthwiseSeparableConv3d(_SeparableConvolution):
    """Depthwise, then pointwise convolution over `[batch, depth, height, width, channels]`."""

    plain = Conv3d
