"""Every ready model beside its twin: names and shapes, and what both compute."""

import importlib.util

import numpy as np
import pytest

from benchmarks.twins import TWINS
from lamina.models.catalogue import MODELS
from tests.reference import store
from tests.reference.models import DEEPER, EXAMPLES, ROWS, check, check_names, theirs

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch")


def stored(name):
    return store.load("models")[name]


def test_every_row_has_a_twin_and_an_example_and_stored_values():
    names = [row.name for row in MODELS]
    assert sorted([*EXAMPLES, *DEEPER]) == sorted(names), "an Example in tests/reference/models.py"
    assert set(DEEPER.values()) <= set(EXAMPLES)
    assert sorted(store.load("models")) == sorted(names), "python -m tests.reference models"
    assert set(names) <= set(TWINS), "a twin in benchmarks/twins.py"


@pytest.mark.parametrize("name", ROWS)
def test_names_and_shapes_are_the_twins(name):
    check_names(ROWS[name], stored(name))


@pytest.mark.parametrize("name", EXAMPLES)
def test_ours_equal_the_stored_values(name):
    check(name, stored(name))


@needs_torch
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_stored_values_are_pytorchs(name):
    for key, value in theirs(name).items():
        scale = np.abs(value).max(initial=1e-300)
        np.testing.assert_allclose(stored(name)[key], value, 0.0,
                                   EXAMPLES[name].rtol * scale, err_msg=key)


@needs_torch
@pytest.mark.parametrize("name", ROWS)
def test_foreign_weights_load_by_name(name):
    import torch

    with torch.device("meta"):
        theirs = {k: tuple(v.shape) for k, v in TWINS[name]().state_dict().items()}
    ours = {k: v.shape for k, v in ROWS[name].build().state_dict().items()}
    assert ours == theirs
