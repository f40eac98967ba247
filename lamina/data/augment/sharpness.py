"""Sharper and softer images: a pixel and its neighbours.

In and out: images `[batch, height, width, channels]`, any number of channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.data.augment.colours import blend
from lamina.data.augment.draws import split, uniform
from lamina.data.augment.policy import (
    ImagePolicy,
    as_float,
    as_lines,
    interval,
    is_number,
    rounded_like,
    sometimes,
    spread,
    white,
)
from lamina.dtypes import int32
from lamina.errors import ArgumentError
from lamina.functional.arguments import check_counts, check_probability
from lamina.ops.movement import iota
from lamina.tensor import Tensor, exp, pad, take, tensor, where

Range = float | tuple[float, float]


@dataclass(frozen=True)
class Sharpness(ImagePolicy):
    """Blended with, or away from, a smoothed version of itself.

    factor: 0 is smoothed, 1 the image, 2 sharper; or (low, high), uniform for each image. p: the
    probability for each image. Smoothed is the mean of 3 x 3 pixels where the middle counts 5 times
    (Pillow's SMOOTH); pixels on the outside stay.

    >>> import lamina as lm
    >>> Sharpness((0.0, 2.0))(lm.generator.key(), lm.zeros((4, 8, 8, 3)))[0].shape
    (4, 8, 8, 3)
    """

    factor: Range = (0.0, 2.0)
    p: float = 0.5

    def check(self) -> None:
        """Factor and probability."""
        factor: Any = self.factor
        interval("Sharpness", "factor", (factor, factor) if is_number(factor) else factor, 0.0)
        check_probability("Sharpness", self.p)

    def change(self, key: Tensor, images: Tensor) -> Tensor:
        """A blend with the smoothed image."""
        factor: Any = self.factor
        low, high = (factor, factor) if is_number(factor) else factor
        own, for_factor = split(key, 2)
        lines = as_lines(images)
        values = as_float(lines)
        factors = spread(uniform(for_factor, images.shape[:1], low, high), lines)
        changed = blend(values, smoothed(values, images.shape[3]), factors, white(images))
        return sometimes(own, self.p, rounded_like(changed, images), lines).reshape(images.shape)


def smoothed(lines: Tensor, channels: int) -> Tensor:
    """The weighted mean of 3 x 3 pixels, 5 for the middle; pixels on the outside stay.

    lines: float32 `[batch, height, width * channels]`; a neighbour lies `channels` elements away.
    """
    _, height, length = lines.shape
    c = channels
    if height < 3 or length < 3 * c:
        return lines
    rows = lines[:, :-2] + lines[:, 1:-1] + lines[:, 2:]
    total = rows[:, :, :-2 * c] + rows[:, :, c:-c] + rows[:, :, 2 * c:]
    inner = (total + lines[:, 1:-1, c:-c] * 4.0) * (1 / 13)
    row = Tensor(iota(shape=(1, height, 1), axis=1, dtype=int32))
    column = Tensor(iota(shape=(1, 1, length), axis=2, dtype=int32))
    inside = (row > 0) & (row < height - 1) & (column >= c) & (column < length - c)
    return where(inside, pad(inner, ((0, 0), (1, 1), (c, c))), lines)


@dataclass(frozen=True)
class GaussianBlur(ImagePolicy):
    """Weighted means of `kernel_size` pixels each way, weights falling with the distance.

    kernel_size: odd. sigma: the standard deviation in pixels, or (low, high), uniform for each
    image. p: the probability for each image. Beyond the outside the image is mirrored about the
    middle of its last pixel.

    >>> import lamina as lm
    >>> GaussianBlur(5, sigma=(0.1, 2.0))(lm.generator.key(), lm.zeros((4, 8, 8, 3)))[0].shape
    (4, 8, 8, 3)
    """

    kernel_size: int
    sigma: Range = (0.1, 2.0)
    p: float = 1.0

    def check(self) -> None:
        """Size, sigma and probability."""
        check_counts("GaussianBlur", 1, kernel_size=self.kernel_size)
        sigma: Any = self.sigma
        low, _ = interval("GaussianBlur", "sigma", (sigma, sigma) if is_number(sigma) else sigma)
        if self.kernel_size % 2 == 0 or low <= 0:
            raise ArgumentError("GaussianBlur", operands=[
                ("kernel_size", str(self.kernel_size)), ("sigma", repr(sigma))],
                rule="kernel_size is odd and sigma above 0")
        check_probability("GaussianBlur", self.p)

    def change(self, key: Tensor, images: Tensor) -> Tensor:
        """Columns of pixels, then rows."""
        sigma: Any = self.sigma
        low, high = (sigma, sigma) if is_number(sigma) else sigma
        own, for_sigma = split(key, 2)
        sigmas = uniform(for_sigma, images.shape[:1], low, high)
        shares = gaussian(sigmas, self.kernel_size // 2)
        values = weighted(weighted(as_float(images), shares, 1), shares, 2)
        return sometimes(own, self.p, rounded_like(values, images), images)


def gaussian(sigmas: Tensor, reach: int) -> list[Tensor]:
    """`[batch]` for distances 0 to `reach`; with both sides they sum to 1."""
    raw = [exp(-0.5 * (distance / sigmas) ** 2) for distance in range(reach + 1)]
    total = raw[0]
    for weight in raw[1:]:
        total = total + weight * 2.0
    return [weight / total for weight in raw]


def weighted(values: Tensor, shares: list[Tensor], axis: int) -> Tensor:
    """Along an axis: each element by shares[0], its neighbours by shares[1], and so on."""
    reach, size = len(shares) - 1, values.shape[axis]
    wide = _mirrored(values, reach, axis)

    def moved(by: int) -> Tensor:
        key = [slice(None)] * 4
        key[axis] = slice(reach + by, reach + by + size)
        return wide[tuple(key)]

    shares = [spread(share, values) for share in shares]
    result = moved(0) * shares[0]
    for distance in range(1, reach + 1):
        result = result + (moved(-distance) + moved(distance)) * shares[distance]
    return result


def _mirrored(values: Tensor, reach: int, axis: int) -> Tensor:
    """With `reach` more elements at both ends of an axis."""
    if reach == 0:
        return values
    size = values.shape[axis]
    places = np.arange(-reach, size + reach)
    period = max(1, 2 * size - 2)
    places = np.minimum(places % period, (-places) % period)
    return take(values, tensor(places), axis=axis)
