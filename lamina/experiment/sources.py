"""The sources that a configuration may name.

In: arguments. Out: a `Source`: rows by number. Ready data sets are divided already: `split` is
"train" or "test".
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from lamina import data
from lamina.data import datasets
from lamina.data.datasets import fashion
from lamina.data.datasets.digit_images import CLASSES as DIGITS
from lamina.data.source import Source
from lamina.errors import DataError, FormatError
from lamina.experiment.memory import Arrays, Characters, Path

_IMAGES = ("image", "label")


def digits(split: str = "train") -> Source:
    """1,797 handwritten digits of 8x8 pixels, part of the package."""
    images, labels = datasets.digits(split)
    return Arrays((images, labels.astype(np.int64)), _IMAGES, DIGITS, f"digits {split}")


def fashion_mnist(split: str = "train") -> Source:
    """70,000 images of clothes, 28x28, fetched on first use."""
    images, labels = datasets.fashion_mnist(split)
    return Arrays((images, labels.astype(np.int64)), _IMAGES, fashion.CLASSES,
                  f"fashion_mnist {split}")


def npz(path: Path, input: str = "", target: str = "") -> Source:
    """Arrays of a NumPy file: the columns `input` and `target`, else its first two arrays."""
    name = os.fspath(path)
    try:
        with np.load(name, allow_pickle=False) as archive:
            keys = [input or archive.files[0], target or archive.files[1]]
            arrays = [archive[key] for key in keys]
    except OSError as error:
        raise DataError("NPZ", operands=[("file", name), ("reason", error.strerror or str(error))],
                        rule="the file can be read") from None
    except (ValueError, KeyError, IndexError, EOFError) as error:
        raise FormatError("NPZ", operands=[("file", name), ("found", str(error)[:80])],
                          rule="the file is one of numpy.savez, with both arrays") from None
    if len({array.shape[0] if array.ndim else 0 for array in arrays}) != 1:
        raise FormatError("NPZ", operands=[
            ("file", name), *((key, str(array.shape)) for key, array in zip(keys, arrays,
                                                                           strict=True))],
            rule="both arrays have the same first axis, the examples")
    return Arrays(arrays, keys, (), name)


READY: dict[str, Callable[..., Source]] = {"digits": digits, "fashion_mnist": fashion_mnist}
_FILES = ("AudioFolder", "CIFAR", "CSV", "HDF5", "IDX", "ImageFolder", "Parquet", "TarShards")
SOURCES: dict[str, Callable[..., Source]] = {
    **READY,
    "Characters": Characters,
    "NPZ": npz,
    **{name: getattr(data, name) for name in _FILES if hasattr(data, name)},
}
PATHS = ("path", "paths", "folder", "files", "images", "labels")  # arguments that name files
