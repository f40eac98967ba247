"""Colours, tones, neighbours, noise, boxes and values, against plain NumPy and Pillow."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from scipy import stats

import lamina as lm
from lamina.data import augment as A
from tests.data.augment import reference as r
from tests.data.augment.test_geometry import DTYPES, check, run


def white(images):
    return 255 if images.dtype == np.uint8 else 1.0


def pillow(function, images):
    return np.stack([np.asarray(function(Image.fromarray(image))) for image in images])


# ---- jitter --------------------------------------------------------------------------------------
@DTYPES
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("factor", [0.0, 0.6, 1.7])
def test_brightness_contrast_saturation(factor, channels, dtype):
    images = r.images(3, 6, 7, channels, dtype)
    top = white(images)
    one = (factor, factor)
    values = [image.astype(np.float64) for image in images]
    bright = [r.blended(v, 0.0, factor, top) for v in values]
    contrast = [r.blended(v, r.luma(v).mean(), factor, top) for v in values]
    saturated = [r.blended(v, r.luma(v), factor, top) for v in values]
    check(run(A.ColorJitter(brightness=one), images), bright, images)
    check(run(A.ColorJitter(contrast=one), images), contrast, images)
    check(run(A.ColorJitter(saturation=one), images), saturated, images)


@DTYPES
@pytest.mark.parametrize("turns", [-0.5, -0.13, 0.27])
def test_hue(turns, dtype):
    images = r.images(3, 6, 7, 3, dtype)
    images[0, 0] = 0  # greys, which have no hue
    images[0, 1] = images[0, 1, :, :1]
    scale = white(images)
    expected = [r.hue_turned(image / scale, turns) * scale for image in images]
    check(run(A.ColorJitter(hue=(turns, turns)), images), expected, images)


def test_jitter_goes_in_order_and_rounds_once():
    images = r.images(3, 6, 7, 3)
    policy = A.ColorJitter((0.7, 0.7), (1.4, 1.4), (0.5, 0.5), (0.1, 0.1))
    expected = []
    for image in images.astype(np.float64):
        v = r.blended(image, 0.0, 0.7, 255)
        v = r.blended(v, r.luma(v).mean(), 1.4, 255)
        v = r.blended(v, r.luma(v), 0.5, 255)
        expected.append(r.hue_turned(v / 255, 0.1) * 255)
    check(run(policy, images), expected, images)


def test_factors_are_uniform_and_each_images_own():
    images = np.full((4000, 1, 1, 1), 0.5, np.float32)
    factors = run(A.ColorJitter(brightness=0.4), images).ravel() * 2
    assert stats.kstest(factors, "uniform", (0.6, 0.8)).pvalue > 0.01


def test_grey():
    images = r.images(2000, 2, 2, 3)
    found = run(A.Grayscale(0.25), images)
    greys = r.as_bytes([np.repeat(r.luma(image.astype(np.float64)), 3, 2) for image in images])
    is_grey = (found == found[..., :1]).all(axis=(1, 2, 3))
    assert np.abs(found[is_grey].astype(int) - greys[is_grey]).max() <= 1
    np.testing.assert_array_equal(found[~is_grey], images[~is_grey])
    assert abs(is_grey.mean() - 0.25) < 0.03


# ---- tones ---------------------------------------------------------------------------------------
TONES = {
    "solarize": (A.Solarize(0.5, 1.0), lambda image: ImageOps.solarize(image, 128)),
    "posterize": (A.Posterize(3, 1.0), lambda image: ImageOps.posterize(image, 3)),
    "autocontrast": (A.AutoContrast(1.0), ImageOps.autocontrast),
    "equalize": (A.Equalize(1.0), ImageOps.equalize),
    "sharper": (A.Sharpness(2.5, 1.0), lambda image: ImageEnhance.Sharpness(image).enhance(2.5)),
    "softer": (A.Sharpness(0.0, 1.0), lambda image: image.filter(ImageFilter.SMOOTH)),
}


@pytest.mark.parametrize("name", TONES)
def test_tones_are_pillows(name):
    policy, function = TONES[name]
    images = r.images(4, 40, 53, 3)
    images[1] = images[1] // 4 + 90  # a narrow range
    images[2] = 77
    images[3] = np.where(images[3] < 200, 10, 240)  # two levels
    found, expected = run(policy, images).astype(int), pillow(function, images).astype(int)
    exact = name in ("solarize", "posterize", "equalize")
    # Pillow cuts autocontrast's values and rounds its smoothed image before it blends
    assert np.abs(found - expected).max() <= {"sharper": 2}.get(name, 0 if exact else 1)


@pytest.mark.parametrize("name", TONES)
def test_tones_of_floats_are_those_of_bytes(name):
    policy = TONES[name][0]
    images = r.images(3, 9, 8, 3)
    found = run(policy, (images / 255).astype(np.float32)) * 255
    assert np.abs(found - run(policy, images).astype(np.float64)).max() <= 0.5001


@pytest.mark.parametrize("name", TONES)
def test_tones_of_one_pixel(name):
    image = np.array([[[[0, 9, 255]]]], np.uint8)
    (found,) = run(TONES[name][0], image)
    np.testing.assert_array_equal(found, pillow(TONES[name][1], image)[0])


# ---- neighbours, noise ---------------------------------------------------------------------------
@DTYPES
@pytest.mark.parametrize("shape", [(2, 9, 6, 3), (2, 1, 1, 1), (1, 2, 5, 2)])
def test_blur(shape, dtype):
    images = r.images(*shape, dtype)
    expected = [r.blurred(image, 5, 1.3) for image in images]
    check(run(A.GaussianBlur(5, 1.3), images), expected, images)


def test_sharpness_leaves_images_without_an_inside():
    images = r.images(2, 2, 9, 3)
    np.testing.assert_array_equal(run(A.Sharpness(3.0, 1.0), images), images)


def test_noise():
    images = np.full((40, 16, 16, 3), 0.5, np.float32)
    noise = (run(A.GaussianNoise(0.05), images) - 0.5).ravel()
    assert stats.kstest(noise, "norm", (0, 0.05)).pvalue > 0.01
    apart = run(A.GaussianNoise((0.0, 0.1)), images) - 0.5
    spread = apart.std(axis=(1, 2, 3))
    assert 0.0 <= spread.min() < 0.01 and 0.09 < spread.max() < 0.105
    dark = run(A.GaussianNoise(0.1), np.zeros((4, 16, 16, 3), np.uint8))
    assert dark.min() == 0 and 0.4 < (dark == 0).mean() < 0.6 and dark.max() > 50


# ---- boxes ---------------------------------------------------------------------------------------
def boxes(found, fill):
    """(top, bottom, left, right) of what has the colour of the fill; each is a whole rectangle."""
    painted = (found == fill).all(axis=3)
    for mask in painted:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if rows.size:
            assert mask.sum() == (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
            yield rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        else:
            yield 0, 0, 0, 0


def test_cutout():
    images = np.zeros((3000, 12, 10, 3), np.uint8)
    found = run(A.Cutout((4, 3), fill=(1.0, 0.2, 0.0)), images)
    at = np.array(list(boxes(found, (255, 51, 0))))
    height, width = at[:, 1] - at[:, 0], at[:, 3] - at[:, 2]
    assert set(height) == {2, 3, 4} and set(width) == {2, 3}
    top = np.where(height == 4, at[:, 0], np.where(at[:, 0] == 0, height - 4, at[:, 0]))
    counts = np.bincount(top + 2, minlength=12)  # the row of the box's middle
    assert len(counts) == 12 and ((counts - 250) ** 2 / 250).sum() < 31
    twice = run(A.Cutout(2, count=3), np.ones((50, 20, 20, 1), np.float32))
    assert set((twice == 0).sum(axis=(1, 2, 3))) >= {12, 8}
    rarely = run(A.Cutout(2, p=0.2), np.ones((2000, 4, 4, 1), np.float32))
    assert abs((rarely == 0).any(axis=(1, 2, 3)).mean() - 0.2) < 0.03


def test_erasing():
    images = np.zeros((4000, 40, 60, 1), np.uint8)
    at = np.array(list(boxes(run(A.RandomErasing(0.5, (0.1, 0.2), (0.5, 2.0), 1.0), images), 255)))
    erased = at[:, 1] > 0
    assert abs(erased.mean() - 0.5) < 0.03
    height, width = (at[erased, 1] - at[erased, 0]), (at[erased, 3] - at[erased, 2])
    area = height * width / 2400
    assert 0.09 < area.min() < 0.105 and 0.195 < area.max() < 0.21
    assert stats.kstest(area, "uniform", (0.1, 0.1)).pvalue > 0.001
    assert abs(np.log(height / width).mean()) < 0.03
    assert (at[erased, 0] == 0).any() and (at[erased, 1] == 40).any()
    never = run(A.RandomErasing(1.0, (1.0, 1.0), (3.0, 3.0), 1.0), images[:2])
    assert never.max() == 0  # no box fits


# ---- values --------------------------------------------------------------------------------------
def test_values():
    images = r.images(2, 5, 4, 3)
    shares = images / 255
    floats = A.ToFloat()(r.KEY, images)[0]
    assert floats.dtype is lm.float32
    np.testing.assert_allclose(floats.numpy(), shares, rtol=1e-6)
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.1)
    found = A.Normalize(mean, std)(r.KEY, images)[0].numpy()
    np.testing.assert_allclose(found, (shares - mean) / std, rtol=1e-5, atol=1e-6)
    of_floats = A.Normalize(0.5, 0.25)(r.KEY, floats)[0].numpy()
    np.testing.assert_allclose(of_floats, (shares - 0.5) / 0.25, rtol=1e-5, atol=1e-6)
