"""A recipe as JSON, and back, without loss.

In: a fitted recipe. Out: text, with the version of this format; floats are written so that they are
read as the same ones.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from lamina.data.tabular.columns import Column, State
from lamina.data.tabular.kinds import KINDS
from lamina.data.tabular.target import TARGETS, Target
from lamina.errors import FormatError, LaminaError

if TYPE_CHECKING:
    from lamina.data.tabular.recipe import TableRecipe

FORMAT = "lamina.table"
VERSION = 1
_TARGETS = {target.kind: target for target in TARGETS.values()}


class Record(NamedTuple):
    """What a text holds."""

    targets: tuple[str, ...]
    extra: str
    columns: dict[str, Column]
    states: dict[str, State]
    target: Target | None
    target_states: dict[str, State]


def dump(recipe: TableRecipe) -> str:
    """The text of a fitted recipe."""
    columns = [
        {"name": name, "kind": column.kind, "options": asdict(column),
         "learned": recipe.states[name]}
        for name, column in recipe.columns.items()
    ]
    target = recipe.target and {
        "kind": recipe.target.kind, "options": asdict(recipe.target),
        "learned": [{"name": name, "learned": state}
                    for name, state in recipe.target_states.items()],
    }
    return json.dumps({"format": FORMAT, "version": VERSION, "extra": recipe.extra,
                       "columns": columns, "target": target}, allow_nan=False)


def load(text: str) -> Record:
    """What `dump` wrote; raises FormatError for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise _wrong(f"no JSON: {error}") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise _wrong(f"{text!r:.60}")
    if found.get("version") != VERSION:
        raise _wrong(f"version {found.get('version')!r}", "the version of Lamina that wrote it")
    try:
        return _record(found)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        reason = error.rule if isinstance(error, LaminaError) else repr(error)
        raise _wrong(f"{reason:.100}") from None


def _record(found: dict[str, Any]) -> Record:
    columns: dict[str, Column] = {}
    states: dict[str, State] = {}
    for entry in found["columns"]:
        options = {key: _tuple(value) for key, value in entry["options"].items()}
        column = KINDS[entry["kind"]](**options)
        column.names(entry["learned"])  # complete?
        columns[entry["name"]], states[entry["name"]] = column, entry["learned"]
    target, target_states = None, {}
    if found["target"] is not None:
        entry = found["target"]
        options = {key: _tuple(value) for key, value in entry["options"].items()}
        target = _TARGETS[entry["kind"]](**options)
        target_states = {part["name"]: part["learned"] for part in entry["learned"]}
    return Record(tuple(target_states), found["extra"], columns, states, target, target_states)


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _wrong(found: str, hint: str = "") -> FormatError:
    return FormatError("TableRecipe.from_json", operands=[("found", found)],
                       rule=f"the text is what to_json wrote, version {VERSION}", hint=hint)
