"""Small callbacks: a rate that falls on a plateau, and functions at any event.

In: the events of a trainer. Out: a smaller learning rate, or what the functions do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lamina.errors import ArgumentError
from lamina.optim import ReduceLROnPlateau
from lamina.train.callbacks import EVENTS, Callback
from lamina.train.monitoring import monitored

if TYPE_CHECKING:
    from lamina.train.trainer import Logs, Trainer


class ReduceOnPlateau(Callback):
    """lr *= factor when `monitor` has not been better for more than `patience` epochs.

    options: those of `optim.ReduceLROnPlateau`, such as mode="max", min_lr, cooldown.

    >>> ReduceOnPlateau("valid_accuracy", mode="max", factor=0.5, patience=2).monitor
    'valid_accuracy'
    """

    def __init__(self, monitor: str = "valid_loss", **options: Any) -> None:
        self.monitor = monitor
        self.options = options
        self.plateau: ReduceLROnPlateau | None = None
        self._loaded: Mapping[str, Any] = {}  # a state that came before the optimizer

    def on_fit_start(self, trainer: Trainer) -> None:
        """Watch the rates of the trainer's optimizer."""
        if self.plateau is None or self.plateau.optimizer is not trainer.optimizer:
            self.plateau = ReduceLROnPlateau(trainer.optimizer, **self.options)
        if self._loaded:
            self.load_state_dict(self._loaded)

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        """Look at the metric."""
        value = monitored("ReduceOnPlateau", self.monitor, logs)
        if self.plateau is not None:
            self.plateau.step(value)

    def state_dict(self) -> dict[str, Any]:
        """The best value and the counts."""
        return {} if self.plateau is None else self.plateau.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the values of `state_dict()`, now or when `on_fit_start` knows the optimizer."""
        self._loaded = state if self.plateau is None else {}
        if self.plateau is not None and state:
            self.plateau.load_state_dict(state)


class LambdaCallback(Callback):
    """Functions at the events of a trainer, by the names of the events.

    >>> seen = []
    >>> callback = LambdaCallback(on_epoch_end=lambda trainer, logs: seen.append(logs["loss"]))
    >>> callback.on_epoch_end(None, {"loss": 0.5})
    >>> seen
    [0.5]
    """

    def __init__(self, **functions: Callable[..., object]) -> None:
        for name, function in functions.items():
            if name not in EVENTS or not callable(function):
                raise ArgumentError(
                    "LambdaCallback", operands=[(name, f"{function!r:.60}")],
                    rule="functions are named by the event: " + ", ".join(EVENTS), got=name)
            setattr(self, name, function)
