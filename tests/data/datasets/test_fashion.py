"""Fashion-MNIST, with a small stand-in for its files."""

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lamina.config import override
from lamina.data.datasets import fashion
from lamina.data.datasets.collection import File
from lamina.data.datasets.fashion import CLASSES, FASHION_MNIST, fashion_mnist
from lamina.errors import ArgumentError


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 6 training and 4 test images, and checksums to match."""
    files = {}
    for prefix, count in (("train", 6), ("t10k", 4)):
        sizes = [n.to_bytes(4, "big") for n in (count, 28, 28)]
        pixels = np.full((count, 28, 28), count, np.uint8).tobytes()
        plain = {
            f"{prefix}-images-idx3-ubyte": bytes([0, 0, 8, 3]) + b"".join(sizes) + pixels,
            f"{prefix}-labels-idx1-ubyte": bytes([0, 0, 8, 1]) + sizes[0] + bytes(range(count)),
        }
        for name, content in plain.items():
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
            files[name] = File(len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(fashion, "FASHION_MNIST", replace(FASHION_MNIST, files=files))
    return tmp_path


@pytest.mark.parametrize(("split", "count"), [("train", 6), ("test", 4)])
def test_images_and_labels(stand_in: Path, split: str, count: int):
    with override(data=str(stand_in)):
        images, labels = fashion_mnist(split)
    assert images.shape == (count, 28, 28) and images.dtype == np.uint8 and images[0, 0, 0] == count
    assert labels.tolist() == list(range(count)) and labels.dtype == np.uint8


def test_another_split_is_refused():
    with pytest.raises(ArgumentError, match="split is one of train, test"):
        fashion_mnist("valid")


def test_the_table_names_four_files_of_the_published_sizes():
    sizes = [file.size for file in FASHION_MNIST.files.values()]
    assert sizes == [16 + 60_000 * 784, 8 + 60_000, 16 + 10_000 * 784, 8 + 10_000]
    assert len(CLASSES) == 10
