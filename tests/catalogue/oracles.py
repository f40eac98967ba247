"""What each part was compared with: read from the tables of the tests.

In: the name of a part. Out: a line for the catalogue; "" where there is neither a comparison nor a
reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tests.catalogue.measured import row_of
from tests.metrics.oracles import CASES as METRICS
from tests.optim import test_papers
from tests.reference.losses import FORMULAS
from tests.reference.optimizers import OPTIMIZERS
from tests.reference.schedules import SCHEDULES
from tests.reference.tables import TABLES
from tests.reference.test_coverage import NOT_COMPARED

Line = Callable[[str, Any], str]
TESTS = Path(__file__).parents[1]
PACKAGES = {"sklearn": "scikit-learn", "rouge_score": "rouge-score"}


def layer(name: str, part: Any) -> str:
    """PyTorch's values in `tests/reference`, or why not."""
    for table, cases in TABLES.items():
        number = sum(title.split()[0] == name for title in cases)
        if number:
            theirs = "its formula in PyTorch's operations" if name in FORMULAS else "PyTorch"
            return f"{theirs}, {_cases(number)} (`tests/reference`, {table})"
    return NOT_COMPARED.get(name, "")


def optimizer(name: str, part: Any) -> str:
    """PyTorch's weights, or those of the paper's formulas in NumPy."""
    number = sum(case.kind == name for case in OPTIMIZERS.values())
    if number:
        return f"PyTorch, {_cases(number)} of up to 100 steps (`tests/reference`, optimizers)"
    if hasattr(test_papers, name.lower()):
        return "the paper's formulas in NumPy, 100 steps (`tests/optim/test_papers.py`)"
    return mentioned("optim")(name, part)


def schedule(name: str, part: Any) -> str:
    """PyTorch's rates."""
    theirs = [title for title, (ours, _) in SCHEDULES.items()
              if ours.__qualname__.split(".")[0] == name]
    if theirs:
        return f"PyTorch, {_cases(len(theirs))} of 200 steps (`tests/reference`, schedules)"
    return mentioned("optim")(name, part)


def metric(name: str, part: Any) -> str:
    """Values of other packages."""
    packages = [case.package for case in METRICS.values() if type(case.ours()) is part]
    if packages:
        package = PACKAGES.get(packages[0], packages[0])
        return f"{package}, {_cases(len(packages))} (`tests/metrics/oracles.py`)"
    return mentioned("metrics")(name, part)


def model(name: str, part: Any) -> str:
    """The published number of parameters, and whose names the weights have."""
    row = row_of(name)
    names = f", {row.names}'s names of weights" if row.names else ""
    return f"the published number of parameters{names} (`tests/models`)"


def mentioned(*folders: str, room: str = "") -> Line:
    """The tests in these folders that name the part; room: `init.` where names are common words."""
    def find(name: str, part: Any) -> str:
        found = [path for folder in folders for path, text in _texts(folder)
                 if re.search(rf"\b{re.escape(room)}{name}\b", text)]
        return ", ".join(f"`{path}`" for path in found[:3])
    return find


@cache
def _texts(folder: str) -> list[tuple[str, str]]:
    return [(f"tests/{path.relative_to(TESTS)}", path.read_text(encoding="utf-8"))
            for path in sorted((TESTS / folder).rglob("*.py"))]


def _cases(number: int) -> str:
    return f"{number} case{'' if number == 1 else 's'}"
