"""Where PyTorch's values lie: values/<table>.npz, keys `<case>/<value>`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from tests.reference.case import Values

FOLDER = Path(__file__).parent / "values"


@cache
def load(table: str) -> dict[str, Values]:
    """Values by case."""
    found: dict[str, Values] = {}
    with np.load(FOLDER / f"{table}.npz") as file:
        for key in file.files:
            case, _, name = key.rpartition("/")
            found.setdefault(case, {})[name] = file[key]
    return found


def save(table: str, cases: Mapping[str, Values]) -> None:
    """Write the values of all cases of a table."""
    FOLDER.mkdir(exist_ok=True)
    arrays = {f"{case}/{name}": value for case, values in cases.items()
              for name, value in values.items()}
    np.savez_compressed(FOLDER / f"{table}.npz", **arrays)
