"""Callbacks: code that the trainer calls before and after each thing that it does.

In: the trainer, and a batch or logs, numbers by name. Out: whatever the callback does; it may raise
`Skip` or `Stop`. Any object with some of these methods is a callback.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamina.train.trainer import Logs, Trainer


class Skip(Exception):
    """Raised in `on_step_start`: leave this batch out; in `on_epoch_start`: this epoch."""


class Stop(Exception):
    """Raised at any point of `fit`: end it here, in order."""


class Callback:
    """Does nothing at every point; a subclass writes the methods that it wants.

    A callback may have `state_dict()` and `load_state_dict(state)`, of tensors, arrays and what
    JSON has; its state is then a part of every checkpoint.
    comes_first, comes_last: it is called before the others, or after them and sees what they did.

    >>> class Counter(Callback):
    ...     seen = 0
    ...     def on_step_end(self, trainer, logs):
    ...         self.seen += 1
    """

    comes_first: bool = False
    comes_last: bool = False

    def measured_values(self) -> Mapping[str, Any]:
        """Values of the model, by name, that evaluations measure in place of its own: averages."""
        return {}

    def on_fit_start(self, trainer: Trainer) -> None:
        """Before the first epoch; also of a fit that is resumed, then before its state is back."""

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Before the first step of an epoch, and before its rest where that is resumed."""

    def on_step_start(self, trainer: Trainer, batch: Any) -> None:
        """Before every step. batch: as the data gave it."""

    def on_step_end(self, trainer: Trainer, logs: Logs) -> None:
        """After every step. logs: means over the epoch so far, as last read from the device."""

    def on_evaluate_start(self, trainer: Trainer) -> None:
        """Before validation, and before `evaluate`."""

    def on_evaluate_end(self, trainer: Trainer, logs: Logs) -> None:
        """After it. logs: its means, without `valid_`."""

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        """After validation. logs: means over the epoch, those of validation as `valid_...`."""

    def on_checkpoint(self, trainer: Trainer, path: str) -> None:
        """A checkpoint is safely on the disk, under its name."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """After the last epoch; not after an error."""

    def on_interrupt(self, trainer: Trainer) -> None:
        """After Ctrl-C or SIGTERM, between two steps: model and optimizer are consistent."""

    def on_error(self, trainer: Trainer, error: Exception) -> None:
        """`fit` is about to raise this error."""


EVENTS = tuple(name for name in vars(Callback) if name.startswith("on_"))


def call(callbacks: Iterable[Any], event: str, *arguments: Any) -> None:
    """Call the method of that name of every callback that has it, in their order."""
    for callback in sorted(callbacks, key=_place):
        function = getattr(callback, event, None)
        if function is not None:
            function(*arguments)


def _place(callback: Any) -> int:
    """-1 for those that come first, 1 for those that come last."""
    return getattr(callback, "comes_last", False) - getattr(callback, "comes_first", False)
