"""Our metrics beside the stored values of others, and these beside the others where installed."""

import importlib.util

import numpy as np
import pytest

from tests.metrics.oracles import CASES, load, theirs

STORED = load()
# Float64 sums of some hundred terms, in another order than the other packages'.
CLOSE = {"rtol": 1e-12, "atol": 1e-14}


def computed(name):
    case = CASES[name]
    metric = case.ours()
    metric.update(case.prediction, case.target)
    return metric.compute()


def tolerance(name):
    # scikit-learn takes r2 of numbers around 1e8 from rounded deviations.
    return {"rtol": 1e-6} if "far" in name else CLOSE


@pytest.mark.parametrize("name", CASES)
def test_ours_equal_the_stored_values(name):
    np.testing.assert_allclose(computed(name), STORED[name], **tolerance(name))


@pytest.mark.parametrize("name", CASES)
def test_the_stored_values_are_those_of_the_package(name):
    if importlib.util.find_spec(CASES[name].package) is None:
        pytest.skip(f"needs {CASES[name].package}")
    np.testing.assert_allclose(theirs(CASES[name]), STORED[name], **tolerance(name))


def test_every_stored_case_is_one():
    assert list(STORED) == list(CASES), "python -m tests.metrics"
