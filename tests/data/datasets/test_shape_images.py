"""Images of shapes: boxes and masks tell where the shapes are."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError


def test_boxes_and_masks_agree():
    found = lm.datasets.shapes(50, seed=3)
    assert [array.shape for array in found] == [(50, 64, 64, 3), (50, 3, 4), (50, 3), (50, 64, 64)]
    assert set(found.labels.ravel().tolist()) == {-1, 0, 1, 2}
    for boxes, labels, mask in zip(found.boxes, found.labels, found.masks, strict=True):
        inside = np.zeros((64, 64), bool)
        for (x1, y1, x2, y2), label in zip(boxes.astype(int), labels, strict=True):
            if label >= 0:
                seen = mask[y1:y2, x1:x2] == label + 1
                assert seen.mean() > 0.25  # a triangle fills half of its box, if none is before it
                inside[y1:y2, x1:x2] = True
        assert not mask[~inside].any()


def test_shapes_differ_from_their_background():
    found = lm.datasets.shapes(20, seed=1)
    for image, mask in zip(found.images.astype(float), found.masks, strict=True):
        background = image[mask == 0].mean(0)
        for label in set(mask[mask > 0].tolist()):
            assert np.abs(image[mask == label].mean(0) - background).max() > 20


def test_a_seed_gives_the_same_images():
    one, same, other = lm.datasets.shapes(3, 7), lm.datasets.shapes(3, 7), lm.datasets.shapes(3, 8)
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one.images, other.images)


@pytest.mark.parametrize("arguments", [{"n": 0}, {"n": 1, "side": 8}, {"n": 1, "most": 0}])
def test_sizes_that_make_no_sense(arguments):
    with pytest.raises(ArgumentError, match="at least"):
        lm.datasets.shapes(**arguments)
