"""A loss or a gradient that is not a number: named, left out, or gone back from.

In: a batch whose step changed nothing, since its loss or gradient was not finite. Out: the error
that names module and operation, or a fit that goes on without the batch.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.config import override
from lamina.data import Dataset
from lamina.errors import LaminaError, NumericError
from lamina.functional.arguments import check_choice, check_counts
from lamina.runtime.not_numbers import infinities_too
from lamina.tensor import Tensor, evaluate, generator
from lamina.train.batches import as_tensors
from lamina.train.snapshot import Snapshot, undone

if TYPE_CHECKING:
    from lamina.train.trainer import Trainer

MODES = ("raise", "skip", "rewind")


class NaNGuard:
    """What is done with such a batch: "raise", "skip" it, or "rewind" too; at most `limit` times.

    times: how often it was done in this fit.
    """

    def __init__(self, mode: str, limit: int) -> None:
        check_choice("Trainer", "on_nan", mode, MODES)
        check_counts("Trainer", 0, nan_limit=limit)
        self.mode = mode
        self.limit = limit
        self.times = 0
        self._good: Snapshot | None = None

    def remember(self, trainer: Trainer) -> None:
        """Everything is a number now: here is where "rewind" goes back to."""
        if self.mode == "rewind":
            self._good = Snapshot(trainer.model, trainer.optimizer)

    def forget(self) -> None:
        """A fit begins, or ends."""
        self.times, self._good = 0, None

    def handle(self, trainer: Trainer, batch: Any, loss: float, stream: Tensor, data: Any) -> None:
        """The step on `batch` changed nothing; NumericError if the fit cannot go on.

        stream: the state of the random stream before the step. data: what the batch came from.
        """
        self.times += 1
        if self.mode == "raise" or self.times > self.limit:
            raise self._error(trainer, batch, loss, stream, data)
        if self._good is not None:
            self._good.restore()

    def _error(
        self, trainer: Trainer, batch: Any, loss: float, stream: Tensor, data: Any
    ) -> NumericError:
        operands = [("loss", f"{loss}, at step {trainer.step} in epoch {trainer.epoch}")]
        if self.times > 1:
            operands.append(("before", f"{self.times - 1} times, nan_limit={self.limit}"))
        where = _not_finite_data(batch, data)
        if where:
            operands.append(("data", where))
        weights = [name for name, p in trainer.model.named_parameters()
                   if not np.isfinite(p.detach().numpy()).all()]
        if weights:
            operands.append(("weights", ", ".join(weights[:4]) + ": no numbers before this step"))
        found = None if where or weights else culprit(trainer, batch, stream)
        return NumericError(
            "Trainer.fit" if found is None else found.op,
            where=None if found is None else found.where,
            operands=[*(() if found is None else found.operands), *operands],
            rule="the loss is a finite number, and so are the gradients",
            hint=_way_out(where, weights),
            got=loss,
        )


def _way_out(where: str, weights: list[str]) -> str:
    if where:
        return "leave out the rows that are not finite"
    if weights:
        return 'on_nan="skip", which looks at every gradient and stops before the weights change'
    return ('a smaller learning rate, clip=1.0, or on_nan="rewind" to go back and leave the batch '
            "out")


def _not_finite_data(batch: Any, data: Any) -> str:
    """Where in the data the first NaN or infinity is; "" if nowhere."""
    here = Dataset(*(part.numpy() for part in as_tensors(batch))).find_not_finite()
    if not here:
        return ""
    return (data.find_not_finite() if isinstance(data, Dataset) else "") or f"{here}, in the batch"


def culprit(trainer: Trainer, batch: Any, stream: Tensor) -> NumericError | None:
    """The first operation of a step that makes a NaN, or else an infinity, out of numbers.

    Runs the batch again, one operation at a time as with LAMINA_CHECK=1; leaves no trace. A NaN
    that comes of an infinity is blamed on what made that.
    """
    found = _checked(trainer, batch, stream, nullcontext())
    if found is None or any("inf" in text for _, text in found.operands):
        found = _checked(trainer, batch, stream, infinities_too()) or found
    return found


def _checked(trainer: Trainer, batch: Any, stream: Tensor, search: AbstractContextManager[None]
             ) -> NumericError | None:
    with undone(trainer.model, trainer.optimizer), override(check=True), search:
        generator.state.assign(stream.detach())
        try:
            loss, _ = trainer.objective(*as_tensors(batch))
            evaluate(loss)
            loss.backward()
            evaluate(*(p.grad for p in trainer.model.parameters() if p.grad is not None))
        except NumericError as error:
            return error
        except (LaminaError, MemoryError):
            return None  # a step that cannot be looked into this way
    return None
