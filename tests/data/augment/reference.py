"""What the policies do, written for one image in plain NumPy: slow, and independent of Lamina."""

import colorsys
import math

import numpy as np

KEY = np.array([7, 11], np.uint32)


def key(number):
    """One of many keys."""
    return np.array([number, 1_000_003], np.uint32)


def images(count, height, width, channels, dtype=np.uint8, seed=0):
    """Random images; float32 ones are multiples of 1/255."""
    values = np.random.default_rng(seed).integers(0, 256, (count, height, width, channels))
    return values.astype(np.uint8) if dtype == np.uint8 else (values / 255).astype(np.float32)


# ---- places --------------------------------------------------------------------------------------
def pixel(image, y, x, mode, fill):
    """The pixel at whole coordinates, which may lie outside."""
    height, width, _ = image.shape
    if mode == "constant" and not (0 <= y < height and 0 <= x < width):
        return np.full(image.shape[2], fill, np.float64)
    return image[folded(y, height, mode), folded(x, width, mode)].astype(np.float64)


def folded(at, count, mode):
    """A coordinate that was outside, inside: step by step."""
    while not 0 <= at < count:
        if mode == "reflect":
            at = -at if at < 0 else 2 * (count - 1) - at
            at = 0 if count == 1 else at
        elif mode == "symmetric":
            at = -1 - at if at < 0 else 2 * count - 1 - at
        else:
            at = min(max(at, 0), count - 1)
    return at


def warped(image, source, size, mode="constant", fill=0.0, interpolation="bilinear"):
    """The image whose pixel (y, x) comes from `source(y, x)`, pixel by pixel."""
    height, width, channels = image.shape
    result = np.empty((*size, channels))
    for y in range(size[0]):
        for x in range(size[1]):
            sy, sx = source(y, x)
            outside = not (-0.5 <= sy <= height - 0.5 and -0.5 <= sx <= width - 0.5)
            if mode == "constant" and outside:
                result[y, x] = fill
            elif interpolation == "nearest":
                result[y, x] = pixel(image, math.floor(sy + 0.5), math.floor(sx + 0.5), mode, fill)
            else:
                result[y, x] = between(image, sy, sx, mode)
    return result


def between(image, sy, sx, mode):
    """Linear between the four pixels around."""
    rest = mode if mode in ("reflect", "symmetric") else "edge"
    top, left = math.floor(sy), math.floor(sx)
    down, right = sy - top, sx - left
    total = 0.0
    for dy, by in ((0, 1 - down), (1, down)):
        for dx, bx in ((0, 1 - right), (1, right)):
            total = total + by * bx * pixel(image, top + dy, left + dx, rest, 0.0)
    return total


def about_the_middle(size, matrix):
    """The source of each pixel for a move by `matrix` (of (x, y), y down) about the middle."""
    middle = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2])
    back = np.linalg.inv(matrix)

    def source(y, x):
        sx, sy = back @ (np.array([x, y]) - middle) + middle
        return sy, sx

    return source


def rotation(degrees):
    """Against the clock, with y down."""
    a = math.radians(degrees)
    return np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]])


# ---- colours -------------------------------------------------------------------------------------
def luma(image):
    """[height, width, 1]."""
    return image @ np.array([[0.299], [0.587], [0.114]]) if image.shape[2] == 3 else image


def blended(image, plain, factor, top):
    """plain + factor (image - plain), cut."""
    return np.clip(plain + factor * (image - plain), 0, top)


def hue_turned(image, turns):
    """Pixel by pixel through the standard library's HSV; values 0 to 1."""
    result = np.empty_like(image)
    for at in np.ndindex(image.shape[:2]):
        h, s, v = colorsys.rgb_to_hsv(*image[at])
        result[at] = colorsys.hsv_to_rgb((h + turns) % 1.0, s, v)
    return result


# ---- neighbours ----------------------------------------------------------------------------------
def smoothed(image):
    """3 x 3, the middle 5 times; the outermost pixels stay."""
    result = image.astype(np.float64).copy()
    for y in range(1, image.shape[0] - 1):
        for x in range(1, image.shape[1] - 1):
            around = image[y - 1:y + 2, x - 1:x + 2].astype(np.float64)
            result[y, x] = (around.sum(axis=(0, 1)) + 4.0 * image[y, x]) / 13
    return result


def blurred(image, size, sigma):
    """All pairs of distances."""
    reach = size // 2
    weights = np.array([math.exp(-0.5 * (d / sigma) ** 2) for d in range(-reach, reach + 1)])
    weights /= weights.sum()
    result = np.zeros(image.shape)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            for i, a in enumerate(weights):
                for j, b in enumerate(weights):
                    result[y, x] += a * b * pixel(image, y + i - reach, x + j - reach, "reflect", 0)
    return result


def as_bytes(values):
    """Rounded and cut, as results for uint8 are."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
