"""What a policy is: a rule that makes other images of the images of a batch.

In: a key, images `[batch, height, width, channels]`, and further columns. Out: the columns,
changed. Pixels are uint8, 0 to 255, or float32, 0 to 1; a policy gives back what it was given
unless it says otherwise: results for uint8 are rounded to the nearest and cut to 0..255. Arguments
that are amounts of light (fill, threshold, std) are shares of white, 0 to 1, for both.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from lamina.data.augment.draws import checked_key, happens
from lamina.dtypes import float32, uint8
from lamina.errors import ArgumentError, DTypeError, ShapeError
from lamina.tensor import Tensor, broadcast_to, clip, round, where
from lamina.tensor import asarray as as_tensor

Columns = tuple[Tensor, ...]


@dataclass(frozen=True)
class Policy:
    """`policy(key, images, *others) -> (images, *others)`.

    key: uint32 [2]; same key, same result. A subclass is a frozen dataclass whose fields are its
    arguments, plain data, and writes `apply`; `check` raises ArgumentError for arguments that make
    no sense. Policies are made of tensor operations alone: `lm.compile(policy)` is one program.
    """

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):  # as configurations have it
                object.__setattr__(self, field.name, tuple(value))
        self.check()

    def check(self) -> None:
        """Raise ArgumentError for arguments outside their allowed values."""

    def __call__(self, key: Any, images: Any, *others: Any) -> Columns:
        """The columns, images first. Raises ShapeError or DTypeError for what are no images."""
        name = type(self).__name__
        return self.apply(checked_key(name, key), checked_images(name, images),
                          *map(as_tensor, others))

    def apply(self, key: Tensor, images: Tensor, *others: Tensor) -> Columns:
        """What the policy does to columns that were checked."""
        raise NotImplementedError(f"{type(self).__name__} has no apply method")


@dataclass(frozen=True)
class ImagePolicy(Policy):
    """A policy that changes images and passes all other columns. A subclass writes `change`."""

    def apply(self, key: Tensor, images: Tensor, *others: Tensor) -> Columns:
        """The changed images, and the others as they are."""
        return self.change(key, images), *others

    def change(self, key: Tensor, images: Tensor) -> Tensor:
        """Other images, `[batch, height, width, channels]`, of the same dtype."""
        raise NotImplementedError(f"{type(self).__name__} has no change method")


def checked_images(op: str, images: Any) -> Tensor:
    """The images as a tensor: uint8 or float32, of four axes."""
    found = as_tensor(images)
    described = [("images", f"{found.dtype.name} {list(found.shape)}")]
    if found.ndim != 4:
        one = found.ndim == 3 and found.shape[2] in (1, 3)
        hint = {2: "images[None, ..., None]", 3: "images[None]" if one else "images[..., None]"}
        raise ShapeError(op, operands=described, got=found.shape, hint=hint.get(found.ndim, ""),
                         rule="images are [batch, height, width, channels]")
    if 0 in found.shape[1:]:
        raise ShapeError(op, operands=described, got=found.shape,
                         rule="images have at least one pixel and one channel")
    if found.dtype not in (uint8, float32):
        raise DTypeError(op, operands=described, rule="pixels are uint8 (0..255) or float32 (0..1)",
                         hint="images.astype(lm.float32)", got=found.dtype)
    return found


# ---- pixels --------------------------------------------------------------------------------------
def white(images: Tensor) -> float:
    """The value of a white pixel: 255 for uint8, 1 for float32."""
    return 255.0 if images.dtype is uint8 else 1.0


def as_float(images: Tensor) -> Tensor:
    """The same values as float32."""
    return images.astype(float32)


def rounded_like(values: Tensor, images: Tensor) -> Tensor:
    """float32 values in the dtype of the images: for uint8 rounded, and cut to 0..255."""
    return round(values).astype(uint8) if images.dtype is uint8 else values  # the cast saturates


def pixels_like(values: Tensor, images: Tensor) -> Tensor:
    """float32 values in the dtype of the images, cut to black..white in both."""
    if images.dtype is uint8:
        return rounded_like(values, images)
    return clip(values, 0.0, white(images))


def sometimes(key: Tensor, p: float, changed: Tensor, images: Tensor) -> Tensor:
    """Each image changed with probability p."""
    if p == 1:
        return changed
    return where(spread(happens(key, p, images.shape[:1]), images), changed, images)


def spread(values: Tensor, images: Tensor) -> Tensor:
    """One value for each image, `[batch]`, as the same for all its pixels: of the images' shape.

    Said like this, the compiler computes it once for each image; a dear value that an operation
    broadcasts by itself is computed again for each pixel.
    """
    return broadcast_to(values.reshape(-1, *(1,) * (images.ndim - 1)), images.shape)


def flat(images: Tensor) -> Tensor:
    """`[batch, height * width * channels]`: one row for each image; loops over it are long."""
    batch, height, width, channels = images.shape
    return images.reshape(batch, height * width * channels)


def as_lines(images: Tensor) -> Tensor:
    """`[batch, height, width * channels]`: for what looks at rows and columns of pixels."""
    batch, height, width, channels = images.shape
    return images.reshape(batch, height, width * channels)


def check_colours(op: str, images: Tensor) -> None:
    """The images have one channel, grey, or three, red, green and blue."""
    if images.shape[3] not in (1, 3):
        raise ShapeError(op, operands=[("images", f"{images.dtype.name} {list(images.shape)}")],
                         rule="images have one channel (grey) or three (red, green, blue)",
                         got=images.shape[3])


# ---- arguments -----------------------------------------------------------------------------------
def is_number(value: object) -> bool:
    """Whether a value is an int or a float, and not a bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def pair(op: str, name: str, value: Any, least: int = 1) -> tuple[int, int]:
    """(height, width) of an int for both, or of two ints; ArgumentError otherwise."""
    both = value if isinstance(value, tuple | list) else (value, value)
    if len(both) != 2 or not all(
            isinstance(n, int) and not isinstance(n, bool) and n >= least for n in both):
        raise ArgumentError(op, operands=[(name, f"{value!r:.60}")], got=value,
                            rule=f"{name} is an int of at least {least}, or (height, width)")
    return int(both[0]), int(both[1])


def interval(op: str, name: str, value: Any, least: float = float("-inf"),
             most: float = float("inf")) -> tuple[float, float]:
    """(low, high) within `least`..`most`; ArgumentError otherwise."""
    ordered = (isinstance(value, tuple | list) and len(value) == 2 and all(map(is_number, value))
               and least <= value[0] <= value[1] <= most)
    if not ordered:
        bounds = "" if (least, most) == (float("-inf"), float("inf")) else (
            f", within {least:g} .. {most:g}")
        raise ArgumentError(op, operands=[(name, f"{value!r:.60}")], got=value,
                            rule=f"{name} is (low, high), low not above high{bounds}")
    return float(value[0]), float(value[1])


def around(op: str, name: str, value: Any, middle: float = 0.0, least: float = float("-inf"),
           most: float = float("inf")) -> tuple[float, float]:
    """(low, high): as given, or of a number r from middle - r (not below `least`) to middle + r."""
    if not is_number(value):
        return interval(op, name, value, least, most)
    if not 0 <= value <= most - middle:
        limit = "" if most == float("inf") else f", at most {most - middle:g}"
        raise ArgumentError(op, operands=[(name, f"{value!r:.60}")], got=value,
                            rule=f"{name} is not negative{limit}, or (low, high)")
    return max(least, middle - value), middle + value
