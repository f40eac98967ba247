"""Turned, shifted, scaled and sheared images.

In and out: images `[batch, height, width, channels]`. All is done about the middle of the image;
angles are in degrees, positive ones against the clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import Any

from lamina.data.augment.affine_map import AffineMap, Coefficient
from lamina.data.augment.draws import split, uniform
from lamina.data.augment.geometric import Geometric, Size
from lamina.data.augment.policy import around, interval, is_number
from lamina.data.augment.sampling import INTERPOLATIONS, Border, Fill
from lamina.errors import ArgumentError
from lamina.functional.arguments import check_choice
from lamina.tensor import Tensor, cos, sin

Range = float | tuple[float, float]


# ---- moves about the first pixel -----------------------------------------------------------------
def turn(degrees: Tensor) -> AffineMap:
    """Against the clock."""
    c, s = cos(degrees * (pi / 180)), sin(degrees * (pi / 180))
    return AffineMap(yy=c, yx=s, xy=-s, xx=c)


def shift(down: Coefficient, right: Coefficient) -> AffineMap:
    """In pixels."""
    return AffineMap(y0=-down, x0=-right)


def zoom(factor: Tensor) -> AffineMap:
    """Larger for factors above 1."""
    return AffineMap(yy=1.0 / factor, xx=1.0 / factor)


def shear_rows(slope: Tensor) -> AffineMap:
    """Rows slide along themselves: to the right by `slope` pixels for each row further down."""
    return AffineMap(xy=-slope)


def shear_columns(slope: Tensor) -> AffineMap:
    """Columns slide along themselves: down by `slope` pixels for each column further right."""
    return AffineMap(yx=-slope)


# ---- policies ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Rotate(Geometric):
    """Turned about the middle by a uniform angle.

    degrees: up to so many either way, or (low, high). interpolation: "bilinear" or "nearest".
    mode, fill: what comes in from outside, as in `RandomCrop`.

    >>> import lamina as lm
    >>> image = lm.tensor([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
    >>> Rotate((90, 90), "nearest")(lm.generator.key(), image)[0].flatten().tolist()
    [2.0, 4.0, 1.0, 3.0]
    """

    degrees: Range
    interpolation: str = "bilinear"
    mode: str = "constant"
    fill: Fill = 0.0

    def check(self) -> None:
        """The angles and how they are sampled."""
        around("Rotate", "degrees", self.degrees)
        check_choice("Rotate", "interpolation", self.interpolation, INTERPOLATIONS)
        self.border().check("Rotate")

    def border(self) -> Border:
        """As it was told."""
        return Border(self.mode, self.fill)

    def sampled(self) -> str:
        """As it was told."""
        return self.interpolation

    def move(self, key: Tensor, count: int, size: Size) -> tuple[AffineMap, Size]:
        """A turn about the middle."""
        angles = uniform(key, (count, 1, 1), *around("Rotate", "degrees", self.degrees))
        return turn(angles).centred(*size), size


@dataclass(frozen=True)
class Affine(Geometric):
    """Scaled, sheared, turned about the middle, then shifted, all by uniform amounts.

    degrees: up to so many either way, or (low, high). translate: the largest shift as a share of
    height and width, or (of the height, of the width). scale: factor, (low, high). shear: the angle
    by which upright lines lean, up to so many degrees either way, or (low, high). interpolation,
    mode, fill: as in `Rotate`.

    >>> import lamina as lm
    >>> policy = Affine(degrees=10, translate=0.1, scale=(0.9, 1.1), shear=5)
    >>> policy(lm.generator.key(), lm.zeros((4, 32, 32, 3)))[0].shape
    (4, 32, 32, 3)
    """

    degrees: Range = 0.0
    translate: Range = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    shear: Range = 0.0
    interpolation: str = "bilinear"
    mode: str = "constant"
    fill: Fill = 0.0

    def check(self) -> None:
        """The ranges and how they are sampled."""
        around("Affine", "degrees", self.degrees)
        around("Affine", "shear", self.shear)
        both: Any = self.translate if isinstance(self.translate, tuple) else (self.translate,) * 2
        if len(both) != 2 or not all(is_number(v) and 0 <= v <= 1 for v in both):
            raise ArgumentError("Affine", operands=[("translate", f"{self.translate!r:.60}")],
                                rule="translate is a share from 0 to 1, or (of the height, of the "
                                "width)", got=self.translate)
        if interval("Affine", "scale", self.scale)[0] <= 0:
            raise ArgumentError("Affine", operands=[("scale", repr(self.scale))], got=self.scale,
                                rule="factors are above 0")
        check_choice("Affine", "interpolation", self.interpolation, INTERPOLATIONS)
        self.border().check("Affine")

    def border(self) -> Border:
        """As it was told."""
        return Border(self.mode, self.fill)

    def sampled(self) -> str:
        """As it was told."""
        return self.interpolation

    def move(self, key: Tensor, count: int, size: Size) -> tuple[AffineMap, Size]:
        """All moves in one map."""
        for_turn, for_scale, for_shear, for_down, for_right = split(key, 5)
        shape = (count, 1, 1)
        both = self.translate if isinstance(self.translate, tuple) else (self.translate,) * 2
        down, right = (uniform(k, shape, -share * n, share * n)
                       for k, share, n in zip((for_down, for_right), both, size, strict=True))
        lean = uniform(for_shear, shape, *around("Affine", "shear", self.shear)) * (pi / 180)
        move = (zoom(uniform(for_scale, shape, *self.scale))
                .then(shear_rows(-sin(lean) / cos(lean)))
                .then(turn(uniform(for_turn, shape,
                                   *around("Affine", "degrees", self.degrees)))))
        return move.centred(*size).then(shift(down, right)), size
