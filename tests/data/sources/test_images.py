"""Images: every mode, orientation and fit against Pillow's own answer; every bad file."""

import io
import os
import struct
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from lamina.data import ImageFiles, ImageFolder, JPEGs
from lamina.data.sources.image_decoding import ImageForm
from lamina.errors import ArgumentError, DataError, FormatError, IndexingError
from tests.data.sources.files import encoded, needs_permissions, picture, rows, write

PICTURE = picture()


@pytest.fixture(params=["simplejpeg", "Pillow"])
def decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "Pillow":
        monkeypatch.setitem(sys.modules, "simplejpeg", None)
    return request.param


def one(tmp_path: Path, content: bytes, name: str = "x.jpg", **options) -> np.ndarray:
    write(tmp_path, {name: content})
    return ImageFiles(tmp_path / name, **options).take(rows(0))[0][0]


# Folders


def test_folders_are_classes_and_rows_are_sorted(tmp_path: Path):
    png = encoded(PICTURE, "PNG")
    write(tmp_path, {"dog/b.PNG": png, "dog/a.png": png, "cat/in/deep.png": png, "cat/z.Jpg":
                     encoded(PICTURE), "cat/notes.txt": b"no image", "cat/.hidden.png": b"",
                     ".git/x.png": png, "dog/.thumbs/x.png": png})
    photos = ImageFolder(tmp_path, size=(8, 8))
    assert photos.names == ("image", "label") and photos.classes == ("cat", "dog")
    places = [os.path.relpath(photos.place(i), tmp_path) for i in range(len(photos))]
    assert places == ["cat/in/deep.png", "cat/z.Jpg", "dog/a.png", "dog/b.PNG"]
    images, labels = photos.take(rows(3, 0, 0, 2))
    assert images.shape == (4, 8, 8, 3) and images.dtype == np.uint8
    assert labels.dtype == np.int64 and labels.tolist() == [1, 0, 0, 1]
    assert repr(photos) == "ImageFolder(4 images, 8 x 8, 2 classes)"
    assert len(ImageFolder(tmp_path, recursive=False)) == 3


def test_a_flat_folder_has_images_alone(tmp_path: Path):
    write(tmp_path, {"b.png": encoded(PICTURE, "PNG"), "a.png": encoded(PICTURE, "PNG")})
    for labels in (None, False):
        photos = ImageFolder(tmp_path, labels=labels)
        assert (photos.names, photos.classes, len(photos)) == (("image",), (), 2)
        assert len(photos.take(rows(0, 1))) == 1
    with pytest.raises(DataError, match="(?s)no sub-folder.*try: labels=False"):
        ImageFolder(tmp_path, labels=True)


def test_without_labels_all_folders_are_searched(tmp_path: Path):
    png = encoded(PICTURE, "PNG")
    write(tmp_path, {"x.png": png, "a/y.png": png})
    assert len(ImageFolder(tmp_path, labels=False)) == 2
    assert len(ImageFolder(tmp_path, labels=False, recursive=False)) == 1


def test_classes_are_taken_in_the_order_given(tmp_path: Path):
    png = encoded(PICTURE, "PNG")
    write(tmp_path, {"a/1.png": png, "b/1.png": png, "c/1.png": png})
    (tmp_path / "empty").mkdir()
    photos = ImageFolder(tmp_path, classes=["c", "empty", "a"])
    assert photos.classes == ("c", "empty", "a") and photos.labels.tolist() == [0, 2]
    with pytest.raises(DataError, match="(?s)/none.*No such file"):
        ImageFolder(tmp_path, classes=["a", "none"])
    with pytest.raises(DataError, match=r"(?s)/empty.*try: classes=\['a', 'b', 'c'\] leaves"):
        ImageFolder(tmp_path)


def test_images_beside_the_classes_are_not_lost(tmp_path: Path):
    write(tmp_path, {"a/1.png": encoded(PICTURE, "PNG"), "stray.png": b"x"})
    with pytest.raises(DataError, match="(?s)stray.png beside 1 folder.*labels=False"):
        ImageFolder(tmp_path)


def test_folders_without_an_image(tmp_path: Path):
    write(tmp_path, {"notes.txt": b"x"})
    with pytest.raises(DataError, match="at least one file that ends in .jpg"):
        ImageFolder(tmp_path)
    with pytest.raises(DataError, match="Not a directory"):
        ImageFolder(tmp_path / "notes.txt")
    with pytest.raises(DataError, match="No such file"):
        ImageFolder(tmp_path / "none")


@pytest.mark.parametrize("names", [("Cat", "cat"), ("caf\u00e9", "cafe\u0301")])
def test_classes_that_differ_by_case_or_spelling_alone(tmp_path: Path, names: tuple[str, str]):
    write(tmp_path, {f"{name}/1.png": encoded(PICTURE, "PNG") for name in names})
    with pytest.raises(DataError, match="names of classes differ by more than case"):
        ImageFolder(tmp_path)
    assert len(ImageFolder(tmp_path, classes=names)) == 2


def test_links_are_followed_but_not_round_a_loop(tmp_path: Path):
    write(tmp_path, {"data/a/1.png": encoded(PICTURE, "PNG"), "other/2.png":
                     encoded(PICTURE, "PNG")})
    (tmp_path / "data/a/up").symlink_to(tmp_path / "data", target_is_directory=True)
    (tmp_path / "data/a/other").symlink_to(tmp_path / "other", target_is_directory=True)
    (tmp_path / "data/a/self.png").symlink_to(tmp_path / "data/a/self.png")
    (tmp_path / "data/a/to.png").symlink_to(tmp_path / "nowhere.png")
    photos = ImageFolder(tmp_path / "data")
    places = [os.path.relpath(p, tmp_path / "data/a") for p in photos.paths]
    assert places == ["1.png", "other/2.png", "self.png", "to.png"]
    for row, found in ((2, "self.png.*Too many levels"), (3, "to.png.*No such file")):
        with pytest.raises(DataError, match=f"(?s){found}"):
            photos.take(rows(row))


def test_names_of_any_alphabet_or_none(tmp_path: Path):
    png = encoded(PICTURE, "PNG")
    write(tmp_path, {"кошка/кот 1.png": png, "犬/いぬ.png": png})
    os.mkdir(os.fsencode(tmp_path) + b"/\xff")
    with open(os.fsencode(tmp_path) + b"/\xff/\xfe.png", "wb") as file:
        file.write(png)
    photos = ImageFolder(tmp_path, size=8)
    assert photos.classes == ("кошка", "犬", "\\udcff")
    photos.place(2).encode()
    assert photos.take(rows(0, 1, 2))[0].shape == (3, 8, 8, 3)


# Decoding


def test_jpegs_are_the_same_by_both_decoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for channels in (1, 3, 4):
        for content in (encoded(PICTURE), encoded(picture(channels=1)[..., 0]),
                        encoded(PICTURE, progressive=True), encoded(PICTURE, subsampling=0)):
            ours = one(tmp_path, content, channels=channels)
            with monkeypatch.context() as without:
                without.setitem(sys.modules, "simplejpeg", None)
                assert np.array_equal(ours, one(tmp_path, content, channels=channels))
            assert ours.shape == (24, 32, channels) and ours.flags.writeable


@pytest.mark.parametrize("turn", [1, 6])
def test_a_large_jpeg_is_scaled_while_it_is_decoded(
        tmp_path: Path, decoder: str, turn: int, monkeypatch: pytest.MonkeyPatch):
    seen = []
    resize = ImageForm._resized
    monkeypatch.setattr(ImageForm, "_resized", lambda form, pillow, pixels: seen.append(
        pixels.shape) or resize(form, pillow, pixels))
    exif = Image.Exif()
    exif[0x0112] = turn
    content = encoded(picture(480, 640), exif=exif)
    size = (30, 160) if turn == 1 else (160, 30)  # the file's width decides: a quarter of it
    ours = one(tmp_path, content, size=size, fit="stretch")
    assert seen == [(120, 160, 3) if turn == 1 else (160, 120, 3)]
    with Image.open(io.BytesIO(content)) as image:
        upright = ImageOps.exif_transpose(image)
    exact = np.asarray(upright.resize(size[::-1], Image.Resampling.BILINEAR))
    assert np.abs(ours.astype(int) - exact).mean() < 2


MODES = {
    "1": Image.fromarray(picture(channels=1)[..., 0] > 100),
    "L": Image.fromarray(picture(channels=1)[..., 0]),
    "LA": Image.fromarray(picture(channels=2)),
    "P": Image.fromarray(PICTURE).quantize(16),
    "RGBA": Image.fromarray(picture(channels=4)),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_modes_of_png(tmp_path: Path, mode: str, channels: int):
    image = MODES[mode]
    ours = one(tmp_path, encoded(image, "PNG"), "x.png", channels=channels)
    exact = np.asarray(image.convert("RGBA").convert({1: "L", 3: "RGB", 4: "RGBA"}[channels]))
    assert np.array_equal(ours, exact.reshape(24, 32, channels))


def test_a_palette_with_opacity_by_entry(tmp_path: Path):
    image = Image.fromarray(PICTURE).quantize(4)
    content = encoded(image, "PNG", transparency=bytes([0, 128, 255, 255]))
    assert one(tmp_path, content, "x.png", channels=3).shape == (24, 32, 3)
    assert set(np.unique(one(tmp_path, content, "x.png", channels=4)[..., 3])) == {0, 128, 255}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_16_bits_of_grey_become_8(tmp_path: Path, kind: str):
    deep = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    for channels in (1, 3, 4):
        ours = one(tmp_path, encoded(Image.fromarray(deep), kind), "x.png", channels=channels)
        assert np.array_equal(ours[..., 0], deep >> 8)
        assert channels < 4 or (ours[..., 3] == 255).all()


def test_32_bits_have_no_known_range(tmp_path: Path):
    for dtype in (np.int32, np.float32):
        content = encoded(Image.fromarray(np.ones((4, 4), dtype)), "TIFF")
        with pytest.raises(FormatError, match="(?s)x.tif.*32 bits a channel"):
            one(tmp_path, content, "x.tif")


def test_cmyk_jpegs(tmp_path: Path, decoder: str):
    image = Image.fromarray(PICTURE).convert("CMYK")
    content = encoded(image)
    exact = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert np.array_equal(one(tmp_path, content), exact)
    assert np.abs(exact.astype(int) - PICTURE).mean() < 8


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("size", [None, (40, 20)])
def test_orientation(tmp_path: Path, decoder: str, turn: int, size: tuple[int, int] | None):
    exif = Image.Exif()
    exif[0x0112] = turn
    content = encoded(picture(48, 80), exif=exif)
    with Image.open(io.BytesIO(content)) as image:
        upright = ImageOps.exif_transpose(image)
    ours = one(tmp_path, content, size=size, fit="stretch")
    if size is None:
        assert np.array_equal(ours, np.asarray(upright))
    else:
        exact = np.asarray(upright.resize((20, 40), Image.Resampling.BILINEAR))
        assert np.abs(ours.astype(int) - exact).mean() < 3


def test_damaged_exif_leaves_the_image_as_it_is(tmp_path: Path, decoder: str):
    content = encoded(PICTURE, exif=b"Exif\0\0" + b"\xff" * 20)
    assert np.array_equal(one(tmp_path, content), one(tmp_path, encoded(PICTURE)))


def test_fits(tmp_path: Path):
    content = encoded(picture(40, 80), "PNG")
    image = Image.fromarray(picture(40, 80))
    cut = image.resize((20, 20), Image.Resampling.BILINEAR, box=(20, 0, 60, 40))
    assert np.array_equal(one(tmp_path, content, "x.png", size=20), np.asarray(cut))
    flat = image.resize((20, 20), Image.Resampling.BILINEAR)
    assert np.array_equal(
        one(tmp_path, content, "x.png", size=20, fit="stretch"), np.asarray(flat))
    padded = one(tmp_path, content, "x.png", size=20, fit="pad")
    assert not padded[:5].any() and not padded[15:].any()
    small = image.resize((20, 10), Image.Resampling.BILINEAR)
    assert np.array_equal(padded[5:15], np.asarray(small))
    assert one(tmp_path, content, "x.png", size=(1, 3)).shape == (1, 3, 3)
    assert one(tmp_path, content, "x.png", size=(100, 3), fit="pad").shape == (100, 3, 3)


def test_images_of_their_own_size(tmp_path: Path):
    write(tmp_path, {"a.png": encoded(picture(3, 4), "PNG"),
                     "b.png": encoded(picture(5, 6), "PNG")})
    images, = ImageFolder(tmp_path).take(rows(1, 0))
    assert images.dtype == object and [i.shape for i in images] == [(5, 6, 3), (3, 4, 3)]
    assert images[0].flags.writeable
    same, = ImageFolder(tmp_path).take(rows(1, 1))
    assert same.shape == (2,)
    assert ImageFolder(tmp_path, size=8).take(rows())[0].shape == (0, 8, 8, 3)


def test_a_moving_image_gives_its_first_frame(tmp_path: Path):
    frames = [Image.fromarray(picture() // n) for n in (1, 2)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    exact = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert np.array_equal(one(tmp_path, content, "x.gif"), exact)


# Bad files

JPEG, PNG = encoded(picture(64, 64)), encoded(picture(64, 64), "PNG")
BAD = {
    "half.jpg": JPEG[: len(JPEG) // 2], "start.jpg": JPEG[:3], "no end.jpg": JPEG[:-2],
    "header.jpg": JPEG[:20], "text.jpg": b"this is a text file", "half.png": PNG[: len(PNG) // 2],
    "start.png": PNG[:8], "zeros.png": bytes(1000), "text.png": b"\x89PNG\r\n\x1a\n hello",
    "html.gif": b"<html>", "half.gif": encoded(MODES["P"], "GIF")[:60],
    "half.bmp": encoded(PICTURE, "BMP")[:500], "half.tif": encoded(PICTURE, "TIFF")[:200],
    "half.webp": encoded(PICTURE, "WEBP")[:60],
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_named(tmp_path: Path, decoder: str, name: str):
    for size in (None, (16, 16)):
        with pytest.raises(FormatError) as caught:
            one(tmp_path, BAD[name], name, size=size)
        text = str(caught.value)
        assert name in text and "\n  found " in text and "\n  rule: " in text


def test_an_empty_file(tmp_path: Path):
    with pytest.raises(FormatError, match="(?s)x.jpg.*0 bytes.*not empty"):
        one(tmp_path, b"")


def test_a_small_file_that_claims_to_be_huge(tmp_path: Path, decoder: str):
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")]
    bomb = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d))
        for k, d in chunks)
    start = JPEG.index(b"\xff\xc0") + 5
    jpeg = JPEG[:start] + struct.pack(">HH", 65000, 65000) + JPEG[start + 4 :]
    for name, content in {"bomb.png": bomb, "bomb.jpg": jpeg}.items():
        with pytest.raises(FormatError, match=rf"(?s){name}\n.*found .* pixels"):
            one(tmp_path, content, name, size=8)


def test_bytes_between_segments_do_no_harm(tmp_path: Path, decoder: str):
    content = JPEG[:-2] + b"\1\2\3" + JPEG[-2:]
    assert np.array_equal(one(tmp_path, content), one(tmp_path, JPEG))


def test_files_that_vanish_or_change_after_they_were_found(tmp_path: Path):
    write(tmp_path, {"a.jpg": JPEG, "b.jpg": JPEG, "c.jpg": JPEG})
    photos = ImageFolder(tmp_path)
    (tmp_path / "a.jpg").unlink()
    (tmp_path / "b.jpg").unlink()
    (tmp_path / "b.jpg").mkdir()
    (tmp_path / "c.jpg").unlink()
    os.mkfifo(tmp_path / "c.jpg")
    for row, reason in enumerate(["No such file", "is a folder", "no regular file"]):
        with pytest.raises(DataError, match=f"(?s){'abc'[row]}.jpg.*{reason}"):
            photos.take(rows(row))


@needs_permissions
def test_a_file_that_this_user_may_not_read(tmp_path: Path):
    write(tmp_path, {"a.jpg": JPEG})
    (tmp_path / "a.jpg").chmod(0)
    with pytest.raises(DataError, match="(?s)a.jpg.*Permission denied"):
        ImageFolder(tmp_path).take(rows(0))


def test_a_refusal_of_the_system_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, {"a.jpg": JPEG})
    photos = ImageFolder(tmp_path)

    def refuse(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DataError, match="(?s)a.jpg.*Permission denied"):
        photos.take(rows(0))


def test_without_pillow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, {"a.jpg": JPEG})
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(DataError, match=r"try: pip install 'lamina\[images\]'"):
        ImageFolder(tmp_path)


# Arguments, rows, threads


@pytest.mark.parametrize("options", [
    {"size": 0}, {"size": (3,)}, {"size": "8"}, {"size": (8, 1 << 20)}, {"channels": 2},
    {"fit": "squeeze"}, {"labels": [1, 2]}, {"labels": [0.5]}, {"labels": [-1]},
    {"labels": [2], "classes": ["a", "b"]}, {"paths": []}, {"paths": [3]},
])
def test_arguments_that_are_not_allowed(options: dict):
    with pytest.raises(ArgumentError, match="ImageFiles"):
        ImageFiles(**{"paths": ["x.jpg"], **options})


def test_rows_outside(tmp_path: Path):
    write(tmp_path, {"a.jpg": JPEG})
    for numbers in ([1], [-1], [0.5], [[0]]):
        with pytest.raises(IndexingError, match="ImageFolder"):
            ImageFolder(tmp_path).take(np.array(numbers))


def test_jpegs_in_one_array():
    files = [encoded(picture(20, 20) // n) for n in (1, 2, 3)]
    data = np.frombuffer(b"".join(files), np.uint8)
    offsets = np.cumsum([0] + [len(f) for f in files])
    source = JPEGs(data, offsets, [1, 0, 1], size=(20, 20), classes=("a", "b"))
    images, labels = source.take(rows(2, 0))
    assert np.array_equal(images[1], np.asarray(Image.open(io.BytesIO(files[0]))))
    assert labels.tolist() == [1, 1] and len(source) == 3
    broken = JPEGs(data, np.append(offsets, offsets[-1]))
    with pytest.raises(FormatError, match="JPEG 3"):
        broken.take(rows(3))
    for wrong in (offsets[::-1], offsets + 1, offsets - 1, offsets * 1.0, offsets[:0]):
        with pytest.raises(ArgumentError, match="offsets are whole numbers"):
            JPEGs(data, wrong)


def test_threads_read_side_by_side(tmp_path: Path):
    write(tmp_path, {f"{n}.jpg": encoded(picture(40, 40) // (n + 1)) for n in range(8)})
    photos = ImageFolder(tmp_path, size=16)
    whole, = photos.take(np.arange(8))
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda n: photos.take(rows(n % 8))[0][0], range(80)))
    assert all(np.array_equal(part, whole[n % 8]) for n, part in enumerate(parts))
