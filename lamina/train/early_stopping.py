"""Early stopping: the end of training when a number no longer gets better.

In: the logs of each epoch. Out: the end of the fit, and the best weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lamina.tensor import Tensor
from lamina.train.callbacks import Callback
from lamina.train.monitoring import monitored, sign_of

if TYPE_CHECKING:
    from lamina.train.trainer import Logs, Trainer


class EarlyStopping(Callback):
    """Stop when `monitor` has not improved by `min_delta` for `patience` epochs.

    mode: "min" or "max", whichever is better; "auto" is "min" for losses and errors by their name,
    and "max" for others. restore_best: end with the best epoch's values, those that were measured.
    What it has seen, and the best values, are part of checkpoints: a resumed fit waits no longer.
    """

    def __init__(
        self,
        monitor: str = "valid_loss",
        patience: int = 3,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best: bool = True,
    ) -> None:
        self.monitor = monitor
        self.patience = patience
        self.min_delta = min_delta
        self.sign = sign_of("EarlyStopping", monitor, mode)
        self.restore_best = restore_best
        self.best = float("inf")
        self.best_state: dict[str, Tensor] = {}
        self.waited = 0

    @property
    def has_stopped(self) -> bool:
        """Whether it has waited for as long as it may."""
        return self.waited >= self.patience

    def on_fit_start(self, trainer: Trainer) -> None:
        """Forget an earlier fit."""
        self.best, self.best_state, self.waited = float("inf"), {}, 0

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        """Compare with the best so far."""
        value = self.sign * monitored("EarlyStopping", self.monitor, logs)
        if value < self.best - self.min_delta:
            self.best, self.waited = value, 0
            if self.restore_best:
                self.best_state = trainer.measured_state_dict()
            return
        self.waited += 1
        if self.has_stopped:
            trainer.stop()

    def on_fit_end(self, trainer: Trainer) -> None:
        """Go back to the best values."""
        if self.best_state:
            trainer.model.load_state_dict(self.best_state)

    def state_dict(self) -> dict[str, Any]:
        """The best so far and how long ago it was."""
        return {"best": self.best, "waited": self.waited, "best_state": dict(self.best_state)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.best, self.waited = state["best"], state["waited"]
        self.best_state = dict(state["best_state"])
