"""The loop of a fit: epochs, steps, validation, and the events between them.

In: a trainer and its data. Out: the trainer at the end of its last epoch. What the loop has done is
in `trainer.position` at every point at which a checkpoint may be taken, so that a loop that starts
from there does exactly what this one does next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from math import nan
from typing import TYPE_CHECKING, Any

from lamina.errors import ArgumentError
from lamina.tensor import generator
from lamina.train.batches import (
    Batches,
    check_weights,
    no_batches,
    number_of_batches,
    with_weight,
)
from lamina.train.callbacks import Skip
from lamina.train.evaluation import evaluate
from lamina.train.interrupt import DeferredInterrupt
from lamina.train.position import BETWEEN, TRAINED, TRAINING, VALIDATING, remaining, state_of
from lamina.train.steps import Result

if TYPE_CHECKING:
    from lamina.train.trainer import Trainer

_END, _UNKNOWN = object(), object()  # in place of a batch: there is none; it was not asked for


class Loop:
    """One fit. resumed: the state that it goes on from."""

    def __init__(self, trainer: Trainer, train: Batches, valid: Batches | None,
                 interrupt: DeferredInterrupt, resumed: Mapping[str, Any] | None) -> None:
        self.trainer = trainer
        self.train, self.valid = train, valid
        self.length = number_of_batches(train)
        self.interrupt = interrupt
        self.resumed = resumed
        self.held: dict[str, Any] | None = None  # the state before the validation that is running
        self.whole = True  # whether no step is half done

    def run(self) -> None:
        """All epochs, or those that are left."""
        trainer = self.trainer
        trainer.call("on_fit_start")
        rest = self._resume() if self.resumed is not None else None
        trainer.nan.remember(trainer)
        position = trainer.position
        while position.phase != BETWEEN or (
                trainer.epoch < trainer.epochs and not position.stopped):
            self._epoch(rest)
            rest = None
            self.interrupt.check()

    def _resume(self) -> Iterator[Any] | None:
        """Everything as it was; the rest of the epoch, if it was in the middle of one."""
        state, rest = self.resumed, None
        trainer = self.trainer
        if state is None:
            return None
        if trainer.position.phase != BETWEEN:
            with suppress(Skip):  # it was begun all the same
                trainer.call("on_epoch_start")
        if trainer.position.phase == TRAINING:
            self._check_length(trainer.position.batches, state.get("steps_per_epoch"))
            rest = remaining(self.train, trainer.position.batches, state["train"])
        elif state["train"] is not None and state_of(self.train) is not None:
            self.train.restore(state["train"])  # type: ignore[attr-defined]
        if state["valid"] is not None and state_of(self.valid) is not None:
            self.valid.restore(state["valid"])  # type: ignore[union-attr]
        trainer.restore(state)  # again: what callbacks did to begin was done the first time
        return rest

    def _check_length(self, seen: int, before: int | None) -> None:
        """Data with other batches than before would end the epoch elsewhere without a word."""
        length = self.length
        if length is not None and (length <= seen or before is not None and length != before):
            raise ArgumentError(
                "resume", operands=[("checkpoint", f"{seen} batches into an epoch"
                                     + ("" if before is None else f" of {before}")),
                                    ("data", f"{self.length} batches")],
                rule="the data is that of the fit that wrote the checkpoint")

    def _epoch(self, rest: Iterator[Any] | None) -> None:
        trainer, position = self.trainer, self.trainer.position
        if position.phase == BETWEEN:
            trainer.begin_epoch()
            try:
                trainer.call("on_epoch_start")
            except Skip:
                position.phase = BETWEEN
                return
            rest = None
        if position.phase == TRAINING:
            self._train(rest)
        if position.phase == TRAINED:
            trainer.logs = trainer.trained.means(nothing=nan) | trainer.computed_metrics()
            position.phase = VALIDATING
        if self.valid is not None:
            self._validate(self.valid)
        position.phase = BETWEEN
        position.history.append(trainer.logs)
        trainer.call("on_epoch_end", trainer.logs)

    def _validate(self, valid: Batches) -> None:
        """Means over the validation data; an interruption in the middle does it all again."""
        self.held = self.trainer.state_dict()
        means = evaluate(self.trainer, valid, self.interrupt.check)
        self.held = None
        self.trainer.logs = self.trainer.logs | {
            f"valid_{name}": value for name, value in means.items()}

    def _train(self, rest: Iterator[Any] | None) -> None:
        """One pass over the data, or the rest of it."""
        trainer, position = self.trainer, self.trainer.position
        batches = iter(self.train) if rest is None else rest
        update = trainer.steps.program("train")
        batch = self._next(batches)
        while batch is not _END:
            position.batches += 1
            stepped = self._step(update, batch)
            batch = _UNKNOWN
            if position.batches == self.length:  # so that the data is at its end, not before it
                batch = self._next(batches)
                position.phase = TRAINED if batch is _END else TRAINING
            self.whole = batch is _UNKNOWN or batch is _END
            if stepped:
                trainer.call("on_step_end", trainer.logs)
            self.interrupt.check()
            if batch is _UNKNOWN:
                batch = self._next(batches)
        if position.batches == 0:
            raise no_batches("fit")
        position.phase = TRAINED

    def _next(self, batches: Iterator[Any]) -> Any:
        self.whole = False
        batch = next(batches, _END)
        self.whole = batch is _END
        return batch

    def _step(self, update: Callable[..., Result], batch: Any) -> bool:
        """One step, unless a callback skips it."""
        trainer = self.trainer
        trainer.step += 1
        try:
            trainer.call("on_step_start", batch)
        except Skip:
            trainer.step -= 1
            return False
        stream = generator.state.detach()
        if trainer.objective.sample_weight:
            check_weights(batch)
        result = update(*with_weight(batch))
        number = trainer.position.batches
        is_read = number == 1 or number % trainer.log_every == 0
        if result.good.item():
            trainer.measure(result, batch)
            if is_read:
                trainer.nan.remember(trainer)
        else:
            trainer.nan.handle(trainer, batch, result.loss.item(), stream,
                               getattr(self.train, "dataset", None))
        if is_read:
            trainer.logs = trainer.trained.means(nothing=nan)
        return True

    def data_state(self) -> Mapping[str, Any]:
        """What a checkpoint says of the data."""
        return {"train": state_of(self.train), "valid": state_of(self.valid)}
