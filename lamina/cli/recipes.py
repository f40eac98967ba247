"""What `lamina train` can train: data set, network and the numbers that work for them.

In: a name. Out: a `Recipe`. To add one, add a row to `RECIPES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lamina.data.datasets import digits, fashion_mnist
from lamina.nn import Conv2d, Dropout, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential

Report = Callable[[str], None]
Arrays = tuple[np.ndarray, np.ndarray]  # images uint8 [n, height, width], labels uint8 [n]


@dataclass(frozen=True)
class Recipe:
    """One data set and how to train on it.

    mean, deviation: of the pixels of the training images; the network sees
    (pixel - mean) / deviation.
    """

    name: str
    summary: str
    load: Callable[[str, Report], Arrays]
    side: int  # of the square images
    mean: float
    deviation: float
    epochs: int
    batch_size: int
    lr: float  # at the start; falls to zero along half a cosine

    def prepare(self, images: np.ndarray, labels: np.ndarray) -> Arrays:
        """Batches as the network takes them: float32 [batch, side, side, 1], int32 [batch]."""
        scaled = (images.astype(np.float32) - self.mean) * np.float32(1 / self.deviation)
        return scaled[..., None], labels.astype(np.int32)


def small_convnet(side: int, classes: int = 10) -> Module:
    """Two convolutions and two linear layers, for images [batch, side, side, 1]."""
    return Sequential(
        Conv2d(1, 32, 3, padding=1),
        ReLU(),
        MaxPool2d(2),
        Conv2d(32, 64, 3, padding=1),
        ReLU(),
        MaxPool2d(2),
        Flatten(),
        Linear(64 * (side // 4) ** 2, 128),
        ReLU(),
        Dropout(0.25),
        Linear(128, classes),
    )


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="fashion-mnist",
            summary="70,000 images of clothes, fetched on first use",
            load=lambda split, report: fashion_mnist(split, report),
            side=28,
            mean=72.94,
            deviation=90.02,
            epochs=5,
            batch_size=128,
            lr=2e-3,
        ),
        Recipe(
            name="digits",
            summary="1,797 handwritten digits, part of the package",
            load=lambda split, report: digits(split),
            side=8,
            mean=4.88,
            deviation=6.02,
            epochs=15,
            batch_size=32,
            lr=2e-3,
        ),
    )
}
