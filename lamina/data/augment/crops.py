"""Parts of images: crops at random places, in the middle, and of random sizes.

In: images `[batch, height, width, channels]`. Out: images of the size that is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from lamina.data.augment.affine_map import AffineMap
from lamina.data.augment.draws import first_accepted, integers, split, uniform, whole_below
from lamina.data.augment.geometric import Geometric, Size
from lamina.data.augment.policy import interval, pair
from lamina.data.augment.sampling import INTERPOLATIONS, Border, Fill
from lamina.dtypes import float32, int32
from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_choice
from lamina.tensor import Tensor, exp, round, sqrt, where

TRIES = 10  # boxes drawn for each image, of which the first that fits is taken


@dataclass(frozen=True)
class RandomCrop(Geometric):
    """A part of `size`, at a place that is uniform over all where it fits.

    size: an int, or (height, width). padding: pixels put around the image before, an int or
    (vertical, horizontal). mode: what they are, of "constant", "edge", "reflect", "symmetric"; for
    "constant" `fill`, a share of white or one for each channel. Raises ShapeError for images that
    are smaller than the crop.

    >>> import lamina as lm
    >>> images = lm.zeros((8, 32, 32, 3), lm.uint8)
    >>> RandomCrop(24)(lm.generator.key(), images)[0].shape
    (8, 24, 24, 3)
    """

    size: int | tuple[int, int]
    padding: int | tuple[int, int] = 0
    mode: str = "constant"
    fill: Fill = 0.0

    def check(self) -> None:
        """Size, padding and border."""
        pair("RandomCrop", "size", self.size)
        pair("RandomCrop", "padding", self.padding, 0)
        Border(self.mode, self.fill).check("RandomCrop")

    def border(self) -> Border | None:
        """The padding's."""
        return Border(self.mode, self.fill) if self.padding not in (0, (0, 0)) else None

    def move(self, key: Tensor, count: int, size: Size) -> tuple[AffineMap, Size]:
        """A shift by whole pixels."""
        wanted = pair("RandomCrop", "size", self.size)
        padding = pair("RandomCrop", "padding", self.padding, 0)
        room = [n + 2 * p - w for n, p, w in zip(size, padding, wanted, strict=True)]
        if min(room) < 0:
            raise _too_large("RandomCrop", size, wanted, padding)
        down, right = (integers(k, -p, r - p + 1, (count, 1, 1))
                       for k, p, r in zip(split(key, 2), padding, room, strict=True))
        return AffineMap(y0=down, x0=right), wanted


@dataclass(frozen=True)
class CenterCrop(Geometric):
    """The middle of the image, of `size`: an int, or (height, width).

    Where the two sizes differ by an odd number, the part lies half a pixel to the top and left of
    the middle. Raises ShapeError for images that are smaller.
    """

    size: int | tuple[int, int]

    def check(self) -> None:
        """The size."""
        pair("CenterCrop", "size", self.size)

    def move(self, key: Tensor, count: int, size: Size) -> tuple[AffineMap, Size]:
        """A shift by whole pixels."""
        wanted = pair("CenterCrop", "size", self.size)
        if wanted[0] > size[0] or wanted[1] > size[1]:
            raise _too_large("CenterCrop", size, wanted, (0, 0))
        down, right = ((n - w) // 2 for n, w in zip(size, wanted, strict=True))
        return AffineMap(y0=down, x0=right), wanted


@dataclass(frozen=True)
class RandomResizedCrop(Geometric):
    """A part of random area and shape, brought to `size` (Szegedy et al. 2015, section 6).

    scale: share of the image's area, (low, high). ratio: width by height, (low, high), uniform in
    its logarithm. Of 10 boxes the first that fits is taken; if none does, the largest in the middle
    with the nearest allowed shape. The part is sampled at points ("bilinear" or "nearest"): where
    it is much larger than `size`, put a `Resize` before.

    >>> import lamina as lm
    >>> images = lm.zeros((8, 48, 64, 3))
    >>> RandomResizedCrop(32)(lm.generator.key(), images)[0].shape
    (8, 32, 32, 3)
    """

    size: int | tuple[int, int]
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    interpolation: str = "bilinear"

    def check(self) -> None:
        """Size, ranges and interpolation."""
        pair("RandomResizedCrop", "size", self.size)
        interval("RandomResizedCrop", "scale", self.scale, 0, 1)
        interval("RandomResizedCrop", "ratio", self.ratio, 0)
        if self.scale[0] <= 0 or self.ratio[0] <= 0:
            raise ArgumentError("RandomResizedCrop", operands=[
                ("scale", repr(self.scale)), ("ratio", repr(self.ratio))],
                rule="areas and ratios are above 0")
        check_choice("RandomResizedCrop", "interpolation", self.interpolation, INTERPOLATIONS)

    def sampled(self) -> str:
        """As it was told."""
        return self.interpolation

    def move(self, key: Tensor, count: int, size: Size) -> tuple[AffineMap, Size]:
        """A shift, and a scale for each axis."""
        wanted = pair("RandomResizedCrop", "size", self.size)
        for_box, for_row, for_column = split(key, 3)
        fits, *parts = self._boxes(for_box, count, size)
        top, left = (where(fits, whole_below(uniform(k, (count,)), n - part + 1), (n - part) // 2)
                     for k, n, part in zip((for_row, for_column), size, parts, strict=True))
        (yy, y0), (xx, x0) = (
            _stretched(first, part, n)
            for first, part, n in zip((top, left), parts, wanted, strict=True))
        return AffineMap(yy=yy, y0=y0, xx=xx, x0=x0), wanted

    def _boxes(self, key: Tensor, count: int, size: Size) -> tuple[Tensor, Tensor, Tensor]:
        """Whether one of the boxes fits, bool, and heights and widths, int32: `[count]` each."""
        for_area, for_ratio = split(key, 2)
        low, high = map(log, self.ratio)
        area = uniform(for_area, (count, TRIES), *self.scale) * (size[0] * size[1])
        ratio = exp(uniform(for_ratio, (count, TRIES), low, high))
        heights, widths = (round(sqrt(a)).astype(int32) for a in (area / ratio, area * ratio))
        fits = (heights > 0) & (widths > 0) & (heights <= size[0]) & (widths <= size[1])
        middle = self._largest(size)
        return (fits.any(axis=1), first_accepted(fits, heights, middle[0]),
                first_accepted(fits, widths, middle[1]))

    def _largest(self, size: Size) -> Size:
        """The largest part of an allowed shape."""
        height, width = size
        if width < height * self.ratio[0]:
            return max(1, int(width / self.ratio[0] + 0.5)), width
        if width > height * self.ratio[1]:
            return height, max(1, int(height * self.ratio[1] + 0.5))
        return size


def _stretched(first: Tensor, part: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Scale and offset of an axis where `part` pixels from `first` on become `size`."""
    scale = (part.astype(float32) * (1 / size)).reshape(-1, 1, 1)
    return scale, first.astype(float32).reshape(-1, 1, 1) + (scale - 1.0) * 0.5


def _too_large(op: str, size: Size, wanted: Size, padding: tuple[int, int]) -> ShapeError:
    operands = [("images", f"[batch, height={size[0]}, width={size[1]}, channels]"),
                ("size", f"{wanted[0]} x {wanted[1]}")]
    if op == "RandomCrop":
        operands.append(("padding", f"{padding[0]} and {padding[1]} on each side"))
    return ShapeError(op, operands=operands, expected=size, got=wanted,
                      rule="the crop is not larger than the image with its padding")
