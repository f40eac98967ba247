"""Every ready model: its number of parameters, one step forward and backward, and its length."""

from pathlib import Path

import pytest

import lamina as lm
from lamina.models.catalogue import MODELS, Row

FOLDER = Path(lm.models.__file__).parent
MOST_LINES = 60
ALL = pytest.mark.parametrize("row", MODELS, ids=[row.name for row in MODELS])


@ALL
def test_parameters_are_as_published(row: Row):
    model = row.build()
    assert sum(p.size for p in model.parameters()) == row.parameters


def test_models_are_short():
    long = {p.name: n for p in FOLDER.glob("*.py") if p.name not in ("catalogue.py", "__init__.py")
            and (n := len(p.read_text().splitlines())) > MOST_LINES}
    assert not long
