"""The page docs/reference/config.md, made from the schema and the registry.

In: nothing. Out: Markdown: every section with its keys, and every name with its arguments.
`python -m lamina.experiment.reference FILE` writes it; a test holds the file to the code.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from lamina.data.tabular.kinds import KINDS
from lamina.experiment.arguments import arguments_of, described
from lamina.experiment.names import taken_by
from lamina.experiment.problems import shown
from lamina.experiment.registry import CONTAINERS, Registry
from lamina.experiment.schema import (
    Block,
    Configuration,
    Data,
    FineTune,
    Group,
    Loss,
    Model,
    Optimizer,
    Run,
    Schedule,
    Table,
)
from lamina.experiment.translate import expected
from lamina.files import write_atomically

HEAD = """\
# Configuration reference

What `lamina train`, `check` and the other commands read: a TOML file, or YAML with the same keys.
The guide is [no-code.md](../guides/no-code.md). This page is made from the code:
`python -m lamina.experiment.reference docs/reference/config.md`.

Names may be written in any case and with or without underscores: `AdamW` and `adamw` are the same.
Where a table has nothing but its `type`, the name alone will do: `loss = "mse"`.
"""

# Sections of the page: heading, model, and the kind of part whose names follow.
SECTIONS: tuple[tuple[str, type[BaseModel], str], ...] = (
    ("At the top", Configuration, ""),
    ("[data]", Data, "source"),
    ("[table]", Table, ""),
    ("[model]", Model, "model"),
    ("[blocks.NAME]", Block, ""),
    ("[loss]", Loss, "loss"),
    ("[optimizer]", Optimizer, "optimizer"),
    ("[optimizer.schedule]", Schedule, "schedule"),
    ("[[optimizer.groups]]", Group, ""),
    ("[fine_tune]", FineTune, ""),
    ("[run]", Run, ""),
)
COLUMNS = """\
Kinds of columns, such as `age = "number"` or `city = {kind = "category", maximum = 10}`:
"""
FURTHER = (("Layers", "layer"), ("Metrics", "metric"), ("Augmentations", "augmentation"),
           ("Callbacks", "callback"))
LAYER_KEYS = """\
Every layer may also have `repeat`, how often it comes; `name`, its name in the model; and `if`, a
condition such as `"=norm"`. Values in the form `"=4 * width"` are computed: of the parameters of a
block, and of `classes`, `outputs`, `channels` and `features` of the data. Layers that hold layers:

- `Sequential`: `layers`.
- `Residual`: `layers`; `projection`, a layer or list of layers for what goes around them;
  `activation`, what is applied to the sum.
- `Branches`: `branches`, lists of layers that see the same input; `join`: "concat", "add" or
  "multiply"; `axis` of the first.

A ready model may stand in a list of layers too.
"""


def page() -> str:
    """The whole page."""
    registry = Registry()
    parts = [HEAD]
    for heading, model, kind in SECTIONS:
        parts.append(f"## {heading}\n")
        if model is not Configuration:
            parts.append(f"{inspect.cleandoc(model.__doc__ or '')}\n")
        parts.append("\n".join(_keys(model)) + "\n")
        if model is Table:
            parts.append(COLUMNS)
            parts.append("\n".join(_kinds()) + "\n")
        if kind:
            parts.append("\n".join(_names(registry, kind)) + "\n")
    for heading, kind in FURTHER:
        parts.append(f"## {heading}\n")
        if kind == "layer":
            parts.append(LAYER_KEYS)
        parts.append("\n".join(_names(registry, kind)) + "\n")
    return "\n".join(parts)


def _keys(model: type[BaseModel]) -> Iterator[str]:
    yield "| key | value | default | |"
    yield "|---|---|---|---|"
    for name, field in model.model_fields.items():
        yield (f"| `{field.alias or name}` | {expected(field)} | {_default(field)} | "
               f"{field.description or ''} |".replace("|None", ""))


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is PydanticUndefined:
        return "needed"
    if value is None or isinstance(value, BaseModel) or value in ({}, []):
        return ""
    return f"`{shown(value)}`"


def _names(registry: Registry, kind: str) -> Iterator[str]:
    yield "| name | arguments |"
    yield "|---|---|"
    for name in registry.names(kind):
        if name not in CONTAINERS:
            yield f"| `{name}` | {_arguments(registry, kind, name)} |"


def _kinds() -> Iterator[str]:
    yield "| kind | options |"
    yield "|---|---|"
    for name, kind in KINDS.items():
        options = arguments_of(name, kind).named.values()
        yield f"| `{name}` | {', '.join(map(_argument, options))} |"


def _arguments(registry: Registry, kind: str, name: str) -> str:
    takes = taken_by(registry, kind, name)
    return ", ".join(_argument(one) for one in takes.named.values())


def _argument(one: Any) -> str:
    if one.is_needed:
        return f"**`{one.name}`** ({described(one.hint)})"
    if one.default is None or callable(one.default):
        return f"`{one.name}`"
    value = list(one.default) if isinstance(one.default, tuple) else one.default
    return f"`{one.name} = {shown(value)}`".replace("|", "\\|")


if __name__ == "__main__":
    write_atomically(sys.argv[1], [page().encode()])
    print(sys.argv[1])
