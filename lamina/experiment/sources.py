"""The sources that a configuration may name.

In: arguments. Out: a `Source`: rows by number. Ready data sets are divided already: `split` is
"train" or "test".
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np

from lamina import data
from lamina.data import datasets
from lamina.data.datasets import cifar, fashion
from lamina.data.datasets.digit_images import CLASSES as DIGITS
from lamina.data.source import Source
from lamina.errors import DataError, FormatError
from lamina.experiment.memory import Arrays, Characters, Path


def digits(split: str = "train") -> Source:
    """1,797 handwritten digits of 8x8 pixels, part of the package."""
    return _images(datasets.digits(split), DIGITS, f"digits {split}")


def mnist(split: str = "train") -> Source:
    """70,000 handwritten digits, 28x28, fetched on first use."""
    return _images(datasets.mnist(split), DIGITS, f"mnist {split}")


def fashion_mnist(split: str = "train") -> Source:
    """70,000 images of clothes, 28x28, fetched on first use."""
    return _images(datasets.fashion_mnist(split), fashion.CLASSES, f"fashion_mnist {split}")


def cifar10(split: str = "train") -> Source:
    """60,000 photographs of ten classes, 32x32, from the user's copy in `$LAMINA_DATA`."""
    return _images(datasets.cifar10(split), cifar.CLASSES, f"cifar10 {split}")


def _images(found: tuple[np.ndarray, np.ndarray], classes: Sequence[str], origin: str) -> Source:
    images, labels = found
    return Arrays((images, labels.astype(np.int64)), ("image", "label"), classes, origin)


def npz(path: Path, input: str = "", target: str = "") -> Source:
    """Arrays of a NumPy file: the columns `input` and `target`, else its first two arrays."""
    name = os.fspath(path)
    try:
        found = np.load(name, allow_pickle=False)
        if isinstance(found, np.ndarray):
            raise ValueError("one array alone")
        with found:
            keys = [input or found.files[0], target or found.files[1]]
            arrays = [found[key] for key in keys]
    except OSError as error:
        raise DataError("NPZ", operands=[("file", name), ("reason", error.strerror or str(error))],
                        rule="the file can be read") from None
    except Exception as error:  # noqa: BLE001  NumPy's readers raise what zip and struct raise
        raise FormatError("NPZ", operands=[("file", name), ("found", f"{error!s:.80}")],
                          rule="the file is one of numpy.savez, with both arrays") from None
    if len({array.shape[0] if array.ndim else 0 for array in arrays}) != 1:
        raise FormatError("NPZ", operands=[
            ("file", name), *((key, str(array.shape)) for key, array in zip(keys, arrays,
                                                                           strict=True))],
            rule="both arrays have the same first axis, the examples")
    return Arrays(arrays, keys, (), name)


SOURCES: dict[str, Callable[..., Source]] = {
    "digits": digits,
    "fashion_mnist": fashion_mnist,
    "mnist": mnist,
    "cifar10": cifar10,
    "AudioFolder": data.AudioFolder,
    "CIFAR": data.CIFAR,
    "CSV": data.CSV,
    "Characters": Characters,
    "HDF5": data.HDF5,
    "IDX": data.IDX,
    "ImageFolder": data.ImageFolder,
    "NPZ": npz,
    "Parquet": data.Parquet,
    "TarShards": data.TarShards,
}
# Arguments that name files, of every source or of one.
PATHS = ("path", "paths", "folder")
PATHS_OF = {"IDX": ("images", "labels")}
