"""An experiment: a configuration that was checked, and what is built of it.

In: a file, overrides, plugins. Out: model, data and trainer:

    experiment = load("config.toml", ["optimizer.lr=3e-4"])
    built = experiment.build()
    built.trainer.fit(built.train, built.valid, epochs=experiment.config.epochs)
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

import numpy as np

from lamina.data import class_weights
from lamina.data.source import labels_of
from lamina.errors import LaminaError
from lamina.experiment.batches import Batches, batches
from lamina.experiment.data import Opened, open_data
from lamina.experiment.document import Document, read_document
from lamina.experiment.facts import UNKNOWN, Facts
from lamina.experiment.fine_tuning import start_from
from lamina.experiment.fitting import misfits
from lamina.experiment.making import Refused, reason
from lamina.experiment.names import wrong_names
from lamina.experiment.network import Network, build_network
from lamina.experiment.plugins import with_plugins
from lamina.experiment.problems import ExperimentError, Path
from lamina.experiment.registry import Registry
from lamina.experiment.schema import Configuration
from lamina.experiment.shapes import record
from lamina.experiment.training import callbacks_of, loss_of, metrics_of, optimizer_of, tried
from lamina.experiment.translate import checked
from lamina.experiment.watchers import MONITORS
from lamina.nn import Module
from lamina.tensor import seed
from lamina.train import Trainer

_MOST_PROBLEMS = 50


@dataclass
class Built:
    """What an experiment trains: the parts can be used alone."""

    model: Module
    trainer: Trainer
    train: Batches
    valid: Batches | None
    test: Batches | None
    facts: Facts
    opened: Opened


@dataclass
class Experiment:
    """A checked configuration."""

    document: Document
    config: Configuration
    registry: Registry

    @property
    def name(self) -> str:
        """Of the file, without its folder and ending."""
        return File(self.document.name).stem

    def resolved(self) -> dict[str, Any]:
        """Every key with its value, paths made absolute: what the run folder and the model keep."""
        return self.config.model_dump(by_alias=True, exclude_none=True)

    def error(self, problems: Iterable[tuple[Path, str]], hint: str = "") -> ExperimentError:
        """Problems as one error, each with its line."""
        found = [self.document.problem(path, text) for path, text in problems]
        return ExperimentError(self.document.name, found[:_MOST_PROBLEMS], hint)

    @contextmanager
    def at(self, *path: str) -> Iterator[None]:
        """Errors of the block are told with the line of a section."""
        try:
            yield
        except ExperimentError:
            raise
        except Refused as error:
            raise self.error([(error.path, str(error))]) from error
        except LaminaError as error:
            raise self.error([(path, reason(error))]) from error

    def open(self) -> Opened:
        """The data: files are found and opened, and some rows read."""
        with self.at("data"):
            return open_data(self.config, self.registry, self.document.folder)

    def network(self, facts: Facts | None) -> Network:
        """The network; its sizes are known where the facts are."""
        names = UNKNOWN if facts is None else facts.names()
        return build_network(self.document.data, self.registry, names)

    def model(self, facts: Facts) -> Module:
        """The model for data with these facts, with its sizes known; raises ExperimentError."""
        network = self.network(facts)
        if network.problems:
            raise self.error(network.problems)
        with self.at("model"):
            recording = record(network, facts, 1)
            problems = misfits(self.config, self.registry, facts, network, recording.output)
        if problems:
            raise self.error(problems)
        return network.module

    def steps(self, opened: Opened) -> int:
        """Steps of an epoch; records that are left out are not known yet, and counted."""
        rows, size = len(opened.parts["train"]), self.config.batch_size
        return max(1, rows // size if self.config.data.drop_last else -(-rows // size))

    def build(self) -> Built:
        """Open the data, and make model and trainer; raises ExperimentError."""
        seed(self.config.seed)
        opened = self.open()
        model = self.model(opened.facts)
        if self.config.fine_tune is not None:
            with self.at("fine_tune"):
                start_from(model, self.config.fine_tune, self.document.folder)
        with self.at("data"):
            parts = {part: batches(source, opened, self.config, self.registry, part == "train")
                     for part, source in opened.parts.items()}
        train = parts["train"]
        with self.at():
            trainer = make_trainer(self, model, opened, self.steps(opened))
        return Built(model, trainer, train, parts.get("valid"), parts.get("test"), opened.facts,
                     opened)


def make_trainer(experiment: Experiment, model: Module, opened: Opened, steps: int) -> Trainer:
    """The trainer of a model."""
    config, registry, facts = experiment.config, experiment.registry, opened.facts
    return Trainer(
        model,
        loss=loss_of(config, registry, facts.task),
        optimizer=optimizer_of(config, registry, model, steps),
        metrics=metrics_of(config, registry, facts.task),
        callbacks=callbacks_of(config, registry),
        clip=config.optimizer.clip,
        accumulate=config.optimizer.accumulate,
        on_nan=config.on_nan,
        **_further(config, opened),
    )


def _further(config: Configuration, opened: Opened) -> dict[str, Any]:
    """Arguments of the trainer that are not the usual ones."""
    found: dict[str, Any] = {}
    if config.precision != "float32":
        found["precision"] = config.precision
    if config.recompute:
        found["recompute"] = True
    if config.memory_limit is not None:
        found["memory_limit"] = config.memory_limit
    if config.class_weights:
        found["class_weight"] = _weights(opened)
    return found


def _weights(opened: Opened) -> np.ndarray:
    """The weights of the classes, from all labels of the training rows."""
    labels = labels_of(opened.parts["train"])
    if labels is None or labels.dtype.kind not in "iu":
        raise Refused(("class_weights",), "they take labels of classes that the source knows "
                      "before it reads a row, such as those of an image folder or of [table]")
    return class_weights(labels, classes=opened.facts.number_of_classes)


def load(path: str | os.PathLike[str], overrides: Iterable[str] = (), plugins: Iterable[str] = (),
         ) -> Experiment:
    """Read and check a configuration; nothing is opened or computed yet.

    path: of a TOML or YAML file. overrides: such as `optimizer.lr=3e-4`. plugins: modules whose
    parts may be named. Raises ExperimentError with every problem, its line and what was meant.
    """
    registry = with_plugins(plugins)
    return experiment_of(read_document(path, overrides), registry)


def experiment_of(document: Document, registry: Registry) -> Experiment:
    """The experiment of tables; raises ExperimentError."""
    config, problems = checked(document.data)
    problems += wrong_names(document.data, registry)
    problems += build_network(document.data, registry, UNKNOWN).problems
    if config is not None:
        problems += _conflicts(config)
    if config is not None:
        known = [path for path, _ in problems]
        problems += [(path, text) for path, text in tried(config, registry)
                     if not any(path[:len(p)] == p or p[:len(path)] == path for p in known)]
    if problems or config is None:
        found = [document.problem(path, text) for path, text in problems]
        raise ExperimentError(document.name, found[:_MOST_PROBLEMS])
    return Experiment(document, config, registry)


def _conflicts(config: Configuration) -> list[tuple[Path, str]]:
    """Keys that do not go together."""
    found: list[tuple[Path, str]] = []
    if config.optimizer.lr == "search" and config.optimizer.schedule is not None:
        found.append((("optimizer", "schedule"), 'a schedule needs a rate: lr is "search"'))
    validates = config.data.validation != 0
    for name, arguments in config.callbacks.items():
        monitor = arguments.get("monitor", "valid_loss")
        is_watching = name.replace("_", "").lower() in [m.lower() for m in MONITORS]
        if is_watching and not validates and str(monitor).startswith("valid_"):
            found.append((("callbacks", name), f'monitor is "{monitor}", but nothing validates: '
                                               "data.validation is 0"))
    if not validates and config.run.monitor.startswith("valid_"):
        found.append((("run", "monitor"), "nothing validates: data.validation is 0"))
    braces = set(re.findall(r"\{.*?\}", config.run.folder)) - {"{name}"}
    if braces:
        found.append((("run", "folder"), f"{min(braces)} stands for nothing: {{name}} is the name "
                                         "of the file"))
    shares = [x for x in (config.data.validation, config.data.test) if not isinstance(x, dict)]
    if sum(shares) >= 1:
        found.append((("data", "validation"), "validation and test together leave nothing to "
                                              "train with"))
    return found

