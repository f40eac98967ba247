"""Maxima put back where they were: the other half of pooling that keeps its indices.

In: what `max_pool2d(..., return_indices=True)` gives, `[batch, *space, channels]`, or
`[batch, channels, *space]` with `data_format="channels_first"`. Out: a larger image, else zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from lamina.errors import ShapeError
from lamina.functional.operands import CHANNELS_LAST, check_float, check_tensors, describe
from lamina.functional.windows import Size, from_channels_last, per_axis, to_channels_last
from lamina.ops.table import TABLE
from lamina.tensor import Tensor, arange, custom_op, reshape, scatter, take, zeros


def max_unpool1d(
    input: Tensor, indices: Tensor, kernel_size: Size, stride: Size | None = None,
    padding: Size = 0, output_size: Sequence[int] | None = None, data_format: str = CHANNELS_LAST,
) -> Tensor:
    """The inverse of `max_pool1d` over `[batch, length, channels]`; see `max_unpool2d`."""
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size, data_format)


def max_unpool2d(
    input: Tensor, indices: Tensor, kernel_size: Size, stride: Size | None = None,
    padding: Size = 0, output_size: Sequence[int] | None = None, data_format: str = CHANNELS_LAST,
) -> Tensor:
    """Values at their indices, zeros elsewhere (Zeiler and Fergus 2014, section 2.1).

    input, indices: `[batch, height, width, channels]`, the results of `max_pool2d` with these
    windows and return_indices=True. output_size: of the space that was pooled; without it
    (height - 1) stride - 2 padding + kernel.
    Result: `[batch, *output_size, channels]`. Of several values for one place one is taken, and all
    get its gradient. An index beyond the space is an IndexingError.
    """
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size, data_format)


def max_unpool3d(
    input: Tensor, indices: Tensor, kernel_size: Size, stride: Size | None = None,
    padding: Size = 0, output_size: Sequence[int] | None = None, data_format: str = CHANNELS_LAST,
) -> Tensor:
    """The inverse of `max_pool3d` over `[batch, depth, height, width, channels]`."""
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size, data_format)


def _max_unpool(
    rank: int, input: Tensor, indices: Tensor, kernel_size: Size, stride: Size | None,
    padding: Size, output_size: Sequence[int] | None, data_format: str,
) -> Tensor:
    op = f"max_unpool{rank}d"
    image = to_channels_last(op, input, rank, data_format)
    check_float(op, input=input)
    check_tensors(op, indices=indices)
    if indices.shape != input.shape or not indices.dtype.is_integer:
        raise ShapeError(op, operands=[("input", describe(input)), ("indices", describe(indices))],
                         rule="indices are integers, one for each element of the input",
                         expected=input.shape, got=indices.shape)
    places = to_channels_last(op, indices, rank, data_format)
    space = _space(rank, image, kernel_size, stride, padding, output_size)
    batch, channels, size = image.shape[0], image.shape[-1], prod(space)
    number = reshape(arange(batch), (-1, *[1] * (rank + 1)))
    inside = Tensor(TABLE["check_range"](places.node, size=size))
    flat = reshape((number * size + inside) * channels + arange(channels), (-1,))
    result = _placed(reshape(image, (-1,)), flat, size=batch * size * channels)
    return from_channels_last(reshape(result, (batch, *space, channels)), data_format)


def _space(
    rank: int, image: Tensor, kernel_size: Size, stride: Size | None, padding: Size,
    output_size: Sequence[int] | None,
) -> tuple[int, ...]:
    kernel = per_axis("kernel_size", kernel_size, rank, least=1)
    strides = kernel if stride is None else per_axis("stride", stride, rank, least=1)
    margins = per_axis("padding", padding, rank)
    if output_size is not None:
        return per_axis("output_size", output_size, rank, least=1)
    return tuple((n - 1) * s - 2 * m + k for n, s, m, k in
                 zip(image.shape[1:-1], strides, margins, kernel, strict=True))


def _put(values: Tensor, places: Tensor, size: int) -> Tensor:
    return scatter(zeros((size,), dtype=values.dtype), places, values)


def _read(g: Tensor, y: Tensor, values: Tensor, places: Tensor, size: int
          ) -> tuple[Tensor, None]:
    return take(g, places, axis=0), None


_placed = custom_op(_put, _read)  # scatter's own gradient goes to one of several values alone
