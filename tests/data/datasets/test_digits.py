"""The embedded digits: what they are, and that the parts make the whole."""

import hashlib

import numpy as np
import pytest

from lamina.data.datasets import digit_images, digits
from lamina.errors import ArgumentError, FormatError


def test_all_are_there():
    images, labels = digits()
    assert images.shape == (1797, 8, 8) and images.dtype == np.uint8
    assert labels.shape == (1797,) and labels.dtype == np.uint8
    assert (images.min(), images.max()) == (0, 16)
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_they_are_the_published_ones():
    images, labels = digits()
    assert hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest() == (
        "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
    )


def test_the_split_is_fixed_and_loses_nothing():
    whole, parts = digits(), [digits("train"), digits("test")]
    assert [len(labels) for _, labels in parts] == [1438, 359]
    joined = sorted((image.tobytes(), label) for part in parts for image, label in zip(*part))
    assert joined == sorted((image.tobytes(), label) for image, label in zip(*whole))
    assert np.array_equal(parts[1][0], whole[0][4::5])


def test_the_licence_is_beside_the_data():
    text = digit_images.PATH.with_name("digits.LICENSE.txt").read_text()
    assert "Attribution 4.0 International" in text and "Alpaydin" in text


def test_another_split_is_refused():
    with pytest.raises(ArgumentError, match="split is one of all, train, test"):
        digits("valid")


def test_a_damaged_installation_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(digit_images, "PATH", tmp_path / "digits.npy")
    with pytest.raises(FormatError, match="(?s)digits.npy.*install lamina again"):
        digits()
    (tmp_path / "digits.npy").write_bytes(b"\x93NUMPY but no array")
    with pytest.raises(FormatError, match="(?s)digits.npy.*install lamina again"):
        digits()
