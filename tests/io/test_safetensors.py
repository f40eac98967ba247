"""Our safetensors reader and writer, against the reference package and against hostile files."""

import json
import tempfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.dtypes import ALL, BY_NAME
from lamina.errors import ArgumentError, DataError, DTypeError, FormatError
from lamina.io import safetensors as ours

reference = pytest.importorskip("safetensors", reason="the reference package")
reference_numpy = pytest.importorskip("safetensors.numpy")

SHAPES = [(), (0,), (1,), (3,), (2, 3), (4, 0, 2), (2, 1, 3, 2)]


def bits(name: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Random bits of a dtype, so that NaNs and infinities occur."""
    dtype = BY_NAME[name]
    random = np.random.default_rng(seed)
    if name == "bool":
        return random.integers(0, 2, shape).astype(bool)
    count = int(np.prod(shape)) * dtype.itemsize
    return np.frombuffer(random.bytes(count), dtype.storage).reshape(shape).copy()


def all_dtypes() -> dict[str, tuple[str, np.ndarray]]:
    return {
        f"{dtype.name}.{'x'.join(map(str, shape))}": (dtype.name, bits(dtype.name, shape))
        for dtype in ALL
        for shape in SHAPES
    }


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def test_what_is_written_is_read(tmp_path: Path):
    arrays = all_dtypes()
    metadata = {"format": "lamina", "ü": "名"}
    ours.write(tmp_path / "f", arrays, metadata)
    contents = ours.read(tmp_path / "f")
    assert contents.metadata == metadata
    assert set(contents.arrays) == set(arrays)
    for name, (dtype, array) in arrays.items():
        assert contents.arrays[name][0] == dtype
        assert same(contents.arrays[name][1], array)
        assert contents.arrays[name][1].flags.writeable and contents.arrays[name][1].flags.aligned


def test_no_arrays(tmp_path: Path):
    ours.write(tmp_path / "f", {})
    assert ours.read(tmp_path / "f") == ({}, {}, True)
    assert reference_numpy.load_file(tmp_path / "f") == {}


def test_layout_in_memory_does_not_matter(tmp_path: Path):
    matrix = np.arange(12, dtype=np.float32).reshape(3, 4)
    arrays = {
        "t": ("float32", matrix.T),
        "s": ("float32", matrix[::2, ::-1]),
        "big": ("float32", matrix.astype(">f4")),
    }
    ours.write(tmp_path / "f", arrays)
    read = ours.read(tmp_path / "f").arrays
    assert all(np.array_equal(read[name][1], array) for name, (_, array) in arrays.items())


def test_the_same_arrays_give_the_same_bytes(tmp_path: Path):
    arrays = all_dtypes()
    ours.write(tmp_path / "a", arrays, {"x": "1", "y": "2"})
    ours.write(tmp_path / "b", dict(reversed(arrays.items())), {"y": "2", "x": "1"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_every_array_is_aligned_to_its_elements(tmp_path: Path):
    arrays = {"a": ("int8", np.ones(3, np.int8)), "b": ("float64", np.ones(3))}
    ours.write(tmp_path / "f", arrays)
    content = (tmp_path / "f").read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    assert (start + header["b"]["data_offsets"][0]) % 8 == 0


# With the reference package


def test_the_reference_reads_ours(tmp_path: Path):
    arrays = all_dtypes()
    ours.write(tmp_path / "f", arrays, {"format": "np"})
    with reference.safe_open(tmp_path / "f", framework="np") as file:
        assert file.metadata().items() >= {"format": "np"}.items()
        assert set(file.keys()) == set(arrays)
        for name, (dtype, array) in arrays.items():
            assert file.get_slice(name).get_shape() == list(array.shape)
            if dtype != "bfloat16":
                assert same(file.get_tensor(name), array)
    loaded = dict(reference.deserialize((tmp_path / "f").read_bytes()))
    assert all(bytes(loaded[name]["data"]) == a.tobytes() for name, (_, a) in arrays.items())


def test_we_read_the_references(tmp_path: Path):
    arrays = {n: a for n, (dtype, a) in all_dtypes().items() if dtype != "bfloat16"}
    reference_numpy.save_file(arrays, tmp_path / "f", metadata={"k": "v"})
    contents = ours.read(tmp_path / "f")
    assert contents.metadata == {"k": "v"}
    assert all(same(contents.arrays[name][1], array) for name, array in arrays.items())


def test_we_read_the_references_bfloat16(tmp_path: Path):
    raw = bits("bfloat16", (2, 3))
    reference_numpy.save_file({"w": raw.view(ml_dtypes.bfloat16)}, tmp_path / "f")
    dtype, array = ours.read(tmp_path / "f").arrays["w"]
    assert dtype == "bfloat16" and same(array, raw)


# Refusals of the writer


@pytest.mark.parametrize(
    ("name", "dtype", "array"),
    [
        ("w", "float32", np.zeros(2, np.float64)),
        ("w", "bfloat16", np.zeros(2, np.float32)),
        ("w", "float8", np.zeros(2, np.float32)),
        ("w", "complex64", np.zeros(2, np.complex64)),
    ],
)
def test_dtypes_that_do_not_fit_are_refused(tmp_path, name, dtype, array):
    with pytest.raises(DTypeError, match=f"given as {dtype}"):
        ours.write(tmp_path / "f", {name: (dtype, array)})
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize("name", ["__metadata__", "\ud800", 3])
def test_names_that_are_none_are_refused(tmp_path, name):
    with pytest.raises(ArgumentError, match="a name is text"):
        ours.write(tmp_path / "f", {name: ("float32", np.zeros(2, np.float32))})


def test_metadata_is_text(tmp_path):
    with pytest.raises(ArgumentError, match="metadata maps text to text"):
        ours.write(tmp_path / "f", {}, {"epoch": 3})


# Hostile files

ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
EMPTY = ENTRY | {"data_offsets": [0, 0]}


def build(header: object, data: bytes = bytes(8), length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def read_bytes(content: bytes) -> ours.Contents:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        return ours.read(file.name)


HOSTILE = {
    "empty file": b"",
    "half a length": b"\x10\0\0",
    "length past the end": build({"w": ENTRY}, length=1 << 20),
    "huge length": build({"w": ENTRY}, length=(1 << 64) - 1),
    "zero length": build(b""),
    "not JSON": build(b"{ what }"),
    "not an object": build([1, 2]),
    "space before": build(b' {"w": {}}'),
    "not UTF-8": build(b'{"\xff\xfe": 1}'),
    "deep nesting": build(b'{"w":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "long number": build(b'{"w":{"shape":[' + b"9" * 5000 + b"]}}"),
    "repeated name": build(b'{"w":%s,"w":%s}' % ((json.dumps(ENTRY).encode(),) * 2)),
    "half a surrogate": build({"\ud800": ENTRY}),
    "entry is no object": build({"w": 3}),
    "missing field": build({"w": {"dtype": "F32", "shape": [2]}}),
    "unknown field": build({"w": ENTRY | {"code": "import os"}}),
    "unknown dtype": build({"w": ENTRY | {"dtype": "F8_E4M3"}}),
    "dtype is no text": build({"w": ENTRY | {"dtype": ["F32"]}}),
    "negative size": build({"w": ENTRY | {"shape": [-2]}}),
    "size is a bool": build({"w": ENTRY | {"shape": [True, 2]}}),
    "size is a float": build({"w": ENTRY | {"shape": [2.0]}}),
    "shape is a number": build({"w": ENTRY | {"shape": 2}}),
    "wrong size": build({"w": ENTRY | {"shape": [3]}}),
    "overflowing size": build({"w": ENTRY | {"shape": [1 << 62, 1 << 62]}}),
    "huge empty": build({"w": EMPTY | {"shape": [0, 1 << 62, 1 << 62]}}, b""),
    "too many axes": build({"w": ENTRY | {"shape": [1] * 100 + [2]}}),
    "backward offsets": build({"w": ENTRY | {"data_offsets": [8, 0]}}),
    "three offsets": build({"w": ENTRY | {"data_offsets": [0, 4, 8]}}),
    "negative offset": build({"w": ENTRY | {"data_offsets": [-8, 0]}}),
    "hole before": build({"w": ENTRY | {"data_offsets": [8, 16]}}, bytes(16)),
    "overlap": build({"v": ENTRY, "w": ENTRY | {"data_offsets": [4, 12]}}, bytes(12)),
    "same bytes twice": build({"v": ENTRY, "w": ENTRY}),
    "truncated data": build({"w": ENTRY}, bytes(7)),
    "bytes after": build({"w": ENTRY}, bytes(9)),
    "metadata is a list": build({"__metadata__": ["x"], "w": ENTRY}),
    "metadata of numbers": build({"__metadata__": {"epoch": 3}, "w": ENTRY}),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_are_format_errors(content: bytes):
    with pytest.raises(FormatError, match="(?s)^FormatError in safetensors.read.*found.*rule:"):
        read_bytes(content)


def test_the_message_names_the_file_what_was_found_and_the_rule(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(build({"w": ENTRY}, bytes(7)))
    with pytest.raises(FormatError) as caught:
        ours.read(path)
    assert str(caught.value).splitlines()[1:] == [
        f"  file   {path}",
        "  found  7 bytes of data, 8 announced: the file is truncated",
        "  rule: the data ends where the last array ends",
        "  try: an older copy of the file, or save the model again",
    ]


def test_a_header_that_is_longer_than_the_file_is_not_even_read():
    with pytest.raises(FormatError, match="header of 1048576 announced"):
        read_bytes(HOSTILE["length past the end"])


def test_missing_files_and_folders_are_data_errors(tmp_path: Path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(DataError, match="the file must exist and be readable"):
            ours.read(path)


def test_a_bool_is_zero_or_one_whatever_the_file_says():
    entry = {"dtype": "BOOL", "shape": [3], "data_offsets": [0, 3]}
    array = read_bytes(build({"w": entry}, bytes([0, 1, 255]))).arrays["w"][1]
    assert array.view(np.uint8).tolist() == [0, 1, 1]


SECOND = ENTRY | {"data_offsets": [8, 16]}
GOOD = build({"__metadata__": {"a": "b"}, "v": ENTRY, "w": SECOND}, bytes(16))


@given(st.data())
def test_no_damage_does_more_than_raise(data):
    """Any few bytes changed, cut or added: the same answer as the reference, or FormatError."""
    content = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    length = data.draw(st.just(len(content)) | st.integers(0, len(content)))
    damaged = bytes(content[:length])
    try:
        arrays = read_bytes(damaged).arrays
    except FormatError:
        return
    expected = dict(reference.deserialize(damaged))
    assert {name: list(array.shape) for name, (_, array) in arrays.items()} == {
        name: value["shape"] for name, value in expected.items()
    }


@given(st.binary(max_size=300))
def test_noise_does_no_more_than_raise(content: bytes):
    with pytest.raises(FormatError):
        read_bytes(content)
