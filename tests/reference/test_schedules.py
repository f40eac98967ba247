"""Every pair of `schedules.py`: ours beside the stored rates, and those beside PyTorch."""

import importlib.util

import numpy as np
import pytest

from tests.reference import store
from tests.reference.schedules import SCHEDULES, ours, theirs


@pytest.mark.parametrize("name", SCHEDULES)
def test_two_hundred_rates_equal_the_stored_ones(name):
    stored = store.load("schedules")[name]["rates"]
    np.testing.assert_allclose(ours(SCHEDULES[name]), stored, rtol=1e-9)


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_stored_rates_are_pytorchs(name):
    if importlib.util.find_spec("torch") is None:
        pytest.skip("needs torch")
    np.testing.assert_allclose(theirs(SCHEDULES[name])["rates"],
                               store.load("schedules")[name]["rates"], rtol=1e-12)


def test_every_stored_pair_is_in_the_table():
    assert list(store.load("schedules")) == list(SCHEDULES), "python -m tests.reference schedules"
