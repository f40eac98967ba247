"""Pixels at computed places: one gather for a whole batch, whatever moved.

In: images and an `AffineMap`. Out: images of any size. What lies outside an image is made by a
border rule: "constant" (a colour), "edge" (the nearest pixel), "reflect" (mirrored about the middle
of the last pixel, which is not repeated) or "symmetric" (mirrored about its outer side).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lamina.data.augment.affine_map import AffineMap
from lamina.data.augment.policy import as_float, is_number, rounded_like, white
from lamina.dtypes import float32, int32, int64
from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_choice
from lamina.ops.indexing import gather
from lamina.ops.movement import iota
from lamina.tensor import Tensor, clip, floor, minimum, tensor, where

BORDERS = ("constant", "edge", "reflect", "symmetric")
INTERPOLATIONS = ("bilinear", "nearest")
Fill = float | tuple[float, ...]


@dataclass(frozen=True)
class Border:
    """What lies outside an image: a rule of BORDERS, and for "constant" a colour.

    fill: a share of white, 0 to 1, or one for each channel.
    """

    mode: str = "constant"
    fill: Fill = 0.0

    def check(self, op: str) -> None:
        """Raise ArgumentError for an unknown mode or a fill that is no colour."""
        check_choice(op, "mode", self.mode, BORDERS)
        values: Any = self.fill if isinstance(self.fill, tuple) else (self.fill,)
        if not values or not all(is_number(v) for v in values):
            raise ArgumentError(op, operands=[("fill", f"{self.fill!r:.60}")], got=self.fill,
                                rule="fill is a share of white, or one for each channel")


def colour(op: str, fill: Fill, images: Tensor) -> Tensor:
    """The fill in the values of the images: of no axes, or `[channels]`."""
    if isinstance(fill, tuple) and len(fill) not in (1, images.shape[3]):
        raise ShapeError(op, operands=[("images", f"{images.dtype.name} {list(images.shape)}"),
                                       ("fill", repr(fill))],
                         rule="fill has one share of white, or one for each channel", got=fill)
    values = tensor(fill, dtype=float32) * white(images)
    return rounded_like(values, images)


def sample(op: str, images: Tensor, move: AffineMap, size: tuple[int, int],
           border: Border | None = None, interpolation: str | None = None) -> Tensor:
    """`[batch, *size, channels]`: the images where the map says, of their dtype.

    border: None where the map stays inside. interpolation: "bilinear" between the four nearest
    pixels, or "nearest"; a map of whole numbers needs none. What is up to half a pixel from the
    outermost middles is that pixel's, farther out the border begins.
    """
    border = border or Border("edge")
    height, width = images.shape[1:3]
    ys, xs = move.coordinates(*size)
    if interpolation == "nearest" and not move.is_exact:
        ys, xs = (floor(c + 0.5).astype(int32) for c in (ys, xs))
    ys, xs = _folded(ys, height, border.mode), _folded(xs, width, border.mode)
    result = _at(images, clip(ys, 0, height - 1), clip(xs, 0, width - 1), size)
    if border.mode != "constant":
        return result
    inside = _covers(ys, height) & _covers(xs, width)
    return where(inside[..., None], result, colour(op, border.fill, images))


def _folded(at: Tensor, count: int, mode: str) -> Tensor:
    """Coordinates that were outside mirrored into the image; others stay."""
    if mode not in ("reflect", "symmetric"):
        return at
    first = 0.5 if mode == "symmetric" else 0.0
    period = 2 * count if mode == "symmetric" else 2 * count - 2
    if period == 0:
        return at * 0
    shifted = as_float(at) + first
    turn = shifted - floor(shifted * (1 / period)) * period
    return (minimum(turn, period - turn) - first).astype(at.dtype)


def _covers(at: Tensor, count: int) -> Tensor:
    """Whether coordinates are on the image, whose outermost pixels are squares, too."""
    margin = 0 if at.dtype is int32 else 0.5
    return (at >= -margin) & (at <= count - 1 + margin)


def _at(images: Tensor, ys: Tensor, xs: Tensor, size: tuple[int, int]) -> Tensor:
    """The images at coordinates that are inside."""
    if ys.dtype is int32 and xs.dtype is int32:
        return _pixels(images, ys, xs, size)
    ys, xs = as_float(ys), as_float(xs)
    top, left = floor(ys), floor(xs)
    down, right = (ys - top)[..., None], (xs - left)[..., None]
    y0, x0 = top.astype(int32), left.astype(int32)
    y1 = minimum(y0 + 1, images.shape[1] - 1)
    x1 = minimum(x0 + 1, images.shape[2] - 1)
    upper = _between(images, y0, (x0, x1), right, size)
    lower = _between(images, y1, (x0, x1), right, size)
    return rounded_like(upper + (lower - upper) * down, images)


def _between(images: Tensor, ys: Tensor, xs: tuple[Tensor, Tensor], share: Tensor,
             size: tuple[int, int]) -> Tensor:
    """Of one row of pixels, between two columns."""
    left, right = (as_float(_pixels(images, ys, x, size)) for x in xs)
    return left + (right - left) * share


def _pixels(images: Tensor, ys: Tensor, xs: Tensor, size: tuple[int, int]) -> Tensor:
    """`[batch, *size, channels]`: pixels at whole coordinates.

    The images are taken as one list of pixels: a gather of rows of channels by one number each.
    """
    batch, height, width, channels = images.shape
    count = batch * height * width
    kind = int32 if count < 1 << 31 else int64
    first = Tensor(iota(shape=(batch, 1, 1), axis=0, dtype=kind)) * height
    places = ((first + ys.astype(kind)) * width + xs.astype(kind)).reshape(
        batch * size[0] * size[1], 1)
    rows = gather(images.reshape(count, channels).node, places.node, axes=(0,), dims=(-1, 1),
                  shape=(batch * size[0] * size[1], channels))
    return Tensor(rows).reshape(batch, *size, channels)
