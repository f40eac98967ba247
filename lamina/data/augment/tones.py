"""Tones: what a pixel becomes depends on its value, and on how values are spread in its image.

In and out: images `[batch, height, width, channels]` of any number of channels. Values are taken as
256 levels; float32 images give multiples of 1/255 where levels count (Posterize, Equalize).
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina.data.augment.levels import equalising, histogram, looked_up
from lamina.data.augment.policy import (
    ImagePolicy,
    as_float,
    flat,
    is_number,
    pixels_like,
    rounded_like,
    sometimes,
    white,
)
from lamina.errors import ArgumentError
from lamina.functional.arguments import check_counts, check_probability
from lamina.tensor import Tensor, broadcast_to, clip, floor, round, where
from lamina.tensor import max as largest
from lamina.tensor import min as smallest


@dataclass(frozen=True)
class Solarize(ImagePolicy):
    """Values from `threshold` on, a share of white, turned to their negative.

    p: the probability for each image.

    >>> import lamina as lm
    >>> image = lm.tensor([[[[0], [100], [200]]]], lm.uint8)
    >>> Solarize(0.5, p=1.0)(lm.generator.key(), image)[0].flatten().tolist()
    [0, 100, 55]
    """

    threshold: float = 0.5
    p: float = 0.5

    def check(self) -> None:
        """Threshold and probability."""
        if not is_number(self.threshold) or not 0 <= self.threshold <= 1:
            raise ArgumentError("Solarize", operands=[("threshold", f"{self.threshold!r:.60}")],
                                rule="threshold is a share of white, 0 to 1", got=self.threshold)
        check_probability("Solarize", self.p)

    def change(self, key: Tensor, images: Tensor) -> Tensor:
        """Each pixel by itself."""
        values, top = as_float(images), white(images)
        changed = solarized(values, self.threshold * top, top)
        return sometimes(key, self.p, rounded_like(changed, images), images)


@dataclass(frozen=True)
class Posterize(ImagePolicy):
    """Only the highest `bits` bits, 1 to 8, of the level of a value stay.

    p: the probability for each image.

    >>> import lamina as lm
    >>> image = lm.tensor([[[[3], [100], [255]]]], lm.uint8)
    >>> Posterize(2, p=1.0)(lm.generator.key(), image)[0].flatten().tolist()
    [0, 64, 192]
    """

    bits: int
    p: float = 0.5

    def check(self) -> None:
        """Bits and probability."""
        check_counts("Posterize", 1, bits=self.bits)
        if self.bits > 8:
            raise ArgumentError("Posterize", operands=[("bits", str(self.bits))], got=self.bits,
                                rule="bits is 1 to 8")
        check_probability("Posterize", self.p)

    def change(self, key: Tensor, images: Tensor) -> Tensor:
        """Each pixel by itself."""
        changed = posterized(as_float(images), float(2 ** (8 - self.bits)), white(images))
        return sometimes(key, self.p, rounded_like(changed, images), images)


@dataclass(frozen=True)
class AutoContrast(ImagePolicy):
    """The darkest value of each channel becomes black, the lightest white, between them linear.

    p: the probability for each image. A channel of one value stays.
    """

    p: float = 0.5

    def check(self) -> None:
        """The probability."""
        check_probability("AutoContrast", self.p)

    def change(self, key: Tensor, images: Tensor) -> Tensor:
        """Two passes: extremes, then values."""
        low, high = extremes(images)
        changed = stretched(as_float(images), low, high, white(images))
        return sometimes(key, self.p, pixels_like(changed, images), images)


@dataclass(frozen=True)
class Equalize(ImagePolicy):
    """Values of each channel spread so that all levels are about equally frequent.

    p: the probability for each image. The same levels as Pillow's `ImageOps.equalize`, which leaves
    images of fewer than 256 pixels as they are.
    """

    p: float = 0.5

    def check(self) -> None:
        """The probability."""
        check_probability("Equalize", self.p)

    def change(self, key: Tensor, images: Tensor) -> Tensor:
        """Two passes: a histogram of each channel, then a look-up of each pixel."""
        table = equalising(histogram(images), images.shape[1] * images.shape[2])
        changed = looked_up(images, table)
        return sometimes(key, self.p, changed, flat(images)).reshape(images.shape)


# ---- the rules -----------------------------------------------------------------------------------
def solarized(values: Tensor, threshold: Tensor | float, top: float) -> Tensor:
    """top - value where a value is not below the threshold."""
    return where(values >= threshold, top - values, values)


def posterized(values: Tensor, step: Tensor | float, top: float) -> Tensor:
    """The level of each value rounded down to a multiple of the step."""
    level = clip(round(values * (255 / top)), 0.0, 255.0)
    return floor(level / step) * step * (top / 255)


def extremes(images: Tensor) -> tuple[Tensor, Tensor]:
    """float32 `[batch, 1, 1, channels]`: the smallest and the largest value of each channel."""
    return (as_float(smallest(images, axis=(1, 2), keepdims=True)),
            as_float(largest(images, axis=(1, 2), keepdims=True)))


def stretched(values: Tensor, low: Tensor, high: Tensor, top: float) -> Tensor:
    """low becomes 0 and high becomes top; all stays where they are equal."""
    wide = high > low
    scale = where(wide, top / where(wide, high - low, 1.0), 1.0)
    return (values - broadcast_to(where(wide, low, 0.0), values.shape)) * broadcast_to(
        scale, values.shape)
