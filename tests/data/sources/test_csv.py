"""CSV files: types, quoting, every error with its line; pyarrow and the csv module agree."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.data import CSV
from lamina.data.sources.csv_text import sniff_delimiter
from lamina.errors import ArgumentError, DataError, FormatError, IndexingError
from tests.data.sources.files import needs_permissions, rows


@pytest.fixture(params=[True, False], ids=["pyarrow", "csv module"])
def fast(request: pytest.FixtureRequest) -> bool:
    return request.param


def read(tmp_path: Path, text: str | bytes, **options) -> CSV:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return CSV(path, **options)


def refused(tmp_path: Path, text: str | bytes, **options) -> str:
    with pytest.raises(FormatError) as caught:
        read(tmp_path, text, **options)
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_types_are_inferred(tmp_path: Path, fast: bool):
    table = read(tmp_path, "n,x,gap,flag,word,none,signed,big,mixed\n"
                 "1,1.5,1,true,a,,+3,99999999999999999999,1\n"
                 "-2,1e3,NA,False,b c,?, -4 ,1,x\n", fast=fast)
    kinds = {name: column.dtype.name for name, column in table.columns.items()}
    assert kinds == {"n": "int64", "x": "float64", "gap": "float64", "flag": "bool",
                     "word": "object", "none": "float64", "signed": "int64", "big": "float64",
                     "mixed": "object"}
    assert table.columns["n"].tolist() == [1, -2] and table.columns["x"].tolist() == [1.5, 1000]
    assert np.isnan(table.columns["gap"][1]) and table.columns["flag"].tolist() == [True, False]
    assert table.columns["word"].tolist() == ["a", "b c"]
    assert table.columns["signed"].tolist() == [3, -4] and table.columns["big"][0] == 1e20
    assert all(column.flags.writeable for column in table.columns.values())
    assert table.names == tuple(kinds) and len(table) == 2


def test_rows_are_gathered(tmp_path: Path):
    table = read(tmp_path, "a,b\n1,x\n2,\n3,z\n")
    numbers, words = table.take(rows(2, 0, 1))
    assert numbers.tolist() == [3, 1, 2] and words.tolist() == ["z", "x", None]
    assert read(tmp_path, "a,b\n1,x\n", columns=["b", "a"]).names == ("b", "a")
    with pytest.raises(IndexingError):
        table.take(rows(3))
    assert repr(table) == "CSV(3 rows, 2 columns)"


def test_quoted_fields(tmp_path: Path, fast: bool):
    table = read(tmp_path, 'a,b\r\n"x, y","two\r\nlines"\r\n"she said ""hi""",""\r\n', fast=fast)
    assert table.columns["a"].tolist() == ["x, y", 'she said "hi"']
    assert table.columns["b"].tolist() == ["two\r\nlines", None]
    assert [table.place(n).split(", ")[1] for n in (0, 1)] == ["line 2", "line 4"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_blank_lines(tmp_path: Path, fast: bool, end: str):
    table = read(tmp_path, f"{end}a,b{end}{end}1,2{end}{end}3,4", fast=fast)
    assert table.columns["b"].tolist() == [2, 4]
    assert [table.place(n).split(", ")[1] for n in (0, 1)] == ["line 4", "line 6"]


@pytest.mark.parametrize("delimiter", ",;\t|")
def test_delimiters_are_guessed(tmp_path: Path, fast: bool, delimiter: str):
    text = "\n".join(delimiter.join(["1", "2.5", "x y"]) for _ in range(5))
    table = read(tmp_path, text, header=["p", "q", "r"], fast=fast)
    assert table.columns["q"].tolist() == [2.5] * 5


def test_the_guess_goes_by_the_records_that_agree():
    assert sniff_delimiter("text;n\na,b;1\nc;2\nd,e,f;3\n") == ";"
    assert sniff_delimiter("word\na\nb\n") == ","
    assert sniff_delimiter('a,b\n"1;2;3",4\n"5;6",7\n') == ","
    assert sniff_delimiter("a,b\n" + '1,"' + "x" * 70000 + '"\n') == ","


def test_headers(tmp_path: Path, fast: bool):
    table = read(tmp_path, "1,2\n3,4\n", header=False, fast=fast)
    assert table.names == ("column1", "column2") and len(table) == 2
    table = read(tmp_path, "1,2\n3,4\n", header=["x", "y"], fast=fast)
    assert table.columns["y"].tolist() == [2, 4] and table.place(1).endswith("line 2")
    assert read(tmp_path, ",a , b\n0,1,2\n", fast=fast).names == ("column1", "a", "b")
    assert len(read(tmp_path, "a,b\n", fast=fast)) == 0


def test_encodings(tmp_path: Path, fast: bool):
    text = "naïve,日本\n1,é\n"
    for content in (text.encode(), text.encode("utf-8-sig"), text.encode("utf-16")):
        table = read(tmp_path, content, fast=fast)
        assert table.names == ("naïve", "日本") and table.columns["日本"][0] == "é"
    latin = "name\nnaïve\n".encode("latin-1")
    assert read(tmp_path, latin, encoding="latin-1", fast=fast).columns["name"][0] == "naïve"
    assert "table.csv, line 2: byte 0xef is not utf-8" in refused(tmp_path, latin)
    with pytest.raises(ArgumentError, match="encoding is one that Python knows"):
        read(tmp_path, latin, encoding="klingon")


def test_types_by_choice(tmp_path: Path, fast: bool):
    text = "a,b,c,d\n007,1,yes,4\n008,2,0,NA\n"
    table = read(tmp_path, text, types={"a": str, "b": "float", "c": "bool", "d": float}, fast=fast)
    assert table.columns["a"].tolist() == ["007", "008"]
    assert table.columns["b"].dtype == np.float64 and table.columns["c"].tolist() == [True, False]
    message = refused(tmp_path, text, types={"d": int}, fast=fast)
    assert "table.csv, line 3, column \"d\": 'NA' is missing, which no whole number is" in message
    assert "try: types={'d': \"float\"}" in message
    assert "'007' is no truth value" in refused(tmp_path, text, types={"a": bool}, fast=fast)
    message = refused(tmp_path, "a\n1\n9223372036854775808\n", types={"a": int}, fast=fast)
    assert "line 3, column \"a\": '9223372036854775808' does not fit into 64 bits" in message
    table = read(tmp_path, "a\nNA\n-\n", missing=("-",), fast=fast)
    assert table.columns["a"].tolist() == ["NA", None]


def test_a_cell_among_numbers_is_named_with_line_and_column(tmp_path: Path, fast: bool):
    ages = [str(n) for n in range(20)]
    ages[15] = "abc"
    text = "name,age\n" + "".join(f"x,{age}\n" for age in ages)
    message = refused(tmp_path, text, fast=fast)
    assert "table.csv, line 17, column \"age\": 'abc' is no number" in message
    assert "try: types={'age': \"text\"}, or missing=(..., 'abc')" in message
    assert read(tmp_path, text, types={"age": "text"}, fast=fast).columns["age"][15] == "abc"
    assert np.isnan(read(tmp_path, text, missing=("abc",), fast=fast).columns["age"][15])


def test_lines_are_counted_through_quoted_line_breaks(tmp_path: Path, fast: bool):
    text = 'a,b\n"1\n1",1\n\n"2\n\n2",2\nx,y\n'
    message = refused(tmp_path, text, types={"b": float}, fast=fast)
    assert "table.csv, line 8, column \"b\": 'y' is no number" in message


@pytest.mark.parametrize(("text", "found"), [
    ("a,b\n1,2\n3\n", "table.csv, line 3: 1 field, the header has 2"),
    ("a,b\n1,2\n\n3,4,5\n", "table.csv, line 4: 3 fields, the header has 2"),
    ("a,b\n1,2\n   \n", "table.csv, line 3: 1 field, the header has 2"),
    ("a,b\n1,\"2\n", "table.csv, after line 1: unexpected end of data"),
    ('a,b\n1,"2"3\n', "table.csv, after line 1: ',' expected after '\"'"),
    ('"a,b\n1,2\n', "table.csv, line 1: unexpected end of data"),
    ("a,b,a\n1,2,3\n", "table.csv, line 1: columns 1 and 3 are both 'a'"),
    ("\n\na,a\n", "table.csv, line 3: columns 1 and 2 are both 'a'"),
    (" \n\n", "blank text"), ("", "0 bytes"),
    (b"\x1f\x8b\x08\0\0", "a gzip file"), (b"PK\3\4....", "a zip file"), (b"PAR1....", "a Parquet"),
])
def test_wrong_files(tmp_path: Path, fast: bool, text: str | bytes, found: str):
    message = refused(tmp_path, text, fast=fast)
    assert found in message and "rule: " in message


def test_header_false_names_the_others(tmp_path: Path):
    assert "line 2: 1 field, the others have 2" in refused(tmp_path, "1,2\n3\n", header=False)


def test_files_that_cannot_be_read(tmp_path: Path):
    with pytest.raises(DataError, match="(?s)none.csv.*No such file"):
        CSV(tmp_path / "none.csv")
    with pytest.raises(DataError, match="is a folder"):
        CSV(tmp_path)


@needs_permissions
def test_a_file_that_this_user_may_not_read(tmp_path: Path):
    read(tmp_path, "a\n1\n")
    (tmp_path / "table.csv").chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        CSV(tmp_path / "table.csv")


def test_several_files(tmp_path: Path, fast: bool):
    for name, text in {"1.csv": "a,b\n1,x\n2,y\n", "2.csv": "a;b\n3.5;z\n", "3.csv": "a,b\n",
                       "4.csv": "b,a\n1,2\n"}.items():
        (tmp_path / name).write_text(text)
    table = CSV([tmp_path / "1.csv", tmp_path / "2.csv", tmp_path / "3.csv"], fast=fast)
    assert table.columns["a"].tolist() == [1, 2, 3.5] and len(table) == 3
    places = [os.path.basename(table.place(n)) for n in range(3)]
    assert places == ["1.csv, line 2", "1.csv, line 3", "2.csv, line 2"]
    with pytest.raises(FormatError, match="(?s)4.csv.*the same columns in the same order"):
        CSV([tmp_path / "1.csv", tmp_path / "4.csv"], fast=fast)
    with pytest.raises(FormatError, match="2.csv, line 2, column \"a\": '3.5' is no whole"):
        CSV([tmp_path / "1.csv", tmp_path / "2.csv"], types={"a": int}, fast=fast)


@pytest.mark.parametrize("options", [
    {"columns": ["none"]}, {"columns": []}, {"columns": ["a", "a"]}, {"delimiter": ",,"},
    {"delimiter": '"'}, {"types": {"none": int}}, {"types": {"a": "number"}},
    {"types": {"a": bytes}}, {"path": []},
])
def test_arguments_that_are_not_allowed(tmp_path: Path, options: dict):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ArgumentError, match="CSV"):
        CSV(**{"path": path, **options})


def test_a_file_that_vanished_is_named_without_its_lines(tmp_path: Path):
    table = read(tmp_path, "a\n1\n")
    (tmp_path / "table.csv").unlink()
    assert table.place(0) == f"{tmp_path / 'table.csv'}, row 0"


def test_fields_of_any_length(tmp_path: Path, fast: bool):
    table = read(tmp_path, f"a,b\n{'x' * 300000},1\n", fast=fast)
    assert len(table.columns["a"][0]) == 300000


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert read(tmp_path, "a\n1\n").columns["a"].tolist() == [1]


CELL = st.one_of(
    st.sampled_from(["1", "-2", "+3", "4.", ".5", "1e400", "inf", "-Infinity", "NaN", "NA", "", "?",
                     " 7 ", "1_0", "0x1", "٣", "true", "FALSE", "00", "9223372036854775808", "a\0",
                     "1e-400", "nan(3)", "\u00a01", "infinit", "1 2", "e5", "-", "\u2028"]),
    st.text(alphabet='a1", ;\n\r.', max_size=5), st.floats().map(repr), st.integers().map(str))


@given(st.lists(st.tuples(CELL, CELL), max_size=6), st.booleans())
def test_both_ways_give_the_same_columns(tmp_path_factory, cells, quoted: bool):
    path = tmp_path_factory.mktemp("csv") / "table.csv"
    mark = '"' if quoted else ""

    def field(text: str) -> str:
        return mark + (text.replace('"', '""') if quoted else text) + mark

    path.write_bytes(("p,q\n" + "\n".join(",".join(map(field, row)) for row in cells)).encode())
    results = both_ways(path)
    if quoted and isinstance(results[0][0], np.dtype):
        assert len(results[0][1]) > 0 and len(CSV(path, delimiter=",")) == len(cells)


@given(st.text(alphabet='a1",\n\r ', max_size=24))
def test_both_ways_see_the_same_records(tmp_path_factory, text: str):
    path = tmp_path_factory.mktemp("csv") / "table.csv"
    path.write_bytes(b"p,q\n" + text.encode())
    both_ways(path, types={"p": str, "q": str})


def both_ways(path: Path, **options) -> list:
    """What pyarrow and the csv module make of a file, which is the same."""
    results = []
    for fast in (True, False):
        try:
            table = CSV(path, delimiter=",", fast=fast, **options)
            results.append([(c.dtype, repr(c.tolist())) for c in table.columns.values()])
        except FormatError as error:
            results.append([error.operands, error.hint])
    assert results[0] == results[1]
    return results[0]
