"""RandAugment and TrivialAugment: each image is one of 14 changes, each made by plain NumPy."""

import numpy as np
import pytest
from PIL import Image, ImageOps

import lamina as lm
from lamina.data import augment as A
from lamina.data.augment import random_choice
from lamina.data.augment.random_choice import CHANGES, Ranges
from tests.data.augment import reference as r
from tests.data.augment.test_geometry import run

SIZE = (17, 16)
RAND_AUGMENT = Ranges(0.3, 150 / 331, 0.0, 30.0, 0.9, 4)  # as the papers and torchvision have it
TRIVIAL_AUGMENT = Ranges(0.99, 0.0, 32.0, 135.0, 0.99, 6)


def moved(image, name, amount):
    """The changes that move pixels: (x, y) matrices with y down, and shifts."""
    middle = [(n - 1) / 2 for n in SIZE]
    if name == "translate_x":
        source = lambda y, x: (y, x - amount)  # noqa: E731
    elif name == "translate_y":
        source = lambda y, x: (y - amount, x)  # noqa: E731
    elif name == "shear_x":
        source = lambda y, x: (y, x - amount * (y - middle[0]))  # noqa: E731
    elif name == "shear_y":
        source = lambda y, x: (y - amount * (x - middle[1]), x)  # noqa: E731
    else:
        source = r.about_the_middle(SIZE, r.rotation(amount))
    return r.warped(image, source, SIZE, "constant", 0, "nearest")


def toned(image, name, strength, ranges):
    pillow = Image.fromarray(image)
    if name == "posterize":
        return np.asarray(ImageOps.posterize(pillow, 8 - round(strength * ranges.bits)))
    if name == "solarize":
        limit = (1 - np.float32(strength)) * 255
        return np.where(image >= limit, 255 - image, image)
    if name == "autocontrast":
        return np.asarray(ImageOps.autocontrast(pillow))
    if name == "equalize":
        return np.asarray(ImageOps.equalize(pillow))
    return image


def blended(image, name, factor):
    values = image.astype(np.float64)
    plain = {"brightness": lambda: 0.0, "colour": lambda: r.luma(values),
             "contrast": lambda: r.luma(values).mean(), "sharpness": lambda: r.smoothed(image)}
    return r.blended(values, plain[name](), factor, 255)


def all_changes(image, strength, ranges):
    """{(name, sign): image}."""
    found = {}
    for name in CHANGES:
        for sign in (1, -1):
            signed = sign * strength
            if name in ("shear_x", "shear_y"):
                found[name, sign] = moved(image, name, signed * ranges.shear)
            elif name in ("translate_x", "translate_y"):
                n = SIZE[1] if name == "translate_x" else SIZE[0]
                found[name, sign] = moved(image, name, signed * (
                    ranges.translate_share * n + ranges.translate_pixels))
            elif name == "rotate":
                found[name, sign] = moved(image, name, signed * ranges.degrees)
            elif name in ("brightness", "colour", "contrast", "sharpness"):
                found[name, sign] = blended(image, name, 1 + signed * ranges.factor)
            else:
                found[name, sign] = toned(image, name, strength, ranges)
    return found


def recognised(image, result, candidates):
    """Names of the changes that give this result: nearly all pixels equal, none far off.

    A nearest pixel may be another one where its place lies between two.
    """
    names = set()
    for (name, sign), expected in candidates.items():
        apart = np.abs(result.astype(int) - r.as_bytes(expected).astype(int)).max(axis=2)
        if (apart > 1).mean() < 0.04:
            names.add((name, sign))
    return names


def test_each_image_is_one_of_the_changes():
    images = r.images(160, *SIZE, 3, seed=5)
    images = np.clip(images.astype(int) // 2 + 40, 0, 255).astype(np.uint8)
    found = run(A.RandAugment(1, 12), images)
    seen = set()
    for image, result in zip(images, found, strict=True):
        names = recognised(image, result, all_changes(image, 12 / 30, RAND_AUGMENT))
        assert len({name for name, _ in names}) == 1, names
        seen |= names
    assert {name for name, _ in seen} == set(CHANGES)
    both_ways = CHANGES[1:CHANGES.index("posterize")]
    assert {n for n, s in seen if s > 0} & {n for n, s in seen if s < 0} >= set(both_ways)


def test_the_ranges_are_the_papers():
    assert random_choice.RAND_AUGMENT == RAND_AUGMENT
    assert random_choice.TRIVIAL_AUGMENT == TRIVIAL_AUGMENT


def test_trivial_augment_has_any_strength():
    images = r.images(5, *SIZE, 3, seed=6)
    found = run(A.TrivialAugment(), images)
    for image, result in zip(images, found, strict=True):
        assert any(recognised(image, result, all_changes(image, s / 30, TRIVIAL_AUGMENT))
                   for s in range(31))


def test_choices_are_equally_likely():
    """A lone grey pixel is brightened or darkened only by brightness; 1 of 14, half each way."""
    images = np.full((7000, 1, 1, 3), 100, np.uint8)
    images[..., 0] = 101
    found = run(A.RandAugment(1, 10), images)
    dark, light = (np.isin(found[:, 0, 0, 1], v).mean() for v in (70, 130))
    assert abs(dark - 1 / 28) < 0.008 and abs(light - 1 / 28) < 0.008


def test_magnitude_zero_keeps_what_has_a_strength():
    images = r.images(200, *SIZE, 3)
    images[:, 0, 0], images[:, 0, 1] = 0, 255  # autocontrast has nothing to do
    same = (run(A.RandAugment(1, 0), images) == images).all(axis=(1, 2, 3))
    assert 0.8 < same.mean() < 0.92  # all but equalize, and solarize where there is white


@pytest.mark.parametrize("channels", [1, 3])
def test_floats_as_bytes(channels):
    images = r.images(60, *SIZE, channels)
    floats = run(A.RandAugment(1, 9), (images / 255).astype(np.float32)) * 255
    assert np.abs(floats - run(A.RandAugment(1, 9), images)).max() <= 0.501
    assert run(A.RandAugment(2, 9, "bilinear", 0.5), images).shape == images.shape
    assert lm.data.augment.RandAugment(2, 9) == A.RandAugment(n=2, magnitude=9)
