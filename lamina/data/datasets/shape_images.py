"""Images of coloured shapes with boxes and masks: detection and segmentation without a download.

In: a number of images and a seed. Out: images, and for each its shapes. Circles, squares and
triangles of one colour each lie on a background of another, with noise; they may overlap a little.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lamina.errors import ArgumentError

CLASSES = ("circle", "square", "triangle")
_OVERLAP = 0.1  # intersection over union that two shapes have at most
_TRIES = 10
_NOISE = 8.0  # standard deviation of grey values


class Shapes(NamedTuple):
    """What `shapes` gives.

    images: uint8 [n, side, side, 3]. boxes: float32 [n, most, 4], each x1, y1, x2, y2 in pixels.
    labels: int64 [n, most], numbers into `CLASSES`; -1, with a box of zeros, where an image has
    fewer shapes. masks: uint8 [n, side, side], 0 for the background, 1 + the label elsewhere.
    """

    images: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    masks: np.ndarray


def shapes(n: int, seed: int = 0, side: int = 64, most: int = 3) -> Shapes:
    """`n` images of one to `most` shapes; the same seed gives the same images.

    Raises ArgumentError where n or most is below 1 or side below 16.

    >>> found = shapes(4)
    >>> found.images.shape, found.boxes.shape
    ((4, 64, 64, 3), (4, 3, 4))
    """
    if n < 1 or most < 1 or side < 16:
        raise ArgumentError(
            "shapes",
            operands=[("n", str(n)), ("side", str(side)), ("most", str(most))],
            rule="n and most are at least 1, and side at least 16",
        )
    rng = np.random.default_rng(seed)
    drawn = [_one_image(rng, side, most) for _ in range(n)]
    return Shapes(*(np.stack(parts) for parts in zip(*drawn, strict=True)))


def _one_image(rng: np.random.Generator, side: int, most: int) -> tuple[np.ndarray, ...]:
    image = np.broadcast_to(rng.uniform(0, 255, 3), (side, side, 3)).copy()
    boxes, labels = np.zeros((most, 4), np.float32), np.full(most, -1)
    mask = np.zeros((side, side), np.uint8)
    for i in range(rng.integers(1, most + 1)):
        box = _free_box(rng, side, boxes[:i])
        if box is None:
            break
        boxes[i], labels[i] = box, rng.integers(len(CLASSES))
        inside = _inside(labels[i], box, side)
        image[inside] = _another_colour(rng, image[0, 0])
        mask[inside] = 1 + labels[i]
    noisy = image + rng.normal(0, _NOISE, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), boxes, labels, mask


def _free_box(rng: np.random.Generator, side: int, taken: np.ndarray) -> np.ndarray | None:
    """A square box of a fifth to two fifths of the image that hardly overlaps the others."""
    for _ in range(_TRIES):
        size = rng.integers(side // 5, 2 * side // 5)
        x, y = rng.integers(0, side - size, 2)
        box = np.array([x, y, x + size, y + size], np.float32)
        if all(_overlap(box, other) <= _OVERLAP for other in taken):
            return box
    return None


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union."""
    size = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    common = float(np.prod(np.maximum(size, 0)))
    return common / float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - common)


def _inside(label: int, box: np.ndarray, side: int) -> np.ndarray:
    """Whether each pixel's centre lies in the shape that fills the box, [side, side]."""
    y, x = (np.mgrid[:side, :side] + 0.5 - box[1::-1].reshape(2, 1, 1)) / (box[2] - box[0])
    if CLASSES[label] == "circle":
        return (x - 0.5) ** 2 + (y - 0.5) ** 2 <= 0.25
    within = (0 <= x) & (x <= 1) & (0 <= y) & (y <= 1)
    return within if CLASSES[label] == "square" else within & (np.abs(x - 0.5) <= y / 2)


def _another_colour(rng: np.random.Generator, background: np.ndarray) -> np.ndarray:
    """One that can be told from the background."""
    while True:
        colour = rng.uniform(0, 255, 3)
        if np.abs(colour - background).max() > 60:
            return colour
