"""Recipes of tables: features, targets, what is learned and what comes back."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import lamina as lm
from lamina.data.source import Source
from lamina.data.tabular import (
    Boolean,
    Category,
    Classes,
    Datetime,
    Hashed,
    Ignored,
    Integer,
    Number,
    TableRecipe,
    Text,
    Values,
)
from lamina.errors import ArgumentError, FormatError, ShapeError

HOUSES = {
    "size": [50.5, 80.5, None, 110.5, 60.5],
    "rooms": [2, 3, 3, 5, 2],
    "city": ["Rome", "Oslo", "Rome", None, "Bonn"],
    "garden": [True, False, False, True, True],
    "sold": np.array(["2020-01-31", "2020-07-04", "2021-01-31", "NaT", "2022-12-25"], "M8[D]"),
    "price": [100.5, 210.0, 170.0, 420.0, 130.0],
}


def test_kinds_are_told_from_the_cells():
    table = HOUSES | {
        "key": [f"k{i}" for i in range(5)],
        "flag": ["yes", "No", "", "yes", "no"],
        "number": ["1.5", " 2 ", "", "3", "4"],
        "whole": ["1", "2", "", "3", "4"],
        "when": ["2020-01-01 10:00", "", "2020-01-02T11:30:00Z", "2021-05-05", "2022-01-01"],
        "empty": [None] * 5,
    }
    many = {name: list(np.resize(np.array(values, object), 50)) for name, values in table.items()}
    many["key"] = [f"k{i}" for i in range(50)]
    many["story"] = [f"once there were {i} kings of {i * 7}" for i in range(50)]
    many["sold"] = np.resize(HOUSES["sold"], 50)
    recipe = TableRecipe(target="price").fit(many)
    kinds = {name: column.kind for name, column in recipe.columns.items()}
    assert kinds == {
        "size": "number", "rooms": "integer", "city": "category", "garden": "boolean",
        "sold": "datetime", "key": "ignored", "flag": "boolean", "number": "number",
        "whole": "integer", "when": "datetime", "empty": "ignored", "story": "text"}
    assert recipe.columns["sold"] == Datetime(("time", "month", "weekday"))
    assert recipe.columns["when"] == Datetime()
    assert recipe.target == Values()


def test_features_are_what_they_say():
    recipe = TableRecipe(target="price", columns={"sold": Datetime(("year", "month"))})
    features, target = recipe.fit_transform(HOUSES)
    by_name = dict(zip(recipe.feature_names, features.T, strict=True))
    assert features.dtype == np.float32 and target.dtype == np.float32
    size = np.array([50, 80, 75, 110, 60.0])  # less 0.5
    known = np.array([50, 80, 110, 60.0])
    np.testing.assert_allclose(by_name["size"], (size - 75) / known.std(), rtol=1e-6)
    assert by_name["size is missing"].tolist() == [0, 0, 1, 0, 0]
    assert by_name["city=Rome"].tolist() == [1, 0, 1, 0, 0]
    assert by_name["city=<missing>"].tolist() == [0, 0, 0, 1, 0]
    assert by_name["garden"].tolist() == [1, 0, 0, 1, 1]
    np.testing.assert_allclose(by_name["sold.month.cos"][[0, 1, 3]], [1, -1, 0], atol=1e-6)
    assert by_name["sold is missing"].tolist() == [0, 0, 0, 1, 0]
    np.testing.assert_allclose(target.mean(), 0, atol=1e-6)
    np.testing.assert_allclose(recipe.inverse_target(target)[:, 0], HOUSES["price"], rtol=1e-6)


def test_the_learned_is_of_the_training_rows():
    recipe = TableRecipe(columns={"x": Number(scale="minmax")}).fit({"x": [0.0, 10.0]})
    assert recipe.transform({"x": [5.0, 20.0, None]}).ravel().tolist() == [0.5, 2.0, 0.5]


@pytest.mark.parametrize(("column", "expected"), [
    (Number(scale="none"), [1, 2, 3, 94]),
    (Number(scale="robust"), [-1.5 / 24.0, -0.5 / 24.0, 0.5 / 24.0, 91.5 / 24.0]),
    (Number(scale="none", clip=(0.25, 0.75)), [1.75, 2, 3, 25.75]),
    (Number(scale="none", log=True), np.log1p([1, 2, 3, 94])),
])
def test_scales(column: Number, expected: list[float]):
    found = TableRecipe(columns={"x": column}).fit_transform({"x": [1, 2, 3, 94]})[0]
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-6)


@pytest.mark.parametrize(("missing", "fill"), [("mean", 4.0), ("median", 2.0), (-7, -7.0)])
def test_missing_numbers(missing, fill):
    column = Number(missing=missing, scale="none", indicator=False)
    found = TableRecipe(columns={"x": column}).fit_transform({"x": [1, None, 2, 9]})[0]
    assert found.ravel().tolist() == [1, fill, 2, 9]


def test_rare_and_unseen_categories():
    recipe = TableRecipe(columns={"c": Category(maximum=2)}).fit({"c": list("aaabbcd")})
    assert recipe.feature_names == ("c=a", "c=b", "c=<other>")
    assert recipe.transform({"c": ["b", "d", "new", None]}).tolist() == [
        [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1]]
    both = TableRecipe(columns={"c": Category(maximum=1)}).fit({"c": ["a", "a", "b", None]})
    assert both.feature_names == ("c=a", "c=<other>", "c=<missing>")
    assert both.transform({"c": ["b", None]}).tolist() == [[0, 1, 0], [0, 0, 1]]
    strict = TableRecipe(columns={"c": Category(maximum=2, unseen="error")}).fit(
        {"c": list("aaabbcd")})
    assert strict.transform({"c": ["c"]}).tolist() == [[0, 0, 1]]
    with pytest.raises(FormatError, match=r"(?s)column +'c'.*row 1.*'new'"):
        strict.transform({"c": ["a", "new"]})


def test_words_for_times_are_no_times():
    recipe = TableRecipe().fit({"due": ["today", "now", "today"], "year": ["2020", "", "2021"]})
    assert [column.kind for column in recipe.columns.values()] == ["category", "integer"]
    with pytest.raises(FormatError, match="row 0"):
        TableRecipe(columns={"due": "datetime"}).fit({"due": ["today"]})


def test_it_says_what_it_does():
    recipe = TableRecipe(target="price", columns={"city": Category(maximum=2)}).fit(HOUSES)
    assert repr(recipe).splitlines()[:4] == [
        "TableRecipe", "  size: Number(): 2 features", "  rooms: Integer(): 1 features",
        "  city: Category(maximum=2): 4 features"]
    assert "price: Values(): target" in repr(recipe)


def test_numbers_as_categories_are_the_same_with_and_without_missing_ones():
    recipe = TableRecipe(columns={"c": "category"}).fit({"c": np.array([1, 2, 2])})
    assert recipe.transform({"c": np.array([2.0, np.nan, 1.0])}).tolist() == [
        [0, 1], [0, 0], [1, 0]]


def test_hashes_are_fnv():
    recipe = TableRecipe(columns={"u": Hashed(1 << 10)}).fit({"u": ["x"]})
    found = recipe.transform({"u": ["foobar", "a", None, "foobar"]})
    assert found.sum(axis=1).tolist() == [1, 1, 0, 1]
    assert found.argmax(axis=1)[[0, 1, 3]].tolist() == [
        0x85944171F73967E8 % 1024, 0xAF63DC4C8601EC8C % 1024, 0x85944171F73967E8 % 1024]


def test_words_are_counted():
    recipe = TableRecipe(columns={"t": Text(1 << 10)}).fit({"t": ["x"]})
    found = recipe.transform({"t": ["Red, red\nwine", None, "Ärger!", "ärger"]})
    np.testing.assert_allclose(np.sort(found[0])[-2:], np.array([1, 2]) / np.sqrt(5), rtol=1e-6)
    assert not found[1].any()
    assert np.array_equal(found[2], found[3]) and found[2].sum() == 1


def test_parts_of_times():
    recipe = TableRecipe(columns={"t": Datetime(("weekday", "hour", "minute", "day"))})
    found = recipe.fit_transform({"t": ["2026-11-23T06:15:00"]})[0]  # a Monday
    angles = np.arctan2(found[0, 0::2], found[0, 1::2]) / (2 * np.pi)
    np.testing.assert_allclose(angles, [0, 6 / 24, 15 / 60, 22 / 31 - 1], atol=1e-6)


@pytest.mark.parametrize(("values", "classes"), [
    (["b", "a", "b"], ("a", "b")),
    (np.array([3, 1, 3]), (1, 3)),
    ([True, False, True], (False, True)),
])
def test_classes_come_back(values, classes):
    recipe = TableRecipe(target="y", columns={"x": "number"}).fit({"x": [1, 2, 3], "y": values})
    recipe = TableRecipe.from_json(recipe.to_json())
    assert recipe.classes == classes
    _, numbers = recipe({"x": [1, 2, 3], "y": values})
    assert numbers.dtype == np.int64 and numbers.tolist() == [1, 0, 1]
    assert recipe.inverse_target(numbers).tolist() == list(values)
    assert recipe.inverse_target(lm.tensor([[0.1, 0.9]])).tolist() == [classes[1]]


def test_several_targets():
    table = {"x": [1, 2, 3], "a": [1.0, 2.0, 4.0], "b": [10, 20, 30]}
    recipe = TableRecipe(target=["a", "b"]).fit(table)
    _, target = recipe(table)
    assert target.shape == (3, 2)
    np.testing.assert_allclose(recipe.inverse_target(target), [[1, 10], [2, 20], [4, 30]],
                               rtol=1e-6)


def test_the_text_gives_the_same_recipe():
    columns = {"size": Number(clip=(0.05, 0.95), log=True), "city": Category(maximum=1),
               "rooms": Integer(missing="median"), "garden": Boolean(indicator=True)}
    recipe = TableRecipe(target="price", columns=columns, task=Values(log=True), extra="error")
    features, target = recipe.fit_transform(HOUSES)
    again = TableRecipe.from_json(recipe.to_json())
    assert again == recipe and again.to_json() == recipe.to_json()
    assert again.feature_names == recipe.feature_names and repr(again) == repr(recipe)
    for found, expected in zip(again(HOUSES), (features, target), strict=True):
        assert np.array_equal(found, expected)
    np.testing.assert_allclose(again.inverse_target(target)[:, 0], HOUSES["price"], rtol=1e-5)
    with pytest.raises(ArgumentError, match="'more' is new"):
        again.transform(HOUSES | {"more": [1] * 5})


def test_it_travels_in_the_model_file(tmp_path):
    recipe = TableRecipe(target="price").fit(HOUSES)
    model = lm.nn.Linear(len(recipe.feature_names), 1)
    path = tmp_path / "model.safetensors"
    lm.save(path, model, metadata={"lamina.table": recipe.to_json()})
    again = TableRecipe.from_json(lm.io.load_metadata(path)["lamina.table"])
    assert np.array_equal(again.transform(HOUSES), recipe.transform(HOUSES))


@pytest.mark.parametrize("text", [
    "", "{}", "[1]", '{"format": "lamina.table", "version": 2}',
    '{"format": "lamina.table", "version": 1}',
    '{"format": "lamina.table", "version": 1, "extra": "ignore", "target": null, '
    '"columns": [{"name": "x", "kind": "wrong", "options": {}, "learned": {}}]}',
    '{"format": "lamina.table", "version": 1, "extra": "ignore", "target": null, '
    '"columns": [{"name": "x", "kind": "number", "options": {"scale": "big"}, "learned": {}}]}',
    '{"format": "lamina.table", "version": 1, "extra": "ignore", "target": null, '
    '"columns": [{"name": "x", "kind": "number", "options": {}, "learned": {}}]}',
    "[" * 100_000,
])
def test_other_text_is_refused(text: str):
    with pytest.raises(FormatError, match="to_json"):
        TableRecipe.from_json(text)


class Rows(Source):
    names = ("size", "city")

    def __len__(self):
        return 3

    def take(self, rows):
        return np.array([1.0, 2.0, 3.0])[rows], np.array(["a", "b", "?"], object)[rows]

    def place(self, row):
        return f"houses.csv, line {row + 2}"


def test_every_kind_of_table_gives_the_same():
    frame = pd.DataFrame(HOUSES)
    recipe = TableRecipe(target="price").fit(HOUSES)
    expected = recipe(HOUSES)
    extended = frame.convert_dtypes()
    extended["city"] = extended["city"].astype("category")
    tables = [frame, extended, pa.Table.from_pandas(frame),
              pa.Table.from_pandas(extended), frame.to_records(index=False)]
    for table in tables:
        again = TableRecipe(target="price").fit(table)
        assert again.to_json() == recipe.to_json()
        for found, want in zip(again(table), expected, strict=True):
            assert np.array_equal(found, want)


def test_what_gives_arrow_tables_is_a_table():
    class Frame:  # as polars' are
        columns = tuple(HOUSES)

        def to_arrow(self):
            return pa.Table.from_pandas(pd.DataFrame(HOUSES))

    recipe = TableRecipe(target="price").fit(HOUSES)
    assert TableRecipe(target="price").fit(Frame()).to_json() == recipe.to_json()


def test_durations_are_seconds():
    times = np.array([60, 0, "NaT"], "m8[m]")
    recipe = TableRecipe(columns={"t": Number(scale="none", missing=-1)}).fit({"t": times})
    assert recipe.transform({"t": times}).tolist() == [[3600, 0], [0, 0], [-1, 1]]
    assert TableRecipe().fit({"t": times}).columns == {"t": Number()}


def test_numbers_of_any_size_are_scaled():
    found = TableRecipe().fit_transform({"x": np.array([1.0, 2.0, 3.0]) * 5e307})[0]
    np.testing.assert_allclose(found[:, 0], np.array([-1, 0, 1]) * np.sqrt(1.5), rtol=1e-6)


def test_a_source_names_its_records():
    recipe = TableRecipe(columns={"city": "category"}).fit(Rows())
    assert recipe.feature_names == ("size", "city=?", "city=a", "city=b")
    with pytest.raises(FormatError, match=r"houses\.csv, line 2"):
        TableRecipe(columns={"city": "number"}).fit(Rows())


@pytest.mark.parametrize(("column", "values", "row"), [
    ("number", ["1", "2", "three"], 2),
    ("number", [1.0, float("inf")], 1),
    ("number", [1.0, [2.0], 3.0], 1),
    ("integer", [1, 2.5], 1),
    ("boolean", ["yes", "perhaps"], 1),
    ("datetime", ["2020-01-01", "", "31/12/2020"], 2),
    (Number(missing="error"), [1, None], 1),
    (Category(missing="error"), ["a", None], 1),
    (Boolean(missing="error"), [True, None], 1),
])
def test_a_bad_cell_is_named(column, values, row: int):
    array = np.empty(len(values), object)
    array[:] = values
    with pytest.raises(FormatError, match=rf"(?s)column +'x'.*row {row}\b.*rule: each value"):
        TableRecipe(columns={"x": column}).fit_transform({"x": array})


def test_the_first_of_many_bad_cells_is_named():
    for row in range(20):
        cells = np.array(["1"] * 21)
        cells[[row, 20]] = "?"
        with pytest.raises(FormatError, match=rf"row {row}\b"):
            TableRecipe(columns={"x": "number"}).fit({"x": cells})


@pytest.mark.parametrize("values", [["a", None], [1.0, float("nan")], [1, 7]])
def test_targets_are_there_and_known(values):
    recipe = TableRecipe(target="y", task=Classes(("a", "b")) if values[0] == "a" else
                         Classes((1, 2)) if values[1] == 7 else "regression")
    with pytest.raises(FormatError, match=r"(?s)'y'.*row 1"):
        recipe.fit_transform({"x": [1, 2], "y": values})


def test_missing_and_extra_columns():
    recipe = TableRecipe(target="price", columns={"rooms": Ignored()}).fit(HOUSES)
    new = {name: values for name, values in HOUSES.items() if name not in ("price", "rooms")}
    assert np.array_equal(recipe.transform(new | {"more": [1] * 5}), recipe.transform(HOUSES))
    with pytest.raises(ArgumentError, match=r"recipe\.transform"):
        recipe(new)
    renamed = {("sise" if name == "size" else name): values for name, values in new.items()}
    with pytest.raises(ArgumentError, match=r"(?s)'size' is missing.*rename 'sise' to 'size'"):
        recipe.transform(renamed)
    strict = TableRecipe(target="price", extra="error").fit(HOUSES)
    with pytest.raises(ArgumentError, match="'more' is new"):
        strict.transform(HOUSES | {"more": [1] * 5})


@pytest.mark.parametrize(("make", "error"), [
    (lambda: TableRecipe(columns={"x": "numbr"}), ArgumentError),
    (lambda: TableRecipe(task="classify"), ArgumentError),
    (lambda: TableRecipe(target="x", columns={"x": "number"}), ArgumentError),
    (lambda: TableRecipe(extra="keep"), ArgumentError),
    (lambda: Number(scale="z"), ArgumentError),
    (lambda: Number(missing="mode"), ArgumentError),
    (lambda: Number(clip=(0.9, 0.1)), ArgumentError),
    (lambda: Category(maximum=0), ArgumentError),
    (lambda: Hashed(1.5), ArgumentError),
    (lambda: Datetime(("second",)), ArgumentError),
    (lambda: TableRecipe().fit(np.zeros((3, 2))), ArgumentError),
    (lambda: TableRecipe().fit({}), ArgumentError),
    (lambda: TableRecipe().fit({"x": []}), ArgumentError),
    (lambda: TableRecipe().fit({"x": [1, 2], "y": [1]}), ShapeError),
    (lambda: TableRecipe().fit({"x": np.zeros((3, 2))}), ShapeError),
    (lambda: TableRecipe().fit({"x": [[1], [1, 2]]}), ShapeError),
    (lambda: TableRecipe().fit({"x": 3}), ShapeError),
    (lambda: TableRecipe().fit({"x": np.array([1j])}), FormatError),
    (lambda: TableRecipe(target="z").fit({"x": [1]}), ArgumentError),
    (lambda: TableRecipe().transform({"x": [1]}), ArgumentError),
    (lambda: TableRecipe().fit({"x": [1]}).inverse_target([1.0]), ArgumentError),
    (lambda: TableRecipe(target=["a", "b"], task="classification").fit(
        {"a": [1], "b": [1]}), ArgumentError),
])
def test_wrong_arguments(make, error):
    with pytest.raises(error, match="rule:"):
        make()


def test_no_rows_give_no_features():
    recipe = TableRecipe(target="price").fit(HOUSES)
    none = {name: np.array(values)[:0] for name, values in HOUSES.items()}
    assert recipe.transform(none).shape == (0, len(recipe.feature_names))


def test_blocks_of_a_pipeline():
    recipe = TableRecipe(target="price").fit(HOUSES)
    features, target = recipe.on(HOUSES)(*HOUSES.values())
    assert np.array_equal(features, recipe(HOUSES)[0]) and target.shape == (5, 1)


def test_what_is_learned_is_plain_json():
    recipe = TableRecipe(target="city").fit(
        {name: np.array(values)[:3] for name, values in HOUSES.items()})
    assert json.loads(recipe.to_json())["version"] == 1
