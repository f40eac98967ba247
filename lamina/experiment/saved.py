"""The model file of an experiment: weights, and all that using them needs.

In: a trained model and its experiment. Out: a file, and from it, or from the folder of a run, the
model again: no configuration file, no data.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path as File

from lamina.data.tabular import TableRecipe
from lamina.errors import DataError, FormatError
from lamina.experiment.document import SUFFIXES, Document
from lamina.experiment.experiment import Experiment, experiment_of
from lamina.experiment.facts import Facts
from lamina.experiment.plugins import with_plugins
from lamina.experiment.preparation import Preparation
from lamina.io import load, load_metadata
from lamina.nn import Module

MODEL = "model.safetensors"
KEYS = ("lamina.experiment", "lamina.facts", "lamina.preparation")


@dataclass
class Saved:
    """A model that was trained, and how its inputs are prepared and its outputs are read."""

    path: str
    model: Module
    experiment: Experiment
    facts: Facts
    preparation: Preparation
    table: TableRecipe | None = None


def metadata_of(experiment: Experiment, facts: Facts, preparation: Preparation,
                table: TableRecipe | None) -> dict[str, str]:
    """What goes into the file beside the weights, as text."""
    document = experiment.document
    found = {
        "lamina.experiment": json.dumps({
            "name": document.name, "folder": str(document.folder), "config": document.data},
            default=str),
        "lamina.facts": json.dumps(facts.to_dict()),
        "lamina.preparation": preparation.to_json(),
        "lamina.classes": json.dumps(list(facts.classes)),
    }
    return found if table is None else {**found, "lamina.table": table.to_json()}


def model_path(path: str | os.PathLike[str]) -> str:
    """The model file of a run folder; a file is itself."""
    name = os.fspath(path)
    return os.path.join(name, MODEL) if os.path.isdir(name) else name


def _missing(name: str) -> DataError:
    """No such model: what there is instead."""
    stem, ending = os.path.splitext(os.path.basename(name))
    if ending in SUFFIXES:
        return DataError("model", operands=[("file", name)],
                         rule="this is a configuration; a model is a file, or the folder of a run",
                         hint=os.path.join("runs", stem))
    if not os.path.isdir(name):
        return DataError("model", operands=[("file", name), ("reason", "No such file or folder")],
                         rule="a model is a file, or the folder of a run",
                         hint="lamina runs lists the runs")
    is_run = os.path.isdir(os.path.join(name, "checkpoints"))
    return DataError("model", operands=[("folder", name), ("missing", MODEL)],
                     rule="the folder of a run has its model when training ends or is interrupted",
                     hint="lamina train CONFIG --resume goes on with it" if is_run else
                          "lamina runs lists the runs")


def open_model(path: str | os.PathLike[str], plugins: Iterable[str] = ()) -> Saved:
    """The model of a file or run folder, in evaluation mode.

    Raises DataError for a file that cannot be read, FormatError for one that `lamina train` with a
    configuration did not write.
    """
    name = model_path(path)
    if not os.path.exists(name) or name.endswith(SUFFIXES):
        raise _missing(os.fspath(path))
    found = load_metadata(name)
    missing = [key for key in KEYS if key not in found]
    if missing:
        raise FormatError("model", operands=[("file", name), ("missing", ", ".join(missing))],
                          rule="the file was written by `lamina train CONFIG`",
                          hint="lm.load(path) reads the weights of any model file")
    try:
        described = json.loads(found["lamina.experiment"])
        document = Document(str(described["name"]), dict(described["config"]),
                            folder=File(described["folder"]))
        facts = Facts.from_dict(json.loads(found["lamina.facts"]))
        preparation = Preparation.from_json(found["lamina.preparation"])
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError("model", operands=[("file", name), ("found", f"{error!r:.60}")],
                          rule="the description of the experiment in the file is whole"
                          ) from error
    experiment = experiment_of(document, with_plugins(plugins))
    table = TableRecipe.from_json(found["lamina.table"]) if "lamina.table" in found else None
    model = experiment.model(facts)
    model.load_state_dict(load(name))
    return Saved(name, model.eval(), experiment, facts, preparation, table)

