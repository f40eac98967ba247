"""Mirrored images.

In and out: images `[batch, height, width, channels]`.
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina.data.augment.affine_map import AffineMap
from lamina.data.augment.draws import happens
from lamina.data.augment.geometric import Geometric, Size
from lamina.dtypes import int32
from lamina.functional.arguments import check_probability
from lamina.tensor import Tensor


@dataclass(frozen=True)
class HorizontalFlip(Geometric):
    """Left and right exchanged, with probability p for each image.

    >>> import lamina as lm
    >>> image = lm.tensor([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1)
    >>> HorizontalFlip(p=1.0)(lm.generator.key(), image)[0].flatten().tolist()
    [3.0, 2.0, 1.0]
    """

    p: float = 0.5

    def check(self) -> None:
        """The probability."""
        check_probability("HorizontalFlip", self.p)

    def move(self, key: Tensor, count: int, size: Size) -> tuple[AffineMap, Size]:
        """Columns from the other end."""
        turned = happens(key, self.p, (count, 1, 1)).astype(int32)
        return AffineMap(xx=1 - 2 * turned, x0=turned * (size[1] - 1)), size


@dataclass(frozen=True)
class VerticalFlip(Geometric):
    """Top and bottom exchanged, with probability p for each image."""

    p: float = 0.5

    def check(self) -> None:
        """The probability."""
        check_probability("VerticalFlip", self.p)

    def move(self, key: Tensor, count: int, size: Size) -> tuple[AffineMap, Size]:
        """Rows from the other end."""
        turned = happens(key, self.p, (count, 1, 1)).astype(int32)
        return AffineMap(yy=1 - 2 * turned, y0=turned * (size[0] - 1)), size
