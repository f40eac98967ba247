"""The callback that takes checkpoints.

In: the trainer at the end of steps and epochs. Out: files in a folder: the newest ones, and the one
of the best epoch.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.errors import ArgumentError, LaminaError
from lamina.files import check_writable
from lamina.functional.arguments import check_counts
from lamina.train.callbacks import Callback
from lamina.train.checkpoints.files import packed
from lamina.train.checkpoints.folder import (
    BEST,
    remove_drafts,
    remove_old,
    step_path,
    steps_in,
)
from lamina.train.checkpoints.writer import Writer
from lamina.train.monitoring import monitored, sign_of

if TYPE_CHECKING:
    from lamina.train.trainer import Logs, Trainer

_DEFAULT = "valid_loss"  # what is watched where there is validation


class Checkpoint(Callback):
    """Keeps checkpoints in `folder`, from which `Trainer.fit(..., resume=folder)` goes on.

    every: "epoch", or a number of steps; the end of a fit, Ctrl-C and SIGTERM leave one as well.
    keep: how many of the newest stay: `step-00000123.safetensors`, where 123 counts steps.
    best: the name in the logs that `best.safetensors` is the best epoch of, by `mode` "min" or
    "max", "auto" by that name; None for no such file; without validation data, "valid_loss" means
    none, too.

    A thread writes while training goes on; one file at a time, and the next waits. A file has its
    name only when it is on the disk to the last byte, and then `on_checkpoint(trainer, path)` of
    all callbacks is called, at the next step. A write that failed is raised there.
    A new fit in a folder with later checkpoints is refused, so that none are lost.

    >>> import lamina as lm, tempfile
    >>> x, folder = np.ones((8, 2), np.float32), tempfile.mkdtemp()
    >>> model = lm.nn.Linear(2, 1)
    >>> trainer = lm.Trainer(model, loss="mse", optimizer=lm.optim.SGD(model.parameters(), lr=0.1),
    ...                      callbacks=[Checkpoint(folder)])
    >>> history = trainer.fit((x, x[:, :1]), epochs=2, batch_size=4)
    >>> sorted(os.listdir(folder))
    ['step-00000002.safetensors', 'step-00000004.safetensors']
    """

    comes_last = True

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every: int | str = "epoch",
        keep: int = 3,
        best: str | None = _DEFAULT,
        mode: str = "auto",
    ) -> None:
        if every != "epoch" and not (type(every) is int and every > 0):
            raise ArgumentError(
                "Checkpoint",
                operands=[("every", f"{every!r:.60}")],
                rule='every is a number of steps, or "epoch"',
                got=every,
            )
        check_counts("Checkpoint", 1, keep=keep)
        self.folder = Path(folder)
        self.every = every
        self.keep = keep
        self.best = best
        self.sign = sign_of("Checkpoint", best, mode)
        self.best_value: float | None = None
        self.last: Path | None = None
        self._at: tuple[int, int, str] | None = None  # where the last one was taken
        self._writer = Writer()

    def on_fit_start(self, trainer: Trainer) -> None:
        """See that the folder can be written, and holds nothing that would be lost."""
        check_writable(step_path(self.folder, 0))
        remove_drafts(self.folder)
        self.best_value, self._at = None, None
        there = steps_in(self.folder)
        if there and there[-1][0] > trainer.step and not trainer.resumed:
            raise ArgumentError(
                "Checkpoint",
                operands=[("folder", os.fspath(self.folder)), ("holds", there[-1][1].name),
                          ("step", str(trainer.step))],
                rule="a fit does not start in a folder with checkpoints of later steps",
                hint=f"fit(..., resume={os.fspath(self.folder)!r}), or another folder",
            )

    def on_step_start(self, trainer: Trainer, batch: Any) -> None:
        """Tell of the file that was written, or of the error."""
        self._tell(trainer)

    def on_step_end(self, trainer: Trainer, logs: Logs) -> None:
        """Take one every so many steps."""
        if self.every != "epoch" and trainer.step % int(self.every) == 0:
            self._take(trainer, [step_path(self.folder, trainer.step)])

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        """Take one at every epoch, at the best one and at the last."""
        is_last = trainer.epoch >= trainer.epochs or trainer.position.stopped
        paths = [step_path(self.folder, trainer.step)] if self.every == "epoch" or is_last else []
        if self._is_best(logs):
            paths.append(self.folder / BEST)
        if paths:
            self._take(trainer, paths)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Wait until the last one is on the disk."""
        self._take(trainer, [step_path(self.folder, trainer.step)])
        self._finish(trainer)

    def on_interrupt(self, trainer: Trainer) -> None:
        """Leave one of this moment."""
        self._take(trainer, [step_path(self.folder, trainer.step)])
        self._finish(trainer)

    def on_error(self, trainer: Trainer, error: Exception) -> None:
        """What was taken before the error is written all the same."""
        with suppress(LaminaError):
            self._finish(trainer)

    def state_dict(self) -> dict[str, Any]:
        """The value of the best epoch."""
        return {"best_value": self.best_value}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.best_value = state["best_value"]

    def _is_best(self, logs: Logs) -> bool:
        if self.best is None or self.best == _DEFAULT and _DEFAULT not in logs:
            return False
        value = monitored("Checkpoint", self.best, logs)
        best = math.nan if self.best_value is None else self.best_value
        if not math.isnan(best) and not self.sign * value < self.sign * best:
            return False
        self.best_value = value
        return True

    def _take(self, trainer: Trainer, paths: list[Path]) -> None:
        """Begin to write the present state, unless the latest file is of this very moment."""
        at = (trainer.step, len(trainer.position.history), trainer.position.phase)
        if not trainer.resumable or at == self._at:
            return
        state = packed(trainer.state_dict())
        self._finish(trainer)  # told before the next write may remove it
        step = trainer.step
        self._writer.submit(state, paths, lambda: remove_old(self.folder, self.keep, step))
        self._at, self.last = at, paths[0]

    def _tell(self, trainer: Trainer) -> None:
        for path in self._writer.taken():
            trainer.call("on_checkpoint", os.fspath(path))
        self._writer.check()

    def _finish(self, trainer: Trainer) -> None:
        try:
            self._writer.flush()
        finally:
            self._tell(trainer)
