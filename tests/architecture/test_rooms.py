"""Rooms import only rooms above them."""

from pathlib import Path

import pytest

from tests.architecture.rooms import (
    FRONT,
    LLVM,
    LLVM_ROOM,
    PACKAGE,
    RANK,
    breaches,
    imported_modules,
    parse,
    room_of,
    sources,
)


def test_every_module_has_a_room():
    assert {room_of(path) for path in sources()} - set(FRONT) <= set(RANK)


def test_rooms_import_only_rooms_above_them():
    assert breaches() == []


def test_only_codegen_imports_llvmlite():
    culprits = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in sources()
        if room_of(path) != LLVM_ROOM
        for line, module in imported_modules(parse(path))
        if module.split(".")[0] == LLVM
    ]
    assert culprits == []


def test_imports_are_absolute_and_name_what_they_import():
    culprits = [
        f"{path.relative_to(PACKAGE)}:{node_line}"
        for path in sources()
        for node_line, module in imported_modules(parse(path))
        if module.startswith(".")
    ]
    assert culprits == []


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("kernel/loops.py", "from lamina.runtime import pool", ["kernel imports runtime"]),
        ("nn/linear.py", "import lamina.optim.adam", ["nn imports optim"]),
        ("graph.py", "def f():\n    from lamina import ops", ["graph imports ops"]),
        ("nn/linear.py", "import lamina", ["nn imports __init__"]),
        ("nn/linear.py", "from lamina.errors import ShapeError\nimport numpy", []),
        ("attic.py", "from lamina import errors", ["attic imports errors"]),
        ("__init__.py", "from lamina.cli import main", []),
    ],
)
def test_a_breach_is_found(tmp_path: Path, path: str, text: str, found: list[str]):
    file = tmp_path / "lamina" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    assert [line.split(": ", 1)[1] for line in breaches(tmp_path / "lamina")] == found
