"""The pages of the reference that are made from the code: public names by room, and the op table.

In: `__all__` of each public module, signatures and docstrings, and the table of operations. Out:
Markdown files in a folder, written anew for each build.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lamina.ops.table import TABLE

# Module and title of each page, in the order in which a reader meets them
PAGES = {
    "lamina": "Tensors and functions",
    "lamina.nn": "Layers",
    "lamina.functional": "Functional forms",
    "lamina.optim": "Optimizers",
    "lamina.optim.schedules": "Schedules",
    "lamina.data": "Data",
    "lamina.datasets": "Data sets",
    "lamina.metrics": "Metrics",
    "lamina.train": "Training",
    "lamina.runs": "Runs",
    "lamina.estimators": "Estimators for scikit-learn",
    "lamina.experiment": "Experiments without code",
    "lamina.io": "Files",
    "lamina.models": "Ready models",
    "lamina.generative": "Generative models",
    "lamina.testing": "Testing",
}
_FIELD = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*): (.*)")
_QUOTED = re.compile(r"(: |-> )'([^']*)'")  # an annotation that is text


def write_reference(folder: Path) -> None:
    """One page for each module of `PAGES`, one for the operations, and their index."""
    folder.mkdir(parents=True, exist_ok=True)
    for module, title in PAGES.items():
        (folder / f"{module}.md").write_text("\n".join(page(module, title)), encoding="utf-8")
    (folder / "operations.md").write_text("\n".join(operations()), encoding="utf-8")
    index = ["# API", "", "Made from the docstrings.", "", "```{toctree}", ":maxdepth: 1", ""]
    index += [*PAGES, "operations", "```", ""]
    (folder / "index.md").write_text("\n".join(index), encoding="utf-8")


def page(name: str, title: str) -> Iterator[str]:
    """The public names of a module, in the order of its `__all__`."""
    module = _module(name)
    yield from (f"# {title}: `{name}`", "")
    yield from body(inspect.getdoc(module) or "")
    for item in _public(module):
        yield from entry(item, getattr(module, item))


def entry(name: str, value: Any, level: int = 2) -> Iterator[str]:
    """Heading, signature and docstring; for a class also its methods."""
    if inspect.ismodule(value) or not (callable(value) or inspect.getdoc(value)):
        return
    yield from ("", f"{'#' * level} {name}", "")
    if callable(value):
        yield from ("```python", f"{name}{_signature(value)}", "```", "")
    yield from body(inspect.getdoc(value) or "")
    if inspect.isclass(value) and level == 2:
        for method, function in vars(value).items():
            if method[0] != "_" and method != "extra_repr" and inspect.isfunction(function):
                yield from entry(f"{name}.{method}", function, level + 1)


def body(text: str) -> Iterator[str]:
    """A docstring as Markdown: its fields as a list, its examples as a block."""
    fenced = False
    for number, line in enumerate(text.splitlines()):
        is_example = line.startswith((">>> ", "... ")) or fenced and line.strip() != ""
        if is_example != fenced:
            yield "```pycon" if is_example else "```"
            fenced = is_example
        field = None if fenced or number == 0 else _FIELD.match(line)
        yield f"- `{field[1]}`: {field[2]}" if field else line
    if fenced:
        yield "```"


def operations() -> Iterator[str]:
    """The op table, by kind."""
    yield from ("# Operations", "", "What the compiler knows; everything else is made of these.")
    for kind in dict.fromkeys(op.kind.name for op in TABLE.values()):
        rows = [op for op in TABLE.values() if op.kind.name == kind]
        yield from ("", f"## {kind}", "", rows[0].kind.rule, "")
        yield from ("| operation | what it gives | gradient | ONNX |", "|---|---|---|---|")
        for op in rows:
            first = (op.doc.strip().splitlines() or [""])[0].replace("|", "\\|")
            gradient = "yes" if op.vjp or op.body else ""
            yield f"| `{op.name}` | {first} | {gradient} | {op.onnx or ''} |"


def _module(name: str) -> Any:
    if name == "lamina.datasets":
        name = "lamina.data.datasets"
    return importlib.import_module(name)


def _public(module: Any) -> list[str]:
    names = getattr(module, "__all__", None)
    return list(names) if names else [
        name for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__]


def _signature(value: Any) -> str:
    try:
        return _QUOTED.sub(r"\1\2", str(inspect.signature(value)))
    except (TypeError, ValueError):
        return "(...)"
