"""Parquet files: every type over row groups with and without nulls, the cache, bad files."""

import datetime
import decimal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from lamina.data import Parquet
from lamina.errors import ArgumentError, DataError, FormatError, IndexingError
from tests.data.sources.files import needs_permissions, rows


def write(path: Path, columns: dict[str, Any], group: int = 3, **options: Any) -> Path:
    parquet.write_table(pa.table(columns), path, row_group_size=group, **options)
    return path


def test_rows_over_groups_in_any_order(tmp_path: Path):
    path = write(tmp_path / "x.parquet", {"a": np.arange(10), "b": [f"w{n}" for n in range(10)]})
    source = Parquet(path)
    assert source.names == ("a", "b") and len(source) == 10
    for chosen in (rows(9, 0, 4, 4, 1), np.arange(10), rows(2), rows()):
        numbers, words = source.take(chosen)
        assert numbers.dtype == np.int64 and numbers.tolist() == chosen.tolist()
        assert words.dtype == object and words.tolist() == [f"w{n}" for n in chosen]
    assert source.place(4) == f"{path}, row 4"
    assert repr(source) == "Parquet(10 rows, 2 columns)"
    assert source.columns["a"].tolist() == list(range(10))
    assert Parquet(path, columns=["b"]).names == ("b",)
    with pytest.raises(IndexingError):
        source.take(rows(10))


DAY = datetime.date(2020, 2, 29)
TYPES = {
    "whole": (pa.array([1, 2, 3, 4]), np.int64, [1, 2, 3, 4]),
    "gaps": (pa.array([1, 2, 3, None]), np.float64, [1, 2, 3, np.nan]),
    "small": (pa.array([1, 2, 3, 4], pa.uint8()), np.uint8, [1, 2, 3, 4]),
    "real": (pa.array([1.5, None, 2, 3], pa.float32()), np.float32, [1.5, np.nan, 2, 3]),
    "truth": (pa.array([True, False, True, True]), np.bool_, [True, False, True, True]),
    "maybe": (pa.array([True, False, None, True]), np.float64, [1, 0, np.nan, 1]),
    "word": (pa.array(["a", None, "é", ""]), object, ["a", None, "é", ""]),
    "kind": (pa.array(["a", "b", "a", None]).dictionary_encode(), object, ["a", "b", "a", None]),
    "raw": (pa.array([b"\0", None, b"", b"x"]), object, [b"\0", None, b"", b"x"]),
    "money": (pa.array([decimal.Decimal("1.25")] * 4), np.float64, [1.25] * 4),
    "day": (pa.array([DAY] * 4), "datetime64[D]", [DAY] * 4),
    "none": (pa.nulls(4), np.float64, [np.nan] * 4),
}


@pytest.mark.parametrize("statistics", [True, False])
@pytest.mark.parametrize("name", TYPES)
def test_types_are_the_same_in_every_group(tmp_path: Path, name: str, statistics: bool):
    column, dtype, values = TYPES[name]
    path = write(tmp_path / "x.parquet", {name: column}, group=2, write_statistics=statistics)
    source = Parquet(path, cache=0)
    for chosen in (rows(0, 1), rows(3, 2), np.arange(4)):
        got, = source.take(chosen)
        assert got.dtype == np.dtype(dtype) and got.flags.writeable
        assert repr(got.tolist()) == repr(np.array(values, dtype)[chosen].tolist())
    assert source.take(rows())[0].dtype == np.dtype(dtype)


def test_lists_and_structures(tmp_path: Path):
    path = write(tmp_path / "x.parquet", {
        "fixed": pa.array([[1, 2], [3, 4]], pa.list_(pa.float32(), 2)),
        "free": pa.array([[1], [2, 3]]), "record": pa.array([{"a": 1}, {"a": 2}])})
    fixed, free, record = Parquet(path).take(rows(1, 0))
    assert np.array_equal(fixed, [[3, 4], [1, 2]]) and fixed.dtype == np.float32
    assert free.dtype == object and free[0].tolist() == [2, 3]
    assert record.tolist() == [{"a": 2}, {"a": 1}]


def test_several_files(tmp_path: Path):
    one = write(tmp_path / "1.parquet", {"a": [1, 2], "b": [1.0, 2.0]})
    two = write(tmp_path / "2.parquet", {"b": [3.0], "a": pa.array([None], pa.int64())})
    other = write(tmp_path / "3.parquet", {"a": ["x"], "b": [1.0]})
    source = Parquet([one, two])
    assert repr(source.take(rows(2, 0))[0].tolist()) == "[nan, 1.0]"
    assert source.take(rows(2))[1].tolist() == [3.0] and source.place(2) == f"{two}, row 0"
    with pytest.raises(FormatError, match="(?s)1.parquet +a: int64.*3.parquet +a: string"):
        Parquet([one, other])


def test_the_cache_is_bounded_and_spares_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write(tmp_path / "x.parquet", {"a": np.arange(4000)}, group=1000)
    reads = []
    read = Parquet._read
    monkeypatch.setattr(Parquet, "_read", lambda self, g: reads.append(g) or read(self, g))
    source = Parquet(path)
    for _ in range(3):
        source.take(np.arange(0, 4000, 10))
    assert sorted(reads) == [0, 1, 2, 3]
    small = Parquet(path, cache=40_000)  # two groups of 8 kB, held twice
    for _ in range(2):
        small.take(np.arange(0, 4000, 10))
    assert len(reads) == 4 + 8 and small._recent.used <= 40_000


def test_threads_read_side_by_side(tmp_path: Path):
    source = Parquet(write(tmp_path / "x.parquet", {"a": np.arange(300)}, group=10), cache=0)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: source.take(rows(n, 299 - n))[0].tolist(), range(100)))
    assert found == [[n, 299 - n] for n in range(100)]


def test_wrong_files(tmp_path: Path):
    path = write(tmp_path / "x.parquet", {"a": np.arange(1000)}, group=100, compression="none",
                 use_dictionary=False)
    content = path.read_bytes()
    for name, bad in {"half": content[:2000], "start": content[2000:] , "text": b"a,b\n1,2\n",
                      "tail": content[:-8] + b"\xff\xff\xff\x7fPAR1", "empty": b""}.items():
        (tmp_path / name).write_bytes(bad)
        with pytest.raises(FormatError, match=rf"(?s)/{name}\n.*truncated, corrupt or none"):
            Parquet(tmp_path / name).take(rows(0))
    with pytest.raises(DataError, match="No such file"):
        Parquet(tmp_path / "none")
    with pytest.raises(DataError, match="is a folder"):
        Parquet(tmp_path)
    for columns in (["none"], []):
        with pytest.raises(ArgumentError, match="columns are some of the file's"):
            Parquet(path, columns=columns)
    with pytest.raises(FormatError, match="each column has its own name"):
        Parquet(path, columns=["a", "a"])


def test_a_damaged_group_is_named(tmp_path: Path):
    path = write(tmp_path / "x.parquet", {"a": np.arange(1000)}, group=100, compression="gzip")
    content = bytearray(path.read_bytes())
    place = parquet.read_metadata(path).row_group(3).column(0).data_page_offset
    content[place : place + 80] = b"\xff" * 80
    path.write_bytes(content)
    source = Parquet(path)
    assert source.take(rows(0))[0].tolist() == [0]
    with pytest.raises(FormatError, match="(?s)x.parquet.*in row group 3"):
        source.take(rows(350))


def test_files_that_vanish_or_change(tmp_path: Path):
    path = write(tmp_path / "x.parquet", {"a": np.arange(10)})
    source = Parquet(path)
    write(path, {"a": np.arange(20)})
    with pytest.raises(FormatError, match="stays as it was when it was opened"):
        source.take(rows(0))
    path.unlink()
    with pytest.raises(DataError, match="No such file"):
        source.take(rows(0))


@needs_permissions
def test_a_file_that_this_user_may_not_read(tmp_path: Path):
    path = write(tmp_path / "x.parquet", {"a": np.arange(10)})
    path.chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        Parquet(path)


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write(tmp_path / "x.parquet", {"a": np.arange(10)})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"try: pip install 'lamina\[tables\]'"):
        Parquet(path)


def test_texts_that_are_not_utf8_are_named(tmp_path: Path):
    path = write(tmp_path / "x.parquet", {"a": [f"word{n}" for n in range(9)]},
                 compression="none", use_dictionary=False, write_statistics=False)
    content = path.read_bytes()
    assert content.count(b"word4") == 1
    path.write_bytes(content.replace(b"word4", b"wor\xff4"))
    with pytest.raises(FormatError, match="(?s)x.parquet.*can't decode byte 0xff.*row group 1"):
        Parquet(path).take(rows(4))


def test_a_footer_with_two_types_of_a_column_does_not_end_the_process(tmp_path: Path):
    path = write(tmp_path / "x.parquet", {"a": np.arange(10)}, group=10)
    content = bytearray(path.read_bytes())
    place = content.rindex(b"\x15\x04\x19")  # a chunk's type, INT64, and its encodings, in Thrift
    content[place + 1] = 10  # DOUBLE
    path.write_bytes(content)
    with pytest.raises(FormatError, match="(?s)x.parquet.*two types of column 'a', in row group 0"):
        Parquet(path)
