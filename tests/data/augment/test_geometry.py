"""Crops, flips, turns and their like, against a loop over pixels."""

import numpy as np
import pytest
from PIL import Image

import lamina as lm
from lamina.data import augment as A
from tests.data.augment import reference as r

DTYPES = pytest.mark.parametrize("dtype", [np.uint8, np.float32])
SHAPES = pytest.mark.parametrize("shape", [(3, 7, 9, 3), (2, 1, 1, 1), (2, 6, 5, 2)])


def run(policy, images, key=r.KEY):
    (result,) = policy(key, images)
    assert result.dtype.name == images.dtype.name
    return result.numpy()


def check(found, expected, images):
    """uint8 may be off by one where the exact value lies between two."""
    if images.dtype == np.uint8:
        assert np.abs(found.astype(int) - r.as_bytes(expected).astype(int)).max() <= 1
        assert np.mean(found != r.as_bytes(expected)) < 0.02
    else:
        np.testing.assert_allclose(found, expected, atol=3e-5)


# ---- crops ---------------------------------------------------------------------------------------
@DTYPES
@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
def test_every_random_crop_is_a_part_of_the_padded_image(mode, dtype):
    images = r.images(64, 6, 5, 3, dtype)
    fill = {"constant_values": 255 if dtype == np.uint8 else 1.0} if mode == "constant" else {}
    places = set()
    result = run(A.RandomCrop((4, 5), padding=(2, 3), mode=mode, fill=1.0), images)
    assert result.shape == (64, 4, 5, 3)
    for image, crop in zip(images, result, strict=True):
        padded = np.pad(image, ((2, 2), (3, 3), (0, 0)), mode, **fill)
        found = [(y, x) for y in range(7) for x in range(7)
                 if np.array_equal(padded[y:y + 4, x:x + 5], crop)]
        assert len(found) == 1 or mode != "constant" and found
        places.add(found[0])
    assert len(places) > 20


def test_padding_may_be_wider_than_the_image():
    image = np.arange(3, dtype=np.uint8).reshape(1, 1, 3, 1)
    for mode in ("reflect", "symmetric"):
        padded = np.pad(image, ((0, 0), (0, 0), (8, 8), (0, 0)), mode)
        found = run(A.RandomCrop((1, 19), padding=(0, 8), mode=mode), image)
        np.testing.assert_array_equal(found, padded)


def test_all_places_of_a_crop_are_equally_likely():
    images = np.tile(np.arange(81, dtype=np.uint8).reshape(1, 9, 9, 1), (8100, 1, 1, 1))
    corner = run(A.RandomCrop(1), images).ravel()
    counts = np.bincount(corner, minlength=81)
    assert counts.shape == (81,)
    assert ((counts - 100) ** 2 / 100).sum() < 125  # chi square of 80 degrees: 1 in 1000


@SHAPES
def test_the_middle(shape):
    images = r.images(*shape)
    height, width = max(1, shape[1] - 3), max(1, shape[2] - 2)
    top, left = (shape[1] - height) // 2, (shape[2] - width) // 2
    np.testing.assert_array_equal(run(A.CenterCrop((height, width)), images),
                                  images[:, top:top + height, left:left + width])


@DTYPES
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_a_resized_crop_of_the_whole_image(interpolation, dtype):
    images = r.images(3, 7, 7, 3, dtype)
    policy = A.RandomResizedCrop((9, 4), (1.0, 1.0), (1.0, 1.0), interpolation)
    expected = [r.warped(image, lambda y, x: ((y + 0.5) * 7 / 9 - 0.5, (x + 0.5) * 7 / 4 - 0.5),
                         (9, 4), "edge", interpolation=interpolation) for image in images]
    check(run(policy, images), expected, images)


def test_boxes_of_resized_crops():
    """A ramp along each axis shows which part was taken."""
    ramp = np.stack(np.meshgrid(np.arange(60), np.arange(40), indexing="ij"), -1)
    images = np.tile(ramp.astype(np.float32)[None], (4000, 1, 1, 1))
    found = run(A.RandomResizedCrop(16, (0.2, 0.5), (0.5, 2.0)), images)
    first, last = found[:, 2, 2], found[:, -3, -3]
    height, width = ((last - first)[:, i] / 11 * 16 for i in (0, 1))  # away from the edges
    np.testing.assert_allclose(height, np.rint(height), atol=2e-3)
    top, left = (first[:, i] - 2.5 * size / 16 + 0.5
                 for i, size in ((0, height), (1, width)))
    np.testing.assert_allclose(top, np.rint(top), atol=2e-3)
    assert min(top.min(), left.min()) > -0.01
    assert (top + height).max() < 60.01 and (left + width).max() < 40.01
    area, ratio = height * width / 2400, np.log(width / height)
    assert 0.19 < area.min() < 0.21 and 0.49 < area.max() < 0.52
    inside = (np.abs(ratio) < np.log(1.2))  # all of these fit: there the area is uniform
    assert abs(np.mean(area[inside]) - 0.35) < 0.012
    assert abs(ratio).max() < np.log(2) + 0.06
    assert (top < 1).mean() > 0.01 and (top + height > 59).mean() > 0.01


def test_a_box_that_never_fits_is_the_largest_in_the_middle():
    images = np.tile(np.arange(100, dtype=np.float32)[None, None, :, None], (1, 10, 1, 1))
    found = run(A.RandomResizedCrop(10, (1.0, 1.0), (1.0, 1.0), "nearest"), images)
    np.testing.assert_array_equal(found[0, 0, :, 0], np.arange(45, 55))
    tall = images.transpose(0, 2, 1, 3)
    found = run(A.RandomResizedCrop(10, (1.0, 1.0), (1.0, 1.0), "nearest"), np.array(tall))
    np.testing.assert_array_equal(found[0, :, 0, 0], np.arange(45, 55))


# ---- sizes ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [(5, 4), (20, 31), (13, 8), (1, 1)])
def test_resize_is_pillows(size):
    images = r.images(2, 13, 17, 3)
    expected = [np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))
                for image in images]
    found = run(A.Resize(size), images).astype(int)
    assert np.abs(found - np.stack(expected).astype(int)).max() <= 1
    nearest = [image[[int((i + 0.5) * 13 / size[0]) for i in range(size[0])]][
        :, [int((i + 0.5) * 17 / size[1]) for i in range(size[1])]] for image in images]
    np.testing.assert_array_equal(run(A.Resize(size, "nearest"), images), nearest)


@DTYPES
def test_resize_of_a_plain_image_is_plain(dtype):
    images = np.full((2, 5, 3, 2), 200 if dtype == np.uint8 else 0.7, dtype)
    np.testing.assert_allclose(run(A.Resize((7, 2)), images), 200 if dtype == np.uint8 else 0.7,
                               rtol=1e-6)


# ---- flips ---------------------------------------------------------------------------------------
@DTYPES
@SHAPES
def test_flips(shape, dtype):
    images = r.images(*shape, dtype)
    np.testing.assert_array_equal(run(A.HorizontalFlip(1.0), images), images[:, :, ::-1])
    np.testing.assert_array_equal(run(A.VerticalFlip(1.0), images), images[:, ::-1])
    np.testing.assert_array_equal(run(A.HorizontalFlip(0.0), images), images)


@pytest.mark.parametrize("policy, at", [(A.HorizontalFlip, (0, 1)), (A.VerticalFlip, (1, 0))])
def test_how_often_images_are_flipped(policy, at):
    images = np.zeros((10_000, 2, 2, 1), np.uint8)
    images[:, *at] = 1
    turned = run(policy(0.3), images)[:, 0, 0, 0]
    assert abs(turned.mean() - 0.3) < 3 * (0.21 / 10_000) ** 0.5


# ---- affine --------------------------------------------------------------------------------------
@DTYPES
@SHAPES
@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_a_turn(interpolation, mode, shape, dtype):
    images = r.images(*shape, dtype)
    policy = A.Rotate((33, 33), interpolation, mode, fill=0.4)
    source = r.about_the_middle(shape[1:3], r.rotation(33))
    fill = 0.4 * 255 if dtype == np.uint8 else 0.4
    expected = [r.warped(image, source, shape[1:3], mode, fill, interpolation) for image in images]
    check(run(policy, images), expected, images)


def test_a_quarter_turn_against_the_clock_is_exact():
    images = r.images(4, 6, 6, 3)
    np.testing.assert_array_equal(run(A.Rotate((90, 90), "nearest"), images),
                                  np.rot90(images, 1, (1, 2)))


@DTYPES
def test_scale_shear_turn(dtype):
    images = r.images(3, 8, 11, 3, dtype)
    policy = A.Affine((20, 20), 0.0, (1.3, 1.3), (15, 15), mode="edge")
    lean = np.array([[1, -np.tan(np.radians(15))], [0, 1]])  # upright lines, seen with y down
    source = r.about_the_middle((8, 11), r.rotation(20) @ lean @ (1.3 * np.eye(2)))
    expected = [r.warped(image, source, (8, 11), "edge") for image in images]
    check(run(policy, images), expected, images)


def test_shifts():
    """Of a single white pixel in the middle, by whole and broken parts of pixels."""
    images = np.zeros((2000, 21, 41, 1), np.float32)
    images[:, 10, 20] = 1
    found = run(A.Affine(translate=(0.2, 0.1)), images)[..., 0]
    np.testing.assert_allclose(found.sum(axis=(1, 2)), 1, atol=1e-4)
    down = (found.sum(axis=2) * np.arange(21)).sum(axis=1) - 10
    right = (found.sum(axis=1) * np.arange(41)).sum(axis=1) - 20
    for shift, most in ((down, 4.2), (right, 4.1)):
        assert most * 0.99 < np.abs(shift).max() <= most + 1e-3
        assert abs(shift.mean()) < 0.2 and abs((shift ** 2).mean() - most ** 2 / 3) < 0.5


def test_turns_are_uniform():
    images = np.zeros((2000, 31, 31, 1), np.float32)
    images[:, 15, 28] = 1  # due east
    found = run(A.Rotate(30), images)[..., 0]
    y = (found * np.arange(31)[:, None]).sum(axis=(1, 2)) / found.sum(axis=(1, 2)) - 15
    angle = np.degrees(np.arcsin(-y / 13))
    assert 29 < np.abs(angle).max() < 31
    counts, _ = np.histogram(angle, 6, (-30, 30))
    assert ((counts - 333) ** 2 / 333).sum() < 21


def test_one_fill_for_each_channel():
    images = r.images(1, 4, 4, 3)
    found = run(A.RandomCrop(4, 4, fill=(1.0, 0.0, 0.2)), images, r.key(3))
    assert {tuple(p) for p in found.reshape(-1, 3)} - {tuple(p) for p in images.reshape(-1, 3)} == {
        (255, 0, 51)}


# ---- several in a row ----------------------------------------------------------------------------
@DTYPES
def test_neighbours_that_meet_pixels_are_as_if_alone(dtype):
    images = r.images(16, 8, 8, 3, dtype)
    parts = (A.RandomCrop(8, 2), A.HorizontalFlip(), A.VerticalFlip(), A.CenterCrop(6))
    apart = A.Compose(*map(A.Compose, parts))
    keys = [lm.data.augment.draws.split(lm.asarray(r.KEY), 4)[i] for i in range(4)]
    expected = images
    for policy, own in zip(parts, keys, strict=True):
        (expected,) = policy(own, expected)
    found = run(A.Compose(*parts), images)
    np.testing.assert_array_equal(found, expected.numpy())
    assert run(apart, images).shape == found.shape


def test_neighbours_are_interpolated_once():
    """Turned there and back again, nothing is lost."""
    images = r.images(4, 9, 9, 3, np.float32)
    turns = A.Rotate((30, 30), mode="edge"), A.Rotate((-30, -30), mode="edge")
    np.testing.assert_allclose(run(A.Compose(*turns), images), images, atol=1e-5)
    twice = run(A.Compose(A.Compose(turns[0]), A.Compose(turns[1])), images)
    assert np.abs(twice - images).max() > 0.1


def test_a_crop_turned_shows_what_was_around_it():
    images = np.full((1, 20, 20, 1), 255, np.uint8)
    assert run(A.Compose(A.CenterCrop(8), A.Rotate((45, 45))), images).min() == 255
    assert run(A.Compose(A.Compose(A.CenterCrop(8)), A.Rotate((45, 45))), images).min() == 0
