"""Where the pixels of a result come from: affine maps, one for each image of a batch.

In: moves (shift, turn, scale, shear). Out: coordinates in the source of every pixel of the result,
and the composition of several moves as one. Coordinates are (row, column) of middles of pixels;
pixels are squares, so an image of n rows covers -1/2 .. n - 1/2.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from lamina.dtypes import float32, int32
from lamina.ops.movement import iota
from lamina.tensor import Tensor

Coefficient = int | float | Tensor  # a tensor: [batch, 1, 1], int32 or float32


@dataclass(frozen=True)
class AffineMap:
    """Source row = yy row + yx column + y0, source column = xy row + xx column + x0.

    Coefficients that are 0 and 1 for all images are Python's: no arithmetic is recorded for them.
    """

    yy: Coefficient = 1
    yx: Coefficient = 0
    y0: Coefficient = 0
    xy: Coefficient = 0
    xx: Coefficient = 1
    x0: Coefficient = 0

    @property
    def is_exact(self) -> bool:
        """Whether pixels of the result are pixels of the source: all coefficients are integers."""
        return all(_is_whole(getattr(self, field.name)) for field in fields(self))

    def then(self, later: AffineMap) -> AffineMap:
        """The map of two moves in a row: `later` is done to the result of this one."""
        return AffineMap(
            yy=_sum(_product(self.yy, later.yy), _product(self.yx, later.xy)),
            yx=_sum(_product(self.yy, later.yx), _product(self.yx, later.xx)),
            y0=_sum(_product(self.yy, later.y0), _product(self.yx, later.x0), self.y0),
            xy=_sum(_product(self.xy, later.yy), _product(self.xx, later.xy)),
            xx=_sum(_product(self.xy, later.yx), _product(self.xx, later.xx)),
            x0=_sum(_product(self.xy, later.y0), _product(self.xx, later.x0), self.x0),
        )

    def centred(self, height: int, width: int) -> AffineMap:
        """The same move about the middle of an image instead of its first pixel."""
        y, x = (height - 1) / 2, (width - 1) / 2
        return AffineMap(y0=y, x0=x).then(self).then(AffineMap(y0=-y, x0=-x))

    def coordinates(self, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Source rows and columns of a result of this size.

        Both broadcast to `[batch, height, width]`; int32 where the map is exact.
        """
        rows = Tensor(iota(shape=(1, height, 1), axis=1, dtype=int32))
        columns = Tensor(iota(shape=(1, 1, width), axis=2, dtype=int32))
        ys = _sum(_product(self.yy, rows), _product(self.yx, columns), self.y0)
        xs = _sum(_product(self.xy, rows), _product(self.xx, columns), self.x0)
        return _as_tensor(ys), _as_tensor(xs)


def _is_whole(value: Coefficient) -> bool:
    return value.dtype is int32 if isinstance(value, Tensor) else isinstance(value, int)


def _as_tensor(value: Coefficient) -> Tensor:
    if isinstance(value, Tensor):
        return value
    zero = Tensor(iota(shape=(1, 1, 1), axis=0, dtype=int32))
    return _sum(zero, value) if value else zero  # type: ignore[return-value]


def _product(a: Coefficient, b: Coefficient) -> Coefficient:
    if _is_number(a, 0) or _is_number(b, 0):
        return 0
    if _is_number(a, 1):
        return b
    if _is_number(b, 1):
        return a
    a, b = _alike(a, b)
    return a * b


def _sum(*terms: Coefficient) -> Coefficient:
    total: Coefficient = 0
    for term in terms:
        if _is_number(total, 0):
            total = term
        elif not _is_number(term, 0):
            a, b = _alike(total, term)
            total = a + b
    return total


def _is_number(value: Coefficient, number: int) -> bool:
    return not isinstance(value, Tensor) and value == number


def _alike(a: Coefficient, b: Coefficient) -> tuple[Coefficient, Coefficient]:
    """Both whole, or both float32."""
    if _is_whole(a) == _is_whole(b):
        return a, b
    return _floating(a), _floating(b)


def _floating(value: Coefficient) -> Coefficient:
    return value.astype(float32) if isinstance(value, Tensor) else float(value)
