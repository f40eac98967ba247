"""`lamina train`: an experiment from its data to a saved model, in a folder of its own.

In: an experiment. Out: the folder: configuration, checkpoints, curves, report, and the model file;
what an interrupted run left is continued bit by bit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

from lamina.errors import DataError, LaminaError
from lamina.experiment.experiment import Built, Experiment
from lamina.experiment.facts import CLASSIFICATION
from lamina.experiment.saved import MODEL, metadata_of
from lamina.io import save
from lamina.runs import Run, read
from lamina.train import Checkpoint
from lamina.train.checkpoints.files import weights_in
from lamina.train.checkpoints.folder import BEST

CHECKPOINTS = "checkpoints"


@dataclass
class Running:
    """A training that can start: `fit` runs it, `save` keeps the model as it is."""

    experiment: Experiment
    built: Built
    folder: File
    is_resumed: bool
    unfinished: File | None = None  # the run before this one, if it can still be resumed

    @property
    def model_file(self) -> File:
        """Where the model goes."""
        return self.folder / MODEL

    def fit(self) -> list[dict[str, float]]:
        """Train to the last epoch and save the model; the logs of each epoch."""
        built, config = self.built, self.experiment.config
        resume = self.folder / CHECKPOINTS if self.is_resumed else None
        history = built.trainer.fit(built.train, built.valid, epochs=config.epochs, resume=resume)
        best = self.folder / CHECKPOINTS / BEST
        if config.run.save == "best" and best.exists():
            built.model.load_state_dict(weights_in(best))
        self.save()
        return history

    def save(self) -> None:
        """Write the model file."""
        built = self.built
        save(self.model_file, built.model, metadata_of(
            self.experiment, built.facts, built.opened.preparation, built.opened.table))

    def left_out(self) -> list[tuple[str, str]]:
        """What `on_error = "skip"` left out: part, and the records that could not be read."""
        built = self.built
        parts = {"train": built.train, "valid": built.valid, "test": built.test}
        return [(name, str(part.report)) for name, part in parts.items()
                if part is not None and part.report.skipped]

    def test(self) -> dict[str, float]:
        """Loss and metrics over the test part; empty without one."""
        return {} if self.built.test is None else self.built.trainer.evaluate(self.built.test)


def prepare(experiment: Experiment, resume: bool = False, watchers: Sequence[Any] = ()) -> Running:
    """Build an experiment and its folder.

    resume: go on in the newest folder of this experiment. watchers: callbacks besides those of the
    configuration, such as progress. Raises ExperimentError, and DataError where there is nothing to
    resume.
    """
    config = experiment.config
    folder = File(config.run.folder.replace("{name}", experiment.name))
    unfinished = None if resume else _unfinished(folder)
    if resume:
        folder = newest(folder)
    built = experiment.build()
    run = _run(experiment, built, folder, resume)
    checkpoint = Checkpoint(run.folder / CHECKPOINTS, every=config.run.save_every,
                            keep=config.run.keep, best=_monitor(experiment, built),
                            mode=config.run.mode)
    built.trainer.callbacks += [*watchers, run, checkpoint]
    return Running(experiment, built, run.folder, resume, unfinished)


def newest(folder: File) -> File:
    """`runs/name-3`, if that is the last of `runs/name`, `runs/name-2` ...; DataError if none is.

    Only folders with checkpoints count.
    """
    found = _with_checkpoints(folder)
    if not found:
        raise DataError("--resume", operands=[("folder", str(folder))],
                        rule="there is a run with checkpoints to go on with",
                        hint="without --resume, to begin one")
    return max(found)[1]


def _with_checkpoints(folder: File) -> list[tuple[int, File]]:
    """Every run of this name that has checkpoints, and its number."""
    pattern = re.compile(re.escape(folder.name) + r"(?:-(\d+))?")
    found = []
    for path in folder.parent.glob(f"{folder.name}*") if folder.parent.is_dir() else ():
        match = pattern.fullmatch(path.name)
        if match and (path / CHECKPOINTS).is_dir():
            found.append((int(match[1] or 1), path))
    return found


def _unfinished(folder: File) -> File | None:
    """The newest run of this name, if it was killed or interrupted."""
    found = _with_checkpoints(folder)
    if not found or not any((max(found)[1] / CHECKPOINTS).iterdir()):
        return None
    try:
        status = read(max(found)[1]).status
    except LaminaError:  # a folder that holds no record of a run
        return None
    return None if status == "finished" else max(found)[1]


def _run(experiment: Experiment, built: Built, folder: File, resume: bool) -> Run:
    section = experiment.config.run
    sizes = ", ".join(f"{len(part):,} {name}" for name, part in built.opened.parts.items())
    return Run(
        folder,
        experiment.resolved(),
        built.model,
        valid=built.valid,
        classes=built.facts.classes if built.facts.task == CLASSIFICATION else (),
        exists="continue" if resume else section.exists,
        title=section.title or experiment.name,
        report_every=1 if section.report else 0,
        about={"Data": f"{experiment.config.data.type}: {sizes}."},
    )


def _monitor(experiment: Experiment, built: Built) -> str:
    given = experiment.config.run.monitor
    return given or ("valid_loss" if built.valid is not None else "loss")
