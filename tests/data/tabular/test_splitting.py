"""Splits of rows: shares, classes, groups and times."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.data import Dataset, split
from lamina.data.source import Source
from lamina.data.tabular import split_rows
from lamina.errors import ArgumentError, ShapeError


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 200), st.integers(1, 5), st.floats(0, 0.4), st.floats(0, 0.4),
       st.integers(0, 9))
def test_every_row_is_in_one_part(rows, classes, valid, test, seed):
    labels = np.random.default_rng(seed).integers(0, classes, rows)
    for options in ({}, {"stratify": labels}, {"groups": labels}, {"time": labels}):
        try:
            parts = split_rows(rows, valid, test, seed=seed, **options)
        except ArgumentError as error:
            assert "training part" in error.rule and (len(options) == 1 or rows < 5)
            continue
        assert sorted(np.concatenate(parts).tolist()) == list(range(rows))


def test_shares_are_met():
    sizes = [len(part) for part in split_rows(1000, 0.2, 0.1)]
    assert sizes == [700, 200, 100]


def test_classes_keep_their_shares():
    labels = np.repeat([0, 1, 2], [800, 150, 50])
    train, valid = split_rows(1000, 0.2, stratify=labels)
    assert np.bincount(labels[valid]).tolist() == [160, 30, 10]
    assert np.bincount(labels[train]).tolist() == [640, 120, 40]


def test_groups_stay_together():
    groups = np.random.default_rng(0).integers(0, 100, 2000)
    parts = split_rows(2000, 0.2, 0.2, groups=groups)
    known = [set(groups[part]) for part in parts]
    assert not (known[0] & known[1] or known[0] & known[2] or known[1] & known[2])
    assert 300 < len(parts[1]) < 500 and 300 < len(parts[2]) < 500


def test_a_group_of_half_the_rows_is_for_training():
    groups = np.concatenate([np.zeros(100, int), np.arange(1, 101)])
    for seed in range(20):
        train, valid = split_rows(200, 0.2, groups=groups, seed=seed)
        assert 0 in groups[train] and 0 not in groups[valid]


def test_the_latest_rows_are_the_test_part():
    time = np.random.default_rng(0).permutation(100)
    train, valid, test = split_rows(100, 0.2, 0.1, time=time)
    assert time[train].max() < time[valid].min() and time[valid].max() < time[test].min()
    assert [len(part) for part in (train, valid, test)] == [70, 20, 10]


def test_the_seed_decides():
    first, again, other = (split_rows(100, seed=seed)[1].tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_tables_keep_their_kind():
    columns = {"x": np.arange(10), "y": list("ab") * 5}
    frame = pd.DataFrame(columns)
    parts = [split(data, 0.2, stratify="y")[1] for data in (
        columns, frame, pa.Table.from_pandas(frame))]
    assert isinstance(parts[0], dict) and isinstance(parts[1], pd.DataFrame)
    assert isinstance(parts[2], pa.Table)
    for part in parts:
        assert sorted(np.asarray(part["y"]).tolist()) == ["a", "b"]
        assert np.array_equal(np.asarray(part["x"]), np.asarray(parts[0]["x"]))
    arrays, = split((np.arange(10), np.arange(10) * 2), 0.3)[1:]
    assert np.array_equal(arrays[0] * 2, arrays[1])
    assert len(split(Dataset(np.arange(10)), 0.3)[1]) == 3


class Rows(Source):
    names = ("x", "y")

    def __len__(self):
        return 10

    def take(self, rows):
        return rows * 2, rows % 2


def test_sources_give_sources():
    train, valid = split(Rows(), 0.2, stratify="y")
    x, y = valid.take(np.arange(2))
    assert len(train) == 8 and valid.names == ("x", "y") and sorted(y.tolist()) == [0, 1]
    assert valid.place(1) == f"row {x[1] // 2}"
    with pytest.raises(ArgumentError, match="name of a column"):
        split(Rows(), stratify="z")


class Unread(Rows):
    classes = ("even", "odd")
    labels = np.arange(10) % 2

    def take(self, rows):
        raise AssertionError("nothing is to be read")


def test_sources_that_know_their_labels_are_not_read():
    train, valid = split(Unread(), 0.2, stratify="y")
    assert sorted(valid.labels.tolist()) == [0, 1] and train.classes == ("even", "odd")


def test_data_sets_keep_their_names():
    data = Dataset(np.arange(10), np.arange(10) % 2, names=("x", "y"), classes=("even", "odd"))
    valid = split(data, 0.2)[1]
    assert valid.names == ("x", "y") and valid.classes == ("even", "odd")


@pytest.mark.parametrize(("call", "error"), [
    (lambda: split_rows(10, 1.0), ArgumentError),
    (lambda: split_rows(10, 0.5, 0.5), ArgumentError),
    (lambda: split_rows(0), ArgumentError),
    (lambda: split_rows(1, 0.9), ArgumentError),
    (lambda: split_rows(3, stratify=[1, 2]), ShapeError),
    (lambda: split_rows(2, stratify=[1, 2], groups=[1, 2]), ArgumentError),
    (lambda: split_rows(2, time=[1.0, float("nan")]), ArgumentError),
    (lambda: split_rows(2, groups=np.array(["a", None], object)), ArgumentError),
    (lambda: split({"x": [1, 2]}, stratify="y"), ArgumentError),
    (lambda: split({"x": [1, 2], "y": [1]}), ShapeError),
])
def test_wrong_arguments(call, error):
    with pytest.raises(error, match="rule:"):
        call()
