"""Whatever stands in a configuration: it loads, or is refused with one clear error."""

import re
import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.errors import LaminaError
from lamina.experiment.document import Document
from lamina.experiment.experiment import experiment_of
from lamina.experiment.overrides import parse_override
from lamina.experiment.registry import Registry
from lamina.experiment.yaml_document import read_yaml

REGISTRY = Registry()
WORDS = ["type", "layers", "repeat", "name", "if", "lr", "schedule", "data", "model", "optimizer",
         "blocks", "parameters", "loss", "metrics", "callbacks", "run", "table", "groups", "match",
         "augment", "validation", "Conv2d", "Linear", "Residual", "Branches", "a", "b", "digits",
         "resnet18", "Adam", "cosine", "=a", "=classes", "=1/0", "f1", "EarlyStopping", "factor",
         "out_features", "projection", "branches", "", "policy", "RandomCrop", "normalize"]
PLAIN = st.one_of(st.sampled_from(WORDS), st.none(), st.booleans(), st.integers(-3, 40),
                  st.sampled_from([0.5, -1.0, float("nan"), float("inf"), 1e300, 10**30]),
                  st.text(max_size=4))
JUNK = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
    st.sampled_from(WORDS) | st.text(max_size=3), inner, max_size=5), max_leaves=20)
SECTIONS = ["data", "model", "optimizer", "blocks", "loss", "metrics", "callbacks", "run", "table",
            "fine_tune", "seed", "epochs", "precision", "xyz"]
ANY = st.dictionaries(st.sampled_from(SECTIONS), JUNK, max_size=6)
# One thing that is wrong, somewhere in a configuration that is right.
RIGHT = {"data": {"type": "digits", "augment": ["HorizontalFlip"]},
         "model": {"layers": [{"type": "a", "width": 3}, {"type": "Residual", "layers": ["ReLU"]}]},
         "blocks": {"a": {"parameters": {"width": 1},
                          "layers": [{"type": "Linear", "out_features": "=width"}]}},
         "optimizer": {"type": "AdamW", "schedule": {"type": "cosine", "warmup": 1},
                       "groups": [{"match": ["0"], "lr": 0.1}]},
         "loss": {"type": "cross_entropy"}, "metrics": ["accuracy", {"type": "F1"}],
         "callbacks": {"EarlyStopping": {"patience": 3}}}


def tried(data) -> None:
    try:
        experiment_of(Document("c.toml", data), REGISTRY)
    except LaminaError as error:
        assert re.match(r"[A-Za-z]+Error in ", str(error))


@given(ANY)
@settings(max_examples=80)
def test_junk_is_refused_with_one_error(data):
    tried(data)


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(
        value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


@given(st.sampled_from([path for path in places(RIGHT) if path]), JUNK)
@settings(max_examples=80)
def test_junk_in_one_place_is_refused_with_one_error(path, junk):
    tried(replaced(RIGHT, path, junk))


def replaced(value, path, new):
    if not path:
        return new
    if isinstance(value, dict):
        return {k: replaced(v, path[1:], new) if k == path[0] else v for k, v in value.items()}
    return [replaced(v, path[1:], new) if i == path[0] else v for i, v in enumerate(value)]


@given(st.text("ab:-[]{}&*!|> \n\t\"'#,?%@`0x1.e", max_size=40))
@settings(max_examples=200)
def test_any_text_is_yaml_or_one_error(text):
    try:
        read_yaml("c.yaml", text)
    except LaminaError as error:
        assert "c.yaml:" in str(error)


@given(st.text("ab.=\"[]{}1e-' \n", max_size=20))
def test_any_words_are_an_override_or_told(text):
    found = parse_override(text)
    assert isinstance(found, str) or found.path
    if not isinstance(found, str):
        tomllib.loads("")  # what is a value is one of TOML, or a word
