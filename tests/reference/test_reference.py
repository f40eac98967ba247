"""Every part of the tables: ours beside the stored values, the stored values beside PyTorch."""

import importlib.util

import numpy as np
import pytest

from tests.reference import store
from tests.reference.case import check, theirs
from tests.reference.tables import TABLES

CASES = [pytest.param(table, name, id=f"{table}-{name}")
         for table, cases in TABLES.items() for name in cases]


@pytest.mark.parametrize(("table", "name"), CASES)
def test_ours_equal_the_stored_values(table, name):
    check(TABLES[table][name], store.load(table)[name])


@pytest.mark.parametrize(("table", "name"), CASES)
def test_the_stored_values_are_pytorchs(table, name):
    if importlib.util.find_spec("torch") is None:
        pytest.skip("needs torch")
    stored, case = store.load(table)[name], TABLES[table][name]
    for key, value in theirs(case).items():
        np.testing.assert_allclose(stored[key], value, case.rtol, case.atol, err_msg=key)


def test_every_stored_case_is_in_a_table():
    for table, cases in TABLES.items():
        assert list(store.load(table)) == list(cases), f"python -m tests.reference {table}"
