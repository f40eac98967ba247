"""Every example runs at a reduced size, learns something, and is short."""

import ast
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import lamina
from lamina.errors import DataError

FOLDER = Path(lamina.__file__).parents[1] / "examples"
LINES = 40
_DOCUMENTED = (ast.Module, ast.FunctionDef, ast.ClassDef)

# Example, arguments of its `main` for a short run, and the worst result that shows learning
SHORT: dict[str, tuple[dict[str, Any], Any]] = {
    "detection": ({"images": 1000, "epochs": 4}, lambda precision: precision > 0.02),
    "fine_tuning": ({"epochs": 10}, lambda found: found[1] > found[0] + 0.25),
    "gan": ({"steps": 1000}, lambda modes: modes >= 2),
    "segmentation": ({"images": 160, "epochs": 1}, lambda iou: iou > 0.1),
    "shakespeare": ({"steps": 25, "sample": 2}, lambda bits: bits < 5.5),
    "tabular": ({"epochs": 20}, lambda r2: r2 > 0.35),
    "text_classification": ({"every": 3, "epochs": 4}, lambda accuracy: accuracy > 0.6),
    "time_series": ({"epochs": 20}, lambda accuracy: accuracy > 0.6),
    "vae": ({"epochs": 3}, lambda nats: nats < 200),
}


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_has_a_row():
    assert sorted(SHORT) == sorted(path.stem for path in FOLDER.glob("*.py"))


@pytest.mark.parametrize("name", SHORT)
def test_a_short_run_learns(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    arguments, learned = SHORT[name]
    try:
        result = example(name).main(**arguments)
    except DataError as error:
        pytest.skip(f"its data cannot be had here: {error}")
    assert learned(result), result


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short(path: Path):
    assert len(lines_of_code(path)) <= LINES


def lines_of_code(path: Path) -> list[str]:
    """Lines that are neither blank nor documentation."""
    text = path.read_text(encoding="utf-8")
    told: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node):
            told |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return [line for number, line in enumerate(text.splitlines(), 1)
            if line.strip() and number not in told]
