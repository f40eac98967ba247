"""`Run`: the callback that keeps a training's folder.

In: the trainer's events. Out: files that are whole at every moment, so that a training that is
killed leaves all that it has reported.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.errors import ArgumentError, DataError
from lamina.files import check_writable, write_atomically
from lamina.functional.arguments import check_counts
from lamina.io.tensorboard import SummaryWriter
from lamina.nn import Module
from lamina.runs import details as parts
from lamina.runs.card import card_text
from lamina.runs.clock import StepClock
from lamina.runs.environment import environment
from lamina.runs.journal import FILE, Journal, read_journal
from lamina.runs.outcome import outcome
from lamina.runs.record import (
    CONFIG,
    ENVIRONMENT,
    RunRecord,
    flat,
    read,
    read_environment,
)
from lamina.runs.report import write_report
from lamina.runs.toml import toml_text
from lamina.runs.watching import GradientHistograms, WeightHistograms, profile_of, rates
from lamina.train import Callback
from lamina.train.batches import as_tensors
from lamina.train.snapshot import undone

if TYPE_CHECKING:
    from lamina.train import Trainer
    from lamina.train.trainer import Logs

EXISTS = ("error", "number", "continue")
WATCHED = ("graph", "profile", "weights", "gradients")
_PAGES_SHARE = 50  # times as long as the pages of a long run take, until they are written again
_MOST_NUMBERS = 1000  # folders `NAME-2`, `NAME-3` ... that are tried


class Run(Callback):
    """Writes down a training in a folder: `Trainer(..., callbacks=[..., Run("runs/first")])`.

    config: plain data, kept as config.toml. model: whose layers are described, the trainer's by
    default. valid: data whose confusions and worst errors the report shows, as for
    `Trainer.evaluate`, that of the fit by default; classes: names of its labels, by default
    those that the data knows.
    exists: what to do where the folder has a run: "error"; "number", take `folder-2`, `folder-3`
    ...; "continue", append. A trainer that was resumed from a checkpoint always appends: what the
    folder has of later steps is superseded, not lost.
    log_every: steps between two lines; by default those between two reads of the trainer's means.
    watch: "graph", "profile" (a step timed by kernel after the last epoch), "weights" and
    "gradients" (histograms every epoch). report_every: epochs between two reports, 0 for none at
    all; they are left out where they would take more than a fiftieth of the time.
    title, license, about (paragraphs by heading, such as {"Data": "..."}): for the model card.
    It is called after the other callbacks, so that it sees what they did. `folder` and `writer` (a
    SummaryWriter) may be used by them. Raises ArgumentError, or DataError if nothing can be
    written.

    >>> import lamina as lm, tempfile, numpy as np
    >>> model = lm.nn.Linear(1, 1)
    >>> run = Run(tempfile.mkdtemp() + "/first", {"lr": 0.1})
    >>> trainer = lm.Trainer(model, loss="mse", callbacks=[run],
    ...                      optimizer=lm.optim.SGD(model.parameters(), lr=0.1))
    >>> _ = trainer.fit((np.ones((8, 1), np.float32), np.ones((8, 1), np.float32)), epochs=2)
    >>> run.record().epochs["epoch"].tolist(), run.record().status
    ([1.0, 2.0], 'finished')
    """

    comes_last = True

    def __init__(
        self,
        folder: str | os.PathLike[str],
        config: Mapping[str, Any] | None = None,
        model: Module | None = None,
        *,
        valid: Any = None,
        classes: Sequence[Any] = (),
        exists: str = "error",
        log_every: int | None = None,
        watch: Sequence[str] = ("graph", "profile"),
        report_every: int = 1,
        title: str = "",
        license: str = "",
        about: Mapping[str, str] | None = None,
    ) -> None:
        _check_choices(exists, watch)
        check_counts("Run", 0, report_every=report_every)
        if log_every is not None:
            check_counts("Run", 1, log_every=log_every)
        self._config = None if config is None else toml_text(config)
        self._settings = {} if config is None else flat(dict(config))
        self.folder = _claimed(Path(folder)) if exists == "number" else Path(folder)
        self.writer = SummaryWriter(self.folder)
        self.exists, self.watch = exists, tuple(watch)
        self.log_every, self.report_every = log_every, report_every
        self.title, self.license, self.about = title or self.folder.name, license, dict(about or {})
        self.clock = StepClock()
        self._model, self._valid, self._classes = model, valid, classes
        self._observers = [kind(self.writer) for name, kind in (
            ("weights", WeightHistograms), ("gradients", GradientHistograms)) if name in watch]
        self._journal: Journal | None = None
        self._details: parts.Details = {}
        self._batch: Any = None
        self._pages_due = 0.0

    def record(self) -> RunRecord:
        """What the folder tells now."""
        return read(self.folder)

    # Events

    def on_fit_start(self, trainer: Trainer) -> None:
        """Begin the files, or go on with them."""
        known = self._known_entries(trainer)
        check_writable(self.folder / FILE)
        before = [entry["time"] for entry in known if entry["step"] <= trainer.step]
        self.clock.start(before[-1] if before else 0.0)
        with self.clock.watching():
            if self._config is not None:
                write_atomically(self.folder / CONFIG, [self._config.encode()])
            self._write_environment()
            self._details = parts.read_details(self.folder)
            self._details.pop("outcome", None)  # of other weights
            self._journal = Journal(self.folder)
            if known:
                self.writer.close()
                self.writer.purge_step = trainer.step + 1

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Batches are waited for from now on."""
        self.clock.epoch_start()

    def on_step_start(self, trainer: Trainer, batch: Any) -> None:
        """Keep the batch; describe the model by the first one."""
        self.clock.step_start()
        with self.clock.watching():
            first = self._batch is None
            self._batch = batch
            self._tell("on_step_start", trainer, batch)
            if first:
                self._describe(trainer)

    def on_step_end(self, trainer: Trainer, logs: Logs) -> None:
        """Every few steps a line."""
        self.clock.step_end()
        number, every = trainer.position.batches, self.log_every or trainer.log_every
        if number == 1 or number % every == 0:
            with self.clock.watching():
                self._write("step", trainer, logs)

    def on_evaluate_start(self, trainer: Trainer) -> None:
        """Validation is timed from now on."""
        self.clock.evaluate_start()

    def on_evaluate_end(self, trainer: Trainer, logs: Logs) -> None:
        """Validation is done."""
        self.clock.evaluate_end()

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        """A line, histograms, and the report so far."""
        with self.clock.watching():
            self._write("epoch", trainer, logs)
            self._tell("on_epoch_end", trainer, logs)
            self.writer.flush()
            is_due = self.report_every and trainer.epoch % self.report_every == 0
            if is_due and self.clock.total >= self._pages_due:
                self._write_pages()

    def on_fit_end(self, trainer: Trainer) -> None:
        """Look at the validation data, time a step, and write the last report."""
        with self.clock.watching():
            fitted = None if trainer.loop is None else trainer.loop.valid
            valid = fitted if self._valid is None else self._valid
            if valid is not None:
                with undone(trainer.model, trainer.optimizer):
                    found = outcome(self._model or trainer.model, valid,
                                    target_at=trainer.objective.target_at)
                self._details |= parts.of_outcome(found, self._classes or _classes_of(valid))
            if "profile" in self.watch and self._batch is not None:
                self._details["profile"] = profile_of(trainer, self._batch).as_data()
        self._end(trainer, "finished")

    def on_interrupt(self, trainer: Trainer) -> None:
        """Note it; everything else is there already."""
        self._end(trainer, "interrupted")

    def on_error(self, trainer: Trainer, error: BaseException) -> None:
        """Note it and why; where nothing can be written, the error that is raised says so."""
        with suppress(DataError):
            self._end(trainer, "failed", error=f"{type(error).__name__}: {error}")

    # Files

    def _known_entries(self, trainer: Trainer) -> list[dict[str, Any]]:
        """What the folder's run has reported; ArgumentError if it may not be gone on with."""
        if not (self.folder / FILE).exists():
            return []
        known = read_journal(self.folder)
        if known and trainer.step == 0 and self.exists != "continue":
            last = known[-1]
            raise ArgumentError(
                "Run",
                operands=[("folder", str(self.folder)),
                          ("found", f"a run of {last['step']} steps, {last['epoch']} epochs")],
                rule="a new run has a folder of its own",
                hint='exists="number" for a folder beside it, "continue" to append to this one',
                got=str(self.folder))
        return known

    def _write_environment(self) -> None:
        before, now = read_environment(self.folder), environment()
        if before:
            now["earlier"] = [*before.pop("earlier", []), before]
        text = json.dumps(now, indent=1, ensure_ascii=False)
        write_atomically(self.folder / ENVIRONMENT, [text.encode()])

    def _describe(self, trainer: Trainer) -> None:
        model = self._model or trainer.model
        inputs = as_tensors(self._batch)[:trainer.objective.target_at]
        with undone(trainer.model, trainer.optimizer):
            self._details |= parts.of_model(model, inputs)
            if "graph" in self.watch:
                self.writer.add_graph(model, inputs)
        self._details["training"] = _training(trainer, self._batch)

    def _write(self, kind: str, trainer: Trainer, logs: Logs) -> None:
        values = {name: float(value) for name, value in logs.items()} | rates(trainer)
        if self._journal is not None:
            self._journal.write(kind, trainer.step, trainer.epoch, self.clock.total, logs=values)
        for name, value in values.items():
            self.writer.add_scalar(f"{kind}/{name}", value, trainer.step)

    def _tell(self, method: str, *arguments: Any) -> None:
        for observer in self._observers:
            getattr(observer, method, lambda *_: None)(*arguments)

    def _end(self, trainer: Trainer, status: str, **content: Any) -> None:
        if self._journal is None:
            return  # the fit did not begin
        self._details["times"] = self.clock.breakdown()
        self._journal.write("end", trainer.step, trainer.epoch, self.clock.total, status=status,
                            **content)
        self._journal = None
        if self._settings and trainer.epoch:
            final = {f"final/{name}": value for name, value in trainer.logs.items()}
            self.writer.add_hparams(_plain(self._settings), final, trainer.step)
        self.writer.close()
        if self.report_every:
            self._write_pages()

    def _write_pages(self) -> None:
        start = self.clock.total
        self._details |= {"title": self.title, "license": self.license, "about": self.about}
        parts.write_details(self.folder, self._details)
        record = read(self.folder)
        write_atomically(self.folder / "card.md", [card_text(record, self._details).encode()])
        write_report(self.folder, record, self._details)
        now = self.clock.total
        self._pages_due = now + _PAGES_SHARE * (now - start)


def _check_choices(exists: str, watch: Sequence[str]) -> None:
    if exists not in EXISTS:
        raise ArgumentError("Run", operands=[("exists", f"{exists!r:.60}")], got=exists,
                            rule=f"exists is one of {', '.join(EXISTS)}")
    unknown = [name for name in ([watch] if isinstance(watch, str) else watch)
               if name not in WATCHED or isinstance(watch, str)]
    if unknown:
        raise ArgumentError("Run", operands=[("watch", f"{watch!r:.60}")], got=watch,
                            rule=f"watch is a list of some of {', '.join(WATCHED)}")


def _claimed(folder: Path) -> Path:
    """The folder itself, or the first `folder-2`, `folder-3` ... that nobody has; made at once."""
    for number in range(1, _MOST_NUMBERS):
        found = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        check_writable(found.parent / "run")
        try:
            found.mkdir()
        except FileExistsError:
            if found.is_dir() and not any(found.iterdir()):
                return found
        except OSError as error:
            raise DataError(
                "Run", operands=[("folder", str(found)), ("reason", error.strerror or str(error))],
                rule="the folder can be made") from error
        else:
            return found
    raise ArgumentError("Run", operands=[("folder", str(folder))], got=str(folder),
                        rule=f"less than {_MOST_NUMBERS} runs have one name")


def _classes_of(data: Any) -> Sequence[Any]:
    """The names of classes that the data knows, or what it reads from."""
    found: Sequence[Any] = getattr(data, "classes", ()) or getattr(
        getattr(data, "dataset", getattr(data, "source", None)), "classes", ())
    return found


def _training(trainer: Trainer, batch: Any) -> dict[str, Any]:
    """How the model is trained, in words."""
    loss = trainer.loss
    size = as_tensors(batch)[0].shape
    return {
        "optimizer": repr(trainer.optimizer),
        "loss": getattr(loss, "__name__", type(loss).__name__),
        "batch size": size[0] if size else 1,
        "steps of an epoch": trainer.steps_per_epoch,
    }


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, (bool, int, float, str)) else str(value)
            for name, value in settings.items() if value is not None}
