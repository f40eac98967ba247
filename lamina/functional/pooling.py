"""Maximum, mean and p-norm of sliding windows over 1, 2 or 3 axes.

In and out: `[batch, *space, channels]`, or `[batch, channels, *space]` with
`data_format="channels_first"`. Sizes are an int for all axes, or one for each.
ceil_mode: a last window that begins inside but reaches beyond the padded input counts too; what
lies beyond is no part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from lamina.errors import ShapeError
from lamina.functional.arguments import check_counts, check_positive
from lamina.functional.operands import CHANNELS_LAST, check_float, describe
from lamina.functional.windows import (
    Size,
    axis_names,
    from_channels_last,
    per_axis,
    to_channels_last,
)
from lamina.ops import pooling
from lamina.tensor import Tensor, avg_pool, max_pool, tensor, where


def max_pool1d(
    input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    dilation: Size = 1, ceil_mode: bool = False, return_indices: bool = False,
    data_format: str = CHANNELS_LAST,
) -> Any:
    """The maximum of each window of `[batch, length, channels]`; see `max_pool2d`."""
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode,
                     return_indices, data_format)


def max_pool2d(
    input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    dilation: Size = 1, ceil_mode: bool = False, return_indices: bool = False,
    data_format: str = CHANNELS_LAST,
) -> Any:
    """The maximum of each window of `[batch, height, width, channels]`.

    stride: `kernel_size` unless given. padding: with minus infinity. dilation: the distance between
    the elements of a window. The gradient goes to the first maximum. return_indices: also where
    that is, int64: its place in the height and width of the image, counted row by row.
    Result: `[batch, (height + 2 padding - dilation (kernel - 1) - 1) // stride + 1, ..., c]`.
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode,
                     return_indices, data_format)


def max_pool3d(
    input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    dilation: Size = 1, ceil_mode: bool = False, return_indices: bool = False,
    data_format: str = CHANNELS_LAST,
) -> Any:
    """The maximum of each window of `[batch, depth, height, width, channels]`."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode,
                     return_indices, data_format)


def avg_pool1d(
    input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, data_format: str = CHANNELS_LAST,
) -> Tensor:
    """The mean of each window of `[batch, length, channels]`; see `avg_pool2d`."""
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None,
                     data_format)


def avg_pool2d(
    input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
    data_format: str = CHANNELS_LAST,
) -> Tensor:
    """The mean of each window of `[batch, height, width, channels]`.

    stride: `kernel_size` unless given. padding: zeros, which count as elements of the window unless
    `count_include_pad` is false. divisor_override: what sums are divided by instead.
    """
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
                     divisor_override, data_format)


def avg_pool3d(
    input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
    data_format: str = CHANNELS_LAST,
) -> Tensor:
    """The mean of each window of `[batch, depth, height, width, channels]`; see `avg_pool2d`."""
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
                     divisor_override, data_format)


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Size, stride: Size | None = None,
    ceil_mode: bool = False, data_format: str = CHANNELS_LAST,
) -> Tensor:
    """(sum x^p)^(1/p) of each window of `[batch, length, channels]`; see `lp_pool2d`."""
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode, data_format)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Size, stride: Size | None = None,
    ceil_mode: bool = False, data_format: str = CHANNELS_LAST,
) -> Tensor:
    """(sum x^p)^(1/p) of each window of `[batch, height, width, channels]`, for p = norm_type.

    Sermanet et al. 2012, equation 1, without its weights. 1 is the sum, infinity would be the
    maximum. As in PyTorch, x is not made positive before the power, and the slope is 0 where the
    sum is 0.
    """
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode, data_format)


def _max_pool(
    rank: int, input: Tensor, kernel_size: Size, stride: Size | None, padding: Size,
    dilation: Size, ceil_mode: bool, return_indices: bool, data_format: str,
) -> Any:
    op = f"max_pool{rank}d"
    image = to_channels_last(op, input, rank, data_format)
    kernel, strides, margins = _sizes(rank, kernel_size, stride, padding)
    gaps = per_axis("dilation", dilation, rank, least=1)
    reach = [gap * (k - 1) + 1 for gap, k in zip(gaps, kernel, strict=True)]
    _check_windows(op, input, image.shape[1:-1], kernel, reach, margins, data_format)
    pairs = _margins(image.shape[1:-1], reach, strides, margins, ceil_mode)
    values = from_channels_last(max_pool(image, kernel, strides, pairs, gaps), data_format)
    if not return_indices:
        return values
    places = Tensor(pooling.max_places(image.node, kernel, strides, tuple(pairs), gaps))
    return values, from_channels_last(places, data_format)


def _avg_pool(
    rank: int, input: Tensor, kernel_size: Size, stride: Size | None, padding: Size,
    ceil_mode: bool, count_include_pad: bool, divisor: int | None, data_format: str,
) -> Tensor:
    op = f"avg_pool{rank}d"
    image = to_channels_last(op, input, rank, data_format)
    kernel, strides, margins = _sizes(rank, kernel_size, stride, padding)
    space = image.shape[1:-1]
    _check_windows(op, input, space, kernel, kernel, margins, data_format)
    pairs = _margins(space, kernel, strides, margins, ceil_mode)
    means = avg_pool(image, kernel, strides, pairs)
    if divisor is not None:
        check_counts(op, 1, divisor_override=divisor)
        means = means * (prod(kernel) / divisor)
    elif count_include_pad and all(pair == (m, m) for pair, m in zip(pairs, margins, strict=True)):
        pass  # every window is whole
    elif any(margins) or ceil_mode:
        counts = [
            _counts(size, k, s, m, n, count_include_pad)
            for size, k, s, m, n in zip(space, kernel, strides, margins, means.shape[1:-1],
                                        strict=True)
        ]
        means = means * _shares(counts, prod(kernel), input)
    return from_channels_last(means, data_format)


def _lp_pool(
    rank: int, input: Tensor, norm_type: float, kernel_size: Size, stride: Size | None,
    ceil_mode: bool, data_format: str,
) -> Tensor:
    op = f"lp_pool{rank}d"
    check_float(op, input=input)
    check_positive(op, norm_type=norm_type)
    p = int(norm_type) if norm_type == int(norm_type) else norm_type
    kernel = per_axis("kernel_size", kernel_size, rank, least=1)
    powers = input if p == 1 else input * input if p == 2 else input**p
    means = _avg_pool(rank, powers, kernel, stride, 0, ceil_mode, True, None, data_format)
    total = means * prod(kernel)
    if p == 1:
        return total
    is_zero = total == 0
    return where(is_zero, 0.0, where(is_zero, 1.0, total) ** (1 / p))


def _sizes(
    rank: int, kernel_size: Size, stride: Size | None, padding: Size
) -> tuple[tuple[int, ...], ...]:
    kernel = per_axis("kernel_size", kernel_size, rank, least=1)
    strides = kernel if stride is None else per_axis("stride", stride, rank, least=1)
    return kernel, strides, per_axis("padding", padding, rank)


def _margins(
    space: Sequence[int], reach: Sequence[int], strides: Sequence[int], margins: Sequence[int],
    ceil_mode: bool,
) -> list[tuple[int, int]]:
    """Padding before and after each axis; with `ceil_mode` enough for the last window."""
    if not ceil_mode:
        return [(margin, margin) for margin in margins]
    pairs = []
    for size, k, stride, margin in zip(space, reach, strides, margins, strict=True):
        count = -(-(size + 2 * margin - k) // stride) + 1
        if (count - 1) * stride >= size + margin:
            count -= 1  # it would begin in the padding
        pairs.append((margin, max(margin, (count - 1) * stride + k - size - margin)))
    return pairs


def _counts(
    size: int, k: int, stride: int, margin: int, windows: int, include_pad: bool
) -> np.ndarray:
    """How many elements the windows along one axis have."""
    begin = np.arange(windows) * stride - margin
    if include_pad:
        return np.minimum(begin + k, size + margin) - begin
    return np.minimum(begin + k, size) - np.maximum(begin, 0)


def _shares(counts: Sequence[np.ndarray], whole: int, input: Tensor) -> Tensor:
    """whole / the number of elements, for each window: `[*windows, 1]`."""
    number = np.ones(())
    for count in counts:
        number = number[..., None] * count
    return tensor((whole / number)[..., None], dtype=input.dtype)


def _check_windows(
    op: str, input: Tensor, space: tuple[int, ...], kernel: Sequence[int], reach: Sequence[int],
    margins: tuple[int, ...], data_format: str,
) -> None:
    fits = all(
        size + 2 * margin >= far and 2 * margin <= k
        for size, k, far, margin in zip(space, kernel, reach, margins, strict=True)
    )
    if not fits:
        raise ShapeError(
            op,
            operands=[
                ("input", describe(input, axis_names(len(kernel), data_format))),
                ("kernel_size", str(list(kernel))),
                ("padding", str(list(margins))),
            ],
            rule="the window fits into the padded input, and padding is at most half of it",
        )
