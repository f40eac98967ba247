"""Checksums: whatever bit of a file changes, loading says so; files without any still load."""

import json
from pathlib import Path

import numpy as np
import pytest

import lamina as lm
from lamina.errors import FormatError
from lamina.io import safetensors

reference = pytest.importorskip("safetensors.numpy")
RNG = np.random.default_rng(0)


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def is_found(path: Path) -> bool:
    try:
        lm.load(path)
    except FormatError:
        return True
    return False


def test_every_bit_of_a_small_file(tmp_path: Path):
    path = tmp_path / "x.safetensors"
    lm.save(path, {"w": np.arange(5, dtype=np.float32), "b": np.array([True, False])}, {"k": "v"})
    content = path.read_bytes()
    missed = []
    for bit in range(8 * len(content)):
        path.write_bytes(flipped(content, bit))
        if not is_found(path):
            missed.append(bit)
    assert missed == []


def test_a_thousand_bits_of_a_model(tmp_path: Path):
    path = tmp_path / "x.safetensors"
    lm.save(path, {f"layer{i}.weight": RNG.normal(size=(40, 30)) for i in range(3)})
    content = path.read_bytes()
    for bit in RNG.integers(0, 8 * len(content), 1000):
        path.write_bytes(flipped(content, int(bit)))
        assert is_found(path), bit


def test_files_of_others_have_none_and_load(tmp_path: Path):
    path = tmp_path / "x.safetensors"
    reference.save_file({"w": np.ones(3, np.float32)}, path, {"format": "np"})
    assert lm.load(path)["w"].numpy().tolist() == [1, 1, 1]
    assert lm.io.load_metadata(path) == {"format": "np"}
    assert not safetensors.read(path).verified


def rewritten(path: Path, change) -> None:
    """The file with another header, as a program that keeps the metadata would write it."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    change(header["__metadata__"])
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[start:])


@pytest.mark.parametrize(("change", "message"), [
    (lambda metadata: metadata.pop("lamina.header"), "lamina.checksums without its companion"),
    (lambda metadata: metadata.pop("lamina.checksums"), "lamina.header without its companion"),
    (lambda metadata: metadata, "the header is not what was written"),
    (lambda metadata: metadata.update({"lamina.header": "zz"}), "not what was written"),
])
def test_a_header_that_was_rewritten(change, message, tmp_path: Path):
    path = tmp_path / "x.safetensors"
    lm.save(path, {"w": np.ones(3)})
    rewritten(path, change)
    with pytest.raises(FormatError, match=f"(?s){message}.*leave out the metadata"):
        lm.load(path)
    rewritten(path, dict.clear)
    assert lm.load(path)["w"].shape == (3,)


def test_names_and_metadata_that_look_like_checksums(tmp_path: Path):
    path = tmp_path / "x.safetensors"
    tensors = {"lamina.header": np.ones(2), '"lamina.header":"00000000"': np.zeros(2)}
    lm.save(path, tensors, {"note": '"lamina.header":"00000000"'})
    assert set(lm.load(path)) == set(tensors)
    assert lm.io.load_metadata(path) == {"note": '"lamina.header":"00000000"'}
