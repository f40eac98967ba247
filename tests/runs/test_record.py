"""Reading runs back: columns, what supersedes what, torn and broken files, differences."""

import json
import os

import numpy as np
import pytest

from lamina.errors import ArgumentError, DataError, FormatError
from lamina.runs import compare, find, plot, read
from lamina.runs.journal import Journal, read_journal
from lamina.runs.record import flat
from lamina.train.monitoring import best_mode


def make_run(folder, losses=(3.0, 2.0, 2.5), config="", offset=0):
    journal = Journal(folder)
    for epoch, loss in enumerate(losses, 1):
        journal.write("step", epoch * 10 - 5 + offset, epoch, epoch - 0.5, logs={"loss": loss + 1})
        journal.write("epoch", epoch * 10 + offset, epoch, epoch,
                      logs={"loss": loss, "accuracy": 1 / loss})
    (folder / "config.toml").write_text(config)
    return folder


def test_columns(tmp_path):
    record = read(make_run(tmp_path))
    assert record.epochs["loss"].tolist() == [3.0, 2.0, 2.5]
    assert record.steps["step"].tolist() == [5, 15, 25]
    assert record.final["loss"] == 2.5 and record.final["epoch"] == 3
    assert record.best("loss") == (2.0, 2) and record.best("accuracy") == (0.5, 2)
    assert record.best("accuracy", "min") == (1 / 3.0, 1)
    assert record.metrics == ["loss", "accuracy"] and record.status == "unfinished"
    with pytest.raises(ArgumentError, match="loss, accuracy"):
        record.best("los")


def test_a_name_that_comes_late_is_nan_before(tmp_path):
    journal = Journal(tmp_path)
    journal.write("epoch", 1, 1, 0.0, logs={"loss": 1.0})
    journal.write("epoch", 2, 2, 0.0, logs={"loss": float("inf"), "f1": float("nan")})
    journal.write("epoch", 3, 3, 0.0, logs={"f1": 0.5})
    record = read(tmp_path)
    np.testing.assert_array_equal(record.epochs["loss"], [1.0, np.inf, np.nan])
    np.testing.assert_array_equal(record.epochs["f1"], [np.nan, np.nan, 0.5])
    assert record.final["loss"] == 1.0 and record.best("f1") == (0.5, 3)


@pytest.mark.parametrize(("written", "kept"), [
    ([("step", 1), ("step", 2), ("step", 3), ("step", 2)], [("step", 1), ("step", 2)]),
    ([("step", 1), ("epoch", 1), ("step", 2)], [("step", 1), ("epoch", 1), ("step", 2)]),
    ([("step", 2), ("epoch", 2), ("step", 2)], [("step", 2)]),
    ([("step", 2), ("epoch", 2), ("epoch", 2)], [("step", 2), ("epoch", 2)]),
    ([("epoch", 2), ("end", 2), ("step", 3), ("end", 3)], [("epoch", 2), ("end", 2), ("step", 3),
                                                          ("end", 3)]),
    ([("step", 5), ("end", 7), ("step", 6)], [("step", 5), ("step", 6)]),
])
def test_later_lines_supersede_those_of_later_steps(tmp_path, written, kept):
    journal = Journal(tmp_path)
    for kind, step in written:
        journal.write(kind, step, 1, 0.0, logs={})
    assert [(e["kind"], e["step"]) for e in read_journal(tmp_path)] == kept


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_is_left_out_and_replaced(tmp_path, cut):
    path = make_run(tmp_path) / "metrics.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    count = len(read_journal(tmp_path))
    assert count == (6 if cut == 1 else 5)  # the first byte that is cut is the line's end
    Journal(tmp_path)
    assert path.read_bytes() == (whole if cut == 1 else whole[:whole[:-1].rfind(b"\n") + 1])


@pytest.mark.parametrize("line", [
    "not json", "[1]", '{"kind": "step"}', '{"kind": "party", "step": 1, "epoch": 1, "time": 0}',
    '{"kind": "step", "step": 1, "epoch": 1, "time": 0, "logs": [1]}',
    '{"kind": "step", "step": 1, "epoch": 1, "time": 0, "logs": {"loss": "low"}}',
    '{"kind": "step", "step": 1.5, "epoch": 1, "time": 0, "logs": {}}', "\xff",
    "[" * 100_000, '{"kind": "end", "step": 1' + "0" * 400 + ', "epoch": 1, "time": 0}',
    '{"kind": "step", "step": 1, "epoch": 1, "time": 0, "logs": {"loss": 1' + "0" * 400 + "}}",
])
def test_a_broken_line_is_named(tmp_path, line):
    path = make_run(tmp_path) / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], line.encode("latin-1") + b"\n", *lines[2:]]))
    with pytest.raises(FormatError, match=r"metrics\.jsonl, line 3"):
        read(tmp_path)


@pytest.mark.parametrize(("name", "content"), [
    ("config.toml", b"a = ["), ("config.toml", b"\xff"), ("environment.json", b"{"),
    ("environment.json", b"[]"),
])
def test_broken_files_are_named(tmp_path, name, content):
    (make_run(tmp_path) / name).write_bytes(content)
    with pytest.raises(FormatError, match=name):
        read(tmp_path)


def test_what_is_no_run(tmp_path):
    with pytest.raises(DataError, match=r"metrics\.jsonl"):
        read(tmp_path)
    with pytest.raises(DataError, match="nowhere"):
        find(tmp_path / "nowhere")


def test_find_and_compare(tmp_path):
    for number, (name, lr) in enumerate((("b", 0.1), ("a", 0.2), ("sub/c", 0.1))):
        folder = make_run(tmp_path / name, (3.0 - number, 2.0),
                          f'seed = 1\n[optimizer]\nlr = {lr}\n')
        (folder / "environment.json").write_text(json.dumps({"started": str(number)}))
        os.utime(folder / "environment.json", (1000 + number, 1000 + number))
    make_run(tmp_path / ".hidden")
    folders = find(tmp_path)
    assert [f.relative_to(tmp_path).as_posix() for f in folders] == ["b", "a", "sub/c"]
    found = compare([read(folder) for folder in folders])
    assert found.names == ["b", "a", "c"]
    assert found.config == {"optimizer.lr": [0.1, 0.2, 0.1]}
    assert found.metrics["loss"] == [(2.0, 2.0), (2.0, 2.0), (2.0, 1.0)]
    assert found.text().splitlines() == [
        "              b          a          c",
        "optimizer.lr  0.1        0.2        0.1",
        "loss          2 (2)      2 (2)      2 (1)",
        "accuracy      0.5 (0.5)  0.5 (0.5)  0.5 (1)"]


def test_plot(tmp_path):
    records = [read(make_run(tmp_path / name)) for name in ("a", "b")]
    svg = plot(records, ["loss"])
    assert "a: loss" in svg and "b: loss" in svg and ">epoch<" in svg
    assert ">seconds<" in plot(records[0], ["loss", "valid_loss"], x="time")
    with pytest.raises(ArgumentError, match="loss, accuracy"):
        plot(records, ["f1"])
    with pytest.raises(ArgumentError, match='"epoch"'):
        plot(records, x="week")


def test_names():
    assert [best_mode(n) for n in ("valid_loss", "mean_absolute_error", "valid_mae",
                                   "valid_word_error_rate", "accuracy", "closseness")] == [
        "min", "min", "min", "min", "max", "max"]
    assert flat({"a": {"b": 1}, "c": [{"d": 2}, {"d": 3}], "e": [1]}) == {
        "a.b": 1, "c.0.d": 2, "c.1.d": 3, "e": [1]}
