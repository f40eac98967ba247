"""A sheet of policies on the embedded digits: `python -m benchmarks.augmentation_sheet FILE.png`.

Each row is one policy on the same ten digits, the first row the digits themselves. The picture
in docs/guides/augmentation.md is from here.
"""

from __future__ import annotations

import sys

import numpy as np

import lamina as lm
from lamina.data import augment

COUNT, SIZE = 10, 32
POLICIES = (
    augment.RandomCrop(SIZE, 6),
    augment.RandomResizedCrop(SIZE, (0.3, 1.0)),
    augment.Rotate(40),
    augment.Affine(15, 0.1, (0.7, 1.2), 20, fill=0.5),
    augment.HorizontalFlip(),
    augment.ColorJitter(brightness=0.7, contrast=0.7),
    augment.GaussianBlur(9, (0.1, 3.0)),
    augment.Cutout(12, fill=0.5),
    augment.Mixup(1.0, classes=10),
    augment.CutMix(1.0, classes=10),
    augment.RandAugment(2, 15),
)


def rows() -> np.ndarray:
    """uint8 [rows * COUNT, SIZE, SIZE, 1]."""
    digits, labels = lm.datasets.digits("test")
    images = np.asarray(digits[:COUNT], np.float32).reshape(COUNT, 8, 8, 1) * (255 / 16)
    key = lm.tensor(np.array([2, 5], np.uint32))
    large, = augment.Resize(SIZE)(key, images.round().astype(np.uint8))
    found = [large, *(policy(key, large, labels[:COUNT])[0] for policy in POLICIES)]
    return np.concatenate([row.numpy() for row in found])


if __name__ == "__main__":
    lm.io.save_grid(sys.argv[1], rows() / 255, columns=COUNT, scale=1)
