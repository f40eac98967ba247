"""Tar shards: columns by ending, the index, threads, every bad shard."""

import gzip
import io
import json
import os
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lamina.data import TarShards
from lamina.data.sources.tar_index import KEPT
from lamina.errors import ArgumentError, DataError, FormatError, IndexingError
from tests.data.sources.files import encoded, needs_permissions, picture, rows


def shard(path: Path, members: dict[str, bytes], mode: str = "w", **options) -> Path:
    with tarfile.open(path, mode, **options) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def record(number: int) -> dict[str, bytes]:
    return {f"{number:04}.cls": str(number % 3).encode() + b"\n", f"{number:04}.jpg": encoded(
        picture() // (number + 1)), f"{number:04}.txt": f"text {number} é".encode()}


def records(*numbers: int) -> dict[str, bytes]:
    return {name: content for n in numbers for name, content in record(n).items()}


def test_members_of_a_stem_are_one_record(tmp_path: Path):
    one = shard(tmp_path / "1.tar", records(0, 1, 2))
    two = shard(tmp_path / "2.tar", records(3, 4))
    source = TarShards([one, two], size=(8, 8))
    assert source.names == ("image", "text", "label") and len(source) == 5
    images, texts, labels = source.take(rows(4, 0, 3, 4))
    assert images.shape == (4, 8, 8, 3) and np.array_equal(images[0], images[3])
    assert texts.tolist() == ["text 4 é", "text 0 é", "text 3 é", "text 4 é"]
    assert labels.dtype == np.int64 and labels.tolist() == [1, 0, 0, 1]
    assert source.place(3) == f"{two}, record 0003"
    assert repr(source) == "TarShards(5 records, 2 shards, image, text, label)"
    assert [len(column) for column in source.take(rows())] == [0, 0, 0]
    assert TarShards(one, columns=["label"]).names == ("label",)
    with pytest.raises(IndexingError):
        source.take(rows(5))


def test_kinds_of_members(tmp_path: Path):
    path = shard(tmp_path / "x.tar", {
        "d/a.b.mask.png": b"", "d/1.mask.png": encoded(picture(4, 4), "PNG"),
        "d/1.PNG": encoded(picture(4, 4), "PNG"), "d/1.json": b'{"a": [1]}',
        "d/1.npy": npy(np.arange(3)), "d/1.bin": b"\0\1", ".d/._1.png": b"", "d/.hidden.png": b"",
        "README": b"no ending"} | {})
    with pytest.raises(FormatError, match="every record has"):
        TarShards(path)
    members = {name: encoded(picture(4, 4), "PNG") for name in ("d/1.mask.png", "d/1.PNG")}
    members |= {"d/1.json": b'{"a": [1]}', "d/1.npy": npy(np.arange(3)), "d/1.bin": b"\0\1",
                "d/.hidden.png": b"", "README": b"no ending"}
    source = TarShards(shard(path, members), size=4)
    assert source.names == ("mask", "image", "json", "npy", "bin")
    mask, image, object_, array, raw = source.take(rows(0, 0))
    assert mask.shape == image.shape == (2, 4, 4, 3) and object_[1] == {"a": [1]}
    assert array.tolist() == [[0, 1, 2]] * 2 and raw.tolist() == [b"\0\1"] * 2


def test_records_need_not_lie_together_and_images_may_differ_in_kind(tmp_path: Path):
    source = TarShards(shard(tmp_path / "x.tar", {
        "a.jpg": encoded(picture()), "b.cls": b"1", "b.png": encoded(picture(), "PNG"),
        "a.cls": b"0"}))
    images, labels = source.take(rows(1, 0))
    assert labels.tolist() == [1, 0] and images.dtype == object


def test_labels_by_name(tmp_path: Path):
    path = shard(tmp_path / "x.tar", {"a.cls": b"dog", "b.cls": b"0", "c.cls": b"2", "d.cls": b"x"})
    source = TarShards(path, classes=("cat", "dog"))
    assert source.take(rows(0, 1))[0].tolist() == [1, 0]
    for row, found in ((2, "2 is not below 2"), (3, "'x' is no number of a class, and not in")):
        with pytest.raises(FormatError, match=f"(?s)record {'abcd'[row]}.*{found}"):
            source.take(rows(row))
    with pytest.raises(FormatError, match=r"'dog' is no number of a class; classes=\[...\]"):
        TarShards(path).take(rows(0))


@pytest.mark.parametrize("style", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_styles_of_tar_and_long_names(tmp_path: Path, style: int):
    name = "a/" * 60 + "犬.txt" if style != tarfile.USTAR_FORMAT else "a/" * 60 + "x.txt"
    source = TarShards(shard(tmp_path / "x.tar", {name: b"hello"}, format=style))
    assert source.take(rows(0))[0].tolist() == ["hello"]


def test_the_index_is_kept_only_if_asked(tmp_path: Path):
    path = shard(tmp_path / "x.tar", records(0, 1))
    TarShards(path, size=8)
    assert os.listdir(tmp_path) == ["x.tar"]
    TarShards(path, size=8, keep_index=True)
    kept = tmp_path / f"x.tar{KEPT}"
    content = json.loads(kept.read_text())
    content["members"] = content["members"][:3]  # proof that it is read
    kept.write_text(json.dumps(content))
    assert len(TarShards(path, size=8, keep_index=True)) == 1
    assert len(TarShards(path, size=8)) == 2
    for damage in ("", "{", "[]", '{"version": 1}', json.dumps(content | {"version": 2}),
                   json.dumps(content | {"members": [["a.txt", 0, 1 << 40]]}),
                   json.dumps(content | {"members": [["a.txt", "x", 1]]}), "[" * 100000):
        kept.write_text(damage)
        assert len(TarShards(path, size=8, keep_index=True)) == 2
    shard(path, records(0, 1, 2))
    assert len(TarShards(path, size=8, keep_index=True)) == 3


def test_threads_read_side_by_side(tmp_path: Path):
    paths = [shard(tmp_path / f"{n}.tar", {f"{k}.txt": f"{n} {k}".encode() for k in range(20)})
             for n in range(3)]
    source = TarShards(paths)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: source.take(rows(n, 59 - n))[0].tolist(), range(60)))
    assert found[25] == ["1 5", "1 14"] and found[0] == ["0 0", "2 19"]


# Bad shards


@pytest.mark.parametrize(("pack", "found"), [
    (gzip.compress, "(?s)a gzip file.*try: gunzip x.tar"),
    (lambda b: b"BZh9" + b, "bzip2"), (lambda b: b"\x28\xb5\x2f\xfd" + b, "zstd"),
])
def test_packed_shards_are_refused(tmp_path: Path, pack, found: str):
    path = shard(tmp_path / "x.tar", records(0))
    path.write_bytes(pack(path.read_bytes()))
    with pytest.raises(FormatError, match=found):
        TarShards(path)


@pytest.mark.parametrize("damage", [
    lambda b: b[:700], lambda b: b[:300], lambda b: b"", lambda b: b"a text, no tar" * 100,
    lambda b: b[:1100] + b"\xff" * 300 + b[1400:], lambda b: b"<html>",
    lambda b: b[:2048], lambda b: b + b, lambda b: b[:2048] + b"end",
])
def test_damaged_shards_are_named(tmp_path: Path, damage):
    path = shard(tmp_path / "x.tar", {"a.txt": b"x" * 500, "b.txt": b"y" * 500})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FormatError, match=r"(?s)x.tar\n  found .*\n  rule: "):
        TarShards(path)


def test_shards_without_records(tmp_path: Path):
    for members in ({}, {"README": b"x"}, {".a.jpg": b"x"}):
        with pytest.raises(DataError, match="at least one record"):
            TarShards(shard(tmp_path / "x.tar", members))


@pytest.mark.parametrize("members", [
    {"a.txt": b"", "a.cls": b"0", "b.txt": b""}, {"a.txt": b"", "b.cls": b"0"}])
def test_records_without_a_column_are_named(tmp_path: Path, members: dict[str, bytes]):
    with pytest.raises(FormatError, match="x.tar, record b\n"):
        TarShards(shard(tmp_path / "x.tar", members))


def test_two_members_for_one_column(tmp_path: Path):
    with pytest.raises(FormatError, match="(?s)record a.*a.png is a second image"):
        TarShards(shard(tmp_path / "x.tar", {"a.jpg": b"", "a.png": b""}))


@pytest.mark.parametrize(("name", "content"), [
    ("bad.jpg", b"no image"), ("bad.jpg", encoded(picture())[:300]), ("bad.jpg", b""),
    ("bad.json", b"{"), ("bad.txt", b"\xff"), ("bad.npy", b"\x93NUMPY"), ("bad.npy", b""),
    ("bad.npy", npy(np.arange(10))[:-8]), ("bad.cls", b"-1"), ("bad.cls", b""),
    ("bad.cls", "٣".encode()), ("bad.cls", b"9" * 30), ("bad.json", b"[" * 100000),
])
def test_bad_members_are_named(tmp_path: Path, name: str, content: bytes):
    with pytest.raises(FormatError, match="(?s)x.tar, record bad.*found "):
        TarShards(shard(tmp_path / "x.tar", {name: content})).take(rows(0))


def test_arrays_of_objects_are_not_unpickled(tmp_path: Path):
    content = npy(np.array([{"a": 1}], object))
    with pytest.raises(FormatError, match="allow_pickle"):
        TarShards(shard(tmp_path / "x.tar", {"a.npy": content})).take(rows(0))


def test_shards_that_vanish_or_change(tmp_path: Path):
    path = shard(tmp_path / "x.tar", records(0))
    source = TarShards(path, size=8)
    shard(path, records(0, 1))
    with pytest.raises(FormatError, match="stays as it was when it was opened"):
        source.take(rows(0))
    path.unlink()
    with pytest.raises(DataError, match="(?s)x.tar.*No such file"):
        source.take(rows(0))
    with pytest.raises(DataError, match="No such file"):
        TarShards(path)


@needs_permissions
def test_a_shard_that_this_user_may_not_read(tmp_path: Path):
    path = shard(tmp_path / "x.tar", records(0))
    path.chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        TarShards(path)


@pytest.mark.parametrize("options", [{"columns": ["none"]}, {"columns": []}, {"size": 0},
                                     {"paths": []}])
def test_arguments_that_are_not_allowed(tmp_path: Path, options: dict):
    path = shard(tmp_path / "x.tar", records(0))
    with pytest.raises(ArgumentError, match="TarShards"):
        TarShards(**{"paths": path, **options})
