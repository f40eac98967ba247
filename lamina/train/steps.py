"""The steps of a trainer: what happens to one batch, each step one compiled program.

In: the trainer's model, loss, optimizer and metrics, and a batch. Out: functions of a batch that
change the model and the totals. This is the place for what a step does besides: precision, memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from lamina.errors import ArgumentError
from lamina.optim import accumulate
from lamina.tensor import Tensor, isfinite, no_grad
from lamina.tensor import compile as compiled
from lamina.train.guard import Guard
from lamina.train.totals import Totals
from lamina.tree import map_leaves

if TYPE_CHECKING:
    from lamina.train.trainer import Trainer

SMALL = 4096  # elements of a parameter whose gradient is looked at in every step


class Result(NamedTuple):
    """What a step gives back; the prediction only if a metric outside of the step wants it.

    good: a 0-d bool, whether the loss and the gradients that are looked at are numbers.
    """

    good: Tensor
    loss: Tensor
    prediction: Any


class Steps:
    """The programs of a trainer, made when they are first asked for.

    They are made anew when a parameter was frozen or a module changed its mode.
    """

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self._programs: dict[str, tuple[Any, Callable[..., Any]]] = {}

    def program(self, name: str) -> Callable[..., Any]:
        """One of "train", "evaluate" (weight, *batch) and "predict" (*inputs), compiled."""
        model = self.trainer.model
        key = (
            tuple(p.requires_grad for p in model.parameters()),
            tuple(module.training for module in model.modules()),
            self.trainer.memory_limit,
        )
        if name not in self._programs or self._programs[name][0] != key:
            self._programs[name] = key, compiled(getattr(self, name), self.trainer.memory_limit)
        return self._programs[name][1]

    def train(self, weight: Tensor, *batch: Tensor) -> Result:
        """Forward, backward, update and totals of one batch. weight: how many examples it has."""
        trainer = self.trainer
        _check_trainable(trainer)
        guard = Guard(self._changing())
        loss, prediction = self.gradients(*trainer.objective.columns(batch))
        good = isfinite(loss) & self._gradients_are_finite()
        trainer.clip(list(trainer.model.parameters()))
        trainer.optimizer.step()
        trainer.optimizer.zero_grad()
        guard.undo_unless(good)
        self._add(trainer.trained, good, loss, prediction, batch, weight)
        return self._result(good, loss, prediction)

    def evaluate(self, weight: Tensor, *batch: Tensor) -> Result:
        """Forward and totals of one batch."""
        loss, prediction = self.trainer.objective(*batch)
        good = isfinite(loss)
        self._add(self.trainer.evaluated, None, loss, prediction, batch, weight)
        return self._result(good, loss, prediction)

    def predict(self, *inputs: Tensor) -> Any:
        """The model's outputs."""
        return self.trainer.objective.forward(*inputs)

    def gradients(self, *columns: Tensor) -> tuple[Tensor, Any]:
        """Loss and prediction, after their gradients were left in the parameters."""
        loss_of = self.trainer.objective.loss_of
        parts = _parts(columns[-1], self.trainer.accumulate)
        if parts == 1:
            loss, prediction = loss_of(*columns)
            loss.backward()
            return loss, prediction
        found: tuple[Tensor, Any] = accumulate(
            loss_of, self.trainer.model.parameters(), parts, *columns, has_aux=True)
        return found

    def _gradients_are_finite(self) -> Tensor | bool:
        """Of all parameters where a bad step is left out, else of small ones, which costs nothing.

        What goes wrong on the way back reaches the biases and norms of the layers before.
        """
        most = SMALL if self.trainer.nan.mode == "raise" else float("inf")
        good: Tensor | bool = True
        with no_grad():
            for p in self.trainer.model.parameters():
                if p.requires_grad and p.size <= most and p.grad is not None:
                    good = isfinite(p.grad.sum()) & good
        return good

    def _changing(self) -> list[Tensor]:
        """What a step may change."""
        model, optimizer = self.trainer.model, self.trainer.optimizer
        return [*model.parameters(), *model.buffers(), *optimizer.state_tensors().values()]

    def _add(self, totals: Totals, good: Tensor | None, loss: Tensor, prediction: Any,
             batch: tuple[Tensor, ...], weight: Tensor) -> None:
        objective = self.trainer.objective
        with no_grad():
            output, target = map_leaves(Tensor.detach, prediction), batch[objective.target_at]
            values = {name: objective.mean(metric(output, target), batch)
                      for name, metric in self.trainer.metrics.items()}
            totals.add({"loss": loss} | values, objective.weight_of(weight, batch), good)

    def _result(self, good: Tensor, loss: Tensor, prediction: Any) -> Result:
        shown = map_leaves(Tensor.detach, prediction) if self.trainer.accumulated else ()
        return Result(good.detach(), loss.detach(), shown)


def _check_trainable(trainer: Trainer) -> None:
    groups = trainer.optimizer.param_groups
    frozen = [p for group in groups for p in group.params if not p.requires_grad]
    if len(frozen) == sum(len(group.params) for group in groups):
        raise ArgumentError("Trainer.fit", operands=[("frozen", f"all {len(frozen)} parameters")],
                            rule="some parameter of the optimizer is trained",
                            hint="model.requires_grad_(True), or that of a layer")


def _parts(batch: Tensor, least: int) -> int:
    """The smallest number of equal parts of a batch that is at least `least`."""
    size = batch.shape[0] if batch.ndim else 1
    return next((n for n in range(least, size) if size % n == 0), size) if least > 1 else 1
