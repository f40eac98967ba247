"""Sliding windows: the arguments and axes that convolution and pooling share.

In: sizes as an int for all axes or one for each; images in either data format. Out: one int for
each axis; images channels last, which is what the engine's operations take.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.operands import (
    CHANNELS_FIRST,
    CHANNELS_LAST,
    check_tensors,
    checked_format,
    describe,
)
from lamina.tensor import Tensor, permute_dims

Size = int | Sequence[int]
SPACE = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def per_axis(name: str, value: Size, rank: int, least: int = 0) -> tuple[int, ...]:
    """One int, `least` or more, for each of `rank` axes."""
    sizes: tuple[Any, ...] = (
        tuple(value) if isinstance(value, list | tuple) else (value,) * rank
    )
    if len(sizes) != rank or not all(is_count(size) and size >= least for size in sizes):
        raise ArgumentError(
            name,
            operands=[(name, repr(value))],
            rule=f"{name} is an int of at least {least}, or {rank} of them",
            got=value,
        )
    return sizes


def is_count(value: Any) -> bool:
    """An int that is no bool."""
    return isinstance(value, int) and not isinstance(value, bool)


def check_windows(
    rank: int, kernel_size: Size, stride: Size, padding: Size = 0, dilation: Size = 1
) -> None:
    """Raise ArgumentError unless each is an int that makes sense, or one for each of the axes."""
    per_axis("kernel_size", kernel_size, rank, least=1)
    per_axis("stride", stride, rank, least=1)
    per_axis("padding", padding, rank)
    per_axis("dilation", dilation, rank, least=1)


def to_channels_last(
    op: str, input: Tensor, rank: int, data_format: str, channels: int = 0
) -> Tensor:
    """`input` as `[batch, *space, channels]`; raises ShapeError if it has not rank + 2 axes.

    channels: how many there should be, for the way out in the error; 0 if any number will do.
    """
    checked_format(data_format)
    check_tensors(op, input=input)
    if input.ndim != rank + 2:
        raise ShapeError(
            op,
            operands=[("input", describe(input))],
            rule=f"input is [{', '.join(axis_names(rank, data_format))}]",
            hint=_missing_axis(input, rank, data_format, channels),
            got=input.shape,
        )
    if data_format == CHANNELS_LAST:
        return input
    return permute_dims(input, (0, *range(2, rank + 2), 1))


def from_channels_last(result: Tensor, data_format: str) -> Tensor:
    """`[batch, *space, channels]` as `data_format` has it."""
    if data_format == CHANNELS_LAST:
        return result
    last = result.ndim - 1
    return permute_dims(result, (0, last, *range(1, last)))


def axis_names(rank: int, data_format: str) -> tuple[str, ...]:
    """`batch, height, width, channels`, in the order of `data_format`."""
    if data_format == CHANNELS_FIRST:
        return ("batch", "channels", *SPACE[rank])
    return ("batch", *SPACE[rank], "channels")


def _missing_axis(input: Tensor, rank: int, data_format: str, channels: int) -> str:
    """Add the axis that is missing, where it is clear which of batch and channels it is."""
    if input.ndim != rank + 1:
        return ""
    last = data_format == CHANNELS_LAST
    if input.shape[-1 if last else 0] == channels:
        return "input[None], one image as a batch of one"
    if channels == 1:
        return "input[..., None]" if last else "input[:, None]"
    return ""
