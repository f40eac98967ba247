"""Every example in README, in pages and in docstrings runs and gives what it says."""

import doctest
import importlib
import os
import pkgutil
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina.models.catalogue import MODELS

ROOT = Path(lamina.__file__).parents[1]
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(lamina.__path__, "lamina.")
    if not module.name.endswith("__main__")
)
PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = sorted(
    str(page.relative_to(ROOT)) for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
    if "api" not in page.parts  # made from the docstrings, which are run themselves
    if PYTHON_BLOCK.search(page.read_text(encoding="utf-8"))
)


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    module = importlib.import_module(name)
    monkeypatch.chdir(tmp_path)
    failed, _ = doctest.testmod(module, extraglobs={"np": np, "lm": lamina})
    assert failed == 0


@pytest.mark.parametrize("page", PAGES)
def test_pages(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    blocks = PYTHON_BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)


def test_the_page_of_models_has_every_row():
    text = (ROOT / "docs" / "reference" / "models.md").read_text(encoding="utf-8")
    missing = [row.name for row in MODELS if f"| `{row.name}` | {row.parameters:,} |" not in text]
    assert missing == []


def test_resnet_152_takes_a_user_less_than_40_lines():
    text = (ROOT / "docs" / "reference" / "models.md").read_text(encoding="utf-8")
    block = next(block for block in PYTHON_BLOCK.findall(text) if "def resnet152" in block)
    assert len(block.splitlines()) < 40
    names: dict[str, Any] = {}
    exec(compile(block, "docs/reference/models.md", "exec"), names)
    ours, ready = names["resnet152"](10), lamina.models.resnet152(10)
    assert sorted(p.shape for p in ours.parameters()) == sorted(
        p.shape for p in ready.parameters())
    assert ours(lamina.zeros((2, 64, 64, 3))).shape == (2, 10)


def test_the_images_that_the_quick_start_names_are_written():
    """`write_image_folder` names a file by its class and its row."""
    text = (ROOT / "docs" / "tutorials" / "quick-start.md").read_text(encoding="utf-8")
    _, labels = lamina.datasets.digits("train")
    named = re.findall(r"digits/(\d)/(\d{5})\.png", text)
    assert named and all(labels[int(row)] == int(label) for label, row in named)


def test_the_pages_that_the_readme_names_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    assert links and all(os.path.exists(ROOT / link) for link in links)
