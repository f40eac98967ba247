"""TOML text reads back equal."""

import datetime
import math
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.errors import ArgumentError
from lamina.runs.toml import toml_text

PLAIN = st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False),
                  st.text(st.characters(exclude_categories=["Cs"])))
DATA = st.recursive(PLAIN, lambda inner: st.one_of(
    st.lists(inner, max_size=4), st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=6), inner, max_size=4)),
    max_leaves=12)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), DATA,
                       max_size=5))
def test_round_trip(values):
    assert tomllib.loads(toml_text(values)) == values


def test_what_is_read_back_in_another_form():
    given = {"path": Path("data/a.csv"), "count": np.int64(3), "rate": np.float32(0.5),
             "pair": (1, 2), "none": None, "inner": {"none": None}, "nan": math.nan,
             "day": datetime.date(2024, 5, 1), "whole": 2.0, "small": 1e-7}
    found = tomllib.loads(toml_text(given))
    assert math.isnan(found.pop("nan"))
    assert found == {"path": str(Path("data/a.csv")), "count": 3, "rate": 0.5, "pair": [1, 2],
                     "inner": {}, "day": datetime.date(2024, 5, 1), "whole": 2.0, "small": 1e-7}
    assert type(found["whole"]) is float


@pytest.mark.parametrize(("values", "key"), [
    ({"a": {"b": [1, {2}]}}, "a.b"), ({"a": {1: 2}}, "a.1"), ({"f": len}, "f"),
    ({"a": [None]}, "a"),
])
def test_what_is_not_plain_is_named(values, key):
    with pytest.raises(ArgumentError) as error:
        toml_text(values)
    assert dict(error.value.operands)["key"] == key
