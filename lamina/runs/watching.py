"""Callbacks that look at a training and change nothing in it.

In: the trainer's events. Out: rates in the logs; histograms, images and text in event files; a
profile. The weights, the optimizer's state and the random stream are afterwards as they would have
been without them, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.errors import ArgumentError
from lamina.functional.arguments import check_counts
from lamina.io.tensorboard import SummaryWriter
from lamina.nn.modes import evaluating
from lamina.runs.outcome import first_rows, kind_of, names_of, probabilities
from lamina.runs.pictures import as_line, as_pixels, is_image
from lamina.runs.profile import Profile, profile
from lamina.tensor import Tensor, no_grad
from lamina.tensor import compile as compiled
from lamina.train import Callback
from lamina.train.batches import as_tensors
from lamina.train.snapshot import undone

if TYPE_CHECKING:
    from lamina.train import Trainer
    from lamina.train.trainer import Logs


def rates(trainer: Trainer) -> dict[str, float]:
    """The learning rate of each group: `lr`, or `lr.0`, `lr.1` ... for several."""
    groups = trainer.optimizer.param_groups
    names = ["lr"] if len(groups) == 1 else [f"lr.{i}" for i in range(len(groups))]
    return {name: float(group.lr.item()) for name, group in zip(names, groups, strict=True)
            if not group.wants_search}


class LearningRates(Callback):
    """Puts the learning rates into the logs; stands before the callbacks that show them.

    `lr` for one group of parameters, `lr.0`, `lr.1` and so on for several: the rate of the latest
    step.

    >>> import lamina as lm
    >>> model = lm.nn.Linear(1, 1)
    >>> trainer = lm.Trainer(model, loss="mse", callbacks=[LearningRates()],
    ...                      optimizer=lm.optim.SGD(model.parameters(), lr=0.5))
    >>> trainer.fit((np.ones((4, 1), np.float32), np.ones((4, 1), np.float32)))[-1]["lr"]
    0.5
    """

    def on_step_end(self, trainer: Trainer, logs: Logs) -> None:
        """Add them to the logs so far."""
        logs |= rates(trainer)

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        """Add them to the logs of the epoch."""
        logs |= rates(trainer)


class _EveryFewEpochs(Callback):
    """What is done at the end of epochs `every`, 2 `every` ..."""

    def __init__(self, writer: SummaryWriter, every: int) -> None:
        check_counts(type(self).__name__, 1, every=every)
        self.writer = writer
        self.every = every

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        """Look, if it is time."""
        if trainer.epoch % self.every == 0:
            self.look(trainer)

    def look(self, trainer: Trainer) -> None:
        """What is to be done then."""
        raise NotImplementedError(f"{type(self).__name__} has no look method")


class WeightHistograms(_EveryFewEpochs):
    """How the values of each parameter are spread, `weights/NAME`, every few epochs."""

    def __init__(self, writer: SummaryWriter, every: int = 1) -> None:
        super().__init__(writer, every)

    def look(self, trainer: Trainer) -> None:
        """Write one histogram for each parameter."""
        for name, value in trainer.model.named_parameters():
            _histogram(self.writer, f"weights/{name}", value.numpy(), trainer.step)


class GradientHistograms(_EveryFewEpochs):
    """How the gradients of each parameter are spread, `gradients/NAME`, every few epochs.

    They are those of the epoch's last batch, or of `batch`, `(input, ..., target)`, computed once
    more beside the training: a step that is one program keeps none.
    """

    def __init__(self, writer: SummaryWriter, every: int = 1,
                 batch: Sequence[Any] | None = None) -> None:
        super().__init__(writer, every)
        self.batch = batch
        self._latest: Any = None
        self._program: tuple[Any, Callable[..., Any]] | None = None

    def on_step_start(self, trainer: Trainer, batch: Any) -> None:
        """Keep the batch."""
        self._latest = batch

    def look(self, trainer: Trainer) -> None:
        """Write one histogram for each parameter that has a gradient."""
        batch = self._latest if self.batch is None else self.batch
        if batch is None:
            return
        gradients = self._gradients(trainer)
        with undone(trainer.model, trainer.optimizer):
            trainer.optimizer.zero_grad()
            found = {name: g.numpy() for name, g in gradients(*as_tensors(batch)).items()}
        for name, values in found.items():
            _histogram(self.writer, f"gradients/{name}", values, trainer.step)

    def _gradients(self, trainer: Trainer) -> Callable[..., Any]:
        """A program of its own, anew when a parameter was frozen or thawed."""
        model, objective = trainer.model, trainer.objective
        key = (id(model), tuple(p.requires_grad for p in model.parameters()))
        if self._program is None or self._program[0] != key:

            def gradients(*batch: Tensor) -> dict[str, Tensor]:
                objective(*batch)[0].backward()
                found = {name: p.grad for name, p in model.named_parameters()
                         if p.grad is not None}
                model.zero_grad()
                return found

            self._program = key, compiled(gradients)
        return self._program[1]


def _histogram(writer: SummaryWriter, tag: str, values: np.ndarray, step: int) -> None:
    if values.size and np.isfinite(values).any():
        writer.add_histogram(tag, values, step)


class SamplePredictions(_EveryFewEpochs):
    """What the model says to a few fixed examples, every few epochs.

    data: as for `Trainer.evaluate`; its first `count` rows are shown, images also as pictures, in
    `samples/inputs` and `samples/predictions`. classes: names of the labels.
    """

    def __init__(self, writer: SummaryWriter, data: Any, count: int = 8,
                 classes: Sequence[str] = (), every: int = 1) -> None:
        super().__init__(writer, every)
        check_counts("SamplePredictions", 1, count=count)
        self.data, self.count, self.classes = data, count, classes
        self._rows: tuple[np.ndarray, ...] | None = None

    def look(self, trainer: Trainer) -> None:
        """Write the table, and the first time the pictures."""
        if self._rows is None:
            self._rows = first_rows(self.data, self.count)
            if self._rows is None or len(self._rows) < 2:
                raise ArgumentError("SamplePredictions", operands=[("data", "no targets")],
                                    rule="data yields batches of inputs and targets")
            self._show_inputs(self._rows[0], trainer.step)
        at = trainer.objective.target_at
        inputs, target = self._rows[:at], self._rows[at]
        with undone(trainer.model, trainer.optimizer), evaluating(trainer.model), no_grad():
            found = trainer.model(*as_tensors(inputs))
            outputs = found.numpy() if isinstance(found, Tensor) else None
        if outputs is not None:
            table = self._table(inputs[0], outputs, target)
            self.writer.add_text("samples/predictions", table, trainer.step)

    def _show_inputs(self, inputs: np.ndarray, step: int) -> None:
        if is_image(inputs.shape[1:]):
            self.writer.add_images("samples/inputs", np.stack([as_pixels(x) for x in inputs]), step)

    def _table(self, inputs: np.ndarray, found: np.ndarray, target: np.ndarray) -> str:
        """In Markdown."""
        lines = ["| example | truth | prediction |", "|---|---|---|"]
        kind = kind_of(found, target)
        for row in range(len(target)):
            shown = str(row) if is_image(inputs.shape[1:]) else as_line(inputs[row])
            if kind == "classes" and target.ndim == 1:
                shares = probabilities(found[row])
                best = int(shares.argmax())
                names = names_of(self.classes, len(shares))
                says = f"{names[best]} ({shares[best]:.1%})"
                truth = names_of(self.classes, int(target[row]) + 1)[int(target[row])]
            else:
                says, truth = as_line(np.asarray(found[row])), as_line(np.asarray(target[row]))
            lines.append(f"| {shown} | {truth} | {says} |")
        return "\n".join(lines)


class SampleImages(_EveryFewEpochs):
    """Images that the model makes, `samples/images`, every few epochs.

    make: `(model, epoch) -> images`, `[count, height, width, channels]`, from 0 to 1 or uint8; the
    model is in evaluation, no gradient is recorded, and random numbers that it draws do not change
    those of the training.
    """

    def __init__(self, writer: SummaryWriter, make: Callable[[Any, int], Any],
                 every: int = 1, tag: str = "samples/images") -> None:
        super().__init__(writer, every)
        self.make = make
        self.tag = tag

    def look(self, trainer: Trainer) -> None:
        """Make and write them."""
        with undone(trainer.model, trainer.optimizer), evaluating(trainer.model), no_grad():
            images = self.make(trainer.model, trainer.epoch)
            images = images.numpy() if isinstance(images, Tensor) else np.asarray(images)
        self.writer.add_images(self.tag, images, trainer.step)


class Profiler(Callback):
    """Times a step, kernel by kernel and module by module, at the end of epoch `at`.

    `profile` is what was found, None before. With a writer it is also a text, `profile`.
    """

    def __init__(self, writer: SummaryWriter | None = None, at: int = 1, repeats: int = 5) -> None:
        check_counts("Profiler", 1, at=at, repeats=repeats)
        self.writer, self.at, self.repeats = writer, at, repeats
        self.profile: Profile | None = None
        self._batch: Any = None

    def on_step_start(self, trainer: Trainer, batch: Any) -> None:
        """Keep the batch."""
        self._batch = batch

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        """Run the step a few times beside the training."""
        if trainer.epoch == self.at and self._batch is not None:
            self.profile = profile_of(trainer, self._batch, self.repeats)
            if self.writer is not None:
                self.writer.add_text("profile", f"```\n{self.profile.text()}\n```", trainer.step)


def profile_of(trainer: Trainer, batch: Any, repeats: int = 5) -> Profile:
    """The profile of a trainer's step on a batch."""
    parts, at = as_tensors(batch), trainer.objective.target_at
    return profile(trainer.model, parts[:at], parts[at], trainer.loss, trainer.optimizer, repeats)
