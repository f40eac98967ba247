"""Boxes: suppression and aligned regions against loops in NumPy, compiled, and their errors."""

import numpy as np
import pytest

import lamina as lm
from lamina import functional as F
from lamina.errors import ArgumentError, ShapeError


def random_boxes(count, size, seed=0):
    draws = np.random.default_rng(seed)
    corners = draws.uniform(0, size, (count, 2, 2)).astype(np.float32)
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def suppressed(boxes, scores, threshold):
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(iou(boxes[i], boxes[j]) <= threshold for j in kept):
            kept.append(int(i))
    return kept


def test_box_iou():
    a, b = random_boxes(4, 10), random_boxes(3, 10, seed=1)
    expected = [[iou(x, y) for y in b] for x in a]
    np.testing.assert_allclose(F.box_iou(lm.tensor(a), lm.tensor(b)).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("compiled", [False, True])
def test_nms(threshold, compiled):
    boxes = random_boxes(30, 10)
    scores = np.random.default_rng(2).permutation(30).astype(np.float32)

    def run(boxes, scores):
        return F.nms(boxes, scores, threshold)

    function = lm.compile(run) if compiled else run
    got = function(lm.tensor(boxes), lm.tensor(scores)).tolist()
    expected = suppressed(boxes, scores, threshold)
    assert got == expected + [-1] * (30 - len(expected))


def test_nms_keeps_the_first_of_equal_scores():
    box = lm.tensor([[0.0, 0.0, 2.0, 2.0]] * 3)
    assert F.nms(box, lm.ones(3), 0.5).tolist() == [0, -1, -1]


@pytest.mark.parametrize("count", [0, 2, 8, 12])
def test_nms_of_a_given_length(count):
    boxes, scores = random_boxes(8, 10, seed=3), np.arange(8, dtype=np.float32)
    kept = suppressed(boxes, scores, 0.3)
    got = F.nms(lm.tensor(boxes), lm.tensor(scores), 0.3, count).tolist()
    assert got == (kept + [-1] * 12)[:count]


def sample(image, y, x):
    """Bilinear sample of `[height, width, channels]`, with torchvision's borders."""
    height, width, channels = image.shape
    if y < -1 or y > height or x < -1 or x > width:
        return np.zeros(channels)
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    y0, x0 = int(y), int(x)
    y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
    top = image[y0, x0] * (1 - (x - x0)) + image[y0, x1] * (x - x0)
    bottom = image[y1, x0] * (1 - (x - x0)) + image[y1, x1] * (x - x0)
    return top * (1 - (y - y0)) + bottom * (y - y0)


def aligned_region(image, box, size, scale, ratio, aligned):
    x1, y1, x2, y2 = np.asarray(box, np.float64) * scale - (0.5 if aligned else 0.0)
    width, height = x2 - x1, y2 - y1
    if not aligned:
        width, height = max(width, 1.0), max(height, 1.0)
    result = np.zeros((*size, image.shape[-1]))
    for i, j, u, v in np.ndindex(*size, ratio, ratio):
        y = y1 + (i + (u + 0.5) / ratio) * height / size[0]
        x = x1 + (j + (v + 0.5) / ratio) * width / size[1]
        result[i, j] += sample(image, y, x) / ratio**2
    return result


REGIONS = np.array([[0, 1, 2, 5, 6], [1, 0, 0, 7, 6], [1, -4, 3, 3, 20], [0, 2.2, 3.3, 2.4, 3.5],
                    [1, 30, 30, 40, 40]], np.float32)


@pytest.mark.parametrize(("scale", "ratio", "aligned"), [(1.0, 2, False), (0.5, 3, True),
                                                         (1.0, 1, True)])
@pytest.mark.parametrize("compiled", [False, True])
def test_roi_align(scale, ratio, aligned, compiled):
    images = np.random.default_rng(0).normal(size=(2, 7, 8, 3)).astype(np.float32)

    def run(x, boxes):
        return F.roi_align(x, boxes, (3, 2), scale, ratio, aligned)

    function = lm.compile(run) if compiled else run
    got = function(lm.tensor(images), lm.tensor(REGIONS)).numpy()
    expected = np.stack([aligned_region(images[int(b[0])], b[1:], (3, 2), scale, ratio, aligned)
                         for b in REGIONS])
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)  # 36 products and sums


def test_roi_align_channels_first():
    images = np.random.default_rng(0).normal(size=(2, 7, 8, 3)).astype(np.float32)
    last = F.roi_align(lm.tensor(images), lm.tensor(REGIONS), 2).numpy()
    first = F.roi_align(lm.tensor(np.moveaxis(images, -1, 1)), lm.tensor(REGIONS), 2,
                        data_format="channels_first").numpy()
    np.testing.assert_allclose(np.moveaxis(first, 1, -1), last, rtol=1e-6, atol=1e-6)


def test_roi_align_has_a_gradient():
    images = np.random.default_rng(0).normal(size=(2, 4, 5, 2))
    boxes = lm.tensor(REGIONS[:3].astype(np.float64))
    lm.testing.check_gradients(lambda x: F.roi_align(x, boxes, 2), lm.tensor(images), order=1)


def test_errors():
    boxes = lm.zeros((3, 4))
    with pytest.raises(ShapeError) as caught:
        F.nms(boxes, lm.zeros(2), 0.5)
    assert str(caught.value).splitlines()[1:] == [
        "  boxes   float32 [3, 4]",
        "  scores  float32 [2]",
        "  rule: one score for each box",
    ]
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        F.nms(boxes, lm.zeros(3), 1.5)
    with pytest.raises(ArgumentError, match="at least 0"):
        F.nms(boxes, lm.zeros(3), 0.5, -1)
    with pytest.raises(ShapeError, match=r"\[n, 5\]: image, x1"):
        F.roi_align(lm.zeros((1, 4, 4, 1)), boxes, 2)
    with pytest.raises(ArgumentError, match="try: sampling_ratio=2"):
        F.roi_align(lm.zeros((1, 4, 4, 1)), lm.zeros((3, 5)), 2, sampling_ratio=-1)
    with pytest.raises(ArgumentError, match="spatial_scale is a number above 0"):
        F.roi_align(lm.zeros((1, 4, 4, 1)), lm.zeros((3, 5)), 2, spatial_scale=0)
