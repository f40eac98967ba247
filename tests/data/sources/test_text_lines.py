"""Lines of text by number: ends, encodings, several files, and what cannot be read."""

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.data import TextLines, pipeline
from lamina.data.sources import text_lines
from lamina.errors import ArgumentError, DataError, FormatError


def written(folder, content, name="a.txt"):
    path = folder / name
    path.write_bytes(content)
    return path


def all_of(lines):
    return lines.take(np.arange(len(lines)))[0].tolist()


@pytest.mark.parametrize(("content", "lines"), [
    (b"", []),
    (b"\n", [""]),
    (b"one", ["one"]),
    (b"one\n", ["one"]),
    (b"one\n\ntwo", ["one", "", "two"]),
    (b"one\r\ntwo\r\n", ["one", "two"]),
    ("\ufeffone\ntwö\n".encode(), ["one", "twö"]),
])
def test_ends_of_lines(tmp_path, content, lines):
    assert all_of(TextLines(written(tmp_path, content))) == lines


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.text(st.characters(exclude_characters="\r\n\ufeff", codec="utf-8"))),
       st.integers(1, 9))
def test_any_text_comes_back_in_any_order(tmp_path_factory, lines, chunk):
    path = written(tmp_path_factory.mktemp("t"), "".join(x + "\n" for x in lines).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_lines, "_CHUNK", chunk)  # lines go over the border of chunks
        found = TextLines(path)
    assert all_of(found) == lines
    rows = np.random.default_rng(0).integers(0, max(1, len(lines)), len(lines))
    assert found.take(rows)[0].tolist() == [lines[i] for i in rows]


def test_several_files_are_one_after_the_other(tmp_path):
    paths = [written(tmp_path, b"0\n1\n", "a"), written(tmp_path, b"", "b"),
             written(tmp_path, b"2\n3", "c")]
    lines = TextLines(paths)
    assert all_of(lines) == ["0", "1", "2", "3"]
    assert lines.take(np.array([3, 0, 3]))[0].tolist() == ["3", "0", "3"]
    assert [lines.place(i) for i in (1, 2)] == [f"{paths[0]}, line 2", f"{paths[2]}, line 1"]


def test_lines_go_through_a_pipeline(tmp_path):
    path = written(tmp_path, b"".join(b"%d\n" % i for i in range(1000)))
    made = pipeline(TextLines(path)).shuffle(1).map(
        lambda text: text.astype(np.int64)).prefetch(3, threads=2).batch(64)
    assert sorted(v for x, in made for v in x.tolist()) == list(range(1000))


def test_the_index_is_eight_bytes_a_line(tmp_path):
    lines = TextLines(written(tmp_path, b"word\n" * 10_000))
    assert lines._files[0]._edges.nbytes == 8 * 10_001


def test_bytes_that_are_no_text_name_file_and_line(tmp_path):
    path = written(tmp_path, b"fine\nna\xefve\nfine\n")
    with pytest.raises(FormatError) as caught:
        TextLines(path).take(np.arange(3))
    assert str(caught.value).splitlines()[1] == f"  record  {path}, line 2"
    assert TextLines(path, encoding="latin-1").take(np.array([1]))[0].tolist() == ["naïve"]
    made = pipeline(TextLines(path), on_error="skip").batch(3)
    assert [x.tolist() for x, in made] == [["fine", "fine"]]
    assert f"{path}, line 2" in made.report.places[0]


def test_a_packed_file_is_read_in_order(tmp_path):
    path = written(tmp_path, gzip.compress(b"one\ntwo\n"))
    with pytest.raises(FormatError, match="gzip.open"):
        TextLines(path)

    def unpacked():
        with gzip.open(path, "rt") as file:
            yield from file

    assert pipeline(unpacked).batch(2).first()[0].tolist() == ["one\n", "two\n"]


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        TextLines(tmp_path / "none.txt")
    with pytest.raises(DataError, match="directory"):
        TextLines(tmp_path)
    with pytest.raises(ArgumentError, match="at least one file"):
        TextLines([])
    for encoding in ("utf-16", "latin-0", "nonsense"):
        with pytest.raises(ArgumentError, match="byte 10"):
            TextLines(written(tmp_path, b""), encoding=encoding)


def test_a_file_that_became_shorter_is_noticed(tmp_path):
    path = written(tmp_path, b"one\ntwo\nthree\n")
    lines = TextLines(path)
    path.write_bytes(b"one\nt")
    with pytest.raises(DataError, match="it has become shorter"):
        lines.take(np.arange(3))
