"""The stubs say what is there, and every function of the table is at the front door."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import lamina
from lamina.tensor.functions import elementwise
from lamina.tensor.methods import methods
from tests.tensor.stubs import STUBS

EXPORTS = sys.modules["lamina.tensor"].__all__


@pytest.mark.parametrize(("path", "written"), STUBS.items(), ids=lambda x: getattr(x, "name", ""))
def test_stubs_are_up_to_date(path: Path, written: Callable[[], str]):
    assert path.read_text(encoding="utf-8") == written(), "run `python -m tests.tensor.stubs`"


def test_every_elementwise_function_is_exported():
    assert set(elementwise.BY_NAME) - set(EXPORTS) == set()
    assert set(EXPORTS) - set(lamina.__all__) == set()


def test_tensors_have_every_method_of_the_table():
    missing = [name for name in methods() if not callable(getattr(lamina.Tensor, name))]
    assert missing == []
