"""Convolution layers, plain and transposed, in 1, 2 and 3 dimensions.

In and out: `[batch, *space, channels]`, or `[batch, channels, *space]` with
`data_format="channels_first"`. Weights are in PyTorch's layouts whatever the data's. Without
in_channels the first call tells it: `Conv2d(out_channels=8, kernel_size=3)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

from lamina import functional as F
from lamina.functional.arguments import check_counts
from lamina.functional.convolution import check_groups, check_output_padding, check_word
from lamina.functional.operands import CHANNELS_LAST, checked_format
from lamina.functional.windows import Size, per_axis
from lamina.nn import init
from lamina.nn.lookup import known, last_size
from lamina.nn.module import Module
from lamina.nn.parameter import Parameter
from lamina.tensor import Tensor


class _Convolution(Module):
    """What all six layers share: arguments, weights and text."""

    rank: int
    weight: Parameter
    bias: Parameter | None
    transposed = False
    padding: Any  # Size, or for the plain layers also "same" and "valid"

    def __init__(
        self,
        in_channels: int | None = None,
        out_channels: int = 0,
        kernel_size: Size = 0,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        data_format: str = CHANNELS_LAST,
    ) -> None:
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = per_axis("kernel_size", kernel_size, self.rank, least=1)
        strides = per_axis("stride", stride, self.rank, least=1)
        if isinstance(padding, str) and not self.transposed:
            check_word(type(self).__name__, padding, strides)
        else:
            per_axis("padding", padding, self.rank)  # type: ignore[arg-type]
        per_axis("dilation", dilation, self.rank, least=1)
        check_counts(type(self).__name__, 1, groups=groups)
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        self.data_format = checked_format(data_format)
        self.has_bias = bias
        check_counts(type(self).__name__, 1, out_channels=out_channels)
        if in_channels is None:
            self._unknown = "in_channels"
        else:
            self._make(in_channels)

    def _make(self, in_channels: int) -> None:
        """The parameters for so many channels."""
        self.in_channels = in_channels
        check_groups(type(self).__name__, in_channels, self.out_channels, self.groups)
        shape = self._weight_shape(in_channels)
        self.weight = Parameter(init.kaiming_uniform(shape, a=sqrt(5)))
        self.bias = (Parameter(init.bias_uniform(self.out_channels, shape)) if self.has_bias
                     else None)

    def _learn(self, *inputs: Any) -> None:
        axis = -1 if self.data_format == CHANNELS_LAST else 1
        self._make(last_size(type(self).__name__, inputs[0], axis))

    def _learn_from(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        weight = shapes.get("weight", ())
        if len(weight) != self.rank + 2:
            return False
        self._make(weight[0] if self.transposed else weight[1] * self.groups)
        return True

    def _weight_shape(self, in_channels: int) -> tuple[int, ...]:
        if self.transposed:
            return (in_channels, self.out_channels // self.groups, *self.kernel_size)
        return (self.out_channels, in_channels // self.groups, *self.kernel_size)

    def extra_repr(self) -> str:
        """`3 -> 8, kernel 3x3`, and what is not as usual."""
        kernel = "x".join(str(k) for k in self.kernel_size)
        text = f"{known(self.in_channels)} -> {self.out_channels}, kernel {kernel}"
        for name, usual in (("stride", 1), ("padding", 0), ("dilation", 1), ("groups", 1)):
            if getattr(self, name) != usual:
                text += f", {name} {getattr(self, name)}"
        return text


class Conv1d(_Convolution):
    """Convolution over `[batch, length, channels]`; weight `[out, in / groups, k]`."""

    rank = 1

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, length, in_channels]`."""
        return F.conv1d(input, self.weight, self.bias, self.stride, self.padding, self.dilation,
                        self.groups, self.data_format)


class Conv2d(_Convolution):
    """Convolution over `[batch, height, width, channels]`; weight `[out, in / groups, kh, kw]`.

    y[i, j, o] = bias[o] + sum over a, b, c of weight[o, c, a, b] x[i s + a d - p, j s + b d - p, c]
    with stride s, dilation d, padding p (LeCun et al. 1989; dilation: Yu and Koltun 2016, eq. 2).
    padding: zeros on both sides, an int or one for each axis, or "same" or "valid".

    >>> import lamina as lm
    >>> lm.nn.Conv2d(3, 8, 3, padding=1)(lm.zeros((2, 32, 32, 3))).shape
    (2, 32, 32, 8)
    """

    rank = 2

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, height, width, in_channels]`."""
        return F.conv2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation,
                        self.groups, self.data_format)


class Conv3d(_Convolution):
    """Convolution over `[batch, depth, height, width, channels]`."""

    rank = 3

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, depth, height, width, in_channels]`."""
        return F.conv3d(input, self.weight, self.bias, self.stride, self.padding, self.dilation,
                        self.groups, self.data_format)


class _TransposedConvolution(_Convolution):
    """A convolution's gradient as a layer; arguments in PyTorch's order, which is another."""

    transposed = True

    def __init__(
        self,
        in_channels: int | None = None,
        out_channels: int = 0,
        kernel_size: Size = 0,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        data_format: str = CHANNELS_LAST,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups,
                         bias, data_format)
        check_output_padding(type(self).__name__, *(
            per_axis(name, value, self.rank) for name, value in (
                ("output_padding", output_padding), ("stride", stride), ("dilation", dilation))))
        self.output_padding = output_padding


class ConvTranspose1d(_TransposedConvolution):
    """Transposed convolution over `[batch, length, channels]`; weight `[in, out / groups, k]`."""

    rank = 1

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, length, in_channels]`."""
        return F.conv_transpose1d(input, self.weight, self.bias, self.stride, self.padding,
                                  self.output_padding, self.groups, self.dilation,
                                  self.data_format)


class ConvTranspose2d(_TransposedConvolution):
    """Transposed convolution over images; weight `[in, out / groups, kh, kw]`.

    The gradient of `Conv2d` to its input as a layer (Dumoulin and Visin 2016, chapter 4):
    `[batch, height, width, in]` to `[batch, (height - 1) stride - 2 padding + dilation (kernel - 1)
    + output_padding + 1, ..., out]`.
    """

    rank = 2

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, height, width, in_channels]`."""
        return F.conv_transpose2d(input, self.weight, self.bias, self.stride, self.padding,
                                  self.output_padding, self.groups, self.dilation,
                                  self.data_format)


class ConvTranspose3d(_TransposedConvolution):
    """Transposed convolution over volumes; weight `[in, out / groups, kd, kh, kw]`."""

    rank = 3

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, depth, height, width, in_channels]`."""
        return F.conv_transpose3d(input, self.weight, self.bias, self.stride, self.padding,
                                  self.output_padding, self.groups, self.dilation,
                                  self.data_format)
