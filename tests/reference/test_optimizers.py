"""Every case of `optimizers.py`: ours beside the stored values, and those beside PyTorch."""

import importlib.util

import numpy as np
import pytest

from tests.reference import store
from tests.reference.optimizers import OPTIMIZERS, START, check, ours, theirs


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_ours_equal_the_stored_values(name):
    check(OPTIMIZERS[name], store.load("optimizers")[name])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_stored_values_are_pytorchs(name):
    if importlib.util.find_spec("torch") is None:
        pytest.skip("needs torch")
    stored, case = store.load("optimizers")[name], OPTIMIZERS[name]
    for key, value in theirs(case).items():
        np.testing.assert_allclose(stored[key], value, 1e-6, 1e-8, err_msg=key)


@pytest.mark.parametrize("name", [name for name, case in OPTIMIZERS.items() if not case.closure])
def test_a_compiled_step_gives_the_same_weights(name):
    plain = ours(OPTIMIZERS[name], START)
    rtol = 1e-12 if "Muon" in name else 0.0  # products of matrices: sums in another order
    for key, value in ours(OPTIMIZERS[name], START, compiled=True).items():
        np.testing.assert_allclose(value, plain[key], rtol, 0.0, err_msg=key)


def test_every_stored_case_is_in_the_table():
    assert list(store.load("optimizers")) == list(OPTIMIZERS), (
        "python -m tests.reference optimizers")
