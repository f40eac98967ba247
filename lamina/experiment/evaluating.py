"""`lamina evaluate`: loss and metrics of a saved model on data.

In: a saved model, and a folder or file of examples with their targets; without one the test part of
its configuration. Out: numbers by name.
"""

from __future__ import annotations

import os
from typing import Any

from lamina.data.source import Source
from lamina.errors import ArgumentError
from lamina.experiment.batches import batches
from lamina.experiment.data import Opened, open_data, open_source, table_of
from lamina.experiment.memory import Arrays
from lamina.experiment.names import taken_by
from lamina.experiment.saved import Saved
from lamina.experiment.sources import PATHS
from lamina.experiment.training import loss_of, metrics_of
from lamina.train import Trainer

EVALUATED = ("test", "valid", "train")  # the first that a configuration has


def evaluate(saved: Saved, path: str = "") -> tuple[str, dict[str, float]]:
    """What was evaluated, and the means of loss and metrics over it."""
    if path:
        what, part = path, _prepared(saved, _source(saved, path))
    else:
        what, part = _own(saved)
    config, registry = saved.experiment.config, saved.experiment.registry
    opened = Opened({what: part}, saved.facts, saved.preparation, saved.table)
    no_optimizer: Any = None  # evaluation makes no step
    trainer = Trainer(saved.model, loss=loss_of(config, registry, saved.facts.task),
                      optimizer=no_optimizer, metrics=metrics_of(config, registry,
                                                                 saved.facts.task))
    return what, trainer.evaluate(batches(part, opened, config, registry, training=False))


def _own(saved: Saved) -> tuple[str, Source]:
    """The test part of the configuration, or what else it has."""
    experiment = saved.experiment
    parts = open_data(experiment.config, experiment.registry, experiment.document.folder).raw
    name = next(name for name in EVALUATED if name in parts)
    return name, _prepared(saved, parts[name])


def _prepared(saved: Saved, source: Source) -> Source:
    """The rows as the saved recipe makes them; a recipe fitted anew would not be the model's."""
    if saved.table is None:
        return source
    return Arrays(saved.table(table_of(source)), ("features", "target"), saved.facts.classes)


def _source(saved: Saved, path: str) -> Source:
    """The source of the configuration with another path in place of its own."""
    experiment = saved.experiment
    section = experiment.config.data
    own = {"type": section.type, **section.arguments}
    takes = taken_by(experiment.registry, "source", section.type)
    key = next((key for key in PATHS if key in own),
               next((key for key in PATHS if key in takes.named), ""))
    if not key:
        raise ArgumentError("lamina evaluate", operands=[("data", path), (
            "source", f"{section.type}, which has no path")],
            rule="the source of the configuration reads files", got=path)
    if "classes" in takes.named:
        own["classes"] = list(saved.facts.classes)
    if "characters" in takes.named:
        own["characters"] = "".join(saved.facts.classes)
    return open_source({**own, key: os.path.abspath(path)}, experiment.registry,
                       experiment.document.folder)
