"""Pooling to a given size, and to one value for each channel.

In and out: `[batch, *space, channels]`, or `[batch, channels, *space]` with
`data_format="channels_first"`. Along an axis of n elements pooled to m, window i covers elements
floor(i n / m) to ceil((i + 1) n / m) - 1, so windows overlap where m does not divide n.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.operands import CHANNELS_LAST, check_float, checked_format, describe
from lamina.functional.windows import from_channels_last, is_count, to_channels_last
from lamina.tensor import (
    Tensor,
    avg_pool,
    max_pool,
    moveaxis,
    reshape,
    take,
    tensor,
    tensordot,
)

OutputSize = int | None | Sequence[int | None]


def adaptive_avg_pool1d(
    input: Tensor, output_size: OutputSize, data_format: str = CHANNELS_LAST
) -> Tensor:
    """Means of `[batch, length, channels]` as `[batch, output_size, channels]`."""
    return _pooled("avg", 1, input, output_size, data_format)


def adaptive_avg_pool2d(
    input: Tensor, output_size: OutputSize, data_format: str = CHANNELS_LAST
) -> Tensor:
    """Means of `[batch, height, width, channels]` as `[batch, *output_size, channels]`.

    output_size: an int for both axes, or one for each; None keeps an axis. Any size will do.
    """
    return _pooled("avg", 2, input, output_size, data_format)


def adaptive_avg_pool3d(
    input: Tensor, output_size: OutputSize, data_format: str = CHANNELS_LAST
) -> Tensor:
    """Means of `[batch, depth, height, width, channels]`; see `adaptive_avg_pool2d`."""
    return _pooled("avg", 3, input, output_size, data_format)


def adaptive_max_pool1d(
    input: Tensor, output_size: OutputSize, data_format: str = CHANNELS_LAST
) -> Tensor:
    """Maxima of `[batch, length, channels]` as `[batch, output_size, channels]`."""
    return _pooled("max", 1, input, output_size, data_format)


def adaptive_max_pool2d(
    input: Tensor, output_size: OutputSize, data_format: str = CHANNELS_LAST
) -> Tensor:
    """Maxima of `[batch, height, width, channels]`; see `adaptive_avg_pool2d` for sizes.

    Where sizes do not divide, elements that are equally large share the gradient.
    """
    return _pooled("max", 2, input, output_size, data_format)


def adaptive_max_pool3d(
    input: Tensor, output_size: OutputSize, data_format: str = CHANNELS_LAST
) -> Tensor:
    """Maxima of `[batch, depth, height, width, channels]`; see `adaptive_max_pool2d`."""
    return _pooled("max", 3, input, output_size, data_format)


def global_avg_pool(
    input: Tensor, keepdims: bool = False, data_format: str = CHANNELS_LAST
) -> Tensor:
    """The mean of each channel over all of space (Lin et al. 2013, section 3.2).

    input: `[batch, *space, channels]`, any number of axes; result: `[batch, channels]`.
    keepdims: space stays, with size 1.
    """
    axes = _space("global_avg_pool", input, data_format)
    return input.mean(axis=axes, keepdims=keepdims)


def global_max_pool(
    input: Tensor, keepdims: bool = False, data_format: str = CHANNELS_LAST
) -> Tensor:
    """The maximum of each channel over all of space.

    input: `[batch, *space, channels]`, any number of axes; result: `[batch, channels]`.
    keepdims: space stays, with size 1. Elements that are equally large share the gradient.
    """
    axes = _space("global_max_pool", input, data_format)
    return input.max(axis=axes, keepdims=keepdims)


def _space(op: str, input: Tensor, data_format: str) -> tuple[int, ...]:
    check_float(op, input=input)
    last = checked_format(data_format) == CHANNELS_LAST
    if input.ndim < 3:
        raise ShapeError(op, operands=[("input", describe(input))],
                         rule="input has batch, channels and at least one axis of space",
                         got=input.shape)
    return tuple(range(1, input.ndim - 1) if last else range(2, input.ndim))


def _pooled(
    kind: str, rank: int, input: Tensor, output_size: OutputSize, data_format: str
) -> Tensor:
    op = f"adaptive_{kind}_pool{rank}d"
    image = to_channels_last(op, input, rank, data_format)
    check_float(op, input=input)
    space = image.shape[1:-1]
    if 0 in space:
        raise ShapeError(op, operands=[("input", describe(input))],
                         rule="no axis of space is empty", got=input.shape)
    sizes = output_sizes(op, output_size, space)
    if all(n % m == 0 for n, m in zip(space, sizes, strict=True)):
        window = [n // m for n, m in zip(space, sizes, strict=True)]
        pool = avg_pool if kind == "avg" else max_pool
        return from_channels_last(pool(image, window), data_format)
    along = _means_along if kind == "avg" else _maxima_along
    for axis, (n, m) in enumerate(zip(space, sizes, strict=True), start=1):
        if n != m:
            image = along(image, axis, *window_ranges(n, m))
    return from_channels_last(image, data_format)


def output_sizes(op: str, output_size: OutputSize, space: Sequence[int]) -> tuple[int, ...]:
    """One size for each axis of space, its own for None; raises ArgumentError."""
    given: Any = output_size
    sizes = tuple(given) if isinstance(given, list | tuple) else (given,) * len(space)
    found = [n if size is None else size for size, n in zip(sizes, space, strict=False)]
    if len(sizes) != len(space) or not all(is_count(m) and m >= 1 for m in found):
        raise ArgumentError(
            op,
            operands=[("output_size", repr(output_size))],
            rule=f"output_size is an int of at least 1, or {len(space)} of them, or None",
            got=output_size,
        )
    return tuple(found)


def window_ranges(n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each of m windows over n elements begins, and the place after its end."""
    i = np.arange(m)
    return i * n // m, -(-(i + 1) * n // m)


def _means_along(image: Tensor, axis: int, begin: np.ndarray, end: np.ndarray) -> Tensor:
    """Means along one axis, as a product with the matrix of the windows."""
    places = np.arange(image.shape[axis])
    inside = (places >= begin[:, None]) & (places < end[:, None])
    matrix = tensor(inside / (end - begin)[:, None], dtype=image.dtype)
    return moveaxis(tensordot(matrix, image, ((1,), (axis,))), 0, axis)


def _maxima_along(image: Tensor, axis: int, begin: np.ndarray, end: np.ndarray) -> Tensor:
    """Maxima along one axis; short windows see their last element again."""
    width = int((end - begin).max())
    places = np.minimum(begin[:, None] + np.arange(width), end[:, None] - 1)
    taken = take(image, tensor(places.reshape(-1)), axis=axis)
    shape = image.shape
    parts = reshape(taken, (*shape[:axis], len(begin), width, *shape[axis + 1:]))
    return parts.max(axis=axis + 1)
