"""`lamina check`: everything about an experiment that can be known without training.

In: an experiment. Out: findings, each with its line: what the loader of configurations does not
see, since it takes the data or the shapes of the network; and facts: sizes, parameters, memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lamina.data.source import labels_of
from lamina.errors import LaminaError
from lamina.experiment.data import Opened
from lamina.experiment.experiment import Experiment
from lamina.experiment.facts import CLASSIFICATION, REGRESSION, Facts
from lamina.experiment.fine_tuning import what_fits
from lamina.experiment.fitting import misfits
from lamina.experiment.making import Refused, reason
from lamina.experiment.network import Network
from lamina.experiment.problems import ExperimentError, Problem, listed
from lamina.experiment.schema import Configuration
from lamina.experiment.shapes import Recording, record, shape_text
from lamina.nn import Module

# Numbers that an optimizer keeps for each weight; those that are not here keep two.
MOMENTS = {"Adagrad": 1, "Lion": 1, "Muon": 1, "RMSprop": 1, "SGD": 1}
_RARE = 10  # a class with fewer examples than the largest divided by this is a warning
_MANY = 10  # names of classes that are listed


@dataclass
class Report:
    """What was found: `errors` stop a training, `warnings` do not; `rows` are facts by name."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    rows: list[tuple[str, str]] = field(default_factory=list)


def check(experiment: Experiment) -> Report:
    """Open the data, record the network on shapes, and compare the two."""
    report = Report()
    opened = None
    try:
        opened = experiment.open()
    except ExperimentError as error:
        report.errors += error.problems
    network = experiment.network(None if opened is None else opened.facts)
    report.errors += [experiment.document.problem(path, text) for path, text in network.problems]
    if opened is not None:
        _check_data(experiment, opened, report)
        if not network.problems:
            _check_network(experiment, opened, network, report)
    return report


def _check_data(experiment: Experiment, opened: Opened, report: Report) -> None:
    facts, config = opened.facts, experiment.config
    sizes = ", ".join(f"{len(part):,} {name}" for name, part in opened.parts.items())
    report.rows.append(("data", f"{config.data.type}: {sizes}"))
    report.rows.append(("input", f"{facts.input_dtype} {list(facts.input)}"))
    if facts.task == REGRESSION:
        report.rows.append(("target", f"{facts.target_dtype} {list(facts.target)}"))
    else:
        names = ": " + listed(facts.classes, _MANY) if facts.task == CLASSIFICATION else ""
        report.rows.append(("classes", f"{facts.number_of_classes}{names}"))
    labels = labels_of(opened.parts["train"])
    if facts.task == CLASSIFICATION and labels is not None and labels.ndim == 1:
        _check_balance(experiment, facts, labels, report)


def _check_balance(experiment: Experiment, facts: Facts, labels: np.ndarray, report: Report
                   ) -> None:
    counts = np.bincount(labels, minlength=facts.number_of_classes)
    names = facts.classes or tuple(map(str, range(len(counts))))
    absent = [names[i] for i in np.flatnonzero(counts == 0) if i < len(names)]
    if absent:
        report.warnings.append(experiment.document.problem(
            ("data",), f"no training example of {listed(absent, _MANY)}"))
    config = experiment.config
    rare = [names[i] for i in np.flatnonzero((counts > 0) & (counts < counts.max() / _RARE))]
    if rare and not (config.data.balance or config.class_weights):
        report.warnings.append(experiment.document.problem(
            ("data",), f"{listed(rare, _MANY)} {'is' if len(rare) == 1 else 'are'} rare: at most "
                       f"{counts[counts > 0].min()} of {counts.sum()} examples; balance = true "
                       "draws all classes equally often"))


def _check_network(experiment: Experiment, opened: Opened, network: Network, report: Report
                   ) -> None:
    try:
        recording = record(network, opened.facts)
    except Refused as error:
        report.errors.append(experiment.document.problem(error.path, str(error)))
        return
    report.rows.append(("output", shape_text(recording.output)))
    found = misfits(experiment.config, experiment.registry, opened.facts, network,
                    recording.output)
    report.errors += [experiment.document.problem(path, text) for path, text in found]
    if experiment.config.fine_tune is not None:
        try:
            what_fits(network.module, experiment.config.fine_tune, experiment.document.folder)
        except LaminaError as error:
            report.errors.append(experiment.document.problem(("fine_tune",), reason(error)))
    if not report.errors:
        _check_last_batch(experiment, opened, network, report)
    _measure(experiment.config, network.module, recording, report)


def _check_last_batch(experiment: Experiment, opened: Opened, network: Network, report: Report
                      ) -> None:
    """A batch of one example, which batch normalisation cannot train on."""
    config, rows = experiment.config, len(opened.parts["train"])
    if config.batch_size > 1 and (rows % config.batch_size != 1 or config.data.drop_last):
        return
    try:
        record(network, opened.facts, 1, training=True)
    except Refused as error:
        path: tuple[str, ...] = ("batch_size",)
        text = f"a batch of an epoch has one example (data.drop_last = true leaves it out): {error}"
        report.errors.append(experiment.document.problem(path, text))


def _measure(config: Configuration, model: Module, recording: Recording, report: Report) -> None:
    report.rows.append(("parameters", f"{model.num_parameters():,}"))
    weights = sum(p.size * p.dtype.itemsize for p in model.parameters())
    batch = max(1, config.batch_size // config.optimizer.accumulate)
    outputs = recording.output_bytes // recording.examples * batch
    total = weights * (2 + MOMENTS.get(config.optimizer.type, 2)) + outputs
    report.rows.append(("memory", f"about {_bytes(total)} in training: {_bytes(weights)} of "
                                  f"weights, {_bytes(outputs)} of outputs for {batch} examples"))


def _bytes(count: int) -> str:
    if count < 2**20:
        return f"{count / 2**10:,.1f} KiB"
    return f"{count / 2**20:,.1f} MiB" if count < 2**30 else f"{count / 2**30:,.1f} GiB"
