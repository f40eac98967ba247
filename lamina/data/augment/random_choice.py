"""Policies that draw one of 14 changes for each image, at a given strength.

In and out: images `[batch, height, width, channels]` of one channel or three. All changes are one
program: those that move pixels are one sampling whose map depends on the choice, those that look at
one value at a time one look-up in a table (of 256 levels, for float32 images, too), the others one
blend with a plain version of the image. What was not chosen is neutral.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lamina.data.augment.affine import shear_columns, shear_rows, shift, turn
from lamina.data.augment.colours import blend, grey
from lamina.data.augment.draws import happens, integers, split
from lamina.data.augment.levels import (
    all_levels,
    equalising,
    extreme_levels,
    histogram,
    looked_up,
)
from lamina.data.augment.policy import (
    ImagePolicy,
    as_float,
    as_lines,
    check_colours,
    flat,
    rounded_like,
    spread,
    white,
)
from lamina.data.augment.sampling import INTERPOLATIONS, Border, Fill, sample
from lamina.data.augment.sharpness import smoothed
from lamina.data.augment.tones import posterized, solarized, stretched
from lamina.dtypes import float32
from lamina.errors import ArgumentError
from lamina.functional.arguments import check_choice, check_counts
from lamina.tensor import Tensor, broadcast_to, exp2, full, round, where

CHANGES = (
    "identity", "shear_x", "shear_y", "translate_x", "translate_y", "rotate", "brightness",
    "colour", "contrast", "sharpness", "posterize", "solarize", "autocontrast", "equalize",
)
MOVES = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
BLENDS = ("brightness", "colour", "contrast", "sharpness")
STRONGEST = 30  # magnitudes are 0 to 30


@dataclass(frozen=True)
class Ranges:
    """What each change does at its strongest; from nothing it grows linearly with the strength.

    shear: pixels for each row. translate: a share of the size, or pixels. degrees. factor: how far
    a blend goes from 1. bits: how many posterize takes away. Solarize goes to threshold 0.
    """

    shear: float
    translate_share: float
    translate_pixels: float
    degrees: float
    factor: float
    bits: int


RAND_AUGMENT = Ranges(0.3, 150 / 331, 0.0, 30.0, 0.9, 4)  # Cubuk et al. 2020
TRIVIAL_AUGMENT = Ranges(0.99, 0.0, 32.0, 135.0, 0.99, 6)  # Mueller and Hutter 2021, "wide"


@dataclass(frozen=True)
class RandAugment(ImagePolicy):
    """`n` changes in a row, each image its own, all of one magnitude (Cubuk et al. 2020).

    magnitude: 0 (nothing) to 30. The changes are CHANGES, equally likely; moves, turns and blends
    go either way. interpolation, fill: of those that move pixels.

    >>> import lamina as lm
    >>> images = lm.zeros((4, 32, 32, 3), lm.uint8)
    >>> RandAugment(n=2, magnitude=9)(lm.generator.key(), images)[0].shape
    (4, 32, 32, 3)
    """

    n: int = 2
    magnitude: float = 9
    interpolation: str = "nearest"
    fill: Fill = 0.0

    def check(self) -> None:
        """Count, magnitude, and how pixels are moved."""
        check_counts("RandAugment", 1, n=self.n)
        _check_magnitude("RandAugment", self.magnitude)
        check_choice("RandAugment", "interpolation", self.interpolation, INTERPOLATIONS)
        Border("constant", self.fill).check("RandAugment")

    def change(self, key: Tensor, images: Tensor) -> Tensor:
        """Layer after layer."""
        check_colours("RandAugment", images)
        for own in split(key, self.n):
            images = _changed(own, images, self.magnitude / STRONGEST, RAND_AUGMENT,
                              self.interpolation, self.fill)
        return images


@dataclass(frozen=True)
class TrivialAugment(ImagePolicy):
    """One change of a random strength, each image its own (Mueller and Hutter 2021, "wide").

    The strength is one of 31, equally likely. interpolation, fill: as in `RandAugment`.

    >>> import lamina as lm
    >>> TrivialAugment()(lm.generator.key(), lm.zeros((4, 32, 32, 3)))[0].shape
    (4, 32, 32, 3)
    """

    interpolation: str = "nearest"
    fill: Fill = 0.0

    def check(self) -> None:
        """How pixels are moved."""
        check_choice("TrivialAugment", "interpolation", self.interpolation, INTERPOLATIONS)
        Border("constant", self.fill).check("TrivialAugment")

    def change(self, key: Tensor, images: Tensor) -> Tensor:
        """One layer."""
        check_colours("TrivialAugment", images)
        for_strength, own = split(key, 2)
        drawn = integers(for_strength, 0, STRONGEST + 1, (images.shape[0],))
        return _changed(own, images, drawn.astype(float32) * (1 / STRONGEST), TRIVIAL_AUGMENT,
                        self.interpolation, self.fill)


def _check_magnitude(op: str, magnitude: object) -> None:
    if (not isinstance(magnitude, int | float) or isinstance(magnitude, bool)
            or not 0 <= magnitude <= STRONGEST):
        raise ArgumentError(op, operands=[("magnitude", f"{magnitude!r:.60}")], got=magnitude,
                            rule=f"magnitude is 0 to {STRONGEST}")


class _Choice:
    """The change of each image, and its strength: 0 in all images that have another change."""

    def __init__(self, key: Tensor, count: int, strength: Tensor | float) -> None:
        for_choice, for_sign = split(key, 2)
        self.number = integers(for_choice, 0, len(CHANGES), (count,))
        self.strength = full((count,), strength) if isinstance(strength, float) else strength
        self.signed = self.strength * (1.0 - 2.0 * happens(for_sign, 0.5, (count,)).astype(float32))

    def is_(self, name: str) -> Tensor:
        """bool `[batch]`."""
        return self.number == CHANGES.index(name)

    def is_any(self, names: Iterable[str]) -> Tensor:
        """bool `[batch]`."""
        first, *rest = map(self.is_, names)
        for other in rest:
            first = first | other
        return first

    def amount(self, name: str, most: float) -> Tensor:
        """float32 `[batch, 1, 1]`: up to `most` either way."""
        return where(self.is_(name), self.signed * most, 0.0).reshape(-1, 1, 1)


def _changed(key: Tensor, images: Tensor, strength: Tensor | float, ranges: Ranges,
             interpolation: str, fill: Fill) -> Tensor:
    choice = _Choice(key, images.shape[0], strength)
    images = _moved(images, choice, ranges, interpolation, fill)
    return _blended(_toned(images, choice, ranges), choice, ranges)


def _moved(images: Tensor, choice: _Choice, ranges: Ranges, interpolation: str, fill: Fill
           ) -> Tensor:
    """Sheared, shifted or turned images; others as they are."""
    height, width = images.shape[1:3]
    down, right = (choice.amount(name, ranges.translate_share * n + ranges.translate_pixels)
                   for name, n in (("translate_y", height), ("translate_x", width)))
    move = (shear_rows(choice.amount("shear_x", ranges.shear))
            .then(shear_columns(choice.amount("shear_y", ranges.shear)))
            .then(turn(choice.amount("rotate", ranges.degrees))))
    sampled = sample("RandAugment", images, move.centred(height, width).then(shift(down, right)),
                     (height, width), Border("constant", fill), interpolation)
    return where(spread(choice.is_any(MOVES), images), sampled, images)


def _toned(images: Tensor, choice: _Choice, ranges: Ranges) -> Tensor:
    """Images of which each level became another; others as they are."""
    pixels = images.shape[1] * images.shape[2]
    counts = histogram(images)
    low, high = extreme_levels(counts)
    threshold = ((1.0 - choice.strength) * 255.0).reshape(-1, 1, 1)
    step = exp2(round(choice.strength * float(ranges.bits))).reshape(-1, 1, 1)
    level = broadcast_to(as_float(all_levels()), counts.shape)
    tables = {"posterize": posterized(level, step, 255.0),
              "solarize": solarized(level, threshold, 255.0),
              "autocontrast": stretched(level, low, high, 255.0)}
    table = equalising(counts, pixels)
    for name, other in tables.items():
        table = where(choice.is_(name).reshape(-1, 1, 1), other, table)
    chosen, old = choice.is_any(("equalize", *tables)), flat(images)
    return where(spread(chosen, old), looked_up(images, table), old).reshape(images.shape)


def _blended(images: Tensor, choice: _Choice, ranges: Ranges) -> Tensor:
    """Images blended with a plain version of themselves; others as they are."""
    lines, greys = as_float(as_lines(images)), as_lines(grey(as_float(images)))

    def chosen(name: str) -> Tensor:
        return spread(choice.is_(name), lines)

    changes: list[Tensor] = [choice.amount(name, ranges.factor) for name in BLENDS]
    factor = 1.0 + (changes[0] + changes[1] + changes[2] + changes[3])
    plain = where(chosen("brightness"), 0.0, where(chosen("colour"), greys, where(
        chosen("contrast"), spread(greys.mean(axis=(1, 2)), lines),
        smoothed(lines, images.shape[3]))))
    result = blend(lines, plain, spread(factor, lines), white(images))
    return rounded_like(result, images).reshape(images.shape)
