"""Parts of images painted over.

In and out: images `[batch, height, width, channels]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from lamina.data.augment.draws import (
    first_accepted,
    happens,
    integers,
    split,
    uniform,
    whole_below,
)
from lamina.data.augment.geometric import Size
from lamina.data.augment.policy import ImagePolicy, interval, pair, spread
from lamina.data.augment.sampling import Border, Fill, colour
from lamina.dtypes import int32
from lamina.errors import ArgumentError
from lamina.functional.arguments import check_counts, check_probability
from lamina.ops.movement import iota
from lamina.tensor import Tensor, exp, round, sqrt, where

TRIES = 10  # boxes drawn for each image, of which the first that fits is taken


@dataclass(frozen=True)
class Cutout(ImagePolicy):
    """Boxes of `size` around random pixels painted over (DeVries and Taylor 2017).

    size: an int, or (height, width); near the outside only a part of the box is on the image.
    count: boxes in each image. fill: a share of white, or one for each channel. p: the probability
    for each image.

    >>> import lamina as lm
    >>> Cutout(8)(lm.generator.key(), lm.ones((4, 32, 32, 3)))[0].shape
    (4, 32, 32, 3)
    """

    size: int | tuple[int, int]
    count: int = 1
    fill: Fill = 0.0
    p: float = 1.0

    def check(self) -> None:
        """Size, count, colour and probability."""
        pair("Cutout", "size", self.size)
        check_counts("Cutout", 1, count=self.count)
        Border("constant", self.fill).check("Cutout")
        check_probability("Cutout", self.p)

    def change(self, key: Tensor, images: Tensor) -> Tensor:
        """The boxes' pixels replaced."""
        size = pair("Cutout", "size", self.size)
        own, *keys = split(key, 1 + 2 * self.count)
        shape = images.shape[:1]
        covered = None
        for for_row, for_column in zip(keys[::2], keys[1::2], strict=True):
            top, left = (integers(k, 0, n, shape) - part // 2 for k, n, part in zip(
                (for_row, for_column), images.shape[1:3], size, strict=True))
            box = box_mask(images, top, left, *size)
            covered = box if covered is None else covered | box
        chosen = spread(happens(own, self.p, shape), images)
        return where(covered & chosen, colour("Cutout", self.fill, images), images)


@dataclass(frozen=True)
class RandomErasing(ImagePolicy):
    """A box of random area and shape painted over, with probability p (Zhong et al. 2017).

    scale: share of the image's area, (low, high). ratio: height by width, (low, high), uniform in
    its logarithm. fill: a share of white, or one for each channel. Of 10 boxes the first that fits
    into the image is taken; if none does, the image stays.

    >>> import lamina as lm
    >>> RandomErasing(p=0.25)(lm.generator.key(), lm.ones((4, 32, 32, 3)))[0].shape
    (4, 32, 32, 3)
    """

    p: float = 0.5
    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)
    fill: Fill = 0.0

    def check(self) -> None:
        """Probability, ranges and colour."""
        check_probability("RandomErasing", self.p)
        interval("RandomErasing", "scale", self.scale, 0, 1)
        if interval("RandomErasing", "ratio", self.ratio, 0)[0] <= 0:
            raise ArgumentError("RandomErasing", operands=[("ratio", repr(self.ratio))],
                                rule="ratios are above 0", got=self.ratio)
        Border("constant", self.fill).check("RandomErasing")

    def change(self, key: Tensor, images: Tensor) -> Tensor:
        """The boxes' pixels replaced."""
        own, for_box, for_row, for_column = split(key, 4)
        count, height, width, _ = images.shape
        size = height, width
        parts = self._boxes(for_box, count, size)
        top, left = (whole_below(uniform(k, (count,)), n - part + 1) for k, n, part in zip(
            (for_row, for_column), size, parts, strict=True))
        box = box_mask(images, top, left, *parts)
        return where(box & spread(happens(own, self.p, (count,)), images),
                     colour("RandomErasing", self.fill, images), images)

    def _boxes(self, key: Tensor, count: int, size: Size) -> tuple[Tensor, Tensor]:
        """Heights and widths, int32 `[count]`; 0 where no box fits."""
        for_area, for_ratio = split(key, 2)
        low, high = map(log, self.ratio)
        area = uniform(for_area, (count, TRIES), *self.scale) * (size[0] * size[1])
        ratio = exp(uniform(for_ratio, (count, TRIES), low, high))
        heights, widths = (round(sqrt(a)).astype(int32) for a in (area * ratio, area / ratio))
        fits = (heights <= size[0]) & (widths <= size[1])
        return first_accepted(fits, heights, 0), first_accepted(fits, widths, 0)


def box_mask(images: Tensor, top: Tensor, left: Tensor, height: Tensor | int, width: Tensor | int
             ) -> Tensor:
    """bool like the images: which pixels are in the box of each, its corner and size `[batch]`."""
    row = Tensor(iota(shape=(1, images.shape[1], 1, 1), axis=1, dtype=int32))
    column = Tensor(iota(shape=(1, 1, images.shape[2], 1), axis=2, dtype=int32))
    top, bottom, left, right = (
        spread(edge, images) for edge in (top, top + height, left, left + width))
    return ((row >= top) & (row < bottom)) & ((column >= left) & (column < right))
