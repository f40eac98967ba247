"""What a model is fed with: floats in a known range.

In: images uint8 or float32. Out: float32 `[batch, height, width, channels]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lamina.data.augment.policy import ImagePolicy, as_float, is_number, white
from lamina.dtypes import float32
from lamina.errors import ArgumentError, ShapeError
from lamina.tensor import Tensor, tensor


@dataclass(frozen=True)
class ToFloat(ImagePolicy):
    """float32 from 0 to 1: uint8 divided by 255; float32 as it is.

    >>> import lamina as lm
    >>> ToFloat()(lm.generator.key(), lm.full((1, 1, 1, 1), 51, lm.uint8))[0].item()
    0.20000000298023224
    """

    def change(self, key: Tensor, images: Tensor) -> Tensor:
        """Shares of white."""
        return _shares(images)


@dataclass(frozen=True)
class Normalize(ImagePolicy):
    """(value - mean) / std, float32, values and the two as shares of white (uint8 is `ToFloat`ed).

    mean, std: a number, or one for each channel. Colour policies stand before it: they take values
    from black to white.

    >>> import lamina as lm
    >>> Normalize(0.5, 0.25)(lm.generator.key(), lm.ones((1, 1, 1, 1)))[0].item()
    2.0
    """

    mean: float | tuple[float, ...]
    std: float | tuple[float, ...]

    def check(self) -> None:
        """Numbers, deviations not zero, as many of both."""
        given: list[Any] = [self.mean, self.std]
        many = [v if isinstance(v, tuple) else (v,) for v in given]
        if not all(v and all(map(is_number, v)) for v in many) or not all(s > 0 for s in many[1]):
            raise ArgumentError("Normalize", operands=[("mean", f"{self.mean!r:.60}"),
                                                       ("std", f"{self.std!r:.60}")],
                                rule="mean and std are numbers, or one for each channel; std is "
                                "above 0")

    def change(self, key: Tensor, images: Tensor) -> Tensor:
        """Each value by itself."""
        channels = images.shape[3]
        for name, value in (("mean", self.mean), ("std", self.std)):
            if isinstance(value, tuple) and len(value) not in (1, channels):
                raise ShapeError("Normalize", operands=[
                    ("images", f"{images.dtype.name} {list(images.shape)}"),
                    (name, repr(value))], got=len(value), expected=channels,
                    rule=f"{name} has one number, or one for each channel")
        mean, std = tensor(self.mean, dtype=float32), tensor(self.std, dtype=float32)
        return (_shares(images) - mean) / std


def _shares(images: Tensor) -> Tensor:
    values = as_float(images)
    return values / white(images) if white(images) != 1 else values
