"""Names and arguments of a configuration against the registry.

In: the tables of a file, right or wrong. Out: a problem for every name that no part has and every
argument that its part does not take. What is of the wrong shape is left to the schema.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from lamina.data.tabular.kinds import KINDS
from lamina.experiment.arguments import Arguments, arguments_of, wrong_arguments
from lamina.experiment.expressions import is_expression
from lamina.experiment.problems import Path, listed, meant
from lamina.experiment.registry import Registry
from lamina.experiment.schema import Data, Loss, Model, Optimizer, Schedule, Section
from lamina.experiment.translate import keys_of
from lamina.experiment.watchers import OPTIONS_OF

Found = Iterator[tuple[Path, str]]

# What Lamina gives to a part itself, so that a file does not.
OURS: dict[str, tuple[str, ...]] = {
    "augmentation": (),
    "callback": (),
    "layer": ("input", "module"),
    "loss": ("input", "target", "prediction", "input1", "input2"),
    "metric": ("prediction", "target"),
    "model": (),
    "optimizer": ("params", "lr"),
    "schedule": (),  # the first, which is the rate
    "source": (),
}


def wrong_names(data: dict[str, Any], registry: Registry) -> Found:
    """Every problem with names and arguments outside the lists of layers."""
    yield from _part(registry, "source", data.get("data"), ("data",), Data)
    if isinstance(section := data.get("data"), dict):
        for key in ("validation", "test"):
            if isinstance(section.get(key), dict):
                yield from _part(registry, "source", section[key], ("data", key))
        yield from _parts(registry, "augmentation", section.get("augment"), ("data", "augment"))
    model = data.get("model")
    if isinstance(model, str) or (isinstance(model, dict) and "layers" not in model):
        yield from _part(registry, "model", model, ("model",), Model)
    elif isinstance(model, dict):
        known = keys_of(Model)
        for key in model:
            if key not in known:
                yield ("model", key), f"layers take no such key{meant(key, known)}"
    yield from _columns(data.get("table"))
    yield from _part(registry, "loss", data.get("loss"), ("loss",), Loss)
    yield from _parts(registry, "metric", data.get("metrics"), ("metrics",))
    optimizer = data.get("optimizer", {})
    given = {"type": "Adam", **optimizer} if isinstance(optimizer, dict) else optimizer
    yield from _part(registry, "optimizer", given, ("optimizer",), Optimizer)
    if isinstance(optimizer, dict):
        yield from _part(registry, "schedule", optimizer.get("schedule"),
                         ("optimizer", "schedule"), Schedule)
    if isinstance(callbacks := data.get("callbacks"), dict):
        for name, arguments in callbacks.items():
            if isinstance(arguments, dict):
                yield from _part(registry, "callback", {**arguments, "type": name},
                                 ("callbacks", name))


def _columns(table: Any) -> Found:
    """The kinds of columns and their options."""
    columns = table.get("columns") if isinstance(table, dict) else None
    for name, value in columns.items() if isinstance(columns, dict) else ():
        path = ("table", "columns", name)
        kind = value.get("kind") if isinstance(value, dict) else value
        if not isinstance(kind, str):
            yield path, "expected a kind of column, or a table with kind and its options"
        elif kind not in KINDS:
            near = meant(kind, KINDS)
            yield path, f'no kind of column is named "{kind}"' + (
                near or f": there are {listed(list(KINDS))}")
        elif isinstance(value, dict):
            given = {key: item for key, item in value.items() if key != "kind"}
            yield from wrong_values(arguments_of(kind, KINDS[kind]), given, path)


def _parts(registry: Registry, kind: str, values: Any, path: Path) -> Found:
    for number, value in enumerate(values if isinstance(values, list) else ()):
        yield from _part(registry, kind, value, (*path, number))


def _part(registry: Registry, kind: str, value: Any, path: Path,
          section: type[Section] | None = None) -> Found:
    """One name, or table with a type and arguments."""
    name = value.get("type") if isinstance(value, dict) else value
    if not isinstance(name, str):
        return
    found = registry.find(kind, name)
    if found is None:
        where = (*path, "type") if isinstance(value, dict) and kind != "callback" else path
        yield where, unknown(registry, kind, name)
        return
    if isinstance(value, dict):
        own = {"type", *(keys_of(section) if section else ())}
        given = {key: item for key, item in value.items() if key not in own}
        yield from wrong_values(taken_by(registry, kind, name), given, path)
        if kind == "augmentation" and "policy" in given:  # one inside another
            yield from _part(registry, kind, given["policy"], (*path, "policy"))


def wrong_values(takes: Arguments, given: dict[str, Any], path: Path,
                 optional: Collection[str] = ()) -> Found:
    """Problems of arguments; expressions are looked at when they are computed."""
    plain = {key: value for key, value in given.items() if not _has_expression(value)}
    for key, text in wrong_arguments(takes, plain):
        computed = not key and any(text.startswith(f"{takes.of} needs {name}:")
                                   for name in (*given, *optional))
        if not computed:
            yield ((*path, key) if key else path), text


def _has_expression(value: Any) -> bool:
    return is_expression(value) or (isinstance(value, list) and any(map(_has_expression, value)))


def taken_by(registry: Registry, kind: str, name: str) -> Arguments:
    """The arguments that a file gives to a part."""
    found = registry.find(kind, name)
    if found is None:
        return Arguments(name, {}, True)
    canonical, part = found
    ours = OURS[kind]
    if kind == "loss" and isinstance(part, type):
        ours = ()
    takes = arguments_of(canonical, part, ours)
    if kind == "callback" and canonical in OPTIONS_OF:
        further = arguments_of(canonical, *OPTIONS_OF[canonical])
        return replace(takes, named={**takes.named, **further.named})
    if kind != "schedule":
        return takes
    named = dict(list(takes.named.items())[1:])
    if "steps" in named:  # as many as there are, if nothing is said
        named["steps"] = replace(named["steps"], default=None)
    return replace(takes, named=named)


def unknown(registry: Registry, kind: str, name: str) -> str:
    """The text for a name that no part has."""
    names = registry.names(kind)
    near = meant(name, names)
    return f'no {kind} is named "{name}"' + (near or f": there are {listed(names)}")
