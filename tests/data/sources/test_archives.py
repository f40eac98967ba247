"""HDF5, IDX and CIFAR files: rows, and every bad file."""

import gzip
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from lamina.data import CIFAR, HDF5, IDX
from lamina.errors import ArgumentError, DataError, FormatError, IndexingError
from tests.data.sources.files import needs_permissions, rows
from tests.data.sources.files import write as write_files

# HDF5


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["images"] = np.arange(400, dtype=np.uint8).reshape(100, 4)
        file.create_dataset("deep/labels", data=np.arange(100) % 3, chunks=(10,),
                            compression="gzip")
        file["words"] = np.array([f"w{n}" for n in range(100)], object)
        file["short"] = np.zeros(3)
        file["scalar"] = 1.0
    return tmp_path / "x.h5"


def test_hdf5_rows_in_any_order(store: Path):
    source = HDF5(store, ["images", "words", "deep/labels"])
    assert source.names == ("images", "words", "labels") and len(source) == 100
    for chosen in (rows(99, 0, 0, 57), np.arange(100)[::-1], rows(3, 4, 5), rows()):
        images, words, labels = source.take(chosen)
        assert np.array_equal(images, np.arange(400, dtype=np.uint8).reshape(100, 4)[chosen])
        assert words.tolist() == [f"w{n}" for n in chosen]
        assert labels.dtype == np.int64 and labels.tolist() == (chosen % 3).tolist()
    assert source.place(7) == f"{store}, row 7"
    assert repr(source) == "HDF5(100 rows, images, words, deep/labels)"
    with pytest.raises(IndexingError):
        source.take(rows(100))
    source.close()
    with pytest.raises(DataError, match="the file is open"):
        source.take(rows(0))


def test_hdf5_from_several_threads(store: Path):
    source = HDF5(store, "images")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: source.take(rows(n, 99 - n))[0][:, 0], range(50)))
    assert all(f.tolist() == [4 * n % 256, 4 * (99 - n) % 256] for n, f in enumerate(found))


def test_hdf5_takes_what_is_at_the_root(tmp_path: Path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["b"], file["a"], file["group/c"] = np.zeros(3), np.ones(3), np.ones(1)
    assert HDF5(tmp_path / "x.h5").names == ("a", "b")


def test_wrong_hdf5_files(store: Path, tmp_path: Path):
    for names, found in ((["none"], "(?s)'none'.*at its root +deep, images, scalar"),
                         (["deep"], "'deep'")):
        with pytest.raises(DataError, match=found):
            HDF5(store, names)
    for names in (["images", "short"], ["scalar"], []):
        with pytest.raises(FormatError, match="all have the same first axis"):
            HDF5(store, names)
    content = store.read_bytes()
    write_files(tmp_path, {"half.h5": content[: len(content) // 2], "empty.h5": b"",
                           "text.h5": b"a text"})
    for name in ("half.h5", "empty.h5", "text.h5"):
        with pytest.raises(FormatError, match=f"(?s){name}.*truncated, corrupt or none"):
            HDF5(tmp_path / name)
    for path in (tmp_path / "none.h5", tmp_path):
        with pytest.raises(DataError, match="rule: the file must exist"):
            HDF5(path)


def test_a_damaged_chunk_of_hdf5_is_named(store: Path, tmp_path: Path):
    with h5py.File(store) as file:
        info = file["deep/labels"].id.get_chunk_info(2)
    content = bytearray(store.read_bytes())
    content[info.byte_offset : info.byte_offset + info.size] = bytes(info.size)
    (tmp_path / "bad.h5").write_bytes(content)
    source = HDF5(tmp_path / "bad.h5", "deep/labels")
    assert source.take(rows(5))[0].tolist() == [2]
    with pytest.raises(FormatError, match="(?s)bad.h5.*in 'deep/labels', rows 25 to 25"):
        source.take(rows(25))


@needs_permissions
def test_hdf5_that_this_user_may_not_read(store: Path):
    store.chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        HDF5(store)


def test_without_h5py_the_extra_is_named(store: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DataError, match=r"try: pip install 'lamina\[hdf5\]'"):
        HDF5(store)


# IDX


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + b"".join(
        n.to_bytes(4, "big") for n in array.shape) + array.astype(np.uint8).tobytes()


def test_idx_rows(tmp_path: Path):
    images, labels = np.arange(60).reshape(5, 3, 4), np.array([3, 1, 2, 0, 1])
    write_files(tmp_path, {"i": idx(images), "l.gz": gzip.compress(idx(labels)), "l3":
                           idx(labels[:3]), "s": bytes([0, 0, 8, 0, 7]), "cut": idx(images)[:-1]})
    source = IDX(tmp_path / "i", tmp_path / "l.gz")
    assert source.names == ("image", "label") and len(source) == 5
    got, numbers = source.take(rows(4, 0, 4))
    assert np.array_equal(got, images[[4, 0, 4]]) and got.dtype == np.uint8
    assert numbers.tolist() == [1, 3, 1] and numbers.dtype == np.int64
    assert source.place(2) == f"{tmp_path}/i, row 2" and "5 rows" in repr(source)
    with pytest.raises(FormatError, match=r"(?s)/i +uint8 \[5, 3, 4\].*/l3 +uint8 \[3\]"):
        IDX(tmp_path / "i", tmp_path / "l3")
    with pytest.raises(FormatError, match="no axis"):
        IDX(tmp_path / "s")
    with pytest.raises(FormatError, match="(?s)/cut.*truncated"):
        IDX(tmp_path / "cut")
    with pytest.raises(DataError, match="/none"):
        IDX(tmp_path / "none")


# CIFAR


def records(count: int, ahead: int, classes: int = 10, seed: int = 0) -> np.ndarray:
    content = np.random.default_rng(seed).integers(0, 256, (count, ahead + 3072)).astype(np.uint8)
    content[:, :ahead] %= classes
    return content


def test_cifar_10(tmp_path: Path):
    batches = [records(3, 1, seed=n) for n in range(6)]
    names = [f"data_batch_{n}.bin" for n in range(1, 6)] + ["test_batch.bin"]
    write_files(tmp_path, {n: b.tobytes() for n, b in zip(names, batches)})
    train, test = CIFAR(tmp_path), CIFAR(tmp_path, split="test")
    assert (len(train), len(test)) == (15, 3) and train.classes[3] == "cat"
    images, labels = train.take(rows(4, 0))
    planes = batches[1][1, 1:].reshape(3, 32, 32)
    assert images.shape == (2, 32, 32, 3) and np.array_equal(images[0], planes.transpose(1, 2, 0))
    assert labels.tolist() == [batches[1][1, 0], batches[0][0, 0]]
    assert train.place(4) == f"{tmp_path}/data_batch_2.bin, record 1"
    assert repr(test) == "CIFAR(3 images, 10 classes)"
    assert len(CIFAR([tmp_path / names[0], tmp_path / names[5]])) == 6


def test_cifar_100(tmp_path: Path):
    content = records(4, 2, classes=20)
    content[:, 1] = [99, 5, 7, 0]
    write_files(tmp_path, {"train.bin": content.tobytes(), "fine_label_names.txt":
                           "\n".join(f"kind{n}" for n in range(100)).encode() + b"\n"})
    fine, coarse = CIFAR(tmp_path), CIFAR(tmp_path, labels="coarse")
    assert fine.take(np.arange(4))[1].tolist() == [99, 5, 7, 0] and fine.classes[99] == "kind99"
    assert coarse.take(np.arange(4))[1].tolist() == content[:, 0].tolist()
    assert coarse.classes == ()


def test_wrong_cifar_files(tmp_path: Path):
    bad = records(2, 1)
    bad[1, 0] = 10
    write_files(tmp_path, {"cut.bin": records(2, 1).tobytes()[:-1], "bad.bin": bad.tobytes(),
                           "empty.bin": b""})
    with pytest.raises(FormatError, match="(?s)cut.bin.*6145 bytes.*3073 bytes each in CIFAR-10"):
        CIFAR(tmp_path / "cut.bin")
    with pytest.raises(FormatError, match="bad.bin, record 1: label 10"):
        CIFAR(tmp_path / "bad.bin")
    with pytest.raises(FormatError, match="(?s)empty.bin.*0 bytes"):
        CIFAR(tmp_path / "empty.bin")
    with pytest.raises(DataError, match="data_batch_1.bin to data_batch_5.bin, or train.bin"):
        CIFAR(tmp_path)
    with pytest.raises(DataError, match="No such file"):
        CIFAR(tmp_path / "none")
    for options in ({"split": "valid"}, {"labels": "all"}):
        with pytest.raises(ArgumentError, match="is one of"):
            CIFAR(tmp_path, **options)
