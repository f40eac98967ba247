"""CIFAR-10: 60,000 photographs of 32x32 pixels, ten classes; from the user's own copy.

In: a split. Out: images and labels. Source: A. Krizhevsky, "Learning Multiple Layers of Features
from Tiny Images", 2009. It has no licence that lets it be passed on, so it is not fetched.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lamina.config import settings
from lamina.data.datasets.splits import check_split
from lamina.data.sources.images import JPEGs
from lamina.data.sources.reading import open_file, shown
from lamina.errors import ArgumentError, DataError, FormatError

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
_KEYS = ("jpeg", "offset", "label")
_BLOCK = 1024  # images decoded at a time


def cifar10(split: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [n, 32, 32, 3] and labels uint8 [n]; n is 50,000 for train, 10,000 for test.

    Read from `cifar10_train.npz` and `cifar10_test.npz` in `$LAMINA_DATA`, or its sub-folder
    `cifar10`. Their arrays: `jpeg` uint8 [bytes], JPEG files one after the other; `offset` int64
    [n + 1], where each begins; `label` uint8 [n], numbers of airplane, automobile, bird, cat, deer,
    dog, frog, horse, ship, truck.

    Raises DataError, which tells how to supply the files; FormatError if one is corrupt.
    """
    check_split("cifar10", split, ("train", "test"))
    path = _path(f"cifar10_{split}.npz")
    with os.fdopen(open_file(path), "rb") as file:
        data, offsets, labels = _arrays(path, file)
    try:
        source = JPEGs(data, offsets, labels, size=(32, 32), classes=CLASSES)
        images = np.empty((len(source), 32, 32, 3), np.uint8)
        for start in range(0, len(source), _BLOCK):
            rows = np.arange(start, min(start + _BLOCK, len(source)))
            images[rows] = source.take(rows)[0]
    except (FormatError, ArgumentError) as error:
        raise _corrupt(path, "; ".join(text for _, text in error.operands)) from None
    return images, labels.astype(np.uint8)


def _arrays(path: Path, file: BinaryIO) -> list[np.ndarray]:
    try:
        with np.load(file, allow_pickle=False) as archive:
            return [archive[key] for key in _KEYS]
    except Exception as error:  # noqa: BLE001  zip's, zlib's and NumPy's errors share no other
        raise _corrupt(path, str(error) or type(error).__name__) from None


def _path(name: str) -> Path:
    folders = [Path(settings.data), Path(settings.data, "cifar10")] if settings.data else []
    for folder in folders:
        if (folder / name).exists():
            return folder / name
    raise DataError(
        "cifar10",
        operands=[("$LAMINA_DATA", f"{folders[0]} has no {name}" if folders else "not set")],
        rule="CIFAR-10 may not be passed on: supply it as NumPy archives of JPEG bytes, whose "
        "arrays the documentation of lamina.datasets.cifar10 describes",
        hint=f"LAMINA_DATA=/folder/with/{name}; or lamina.data.CIFAR for its binary version",
    )


def _corrupt(path: Path, found: str) -> FormatError:
    return FormatError(
        "cifar10", operands=[("file", shown(path)), ("found", found)],
        rule="the file is a NumPy archive of the arrays " + ", ".join(_KEYS))
