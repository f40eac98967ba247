"""The embedded data set: 1,797 handwritten digits of 8x8 pixels, no download needed.

In: a split. Out: images and labels. Source: E. Alpaydin, C. Kaynak, "Optical Recognition of
Handwritten Digits", UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49,
CC BY 4.0 (digits.LICENSE.txt, beside the data).
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from lamina.data.datasets.splits import check_split
from lamina.errors import FormatError

PATH = Path(__file__).with_name("digits.npy")
CLASSES = tuple("0123456789")
_TEST_EVERY = 5  # every fifth image is for testing


def digits(split: str = "all") -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [n, 8, 8] with values 0 to 16, and labels uint8 [n].

    split: "all" (1,797), "train" (1,438) or "test" (359: every fifth image, so that both parts
    hold digits of every writer).

    >>> images, labels = digits("test")
    >>> images.shape, labels[:5].tolist()
    ((359, 8, 8), [4, 9, 4, 9, 4])
    """
    check_split("digits", split, ("all", "train", "test"))
    try:
        rows = np.lib.format.read_array(io.BytesIO(PATH.read_bytes()))  # 64 pixels and the label
        images, labels = rows[:, :64].reshape(-1, 8, 8), rows[:, 64].copy()
    except (OSError, ValueError) as error:
        raise FormatError(
            "digits",
            operands=[("file", str(PATH)), ("found", str(error))],
            rule="the data set is part of the package",
            hint="install lamina again",
        ) from error
    if split == "all":
        return images, labels
    is_test = np.arange(len(labels)) % _TEST_EVERY == _TEST_EVERY - 1
    chosen = is_test if split == "test" else ~is_test
    return images[chosen], labels[chosen]
