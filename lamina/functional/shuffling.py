"""Channels to space and back, and channels in another order: nothing is computed.

In and out: `[batch, height, width, channels]`, or `[batch, channels, height, width]` with
`data_format="channels_first"`. Channels are ordered as in PyTorch in both formats.
"""

from __future__ import annotations

from lamina.errors import ShapeError
from lamina.functional.arguments import check_counts
from lamina.functional.operands import CHANNELS_LAST, check_tensors, checked_format, describe
from lamina.functional.windows import axis_names, from_channels_last, to_channels_last
from lamina.tensor import Tensor, permute_dims, reshape


def pixel_shuffle(
    input: Tensor, upscale_factor: int, data_format: str = CHANNELS_LAST
) -> Tensor:
    """`[batch, h, w, c r^2]` as `[batch, h r, w r, c]` for r = `upscale_factor`.

    Channel c r^2 + i r + j becomes pixel (i, j) of a square of r by r (Shi et al. 2016, eq. 4).
    """
    check_counts("pixel_shuffle", 1, upscale_factor=upscale_factor)
    r = upscale_factor
    image = to_channels_last("pixel_shuffle", input, 2, data_format)
    n, h, w, channels = image.shape
    _check_divides("pixel_shuffle", input, data_format, channels % (r * r) == 0,
                   f"{r} x {r}, the square of upscale_factor, divides the channels")
    parts = reshape(image, (n, h, w, channels // (r * r), r, r))
    turned = permute_dims(parts, (0, 1, 4, 2, 5, 3))
    return from_channels_last(reshape(turned, (n, h * r, w * r, channels // (r * r))), data_format)


def pixel_unshuffle(
    input: Tensor, downscale_factor: int, data_format: str = CHANNELS_LAST
) -> Tensor:
    """`[batch, h r, w r, c]` as `[batch, h, w, c r^2]`: undoes `pixel_shuffle`."""
    check_counts("pixel_unshuffle", 1, downscale_factor=downscale_factor)
    r = downscale_factor
    image = to_channels_last("pixel_unshuffle", input, 2, data_format)
    n, h, w, channels = image.shape
    _check_divides("pixel_unshuffle", input, data_format, h % r == 0 and w % r == 0,
                   "downscale_factor divides height and width")
    parts = reshape(image, (n, h // r, r, w // r, r, channels))
    turned = permute_dims(parts, (0, 1, 3, 5, 2, 4))
    return from_channels_last(reshape(turned, (n, h // r, w // r, channels * r * r)), data_format)


def channel_shuffle(input: Tensor, groups: int, data_format: str = CHANNELS_LAST) -> Tensor:
    """Channels dealt out: the first of each group, then the second ... (Zhang et al. 2017, fig. 1).

    input: `[batch, *space, channels]` with any number of axes of space.
    """
    check_tensors("channel_shuffle", input=input)
    check_counts("channel_shuffle", 1, groups=groups)
    last = checked_format(data_format) == CHANNELS_LAST
    axis = input.ndim - 1 if last else 1
    fits = input.ndim >= 2 and input.shape[axis] % groups == 0
    if not fits:
        raise ShapeError("channel_shuffle",
                         operands=[("input", describe(input)), ("groups", str(groups))],
                         rule="input has batch and channels, and groups divides the channels",
                         got=input.shape)
    before, channels, after = input.shape[:axis], input.shape[axis], input.shape[axis + 1:]
    parts = reshape(input, (*before, groups, channels // groups, *after))
    order = list(range(parts.ndim))
    order[axis], order[axis + 1] = axis + 1, axis
    return reshape(permute_dims(parts, order), input.shape)


def _check_divides(op: str, input: Tensor, data_format: str, fits: bool, rule: str) -> None:
    if not fits:
        raise ShapeError(op, operands=[("input", describe(input, axis_names(2, data_format)))],
                         rule=rule, got=input.shape)
