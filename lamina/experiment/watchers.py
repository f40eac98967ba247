"""The callbacks that a configuration may name, and two that only it needs.

In: arguments. Out: objects that the trainer calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lamina.errors import ArgumentError
from lamina.optim import EMA, SWA, ReduceLROnPlateau
from lamina.train import Callback, EarlyStopping, Trainer


class WeightAverage(Callback):
    """Train on, and end with the average of the weights.

    kind: "ema" gives every step less weight the older it is, "swa" is the mean of the ends of
    epochs. decay: of the former. start: the epoch after which averaging begins.
    """

    def __init__(self, kind: str = "ema", decay: float = 0.999, start: int = 0) -> None:
        if kind not in ("ema", "swa"):
            raise ArgumentError("WeightAverage", operands=[("kind", f"{kind!r:.60}")],
                                rule='kind is "ema" or "swa"', got=kind)
        if not 0 <= decay < 1:
            raise ArgumentError("WeightAverage", operands=[("decay", f"{decay!r:.60}")],
                                rule="decay is from 0 to below 1", got=decay)
        self.kind, self.decay, self.start = kind, decay, start
        self.average: EMA | SWA | None = None
        self.waiting: Mapping[str, Any] | None = None

    def on_fit_start(self, trainer: Trainer) -> None:
        """Begin anew."""
        named = list(trainer.model.named_parameters())
        self.average = EMA(named, self.decay, warmup=True) if self.kind == "ema" else SWA(named)
        if self.waiting is not None:
            self.average.load_state_dict(self.waiting)
            self.waiting = None

    def on_step_end(self, trainer: Trainer, logs: Any) -> None:
        """Take the weights of this step in."""
        if self.kind == "ema" and trainer.epoch > self.start and self.average is not None:
            self.average.update()

    def on_epoch_end(self, trainer: Trainer, logs: Any) -> None:
        """Take the weights of this epoch in."""
        if self.kind == "swa" and trainer.epoch > self.start and self.average is not None:
            self.average.update()

    def on_fit_end(self, trainer: Trainer) -> None:
        """The average is the model."""
        if self.average is not None and self.average.count.item() > 0:
            self.average.copy_to_parameters()

    def state_dict(self) -> dict[str, Any]:
        """The average so far."""
        return {} if self.average is None else dict(self.average.state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from an average."""
        if self.average is None:
            self.waiting = state or None
        elif state:
            self.average.load_state_dict(state)


class ReduceOnPlateau(Callback):
    """Multiply the rate by `factor` when `monitor` has not improved for `patience` epochs.

    The other arguments are those of `lm.optim.ReduceLROnPlateau`.
    """

    def __init__(self, monitor: str = "valid_loss", mode: str = "min", factor: float = 0.1,
                 patience: int = 10, threshold: float = 1e-4, cooldown: int = 0,
                 min_lr: float = 0.0) -> None:
        self.monitor = monitor
        self.options: dict[str, Any] = {
            "mode": mode, "factor": factor, "patience": patience, "threshold": threshold,
            "cooldown": cooldown, "min_lr": min_lr}
        self.plateau: ReduceLROnPlateau | None = None
        self.waiting: Mapping[str, Any] | None = None

    def on_fit_start(self, trainer: Trainer) -> None:
        """Begin anew."""
        self.plateau = ReduceLROnPlateau(trainer.optimizer, **self.options)
        if self.waiting is not None:
            self.plateau.load_state_dict(self.waiting)
            self.waiting = None

    def on_epoch_end(self, trainer: Trainer, logs: Any) -> None:
        """Look at the number."""
        if self.monitor not in logs:
            raise ArgumentError("ReduceOnPlateau", operands=[("monitor", repr(self.monitor)),
                                                             ("logs", ", ".join(logs))],
                                rule="monitor is one of the logs", got=self.monitor)
        if self.plateau is not None:
            self.plateau.step(logs[self.monitor])

    def state_dict(self) -> dict[str, Any]:
        """The best value and the counts."""
        return {} if self.plateau is None else dict(self.plateau.state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        if self.plateau is None:
            self.waiting = state or None
        elif state:
            self.plateau.load_state_dict(state)


CALLBACKS: dict[str, Callable[..., Any]] = {
    "EarlyStopping": EarlyStopping,
    "ReduceOnPlateau": ReduceOnPlateau,
    "WeightAverage": WeightAverage,
}
MONITORS = ("EarlyStopping", "ReduceOnPlateau")  # those that look at a number of the logs
