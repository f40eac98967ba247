"""Colours: brightness, contrast, saturation, hue, and grey.

In and out: images `[batch, height, width, channels]` of one channel (grey) or three (red, green,
blue). A change is a blend of the image with a plain version of itself: black for brightness, its
mean grey for contrast, its greys for saturation (P. Haeberli and D. Voorhies, "Image processing by
linear interpolation and extrapolation", IRIS Universe 28, 1994).
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina.data.augment.draws import split, uniform
from lamina.data.augment.policy import (
    ImagePolicy,
    around,
    as_float,
    check_colours,
    pixels_like,
    rounded_like,
    sometimes,
    spread,
    white,
)
from lamina.functional.arguments import check_probability
from lamina.tensor import Tensor, broadcast_to, clip, concat, floor, maximum, minimum, where

Range = float | tuple[float, float]

LUMA = (0.299, 0.587, 0.114)  # red, green, blue: ITU-R BT.601


def grey(values: Tensor) -> Tensor:
    """`[batch, height, width, channels]`: the brightness of every pixel in all its channels."""
    if values.shape[3] == 1:
        return values
    red, green, blue = (broadcast_to(values[..., i:i + 1], values.shape) for i in range(3))
    return red * LUMA[0] + green * LUMA[1] + blue * LUMA[2]


def blend(values: Tensor, plain: Tensor | float, factor: Tensor, top: float) -> Tensor:
    """plain + factor (values - plain), cut to 0..top: 0 is plain, 1 the image, 2 beyond it."""
    return clip(plain + (values - plain) * factor, 0.0, top)


@dataclass(frozen=True)
class ColorJitter(ImagePolicy):
    """Brightness, contrast, saturation, then hue, each by a uniform amount for each image.

    brightness, contrast, saturation: a factor between 1 - r (not below 0) and 1 + r, or (low,
    high). hue: a turn of the colour circle, up to r either way (at most 0.5, half a turn), or (low,
    high). Images of one channel have neither saturation nor hue: these two leave them as they are.

    >>> import lamina as lm
    >>> jitter = ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
    >>> jitter(lm.generator.key(), lm.zeros((4, 8, 8, 3)))[0].shape
    (4, 8, 8, 3)
    """

    brightness: Range = 0.0
    contrast: Range = 0.0
    saturation: Range = 0.0
    hue: Range = 0.0

    def check(self) -> None:
        """The ranges."""
        for name in ("brightness", "contrast", "saturation"):
            around("ColorJitter", name, getattr(self, name), 1.0, 0.0)
        around("ColorJitter", "hue", self.hue, 0.0, -0.5, 0.5)

    def change(self, key: Tensor, images: Tensor) -> Tensor:
        """All four in float32, rounded once."""
        check_colours("ColorJitter", images)
        top, coloured = white(images), images.shape[3] == 3
        values = as_float(images)
        keys = split(key, 4)
        if self.brightness:
            values = blend(values, 0.0, self._factors(keys[0], "brightness", images), top)
        if self.contrast:
            middle = spread(grey(values).mean(axis=(1, 2, 3)), images)
            values = blend(values, middle, self._factors(keys[1], "contrast", images), top)
        if self.saturation and coloured:
            factors = self._factors(keys[2], "saturation", images)
            values = blend(values, grey(values), factors, top)
        if self.hue and coloured:
            low, high = around("ColorJitter", "hue", self.hue, 0.0, -0.5, 0.5)
            values = turned_hue(values, uniform(keys[3], images.shape[:1], low, high))
        return pixels_like(values, images)

    def _factors(self, key: Tensor, name: str, images: Tensor) -> Tensor:
        low, high = around("ColorJitter", name, getattr(self, name), 1.0, 0.0)
        return spread(uniform(key, images.shape[:1], low, high), images)


def turned_hue(values: Tensor, turns: Tensor) -> Tensor:
    """The colours so many turns, `[batch]`, on along the circle red, green, blue; greys stay.

    Through hue, chroma and value: A. R. Smith, "Color gamut transform pairs", SIGGRAPH 1978.
    """
    red, green, blue = (values[..., i:i + 1] for i in range(3))
    value = maximum(maximum(red, green), blue)
    chroma = value - minimum(minimum(red, green), blue)
    unit = 1.0 / where(chroma > 0, chroma, 1.0)
    sixths = where(value == red, (green - blue) * unit,
                   where(value == green, (blue - red) * unit + 2.0, (red - green) * unit + 4.0))
    sixths = sixths + broadcast_to(turns.reshape(-1, 1, 1, 1), sixths.shape) * 6.0
    parts = []
    for first in (5.0, 3.0, 1.0):  # the sixth from which each of red, green, blue falls
        place = sixths + first
        place = place - floor(place * (1 / 6)) * 6.0
        parts.append(value - chroma * clip(minimum(place, 4.0 - place), 0.0, 1.0))
    return concat(parts, axis=3)


@dataclass(frozen=True)
class Grayscale(ImagePolicy):
    """Greys instead of colours, with probability p for each image; three equal channels stay three.

    >>> import lamina as lm
    >>> Grayscale(p=1.0)(lm.generator.key(), lm.tensor([[[[0.0, 1.0, 0.0]]]]))[0].tolist()
    [[[[0.5870000123977661, 0.5870000123977661, 0.5870000123977661]]]]
    """

    p: float = 0.1

    def check(self) -> None:
        """The probability."""
        check_probability("Grayscale", self.p)

    def change(self, key: Tensor, images: Tensor) -> Tensor:
        """The brightness of every pixel in all its channels."""
        check_colours("Grayscale", images)
        if images.shape[3] == 1:
            return images
        greys = rounded_like(grey(as_float(images)), images)
        return sometimes(key, self.p, greys, images)
