"""Live progress of training: a bar on a terminal, plain lines anywhere else.

In: the trainer's calls. Out: epoch, loss and metrics, examples per second, time left:

    epoch 2/5 ━━━━━━━━━━━━━━━━  311/469  loss 0.3021  accuracy 0.8912  24,310 images/s  0:38 left
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self, TextIO

from lamina.train.callbacks import Callback

if TYPE_CHECKING:
    from lamina.train.trainer import Logs, Trainer

_DRAW_SECONDS = 0.1  # between two drawings of the bar
_LINE_SECONDS = 10.0  # between two lines where there is no bar
_OTHER_COLUMNS = 77  # of the terminal, beside the bar


class Progress(Callback):
    """Shows how training goes. `Trainer.fit` has one by itself on a terminal.

    batch_size: examples of one step; by default as many as the first batch has. unit: what an
    example is called. stream: where to write, standard output by default; without Rich, or if
    it is no terminal, one line every ten seconds and at the end of each epoch.
    As a context manager it leaves the terminal in order even after an error.
    """

    def __init__(
        self,
        batch_size: int | None = None,
        unit: str = "examples",
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stream = stream or sys.stdout
        self.meter = Meter(batch_size or 0, unit, clock)
        self.display: Display | None = None
        self._clock = clock
        self._drawn = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def on_fit_start(self, trainer: Trainer) -> None:
        """Choose the display."""
        self.display = _choose_display(self.stream)
        self.meter.start(trainer.epochs - trainer.epoch)

    def on_epoch_start(self, trainer: Trainer) -> None:
        """A new bar."""
        self.meter.start_epoch(trainer.steps_per_epoch, trainer.position.batches)
        self._drawn = self._clock()
        if self.display is not None:
            self.display.start_epoch(f"epoch {trainer.epoch}/{trainer.epochs}", self.meter.steps)

    def on_step_start(self, trainer: Trainer, batch: Any) -> None:
        """Learn how large batches are."""
        if not self.meter.batch_size:
            self.meter.batch_size = len(batch[0]) if isinstance(batch, (tuple, list)) else 1

    def on_step_end(self, trainer: Trainer, logs: Logs) -> None:
        """Draw, but not at every step."""
        self.meter.count_step()
        if self.display is not None and self._clock() - self._drawn >= self.display.seconds:
            self._drawn = self._clock()
            self.display.draw(self.meter.done, self.meter.live_text(logs))

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        """The figures of the whole epoch."""
        if self.display is not None:
            self.display.end_epoch(self.meter.done, self.meter.epoch_text(logs))

    def on_fit_end(self, trainer: Trainer) -> None:
        """Give the terminal back."""
        self.close()

    def on_interrupt(self, trainer: Trainer) -> None:
        """Give the terminal back."""
        self.close()

    def on_error(self, trainer: Trainer, error: BaseException) -> None:
        """Give the terminal back."""
        self.close()

    def close(self) -> None:
        """Give the terminal back; may be called twice."""
        if self.display is not None:
            self.display.close()
            self.display = None


class Meter:
    """Counts steps and tells how fast they go and how long the rest will take.

    The first step of a fit is left out of the estimate of the time left, since it compiles.
    """

    def __init__(self, batch_size: int, unit: str, clock: Callable[[], float]) -> None:
        self.batch_size = batch_size
        self.unit = unit
        self.clock = clock
        self.steps: int | None = None  # of an epoch
        self.done = 0  # in this epoch
        self._before = 0  # of them by the fit that this one goes on from
        self.epochs_left = 0  # after this one
        self._epoch_start = 0.0
        self._counted = 0  # steps since `_counted_from`
        self._counted_from: float | None = None

    def start(self, epochs: int) -> None:
        """A fit of `epochs` begins."""
        self.epochs_left = epochs
        self._counted, self._counted_from = 0, None

    def start_epoch(self, steps: int | None, done: int = 0) -> None:
        """An epoch of `steps`, if that is known, begins; `done` of them were made before."""
        self.steps = steps
        self.done = self._before = done
        self.epochs_left -= 1
        self._epoch_start = self.clock()

    def count_step(self) -> None:
        """A step has ended."""
        self.done += 1
        if self._counted_from is None:
            self._counted_from = self.clock()
        else:
            self._counted += 1

    @property
    def step_seconds(self) -> float | None:
        """Mean time of a step since the first one; None before there is one."""
        if not self._counted or self._counted_from is None:
            return None
        return (self.clock() - self._counted_from) / self._counted

    @property
    def seconds_left(self) -> float | None:
        """Until the end of the last epoch, as far as one can tell."""
        if self.steps is None or self.step_seconds is None:
            return None
        return self.step_seconds * (self.steps - self.done + self.steps * self.epochs_left)

    def live_text(self, logs: Mapping[str, float]) -> str:
        """Figures in mid-epoch."""
        parts = [_figures(logs)]
        if self.step_seconds:
            parts.append(f"{self.batch_size / self.step_seconds:,.0f} {self.unit}/s")
        if self.seconds_left is not None:
            parts.append(f"{_clock_text(self.seconds_left)} left")
        return "  ".join(filter(None, parts))

    def epoch_text(self, logs: Mapping[str, float]) -> str:
        """Figures of a whole epoch, compiling and validation included."""
        seconds = self.clock() - self._epoch_start
        rate = (self.done - self._before) * self.batch_size / max(seconds, 1e-9)
        return f"{_figures(logs)}  {rate:,.0f} {self.unit}/s  {seconds:.2f} s"


def _figures(logs: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in logs.items())


def _clock_text(seconds: float) -> str:
    """`0:38` or `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Display(Protocol):
    """Where progress is drawn; `seconds` is the time between two drawings."""

    seconds: float

    def start_epoch(self, title: str, steps: int | None) -> None:
        """A new line."""

    def draw(self, done: int, text: str) -> None:
        """Renew the line."""

    def end_epoch(self, done: int, text: str) -> None:
        """The last state of the line, which stays."""

    def close(self) -> None:
        """No more lines."""


class PlainLines:
    """For files, pipes and terminals without Rich."""

    seconds = _LINE_SECONDS

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.title = ""
        self.steps: int | None = None

    def start_epoch(self, title: str, steps: int | None) -> None:
        """See `Display`."""
        self.title, self.steps = title, steps

    def draw(self, done: int, text: str) -> None:
        """See `Display`."""
        place = f"{done}/{self.steps}" if self.steps else str(done)
        print(f"{self.title}  step {place}  {text}", file=self.stream, flush=True)

    def end_epoch(self, done: int, text: str) -> None:
        """See `Display`."""
        print(f"{self.title}  {text}", file=self.stream, flush=True)

    def close(self) -> None:
        """See `Display`."""


class RichBar:
    """A bar for each epoch, drawn by Rich."""

    seconds = _DRAW_SECONDS

    def __init__(self, rich_progress: Any, console: Any) -> None:
        bar_width = min(24, max(4, console.width - _OTHER_COLUMNS))
        self.bars = rich_progress.Progress(
            rich_progress.TextColumn("{task.description}"),
            rich_progress.BarColumn(bar_width=bar_width),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TextColumn("{task.fields[text]}"),
            console=console,
            auto_refresh=False,  # no thread of its own beside the workers
        )
        self.bars.start()
        self.task: Any = None

    def start_epoch(self, title: str, steps: int | None) -> None:
        """See `Display`."""
        self.task = self.bars.add_task(title, total=steps, text="")
        self.bars.refresh()

    def draw(self, done: int, text: str) -> None:
        """See `Display`."""
        self.bars.update(self.task, completed=done, text=text, refresh=True)

    def end_epoch(self, done: int, text: str) -> None:
        """See `Display`."""
        self.bars.update(self.task, completed=done, total=done, text=text, refresh=True)

    def close(self) -> None:
        """See `Display`."""
        self.bars.stop()


def _choose_display(stream: TextIO) -> Display:
    if not stream.isatty():
        return PlainLines(stream)
    try:
        import rich.console
        import rich.progress
    except ImportError:
        return PlainLines(stream)
    return RichBar(rich.progress, rich.console.Console(file=stream))
