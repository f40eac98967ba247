"""Noise on every pixel.

In and out: images `[batch, height, width, channels]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lamina.data.augment.draws import normal, split, uniform
from lamina.data.augment.policy import (
    ImagePolicy,
    as_float,
    flat,
    interval,
    is_number,
    pixels_like,
    spread,
    white,
)
from lamina.tensor import Tensor


@dataclass(frozen=True)
class GaussianNoise(ImagePolicy):
    """Normal noise added to every value, the sum cut to black..white.

    std: the standard deviation as a share of white, or (low, high), uniform for each image.

    >>> import lamina as lm
    >>> GaussianNoise(0.05)(lm.generator.key(), lm.zeros((4, 8, 8, 3)))[0].shape
    (4, 8, 8, 3)
    """

    std: float | tuple[float, float] = 0.1

    def check(self) -> None:
        """The deviation."""
        std: Any = self.std
        interval("GaussianNoise", "std", (std, std) if is_number(std) else std, 0.0)

    def change(self, key: Tensor, images: Tensor) -> Tensor:
        """One draw for each value."""
        std: Any = self.std
        low, high = (std, std) if is_number(std) else std
        for_noise, for_std = split(key, 2)
        values = as_float(flat(images))
        scale = spread(uniform(for_std, images.shape[:1], low, high) * white(images), values)
        changed = values + normal(for_noise, values.shape) * scale
        return pixels_like(changed, images).reshape(images.shape)
