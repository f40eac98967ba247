"""Callbacks: code that the trainer calls at fixed points.

In: the trainer, and logs, numbers by name. Out: whatever the callback does; it may call
`trainer.stop()`. Any object with some of these methods is a callback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.errors import ArgumentError
from lamina.tensor import Tensor

if TYPE_CHECKING:
    from lamina.train.trainer import Logs, Trainer


class Callback:
    """Does nothing at every point; a subclass writes the methods that it wants."""

    def on_fit_start(self, trainer: Trainer) -> None:
        """Before the first epoch."""

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Before the first step of an epoch."""

    def on_step_end(self, trainer: Trainer, logs: Logs) -> None:
        """After every step. logs: means over the epoch so far, as last read from the device."""

    def on_evaluate_start(self, trainer: Trainer) -> None:
        """Before the first batch of an evaluation, within `fit` or not."""

    def on_evaluate_end(self, trainer: Trainer, logs: Logs) -> None:
        """After the last batch of an evaluation. logs: its means."""

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        """After validation. logs: means over the epoch, those of validation as `valid_...`."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """After the last epoch; not after an error."""

    def on_interrupt(self, trainer: Trainer) -> None:
        """After Ctrl-C, between two steps: model and optimizer are consistent."""


class EarlyStopping(Callback):
    """Stop when `monitor` has not improved by `min_delta` for `patience` epochs.

    mode: "min" or "max", whichever is better. restore_best: end with the best epoch's values.
    """

    def __init__(
        self,
        monitor: str = "valid_loss",
        patience: int = 3,
        min_delta: float = 0.0,
        mode: str = "min",
        restore_best: bool = True,
    ) -> None:
        if mode not in ("min", "max"):
            raise ArgumentError(
                "EarlyStopping",
                operands=[("mode", repr(mode))],
                rule='mode is "min" or "max"',
                got=mode,
            )
        self.monitor = monitor
        self.patience = patience
        self.min_delta = min_delta
        self.sign = 1.0 if mode == "min" else -1.0
        self.restore_best = restore_best
        self.best = float("inf")
        self.best_state: dict[str, Tensor] = {}
        self.waited = 0

    def on_fit_start(self, trainer: Trainer) -> None:
        """Forget an earlier fit."""
        self.best, self.best_state, self.waited = float("inf"), {}, 0

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        """Compare with the best so far."""
        if self.monitor not in logs:
            raise ArgumentError(
                "EarlyStopping",
                operands=[("monitor", repr(self.monitor)), ("logs", ", ".join(logs))],
                rule="monitor is one of the logs",
                got=self.monitor,
            )
        value = self.sign * logs[self.monitor]
        if value < self.best - self.min_delta:
            self.best, self.waited = value, 0
            if self.restore_best:
                self.best_state = trainer.model.state_dict()
            return
        self.waited += 1
        if self.waited >= self.patience:
            trainer.stop()

    def on_fit_end(self, trainer: Trainer) -> None:
        """Go back to the best values."""
        if self.best_state:
            trainer.model.load_state_dict(self.best_state)
