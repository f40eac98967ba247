"""Images of another size: every new element is a mean of a few old ones, axis by axis.

In and out: `[batch, *space, channels]`, or `[batch, channels, *space]` with
`data_format="channels_first"`. Elements are squares: the middle of new element i lies at
(i + 1/2) scale - 1/2 of the old ones, or with `align_corners` at i (old - 1) / (new - 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import floor
from typing import Any

import numpy as np

from lamina.dtypes import float64
from lamina.errors import ArgumentError, ShapeError
from lamina.functional.adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
)
from lamina.functional.arguments import check_choice
from lamina.functional.operands import CHANNELS_LAST, check_float, describe
from lamina.functional.windows import axis_names, from_channels_last, per_axis, to_channels_last
from lamina.tensor import Tensor, repeat, reshape, take, tensor

Scale = float | Sequence[float]
Taps = list[tuple[np.ndarray, np.ndarray]]  # (places, shares), each with one entry a new element

# The modes, and how many axes of space each takes.
MODES: dict[str, tuple[int, ...]] = {
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "trilinear": (3,),
    "bicubic": (2,),
    "area": (1, 2, 3),
}
ALIGNED = ("linear", "bilinear", "trilinear", "bicubic")
_AREA = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}
_CUBIC = -0.75  # the parameter a of Keys 1981, equation 4, as PyTorch and OpenCV have it


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: Scale | None = None,
    mode: str = "nearest",
    align_corners: bool = False,
    data_format: str = CHANNELS_LAST,
) -> Tensor:
    """The image in another size: `[batch, *space, channels]` to `[batch, *size, channels]`.

    size, or scale_factor (the new size is then floor(old scale)): a number for all axes of space,
    or one for each. mode: "nearest" (element floor(i scale)), "nearest-exact" (the middle's),
    "linear", "bilinear" or "trilinear", "bicubic" (Keys 1981, a = -0.75), "area" (means).
    align_corners: the middles of the corners stay where they are.
    Raises ArgumentError, and ShapeError where the mode and the number of axes do not fit.

    >>> import lamina as lm
    >>> lm.functional.interpolate(lm.zeros((1, 4, 6, 3)), scale_factor=2, mode="bilinear").shape
    (1, 8, 12, 3)
    """
    check_float("interpolate", input=input)
    check_mode("interpolate", mode, align_corners)
    rank = input.ndim - 2
    if rank not in MODES[mode]:
        raise ShapeError(
            "interpolate",
            operands=[("input", describe(input)), ("mode", repr(mode))],
            rule=f'"{mode}" takes {" or ".join(str(r) for r in MODES[mode])} axes of space',
            hint=_fitting_mode(mode, rank),
            got=input.shape,
        )
    image = to_channels_last("interpolate", input, rank, data_format)
    space = image.shape[1:-1]
    if 0 in space:
        raise ShapeError("interpolate", rule="no axis of space is empty", got=input.shape,
                         operands=[("input", describe(input, axis_names(rank, data_format)))])
    sizes, factors = _targets(size, scale_factor, space)
    if mode == "area":
        return from_channels_last(_AREA[rank](image, sizes), data_format)
    for axis, (old, new, factor) in enumerate(zip(space, sizes, factors, strict=True), start=1):
        image = _resized(image, axis, old, new, factor, mode, align_corners)
    return from_channels_last(image, data_format)


def check_mode(op: str, mode: str, align_corners: bool | None) -> None:
    """The mode is known, and one that can align corners if that is asked for."""
    check_choice(op, "mode", mode, MODES)
    if align_corners and mode not in ALIGNED:
        raise ArgumentError(
            op,
            operands=[("mode", repr(mode)), ("align_corners", "True")],
            rule="corners are aligned in the modes " + ", ".join(ALIGNED),
        )


def _fitting_mode(mode: str, rank: int) -> str:
    linear = {1: "linear", 2: "bilinear", 3: "trilinear"}
    return f'mode="{linear[rank]}"' if mode in linear.values() and rank in linear else ""


def _targets(
    size: int | Sequence[int] | None, scale_factor: Scale | None, space: Sequence[int]
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """New sizes, and how many old elements one new element is wide."""
    if (size is None) == (scale_factor is None):
        raise ArgumentError(
            "interpolate",
            operands=[("size", repr(size)), ("scale_factor", repr(scale_factor))],
            rule="size or scale_factor is given, not both",
        )
    if size is not None:
        sizes = per_axis("size", size, len(space), least=1)
        return sizes, tuple(old / new for old, new in zip(space, sizes, strict=True))
    given: Any = scale_factor
    scales = tuple(given) if isinstance(given, list | tuple) else (given,) * len(space)
    numbers = all(isinstance(s, int | float) and s > 0 for s in scales)
    sizes = tuple(floor(n * s) for n, s in zip(space, scales, strict=False)) if numbers else ()
    if len(scales) != len(space) or not numbers or 0 in sizes:
        raise ArgumentError(
            "interpolate",
            operands=[("scale_factor", repr(scale_factor)), ("space", str(list(space)))],
            rule=f"scale_factor is a number above 0, or {len(space)} of them; no size becomes 0",
            got=scale_factor,
        )
    return sizes, tuple(1 / s for s in scales)


def _resized(
    image: Tensor, axis: int, old: int, new: int, factor: float, mode: str, align_corners: bool
) -> Tensor:
    if old == new and factor == 1:
        return image
    if mode == "nearest" and new % old == 0 and factor == old / new:
        return repeat(image, new // old, axis)
    real = np.float64 if image.dtype is float64 else np.float32  # as PyTorch computes places
    taps = TAPS[mode](old, _middles(old, new, factor, align_corners, real),
                      _starts(new, factor, real))
    if len(taps) == 1:
        return take(image, tensor(taps[0][0]), axis=axis)
    column = (-1, *[1] * (image.ndim - axis - 1))
    terms = [
        take(image, tensor(places), axis=axis)
        * reshape(tensor(shares, dtype=image.dtype), column)
        for places, shares in taps
    ]
    return sum(terms[1:], terms[0])


def _middles(old: int, new: int, factor: float, align_corners: bool, real: type[np.floating]
             ) -> np.ndarray:
    i = np.arange(new, dtype=real)
    if align_corners:
        return i * real((old - 1) / (new - 1) if new > 1 else 0.0)
    return (i + real(0.5)) * real(factor) - real(0.5)


def _starts(new: int, factor: float, real: type[np.floating]) -> np.ndarray:
    return np.arange(new, dtype=real) * real(factor)


# ---- elements and their shares -------------------------------------------------------------------
def _nearest(old: int, middles: np.ndarray, starts: np.ndarray) -> Taps:
    places = np.minimum(np.floor(starts).astype(np.int64), old - 1)
    return [(places, np.ones(len(places)))]


def _nearest_exact(old: int, middles: np.ndarray, starts: np.ndarray) -> Taps:
    return _nearest(old, middles, middles + middles.dtype.type(0.5))


def _linear(old: int, middles: np.ndarray, starts: np.ndarray) -> Taps:
    middles = np.maximum(middles, 0)
    low = np.minimum(np.floor(middles).astype(np.int64), old - 1)
    share = middles - low
    return [(low, 1 - share), (np.minimum(low + 1, old - 1), share)]


def _cubic(old: int, middles: np.ndarray, starts: np.ndarray) -> Taps:
    """Four neighbours, those outside being the border's (Keys 1981, equation 4)."""
    low = np.floor(middles).astype(np.int64)
    taps = []
    for step in range(-1, 3):
        places = np.clip(low + step, 0, old - 1)
        taps.append((places, _cubic_share(np.abs(middles - low - step))))
    return taps


def _cubic_share(distance: np.ndarray) -> np.ndarray:
    a, s = _CUBIC, distance.astype(np.float64)
    near = ((a + 2) * s - (a + 3)) * s * s + 1
    far = ((s - 5) * s + 8) * s * a - 4 * a
    return np.where(s <= 1, near, far)


TAPS: dict[str, Callable[[int, np.ndarray, np.ndarray], Taps]] = {
    "nearest": _nearest,
    "nearest-exact": _nearest_exact,
    "linear": _linear,
    "bilinear": _linear,
    "trilinear": _linear,
    "bicubic": _cubic,
}
