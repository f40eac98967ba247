"""Maximum and mean of sliding windows over 1, 2 or 3 axes.

In and out: `[batch, *space, channels]`, or `[batch, channels, *space]` with
`data_format="channels_first"`. Sizes are an int for all axes, or one for each.
"""

from __future__ import annotations

from collections.abc import Callable

from lamina.errors import ShapeError
from lamina.functional.operands import CHANNELS_LAST, describe
from lamina.functional.windows import (
    Size,
    axis_names,
    from_channels_last,
    per_axis,
    to_channels_last,
)
from lamina.tensor import Tensor, avg_pool, max_pool


def max_pool1d(input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
               data_format: str = CHANNELS_LAST) -> Tensor:
    """The maximum of each window of `[batch, length, channels]`."""
    return _pool(max_pool, 1, input, kernel_size, stride, padding, data_format)


def max_pool2d(input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
               data_format: str = CHANNELS_LAST) -> Tensor:
    """The maximum of each window of `[batch, height, width, channels]`.

    stride: `kernel_size` unless given. padding: with minus infinity.
    """
    return _pool(max_pool, 2, input, kernel_size, stride, padding, data_format)


def max_pool3d(input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
               data_format: str = CHANNELS_LAST) -> Tensor:
    """The maximum of each window of `[batch, depth, height, width, channels]`."""
    return _pool(max_pool, 3, input, kernel_size, stride, padding, data_format)


def avg_pool1d(input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
               data_format: str = CHANNELS_LAST) -> Tensor:
    """The mean of each window of `[batch, length, channels]`; padding counts as zeros."""
    return _pool(avg_pool, 1, input, kernel_size, stride, padding, data_format)


def avg_pool2d(input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
               data_format: str = CHANNELS_LAST) -> Tensor:
    """The mean of each window of `[batch, height, width, channels]`; padding counts as zeros."""
    return _pool(avg_pool, 2, input, kernel_size, stride, padding, data_format)


def avg_pool3d(input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
               data_format: str = CHANNELS_LAST) -> Tensor:
    """The mean of each window of `[batch, depth, height, width, channels]`."""
    return _pool(avg_pool, 3, input, kernel_size, stride, padding, data_format)


def _pool(
    pool: Callable[..., Tensor], rank: int, input: Tensor, kernel_size: Size, stride: Size | None,
    padding: Size, data_format: str,
) -> Tensor:
    op = f"{pool.__name__}{rank}d"
    image = to_channels_last(op, input, rank, data_format)
    kernel = per_axis("kernel_size", kernel_size, rank, least=1)
    strides = kernel if stride is None else per_axis("stride", stride, rank, least=1)
    margins = per_axis("padding", padding, rank)
    _check_windows(op, input, image.shape[1:-1], kernel, margins, data_format)
    return from_channels_last(pool(image, kernel, strides, margins), data_format)


def _check_windows(
    op: str, input: Tensor, space: tuple[int, ...], kernel: tuple[int, ...],
    margins: tuple[int, ...], data_format: str,
) -> None:
    fits = all(
        size + 2 * margin >= k and 2 * margin <= k
        for size, k, margin in zip(space, kernel, margins, strict=True)
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
