"""CIFAR-10 from the user's copy: a small stand-in, and the real files where they are."""

from pathlib import Path

import numpy as np
import pytest

from lamina.config import override, settings
from lamina.data.datasets.cifar import CLASSES, cifar10
from lamina.errors import ArgumentError, DataError, FormatError
from tests.data.sources.files import encoded, picture


def save(path: Path, **changes: object) -> None:
    files = [encoded(picture(32, 32) // n) for n in (1, 2, 3)]
    content = {"jpeg": np.frombuffer(b"".join(files), np.uint8), "label": np.array([3, 0, 9], "u1"),
               "offset": np.cumsum([0] + [len(f) for f in files]), "classes": np.array(CLASSES)}
    content |= changes
    np.savez(path, **{key: value for key, value in content.items() if value is not None})


@pytest.mark.parametrize("folder", ["", "cifar10"])
def test_images_are_decoded(tmp_path: Path, folder: str):
    (tmp_path / folder).mkdir(exist_ok=True)
    save(tmp_path / folder / "cifar10_test.npz")
    with override(data=str(tmp_path)):
        images, labels = cifar10("test")
    assert images.shape == (3, 32, 32, 3) and images.dtype == np.uint8 and images.flags.writeable
    assert labels.tolist() == [3, 0, 9] and labels.dtype == np.uint8
    assert np.abs(images[1].astype(int) - picture(32, 32) // 2).mean() < 3


def test_without_the_files_the_error_tells_how_to_supply_them(tmp_path: Path):
    with override(data=""):
        with pytest.raises(DataError, match="(?s)not set.*LAMINA_DATA=/folder/with/cifar10_train"):
            cifar10()
    with override(data=str(tmp_path)):
        with pytest.raises(DataError, match=f"{tmp_path} has no cifar10_test.npz"):
            cifar10("test")
    with pytest.raises(ArgumentError, match="split is one of train, test"):
        cifar10("valid")


@pytest.mark.parametrize(("changes", "found"), [
    ({"jpeg": np.zeros(3000, np.uint8)}, "JPEG 0"), ({"label": None}, "label"),
    ({"label": np.array([3, 0, 10])}, "10, of row 2"), ({"label": np.array([1])}, r"int64 \[1\]"),
    ({"offset": np.array([0, 5, 1 << 40, 1 << 41])}, r"int64 \[4\]"),
    ({"label": np.array([{}], object)}, "allow_pickle"),
])
def test_wrong_arrays_are_named(tmp_path: Path, changes: dict, found: str):
    save(tmp_path / "cifar10_test.npz", **changes)
    with override(data=str(tmp_path)), pytest.raises(
            FormatError, match=f"(?s)cifar10_test.npz.*{found}.*rule: the file is a NumPy archive"):
        cifar10("test")


@pytest.mark.parametrize("damage", [
    lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"a text", lambda b: b[:1000] + bytes(
        500) + b[1500:]])
def test_damaged_archives_are_named(tmp_path: Path, damage):
    path = tmp_path / "cifar10_test.npz"
    save(path)
    path.write_bytes(damage(path.read_bytes()))
    with override(data=str(tmp_path)), pytest.raises(FormatError, match=r"(?s)npz\n  found "):
        cifar10("test")


def test_a_folder_of_that_name(tmp_path: Path):
    (tmp_path / "cifar10_test.npz").mkdir()
    with override(data=str(tmp_path)), pytest.raises(DataError, match="is a folder"):
        cifar10("test")


@pytest.mark.skipif(not settings.data or not Path(settings.data, "cifar10_test.npz").exists(),
                    reason="$LAMINA_DATA has no CIFAR-10")
def test_the_real_test_images():
    images, labels = cifar10("test")
    assert images.shape == (10000, 32, 32, 3)
    assert np.bincount(labels).tolist() == [1000] * 10
    assert 100 < images.mean() < 140
