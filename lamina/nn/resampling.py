"""Layers that change the size of images, or move channels into space and back.

In and out: `[batch, *space, channels]`, or `[batch, channels, *space]` with
`data_format="channels_first"`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import functional as F
from lamina.errors import ArgumentError
from lamina.functional.arguments import check_counts, check_positive
from lamina.functional.interpolation import Scale, check_mode
from lamina.functional.operands import CHANNELS_LAST, checked_format
from lamina.nn.module import Module
from lamina.tensor import Tensor


class Upsample(Module):
    """The image in another size: `size`, or its own times `scale_factor`.

    mode: "nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic" (Keys 1981) or
    "area"; see `functional.interpolate`.

    >>> import lamina as lm
    >>> lm.nn.Upsample(scale_factor=2, mode="bilinear")(lm.zeros((1, 7, 7, 3))).shape
    (1, 14, 14, 3)
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: Scale | None = None,
        mode: str = "nearest",
        align_corners: bool = False,
        data_format: str = CHANNELS_LAST,
    ) -> None:
        check_mode("Upsample", mode, align_corners)
        if (size is None) == (scale_factor is None):
            raise ArgumentError(
                "Upsample",
                operands=[("size", repr(size)), ("scale_factor", repr(scale_factor))],
                rule="size or scale_factor is given, not both",
            )
        for n in () if size is None else size if isinstance(size, list | tuple) else (size,):
            check_counts("Upsample", 1, size=n)
        given: Any = scale_factor
        for s in () if given is None else given if isinstance(given, list | tuple) else (given,):
            check_positive("Upsample", scale_factor=s)
        self.size = size
        self.scale_factor = scale_factor
        self.mode = mode
        self.align_corners = align_corners
        self.data_format = checked_format(data_format)

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, *space, channels]`, with as many axes of space as the mode takes."""
        return F.interpolate(input, self.size, self.scale_factor, self.mode, self.align_corners,
                             self.data_format)

    def extra_repr(self) -> str:
        """The size or factor, and the mode."""
        target = f"to {self.size}" if self.size is not None else f"by {self.scale_factor}"
        return f"{target}, {self.mode}"


class PixelShuffle(Module):
    """`[batch, h, w, c r^2]` as `[batch, h r, w r, c]`, r = upscale_factor (Shi et al. 2016).

    >>> import lamina as lm
    >>> lm.nn.PixelShuffle(2)(lm.zeros((1, 5, 5, 12))).shape
    (1, 10, 10, 3)
    """

    def __init__(self, upscale_factor: int, data_format: str = CHANNELS_LAST) -> None:
        check_counts("PixelShuffle", 1, upscale_factor=upscale_factor)
        self.upscale_factor = upscale_factor
        self.data_format = checked_format(data_format)

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, height, width, channels]`."""
        return F.pixel_shuffle(input, self.upscale_factor, self.data_format)

    def extra_repr(self) -> str:
        """The factor."""
        return str(self.upscale_factor)


class PixelUnshuffle(Module):
    """`[batch, h r, w r, c]` as `[batch, h, w, c r^2]` for r = downscale_factor.

    Undoes `PixelShuffle` (Shi et al. 2016).
    """

    def __init__(self, downscale_factor: int, data_format: str = CHANNELS_LAST) -> None:
        check_counts("PixelUnshuffle", 1, downscale_factor=downscale_factor)
        self.downscale_factor = downscale_factor
        self.data_format = checked_format(data_format)

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, height, width, channels]`."""
        return F.pixel_unshuffle(input, self.downscale_factor, self.data_format)

    def extra_repr(self) -> str:
        """The factor."""
        return str(self.downscale_factor)


class ChannelShuffle(Module):
    """Channels dealt out over the groups (Zhang et al. 2017, ShuffleNet, figure 1)."""

    def __init__(self, groups: int, data_format: str = CHANNELS_LAST) -> None:
        check_counts("ChannelShuffle", 1, groups=groups)
        self.groups = groups
        self.data_format = checked_format(data_format)

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, *space, channels]`."""
        return F.channel_shuffle(input, self.groups, self.data_format)

    def extra_repr(self) -> str:
        """The number of groups."""
        return f"{self.groups} groups"
