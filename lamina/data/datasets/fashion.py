"""Fashion-MNIST: 70,000 images of clothes, 28x28 grey values, ten classes.

In: a split. Out: images and labels. Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel
Image Dataset for Benchmarking Machine Learning Algorithms", arXiv:1708.07747, MIT licence.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lamina.data.datasets.collection import Collection, File, Package
from lamina.data.datasets.splits import check_split

CLASSES = (
    "T-shirt", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip

FASHION_MNIST = Collection(
    name="fashion-mnist",
    title="Fashion-MNIST",
    files={
        "train-images-idx3-ubyte": File(
            47_040_016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
        ),
        "train-labels-idx1-ubyte": File(
            60_008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
        ),
        "t10k-images-idx3-ubyte": File(
            7_840_016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
        ),
        "t10k-labels-idx1-ubyte": File(
            10_008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
        ),
    },
    addresses=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion",
    ),
    package=Package("debian", "dataset-fashion-mnist"),
    hint="lamina train digits, which needs no download",
)
_PREFIX = {"train": "train", "test": "t10k"}


def fashion_mnist(
    split: str = "train", report: Callable[[str], None] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [n, 28, 28] and labels uint8 [n]; n is 60,000 for train, 10,000 for test.

    Looked for in `$LAMINA_DATA`, Lamina's cache folder and the system's folders, then fetched from
    its public addresses or Debian's archive; always checked against its SHA-256.

    report: called with one line when a fetch begins.
    Raises DataError, which lists what was tried, or FormatError if the file in `$LAMINA_DATA` is
    corrupt.
    """
    from lamina.data.datasets.sources import locate
    from lamina.data.idx import parse_idx

    check_split("fashion_mnist", split, tuple(_PREFIX))
    prefix = _PREFIX[split]
    names = (f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte")
    contents = locate(FASHION_MNIST, names, report or (lambda line: None))
    images, labels = (parse_idx(contents[name], name) for name in names)
    return images, labels
