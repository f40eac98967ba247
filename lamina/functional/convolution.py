"""Convolution and transposed convolution over 1, 2 or 3 axes.

In and out: `[batch, *space, channels]`, or `[batch, channels, *space]` with
`data_format="channels_first"`. Sizes are an int for all axes, or one for each.
Weights: `[out, in / groups, *kernel]`, transposed `[in, out / groups, *kernel]`.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_counts
from lamina.functional.operands import (
    CHANNELS_FIRST,
    CHANNELS_LAST,
    check_float,
    check_tensors,
    describe,
)
from lamina.functional.windows import (
    SPACE,
    Size,
    axis_names,
    from_channels_last,
    per_axis,
    to_channels_last,
)
from lamina.tensor import Tensor, conv, conv_transpose, pad
from lamina.tensor.precision import kept_narrow


def conv1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1,
    padding: Size | str = 0, dilation: Size = 1, groups: int = 1,
    data_format: str = CHANNELS_LAST,
) -> Tensor:
    """Convolution over `[batch, length, channels]`; see `conv2d`."""
    return _conv(1, input, weight, bias, stride, padding, dilation, groups, data_format)


def conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1,
    padding: Size | str = 0, dilation: Size = 1, groups: int = 1,
    data_format: str = CHANNELS_LAST,
) -> Tensor:
    """Convolution (cross-correlation) over `[batch, height, width, channels]`.

    padding: zeros on both sides of each axis, or "same" (stride 1 only) or "valid".
    Result: `[batch, (height + 2 padding - dilation (kernel - 1) - 1) // stride + 1, ..., out]`.
    """
    return _conv(2, input, weight, bias, stride, padding, dilation, groups, data_format)


def conv3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1,
    padding: Size | str = 0, dilation: Size = 1, groups: int = 1,
    data_format: str = CHANNELS_LAST,
) -> Tensor:
    """Convolution over `[batch, depth, height, width, channels]`; see `conv2d`."""
    return _conv(3, input, weight, bias, stride, padding, dilation, groups, data_format)


def conv_transpose1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1,
    padding: Size = 0, output_padding: Size = 0, groups: int = 1, dilation: Size = 1,
    data_format: str = CHANNELS_LAST,
) -> Tensor:
    """Transposed convolution over `[batch, length, channels]`; see `conv_transpose2d`."""
    return _conv_transpose(1, input, weight, bias, stride, padding, output_padding, groups,
                           dilation, data_format)


def conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1,
    padding: Size = 0, output_padding: Size = 0, groups: int = 1, dilation: Size = 1,
    data_format: str = CHANNELS_LAST,
) -> Tensor:
    """The gradient of `conv2d` to its input, as a function: it enlarges the image.

    Result: `[batch, (height - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1,
    ..., out]`.
    """
    return _conv_transpose(2, input, weight, bias, stride, padding, output_padding, groups,
                           dilation, data_format)


def conv_transpose3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1,
    padding: Size = 0, output_padding: Size = 0, groups: int = 1, dilation: Size = 1,
    data_format: str = CHANNELS_LAST,
) -> Tensor:
    """Transposed convolution over `[batch, depth, height, width, channels]`."""
    return _conv_transpose(3, input, weight, bias, stride, padding, output_padding, groups,
                           dilation, data_format)


def _check_weight(op: str, rank: int, input: Tensor, weight: Tensor) -> None:
    check_tensors(op, input=input, weight=weight)
    if weight.ndim != rank + 2:
        raise ShapeError(
            op,
            operands=[("input", describe(input)), ("weight", describe(weight))],
            rule=f"weight is [out, in / groups, *kernel] with {rank} axes of the kernel"
            if not op.startswith("conv_transpose")
            else f"weight is [in, out / groups, *kernel] with {rank} axes of the kernel",
            got=weight.shape,
        )


def check_groups(op: str, in_channels: int, out_channels: int, groups: int) -> None:
    """Both numbers of channels are multiples of `groups`."""
    check_counts(op, 1, in_channels=in_channels, out_channels=out_channels, groups=groups)
    if groups < 1 or in_channels % groups or out_channels % groups:
        raise ArgumentError(
            op,
            operands=[
                ("in_channels", str(in_channels)),
                ("out_channels", str(out_channels)),
                ("groups", str(groups)),
            ],
            rule="groups divides in_channels and out_channels",
            got=groups,
        )


def _conv(
    rank: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Size,
    padding: Size | str, dilation: Size, groups: int, data_format: str,
) -> Tensor:
    op = f"conv{rank}d"
    _check_weight(op, rank, input, weight)
    channels = weight.shape[1] * groups
    image = to_channels_last(op, input, rank, data_format, channels)
    _check_channels(op, input, image.shape[-1], weight, channels, data_format)
    check_float(op, input=input, weight=weight)
    strides = per_axis("stride", stride, rank, least=1)
    dilations = per_axis("dilation", dilation, rank, least=1)
    if isinstance(padding, str):
        image = _padded(op, image, padding, weight.shape[2:], strides, dilations)
        padding = 0
    result = conv(image, weight, stride=strides, padding=per_axis("padding", padding, rank),
                  dilation=dilations, groups=groups)
    if bias is not None:
        result = result + kept_narrow(bias, result)
    return from_channels_last(result, data_format)


def _conv_transpose(
    rank: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Size, padding: Size,
    output_padding: Size, groups: int, dilation: Size, data_format: str,
) -> Tensor:
    op = f"conv_transpose{rank}d"
    _check_weight(op, rank, input, weight)
    channels = weight.shape[0]
    image = to_channels_last(op, input, rank, data_format, channels)
    _check_channels(op, input, image.shape[-1], weight, channels, data_format)
    check_float(op, input=input, weight=weight)
    strides = per_axis("stride", stride, rank, least=1)
    dilations = per_axis("dilation", dilation, rank, least=1)
    more = per_axis("output_padding", output_padding, rank)
    check_output_padding(op, more, strides, dilations)
    result = conv_transpose(image, weight, stride=strides, dilation=dilations, groups=groups,
                            padding=per_axis("padding", padding, rank), output_padding=more)
    if bias is not None:
        result = result + kept_narrow(bias, result)
    return from_channels_last(result, data_format)


def check_output_padding(op: str, more: Sequence[int], strides: Sequence[int],
                         dilations: Sequence[int]) -> None:
    """What is added to a result is less than a step: else the convolution is another one."""
    if any(m and m >= max(s, d) for m, s, d in zip(more, strides, dilations, strict=True)):
        raise ArgumentError(
            op,
            operands=[("output_padding", str(list(more))), ("stride", str(list(strides))),
                      ("dilation", str(list(dilations)))],
            rule="output_padding is less than the stride or the dilation of its axis",
            got=tuple(more),
        )


def check_word(op: str, padding: str, strides: Sequence[int]) -> None:
    """A padding that is a word is "valid", or with stride 1 "same"."""
    if padding != "valid" and (padding != "same" or any(stride != 1 for stride in strides)):
        raise ArgumentError(
            op,
            operands=[("padding", repr(padding)), ("stride", str(list(strides)))],
            rule='padding is sizes, "valid", or with stride 1 "same"',
            got=padding,
        )


def _padded(
    op: str, image: Tensor, padding: str, kernel: tuple[int, ...], strides: tuple[int, ...],
    dilations: tuple[int, ...],
) -> Tensor:
    """`image` with the zeros that "same" asks for: as many as the kernel takes off."""
    check_word(op, padding, strides)
    if padding == "valid":
        return image
    taken = [dilation * (size - 1) for dilation, size in zip(dilations, kernel, strict=True)]
    widths = [(total // 2, total - total // 2) for total in taken]
    return pad(image, ((0, 0), *widths, (0, 0)))


def _check_channels(
    op: str, input: Tensor, channels: int, weight: Tensor, expected: int, data_format: str
) -> None:
    if channels == expected:
        return
    rank = input.ndim - 2
    transposed = op.startswith("conv_transpose")
    first = ("in", "out/groups") if transposed else ("out", "in/groups")
    kernel = tuple(f"k{name}" for name in SPACE[rank])
    raise ShapeError(
        op,
        operands=[
            ("input", describe(input, axis_names(rank, data_format))),
            ("weight", describe(weight, (*first, *kernel))),
        ],
        rule=f"the weight takes {expected} channels, the input has {channels}",
        hint=_other_format(input, expected, data_format),
        expected=expected,
        got=channels,
    )


def _other_format(input: Tensor, expected: int, data_format: str) -> str:
    """The other data format, if the channels fit there."""
    first = data_format == CHANNELS_FIRST
    if input.shape[-1 if first else 1] != expected:
        return ""
    return f'data_format="{CHANNELS_LAST if first else CHANNELS_FIRST}"'
