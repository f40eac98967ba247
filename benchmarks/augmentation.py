"""Augmenting a batch: Lamina's policies, and torchvision's, on the batch and image by image.

Lamina draws for each image of a batch; torchvision, given a batch, draws once for all of its
images, and for each only when it is called for each. Results are random: only their shapes are
compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.workload import Call, Workload

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)
CIFAR, PHOTOS = (128, 32, 32, 3), (16, 256, 256, 3)
ROWS = ("crop, flip, normalise", "random resized crop", "rotate", "colour jitter", "blur",
        "equalize", "RandAugment", "mixup")


def policies() -> Iterator[Workload]:
    """Small images, then photographs."""
    for shape in (CIFAR, PHOTOS):
        for name in ROWS:
            builders: dict[str, Callable[[], Call]] = {
                "lamina": partial(_lamina, name, shape),
                "torchvision": partial(_torchvision, name, shape, False)}
            if name != "mixup":
                builders["torchvision each image"] = partial(_torchvision, name, shape, True)
            yield Workload("augmentation", f"{name} {list(shape)}", builders)


def _images(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def _labels(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(shape[0]) % 10


def _lamina(name: str, shape: tuple[int, ...]) -> Call:
    import lamina as lm

    augment, size = lm.data.augment, shape[1]
    policy = lm.compile({
        "crop, flip, normalise": augment.Compose(
            augment.RandomCrop(size, size // 8), augment.HorizontalFlip(),
            augment.Normalize(MEAN, STD)),
        "random resized crop": augment.RandomResizedCrop(size * 7 // 8),
        "rotate": augment.Rotate(15),
        "colour jitter": augment.ColorJitter(0.4, 0.4, 0.4, 0.1),
        "blur": augment.GaussianBlur(5),
        "equalize": augment.Equalize(1.0),
        "RandAugment": augment.RandAugment(2, 9),
        "mixup": augment.Mixup(0.2, classes=10),
    }[name])
    images, labels = lm.asarray(_images(shape)), lm.asarray(_labels(shape))
    key = lm.asarray(np.array([1, 2], np.uint32))

    def call() -> Any:
        columns = policy(key, images, labels)
        lm.eval(*columns)
        return np.array(columns[0].shape)

    return call


def _torchvision(name: str, shape: tuple[int, ...], each: bool) -> Call:
    import torch
    from torchvision.transforms import v2

    size = shape[1]
    policy = {
        "crop, flip, normalise": lambda: v2.Compose([
            v2.RandomCrop(size, size // 8), v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]),
        "random resized crop": lambda: v2.RandomResizedCrop(size * 7 // 8, antialias=False),
        "rotate": lambda: v2.RandomRotation(15, v2.InterpolationMode.BILINEAR),
        "colour jitter": lambda: v2.ColorJitter(0.4, 0.4, 0.4, 0.1),
        "blur": lambda: v2.GaussianBlur(5),
        "equalize": lambda: v2.RandomEqualize(1.0),
        "RandAugment": lambda: v2.RandAugment(2, 9),
        "mixup": lambda: v2.MixUp(alpha=0.2, num_classes=10),
    }[name]()
    images = torch.from_numpy(_images(shape).transpose(0, 3, 1, 2).copy())
    labels = torch.from_numpy(_labels(shape))

    def call() -> Any:
        if each:
            result = torch.stack([policy(image) for image in images])
        elif name == "mixup":
            result = policy(images.float(), labels)[0]
        else:
            result = policy(images)
        return np.array(result.shape)[[0, 2, 3, 1]]

    return call
