"""The data of an experiment: sources opened, rows divided, examples prepared.

In: the sections [data] and [table]. Out: batches for training, validation and test, and the facts
that the model needs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

import numpy as np

from lamina.data import Pipeline
from lamina.data.report import with_way_out
from lamina.data.rows import Chosen
from lamina.data.source import Columns, Source, labels_of
from lamina.data.tabular import TableRecipe, split_rows
from lamina.data.tabular.kinds import KINDS
from lamina.data.tabular.reading import Table, read_table
from lamina.errors import DataError, FormatError
from lamina.experiment.arguments import arguments_of, converted
from lamina.experiment.facts import Facts, facts_of
from lamina.experiment.memory import Arrays, Characters
from lamina.experiment.names import taken_by
from lamina.experiment.preparation import Preparation, kind_of, prepared, prepared_like
from lamina.experiment.registry import Registry
from lamina.experiment.schema import Configuration
from lamina.experiment.sources import PATHS, PATHS_OF
from lamina.tensor import Tensor

_LABELS_READ = 65_536  # rows whose labels are read to find the largest, where none are at hand
_SAMPLE = 8


@dataclass
class Opened:
    """Data that is ready: sources of prepared rows, and what is known about them.

    parts: "train", "valid" and "test", as far as there are any. table: the recipe of [table].
    """

    parts: dict[str, Source]
    facts: Facts
    preparation: Preparation
    table: TableRecipe | None = None
    raw: dict[str, Source] = field(default_factory=dict)


def open_data(config: Configuration, registry: Registry, folder: File) -> Opened:
    """Open the sources of a configuration, whose relative paths start from `folder`.

    Raises DataError, FormatError and ArgumentError of the sources.
    """
    parts = _divided(config, registry, folder)
    if config.data.limit is not None:
        parts = {name: _limited(part, config.data.limit) for name, part in parts.items()}
    if not len(parts["train"]):
        raise DataError("data", operands=[("source", config.data.type), ("rows", "0")],
                        rule="there is at least one example to train with",
                        hint="smaller shares for validation and test")
    recipe = None
    raw = dict(parts)
    if config.table is not None:
        recipe, parts = _as_features(config, parts)
    return _with_facts(config, parts, raw, recipe)


def open_source(section: dict[str, Any], registry: Registry, folder: File) -> Source:
    """The source that a table with `type` and arguments describes."""
    name = section["type"]
    found = registry.find("source", name)
    if found is None:
        raise DataError("data", operands=[("type", name)], rule="a source of that name is there")
    paths = (*PATHS, *PATHS_OF.get(found[0], ()))
    given = {key: _placed(value, folder) if key in paths else value
             for key, value in section.items() if key != "type"}
    source: Source = found[1](**converted(taken_by(registry, "source", name), given))
    return source


def _placed(value: Any, folder: File) -> Any:
    """A path that starts from the folder of the configuration."""
    if isinstance(value, str):
        return str(folder / File(value).expanduser())
    return [_placed(item, folder) for item in value] if isinstance(value, list) else value


def _divided(config: Configuration, registry: Registry, folder: File) -> dict[str, Source]:
    """Sources of training, validation and test."""
    section = config.data
    own = {"type": section.type, **section.arguments}
    whole = open_source(own, registry, folder)
    parts: dict[str, Source] = {}
    shares = {"validation": section.validation, "test": section.test}
    for key, value in shares.items():
        if isinstance(value, dict):
            parts[key] = open_source({**_classes_of(whole, registry, value["type"]), **value},
                                     registry, folder)
            shares[key] = 0.0
    is_divided = "split" in taken_by(registry, "source", section.type).named
    if is_divided and "split" not in own and not shares["test"]:
        parts.setdefault("test", open_source({**own, "split": "test"}, registry, folder))
    train, valid, test = _split(whole, shares["validation"], shares["test"], config)
    parts = {"train": train, "valid": parts.get("validation", valid),
             "test": parts.get("test", test)}
    return {name: part for name, part in parts.items() if name == "train" or len(part)}


def _classes_of(source: Source, registry: Registry, kind: str) -> dict[str, Any]:
    """The classes of the training folder, so that another one gives them the same numbers."""
    takes = taken_by(registry, "source", kind)
    if isinstance(source, Characters):
        return {"characters": "".join(source.classes)}
    has_classes = "classes" in takes.named and source.classes
    return {"classes": list(source.classes)} if has_classes else {}


def _split(source: Source, valid: float, test: float, config: Configuration
           ) -> tuple[Source, Source, Source]:
    """The rows of three parts: classes evenly where labels are at hand, the end of a text last."""
    rows = len(source)
    labels = labels_of(source)
    stratify = labels if labels is not None and labels.dtype.kind in "iu" and labels.ndim == 1 \
        else None
    if isinstance(source, Characters):
        numbers = split_rows(rows, valid, test, time=np.arange(rows))
    elif valid or test:
        numbers = split_rows(rows, valid, test, stratify=stratify, seed=config.seed)
    else:
        numbers = (np.arange(rows),)
    empty = np.zeros(0, np.int64)
    train, valid_rows, test_rows = (*numbers, empty, empty)[:3]
    return (source if len(train) == rows else Chosen(source, train)), \
        Chosen(source, valid_rows), Chosen(source, test_rows)


def _limited(source: Source, limit: int) -> Source:
    """So many rows, evenly spread."""
    rows = len(source)
    if rows <= limit:
        return source
    return Chosen(source, np.linspace(0, rows - 1, limit).astype(np.int64))


def _as_features(config: Configuration, parts: dict[str, Source]
                 ) -> tuple[TableRecipe, dict[str, Source]]:
    """The recipe, fitted on the training rows, and what it makes of each part."""
    section = config.table
    if section is None:
        raise ValueError("no [table]")
    columns = {name: _column(value) for name, value in section.columns.items()}
    columns |= dict.fromkeys(section.drop, "ignored")
    task = None if section.task == "auto" else section.task
    recipe = TableRecipe(target=section.target, columns=columns, task=task)
    tables = {name: table_of(part) for name, part in parts.items()}
    recipe.fit(tables["train"])
    classes = tuple(map(str, recipe.classes)) if recipe.classes else ()
    return recipe, {name: Arrays(recipe(table), ("features", section.target), classes, name)
                    for name, table in tables.items()}


def _column(value: Any) -> Any:
    """A kind of column by name, or made with the options of a table."""
    if not isinstance(value, dict):
        return value
    kind = KINDS[value["kind"]]
    options = {key: item for key, item in value.items() if key != "kind"}
    return kind(**converted(arguments_of(kind.kind, kind), options))


def table_of(source: Source) -> Table:
    """All rows of a source of columns."""
    if not source.names:
        raise DataError("data", operands=[("source", type(source).__name__)],
                        rule="[table] takes a source whose columns have names",
                        hint='type = "CSV"')
    return read_table(source)


def _with_facts(config: Configuration, parts: dict[str, Source], raw: dict[str, Source],
                recipe: TableRecipe | None) -> Opened:
    train = parts["train"]
    block = _sample(train, config.data.on_error)
    if len(block) < 2:
        raise DataError("data", operands=[("source", config.data.type),
                                          ("columns", str(len(block)))],
                        rule="an example has an input and a target",
                        hint="an image folder has a sub-folder for each class")
    is_text = isinstance(_origin(train), Characters)
    if block[0].dtype == object:
        raise DataError("data", operands=[("source", config.data.type),
                                          ("input", "text, or of several shapes")],
                        rule="inputs are numbers of one shape",
                        hint="size = [64, 64] for images; [table] for columns of text")
    preparation = prepared_like(kind_of(block[0], recipe is not None, is_text),
                                config.data.normalize, train, config.data.on_error)
    columns = prepared(preparation, block)
    largest = _largest(train) if columns[-1].dtype.kind in "iu" else -1
    facts = facts_of(columns[0], columns[-1], train.classes, largest, is_text)
    others = {"valid": config.data.validation, "test": config.data.test}
    for name in [name for name, given in others.items() if isinstance(given, dict)]:
        if name in parts:
            _check_alike(name, _sample(parts[name], config.data.on_error), preparation, facts)
    return Opened(parts, facts, preparation, recipe, raw)


def _check_alike(name: str, block: Columns, preparation: Preparation, facts: Facts) -> None:
    """Raise DataError where another source gives other shapes than the one for training."""
    is_whole = len(block) > 1 and block[0].dtype != object
    columns = prepared(preparation, block) if is_whole else block
    if not is_whole or (columns[0].shape[1:], columns[-1].shape[1:]) != (facts.input, facts.target):
        raise DataError(
            "data", operands=[("training", f"{list(facts.input)} -> {list(facts.target)}"),
                              (name, " -> ".join(str(list(x.shape[1:])) for x in columns))],
            rule="examples of all parts have the shapes of those for training")


def _sample(source: Source, on_error: str) -> Columns:
    """The first rows that can be read."""
    if on_error == "raise":
        try:
            return source.take(np.arange(min(_SAMPLE, len(source))))
        except FormatError as error:
            with_way_out(error)
            raise
    first = Pipeline(source, on_error=on_error).batch(_SAMPLE).first()
    return tuple(column.numpy() if isinstance(column, Tensor) else column for column in first)


def _origin(source: Source) -> Source:
    return _origin(source.source) if isinstance(source, Chosen) else source


def _largest(source: Source) -> int:
    """The largest label, of all where they are at hand, else of the first rows."""
    labels = labels_of(source)
    if labels is None and source.classes:
        return len(source.classes) - 1
    if labels is None:
        labels = source.take(np.arange(min(len(source), _LABELS_READ)))[-1]
    return int(labels.max())
