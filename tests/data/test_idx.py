"""IDX files: every element type, gzipped or plain; truncated, corrupt and missing ones."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.data.idx import ELEMENTS, parse_idx, read_idx, unpack
from lamina.errors import DataError, FormatError


def idx_bytes(array: np.ndarray) -> bytes:
    code = next(c for c, d in ELEMENTS.items() if np.dtype(d) == array.dtype.newbyteorder(">"))
    axes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, code, array.ndim]) + axes + array.astype(ELEMENTS[code]).tobytes()


IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("element", ELEMENTS.values())
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3), (2, 0, 3), (2, 3, 4)])
def test_every_element_type_and_number_of_axes(element: str, shape: tuple[int, ...]):
    array = np.arange(np.prod(shape), dtype=np.dtype(element).newbyteorder("=")).reshape(shape)
    read = parse_idx(idx_bytes(array))
    assert read.dtype == array.dtype and read.dtype.isnative and read.flags.writeable
    assert np.array_equal(read, array)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_plain_and_gzipped_files(tmp_path: Path, pack):
    (tmp_path / "images").write_bytes(pack(idx_bytes(IMAGES)))
    assert np.array_equal(read_idx(tmp_path / "images"), IMAGES)


@pytest.mark.parametrize("cut", [0, 1, 3, 4, 15])
def test_a_cut_header(cut: int):
    with pytest.raises(FormatError, match="an IDX file starts with 00 00"):
        parse_idx(idx_bytes(IMAGES)[:cut], "images")


@pytest.mark.parametrize("start", [b"PK\3\4", b"\0\1\x08\1", b"\0\0\x0a\1", b"<html><body>no such"])
def test_another_format(start: bytes):
    with pytest.raises(FormatError, match="an IDX file starts with 00 00"):
        parse_idx(start + bytes(100), "images")


def test_truncated_elements_are_counted():
    with pytest.raises(FormatError) as caught:
        parse_idx(idx_bytes(IMAGES)[:-5], "images-idx3-ubyte")
    assert str(caught.value).splitlines()[1:] == [
        "  file    images-idx3-ubyte",
        "  header  uint8 [2, 3, 4]: 24 bytes",
        "  found   19 bytes: truncated",
        "  rule: the elements fill the rest of the file exactly",
        "  try: fetch the file again",
    ]
    assert (caught.value.expected, caught.value.got) == (24, 19)


def test_too_many_elements():
    with pytest.raises(FormatError, match="25 bytes: too many"):
        parse_idx(idx_bytes(IMAGES) + b"!")


@given(st.integers(2, 60), st.integers(0, 255))
def test_a_damaged_gzip_stream_is_refused_or_unharmed(place: int, value: int):
    content = bytearray(gzip.compress(idx_bytes(IMAGES), mtime=0))
    content[place % len(content)] = value
    try:
        assert unpack(bytes(content), "f") in (idx_bytes(IMAGES), bytes(content))
    except FormatError as error:
        assert error.op == "gzip"


def test_a_cut_gzip_stream_is_refused():
    whole = gzip.compress(idx_bytes(IMAGES))
    for length in range(2, len(whole)):
        with pytest.raises(FormatError, match="truncated or corrupt"):
            unpack(whole[:length], "f")


def test_a_stream_that_unpacks_to_more_than_allowed_is_refused():
    with pytest.raises(FormatError, match="more than 1000 bytes"):
        unpack(gzip.compress(bytes(1 << 20)), "f", limit=1000)


@given(st.binary(max_size=64))
def test_noise_does_no_more_than_raise(content: bytes):
    try:
        parse_idx(content)
    except FormatError:
        pass


def test_missing_files_and_folders(tmp_path: Path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(DataError, match="(?s)file .*reason .*rule: the file must exist"):
            read_idx(path)
