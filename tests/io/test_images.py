"""PNG files that other programs read, and sheets of images."""

import struct
import zlib

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, DataError, ShapeError
from lamina.io import image_grid, save_grid, write_png


def read_png(path):
    """What the file holds, read by the letter of the format (rows without filters)."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, place = {}, 8
    while place < len(data):
        length, name = struct.unpack(">I4s", data[place:place + 8])
        content = data[place + 8:place + 8 + length]
        crc, = struct.unpack(">I", data[place + 8 + length:place + 12 + length])
        assert crc == zlib.crc32(name + content)
        chunks[name] = content
        place += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, rest) == (8, [0, 0, 0])
    channels = {0: 1, 2: 3}[colour]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert (rows[:, 0] == 0).all()
    pixels = rows[:, 1:].reshape(height, width, channels)
    return pixels[..., 0] if channels == 1 else pixels


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (1, 1), (300, 2)])
def test_pixels_come_back(tmp_path, shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    write_png(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal(read_png(tmp_path / "a.png"), pixels)
    image = pytest.importorskip("PIL.Image")
    np.testing.assert_array_equal(np.asarray(image.open(tmp_path / "a.png")), pixels)


def test_one_channel_is_grey(tmp_path):
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    write_png(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal(read_png(tmp_path / "a.png"), pixels[..., 0])


def test_a_grid_by_hand():
    images = np.array([[[0.0, 1.0]], [[0.5, 2.0]], [[-1.0, np.nan]]])
    expected = [[0, 255, 128, 128, 255], [128, 128, 128, 128, 128], [0, 0, 128, 128, 128]]
    np.testing.assert_array_equal(image_grid(images, columns=2), expected)
    np.testing.assert_array_equal(image_grid(lm.tensor(images), columns=2), expected)
    assert image_grid(images, columns=9, padding=0).shape == (1, 6)
    wide = image_grid(images[:1] * 2 - 1, scale=3, low=-1.0)
    np.testing.assert_array_equal(wide, np.repeat([[0, 0, 0, 255, 255, 255]], 3, axis=0))


def test_colours_stay_colours(tmp_path):
    images = np.random.default_rng(0).random((5, 4, 6, 3))
    grid = image_grid(images, columns=2)
    assert grid.shape == (14, 13, 3)
    np.testing.assert_array_equal(grid[5:9, :6], (images[2] * 255).round())
    save_grid(tmp_path / "deep" / "a.png", images, columns=2)
    np.testing.assert_array_equal(read_png(tmp_path / "deep" / "a.png"), grid)


@pytest.mark.parametrize("images", [np.zeros((3, 4)), np.zeros((0, 4, 4)), np.zeros((1, 4, 4, 2))])
def test_bad_images(images):
    with pytest.raises(ShapeError, match=r"images is \[count, height, width\]"):
        image_grid(images)


def test_bad_arguments(tmp_path):
    images = np.zeros((2, 4, 4))
    with pytest.raises(ArgumentError, match="columns is an int of at least 1"):
        image_grid(images, columns=0)
    with pytest.raises(ArgumentError, match="padding is an int of at least 0"):
        image_grid(images, padding=-1)
    with pytest.raises(ArgumentError, match="low is less than high"):
        image_grid(images, low=1.0)
    with pytest.raises(ArgumentError, match="pixels are uint8"):
        write_png(tmp_path / "a.png", images[0])
    with pytest.raises(DataError):
        write_png(tmp_path, images[0].astype(np.uint8))


def test_bytes_are_shown_as_they_are():
    images = np.arange(8, dtype=np.uint8).reshape(1, 2, 4) * 30
    np.testing.assert_array_equal(lm.io.image_grid(images, padding=0), images[0])


def test_a_folder_of_images_has_a_sub_folder_for_each_class(tmp_path):
    images = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
    lm.io.write_image_folder(tmp_path / "x", images, np.array([1, 0, 1]), ["cat", "dog"])
    files = sorted(str(p.relative_to(tmp_path / "x")) for p in tmp_path.rglob("*.png"))
    assert files == ["cat/00001.png", "dog/00000.png", "dog/00002.png"]
    source = lm.data.ImageFolder(tmp_path / "x", size=(4, 4), channels=1)
    pixels, labels = source.take(np.arange(3))
    np.testing.assert_array_equal(pixels[..., 0], images[[1, 0, 2]])
    assert labels.tolist() == [0, 1, 1] and source.classes == ("cat", "dog")
    with pytest.raises(ShapeError, match="and labels"):
        lm.io.write_image_folder(tmp_path / "y", images, np.array([1, 0]))
