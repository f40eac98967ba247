"""Files as data that knows its lines: TOML, YAML, and overrides."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.errors import DataError, FormatError
from lamina.experiment.document import read_document
from lamina.experiment.problems import ExperimentError
from lamina.experiment.toml_lines import toml_lines
from lamina.experiment.yaml_document import read_yaml
from tests.experiment.files import written

TOML = '''\
# a comment with = and [brackets]
seed = 1
title.text = "a # no comment"

[a]                # table
x = [1, 2,         # list
  {y = 3, z.w = [
    4]},
]
long = """
[not.a.table]
key = 1 \\""" still
"""
after = \'\'\'
it\'s\'\'\'\'

[[list.of."quoted key"]]
b = 2000-01-01 10:00:00
[[list.of."quoted key"]]
  [list.of."quoted key".inner]
  c = true
'''


def test_every_key_of_a_toml_file_has_its_line():
    lines = toml_lines(TOML)
    assert lines == {
        ("seed",): 2, ("title",): 3, ("title", "text"): 3, ("a",): 5, ("a", "x"): 6,
        ("a", "x", 0): 6, ("a", "x", 1): 6, ("a", "x", 2): 7, ("a", "x", 2, "y"): 7,
        ("a", "x", 2, "z"): 7, ("a", "x", 2, "z", "w"): 7, ("a", "x", 2, "z", "w", 0): 8,
        ("a", "long"): 10, ("a", "after"): 14, ("list",): 17, ("list", "of"): 17,
        ("list", "of", "quoted key"): 17, ("list", "of", "quoted key", 0): 17,
        ("list", "of", "quoted key", 0, "b"): 18, ("list", "of", "quoted key", 1): 19,
        ("list", "of", "quoted key", 1, "inner"): 20,
        ("list", "of", "quoted key", 1, "inner", "c"): 21}
    assert set(lines) == set(paths(tomllib.loads(TOML)))


def paths(value, path=()):
    """Every path of nested tables and lists."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(
        value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


SCALARS = st.one_of(st.booleans(), st.integers(-9, 9), st.text("a\"'#[]{}=,\\\n é", max_size=6))
KEYS = st.text("ab.\"' -", max_size=4)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    KEYS, inner, max_size=3), max_leaves=8)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_the_lines_of_any_toml_are_those_of_its_keys(data):
    text = "".join(f"{string(key)} = {toml(value)}\n" for key, value in data.items())
    assert tomllib.loads(text) == data
    lines = toml_lines(text)
    assert set(lines) == set(paths(data))
    for number, key in enumerate(data):
        before = "".join(f"{string(k)} = {toml(data[k])}\n" for k in list(data)[:number])
        assert lines[(key,)] == before.count("\n") + 1


def toml(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{string(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",\n  ".join(map(toml, value)) + "]"
    return string(value) if isinstance(value, str) else str(value)


def string(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def test_yaml_is_read_as_the_same_toml():
    value, lines = read_yaml("c.yaml", """\
optimizer: {lr: 1e-3, type: AdamW}   # 1e-3 is a number
data:
  type: digits
  on_error: skip
  splits: [0.1, 010, 1_000, off, 1:30, "5", null]
base: &base {a: 1, b: 2}
more:
  <<: *base
  b: 3
""")
    assert value == {
        "optimizer": {"lr": 0.001, "type": "AdamW"},
        "data": {"type": "digits", "on_error": "skip",
                 "splits": [0.1, 10, 1000, "off", "1:30", "5", None]},
        "base": {"a": 1, "b": 2}, "more": {"a": 1, "b": 3}}
    assert lines["data", "on_error"] == 4 and lines["data", "splits", 3] == 5
    assert lines["optimizer", "lr"] == 1 and lines["more", "b"] == 9


@pytest.mark.parametrize(("name", "text", "line", "found"), [
    ("c.toml", "a = 1\nb = [1\n", 2, "unclosed array"),
    ("c.toml", "a = 1\na = 2\n", 2, "cannot overwrite a value"),
    ("c.toml", "a = 1\nb == 2\n", 2, "invalid value"),
    ("c.toml", "a = 1\n[x\n", 2, "expected ']' at the end of a table declaration"),
    ("c.toml", "x = " + "[" * 5000 + "]" * 5000, 1, "tables or lists are nested too deeply"),
    ("c.yaml", "a: 1\nb: [1,\n", 3, "expected the node content"),
    ("c.yaml", "a: 1\na: 2\n", 2, "the key a stands here twice"),
    ("c.yaml", "a: !!python/object/apply:os.system [echo]\n", 1, "is not allowed: values are"),
    ("c.yaml", "a: &a [*a]\n", 1, "aliases stand for too much, or for themselves"),
    ("c.yaml", "- 1\n- 2\n", 1, "the file is a list or a value, not a table of sections"),
    ("c.yaml", "? [1, 2]\n: 3\n", 1, "a key is a word, not a table or list"),
    ("c.yaml", "a: 1\n\tb: 2\n", 2, "found character '\\t' that cannot start any token"),
    ("c.yaml", "a: 1\n---\nb: 2\n", 2, "but found another document"),
])
def test_text_that_is_no_configuration_is_told_with_its_line(tmp_path, name, text, line, found):
    with pytest.raises(FormatError) as caught:
        read_document(written(tmp_path, text, name))
    place, told = caught.value.operands[0]
    assert place == f"{tmp_path / name}:{line}" and found in told


def test_a_billion_laughs_end_in_one_error(tmp_path):
    text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh",
                                                                              "bcdefghi"))
    with pytest.raises(FormatError, match="aliases stand for too much"):
        read_document(written(tmp_path, text, "c.yaml"))


def test_files_that_cannot_be_read(tmp_path: Path):
    with pytest.raises(DataError, match="No such file") as caught:
        read_document(tmp_path / "none.toml")
    assert "lamina init" in caught.value.hint
    with pytest.raises(DataError, match="Is a directory"):
        read_document(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"a = '\xe9'")
    with pytest.raises(FormatError, match="byte 5 is no UTF-8"):
        read_document(tmp_path / "latin.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * (5 << 20))
    with pytest.raises(FormatError, match="more than 4 MiB"):
        read_document(tmp_path / "large.toml")


@pytest.mark.parametrize(("words", "path", "value"), [
    ("optimizer.lr=3e-4", ("optimizer", "lr"), 3e-4),
    ("optimizer.type=AdamW", ("optimizer", "type"), "AdamW"),
    ('optimizer.type="AdamW"', ("optimizer", "type"), "AdamW"),
    ("model.layers.1.bias=false", ("model", "layers", 1, "bias"), False),
    ("model.layers[1].bias=false", ("model", "layers", 1, "bias"), False),
    ("model.layers.head.bias=false", ("model", "layers", 1, "bias"), False),
    ("model.layers.2=ReLU", ("model", "layers", 2), "ReLU"),
    ('table."a b".c=[1, 2]', ("table", "a b", "c"), [1, 2]),
    ("data.folder=photos/cats", ("data", "folder"), "photos/cats"),
])
def test_overrides(tmp_path, words, path, value):
    file = written(tmp_path, '[model]\nlayers = ["Flatten", {type = "Linear", name = "head"}]\n')
    document = read_document(file, [words])
    found = document.data
    for part in path:
        found = found[part]
    assert found == value
    assert str(document.problem(path, "wrong")).startswith(f"{words}: ")


def test_an_override_makes_a_table_of_a_name(tmp_path):
    file = written(tmp_path, 'optimizer.schedule = "cosine"\nmodel.layers = ["Flatten"]\n')
    found = read_document(file, ["optimizer.schedule.warmup=1", "model.layers.0.start_dim=2"]).data
    assert found == {"optimizer": {"schedule": {"type": "cosine", "warmup": 1}},
                     "model": {"layers": [{"type": "Flatten", "start_dim": 2}]}}


@pytest.mark.parametrize(("words", "told"), [
    ("lr", "expected key=value, such as optimizer.lr=3e-4"),
    ("=3", "expected a key such as optimizer.lr before the =, got ''"),
    ("a b=3", "expected a key such as optimizer.lr before the =, got 'a b'"),
    ("model.layers.7.bias=1", "model.layers: the list has 1 items, counted from 0"),
    ("model.layers.haed.bias=1", "model.layers is a list: expected a number from 0 to 0, or an "
                                 "item's name, got 'haed'; did you mean \"head\"?"),
    ("seed.x=1", "seed is 3, which has nothing inside"),
    ("a=[1", "the value is no TOML: Unclosed array"),
    ("a=1\nb=2", "the value is no TOML: "),
])
def test_overrides_that_do_not_fit_are_named(tmp_path, words, told):
    file = written(tmp_path, 'seed = 3\n[model]\nlayers = [{type = "Linear", name = "head"}]\n')
    with pytest.raises(ExperimentError) as caught:
        read_document(file, [words])
    assert str(caught.value.problems[0]).startswith(f"{words}: {told}")
