"""The training loop: epochs, validation, metrics, callbacks; one compiled program for each step.

In: a model, a loss, an optimizer, and batches `(input, ..., target)`. Out: a trained model, and
means by name for every epoch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from lamina.data import Dataset
from lamina.errors import ArgumentError, NumericError
from lamina.functional.arguments import check_counts
from lamina.metrics import Metric as Accumulated
from lamina.nn import Module, Parameter
from lamina.nn.recomputing import recompute as recomputed
from lamina.optim import Optimizer, accumulate
from lamina.tensor import Tensor, isfinite, no_grad
from lamina.tensor import compile as compiled
from lamina.train.arguments import (
    as_clipping,
    check_epochs,
    check_model,
    checked_callbacks,
)
from lamina.train.batches import (
    Batches,
    as_batches,
    as_tensors,
    no_batches,
    number_of_batches,
    with_weight,
)
from lamina.train.guard import Guard
from lamina.train.interrupt import DeferredInterrupt
from lamina.train.losses import Loss, named_loss
from lamina.train.lr_search import RateSearch, find_lr
from lamina.train.metrics import Metric, named_metrics
from lamina.train.objective import Objective
from lamina.train.totals import Totals
from lamina.tree import map_leaves

Logs = dict[str, float]


class Trainer:
    """Trains `model` to make `loss(prediction, target)` small.

    loss: a function, a loss of `lm.nn` or its class, or a name such as "cross_entropy".
    metrics: functions `(prediction, target) -> [batch]`, metrics of `lm.metrics`, or names such as
    "accuracy" and "roc_auc". Those of `lm.metrics` are in the logs from the end of an epoch on.
    log_every: steps between two reads of the means; a read waits for the device.
    clip: the most that the norm of all gradients may be (`optim.clip_grad_norm_`), or a function of
    the parameters that changes their gradients before each step.
    precision: "bfloat16" for mixed precision (`lm.autocast`): the weights stay float32.
    class_weight: a factor for each class, `[classes]` (`lm.data.class_weights`).
    sample_weight: whether the last column of a batch is a factor for each example, `[batch]`:
    `(input, ..., target, weight)`; losses and metrics `[batch]` are then weighted means.
    recompute: compute values again in the backward pass instead of keeping them all
    (`nn.recompute`): True for segments of the square root of the depth, or their number.
    accumulate: the number of parts that a batch goes through the model in (`optim.accumulate`), for
    batches that are too large at once; more where it does not divide the size of a batch.
    `epoch` and `step` count those begun, from 1, over all fits; `steps_per_epoch` is None if the
    data does not know its length; `epochs` is the last that `fit` goes to; `logs` are the latest
    means. An optimizer with `lr="search"` gets the rate of `train.find_lr` before the first step;
    `lr_search` is what was found.

    >>> import lamina as lm
    >>> x = np.array([[0.0], [1.0], [2.0], [3.0]], np.float32)
    >>> model = lm.nn.Linear(1, 1)
    >>> trainer = Trainer(model, loss=lm.functional.mse_loss,
    ...                   optimizer=lm.optim.SGD(model.parameters(), lr=0.1))
    >>> history = trainer.fit((x, 2 * x), epochs=3)
    >>> history[-1]["loss"] < history[0]["loss"]
    True
    """

    def __init__(
        self,
        model: Module,
        *,
        loss: str | Loss | type[Module],
        optimizer: Optimizer,
        metrics: Sequence[str | Metric | Accumulated] = (),
        callbacks: Sequence[Any] = (),
        log_every: int = 10,
        clip: float | Callable[[list[Parameter]], object] | None = None,
        accumulate: int = 1,
        precision: Any = "float32",
        class_weight: Any = None,
        sample_weight: bool = False,
        recompute: bool | str | int = False,
    ) -> None:
        check_model(model)
        check_counts("Trainer", 1, log_every=log_every, accumulate=accumulate)
        self.clip = as_clipping(clip)
        self.accumulate = accumulate
        self.model = model
        self.loss = named_loss(loss)
        self.objective = Objective(model, self.loss, precision=precision,
                                   class_weight=class_weight, sample_weight=sample_weight)
        if recompute:
            recomputed(model, segments="sqrt" if recompute is True else recompute)
        self.optimizer = optimizer
        self.metrics, self.accumulated = named_metrics(metrics)
        self.callbacks = checked_callbacks(callbacks)
        self.log_every = log_every
        self.epoch = 0
        self.epochs = 0
        self.step = 0
        self.steps_per_epoch: int | None = None
        self.logs: Logs = {}
        self.lr_search: RateSearch | None = None
        self._stopped = False
        self._trained = Totals(["loss", *self.metrics])
        self._evaluated = Totals(["loss", *self.metrics])
        self._programs: dict[str, tuple[Any, Callable[..., Any]]] = {}

    # Training

    def fit(
        self, train: Any, valid: Any = None, epochs: int = 1, batch_size: int = 32
    ) -> list[Logs]:
        """Train for `epochs` more epochs; the logs of each.

        train, valid: a Loader, any iterable of batches that can be iterated anew for each epoch, or
        a Dataset or tuple of arrays, which is loaded in batches of `batch_size` (train shuffled).
        Raises ArgumentError without an optimizer, and NumericError when the loss is not a number;
        the model is then as it was before that step. Ctrl-C waits for the end of the step, calls
        `on_interrupt` of the callbacks, and is then raised.
        """
        self._check_optimizer()
        check_epochs(epochs)
        train = as_batches(train, batch_size, shuffle=True)
        valid = None if valid is None else as_batches(valid, batch_size, shuffle=False)
        self.steps_per_epoch = number_of_batches(train)
        self.epochs = self.epoch + epochs
        self._stopped = False
        self._search_lr(train)
        self.model.train()
        history: list[Logs] = []
        try:
            with DeferredInterrupt() as interrupt:
                self._call("on_fit_start")
                while self.epoch < self.epochs and not self._stopped:
                    history.append(self._fit_epoch(train, valid, interrupt))
                self._call("on_fit_end")
        except KeyboardInterrupt:
            self._call("on_interrupt")
            raise
        return history

    def _check_optimizer(self) -> None:
        """Evaluation and prediction need none, so that it is asked for only where it is used."""
        if not isinstance(self.optimizer, Optimizer):
            raise ArgumentError(
                "Trainer.fit",
                operands=[("optimizer", repr(self.optimizer)[:60])],
                rule="an optimizer from lm.optim makes the steps",
                hint="optimizer=lm.optim.Adam(model.parameters())",
                got=self.optimizer,
            )

    def _search_lr(self, train: Batches) -> None:
        if any(group.wants_search for group in self.optimizer.param_groups):
            self.lr_search = find_lr(self.model, self.objective, train, self.optimizer)
            self.optimizer.lr = self.lr_search.lr

    def stop(self) -> None:
        """End `fit` after the present epoch; for callbacks."""
        self._stopped = True

    def _fit_epoch(
        self, train: Batches, valid: Batches | None, interrupt: DeferredInterrupt
    ) -> Logs:
        self.epoch += 1
        self.logs = {}
        self._trained.reset()
        self._restart()
        self._call("on_epoch_start")
        self._train(train, interrupt)
        if valid is not None:
            means = self._evaluate(valid, interrupt)
            self.logs = self.logs | {f"valid_{name}": value for name, value in means.items()}
        self._call("on_epoch_end", self.logs)
        return self.logs

    def _train(self, batches: Batches, interrupt: DeferredInterrupt) -> None:
        """One pass over the data."""
        update = self._program("train", self._train_step)
        number = 0
        for batch in batches:
            number += 1
            self.step += 1
            self._measure(update(*with_weight(batch)), batch)
            if number == 1 or number % self.log_every == 0:
                self._read_means(batches)
            self._call("on_step_end", self.logs)
            interrupt.check()
        if number == 0:
            raise no_batches("fit")
        self._read_means(batches)
        self.logs = self.logs | self._computed()

    def _train_step(self, weight: Tensor, *batch: Tensor) -> tuple[Any, ...]:
        """Forward, backward, update and totals of one batch: traced once, then one program."""
        guard = Guard(self._changing())
        loss, prediction = self._gradients(*self.objective.columns(batch))
        self.clip(list(self.model.parameters()))
        self.optimizer.step()
        self.optimizer.zero_grad()
        guard.undo_unless(isfinite(loss))
        self._add(self._trained, loss, prediction, batch, weight)
        return self._results(loss, prediction)

    def _gradients(self, *columns: Tensor) -> tuple[Tensor, Any]:
        """Loss and prediction, after their gradients were left in the parameters."""
        parts = _parts(columns[-1], self.accumulate)
        if parts == 1:
            loss, prediction = self.objective.loss_of(*columns)
            loss.backward()
            return loss, prediction
        found: tuple[Tensor, Any] = accumulate(
            self.objective.loss_of, self.model.parameters(), parts, *columns, has_aux=True)
        return found

    def _changing(self) -> list[Tensor]:
        """What a step may change."""
        state = self.optimizer.state_tensors().values()
        return [*self.model.parameters(), *self.model.buffers(), *state]

    def _read_means(self, batches: Batches) -> None:
        self.logs = self._trained.means()
        if not math.isfinite(self.logs["loss"]):
            raise self._not_finite(getattr(batches, "dataset", None))

    # Evaluation

    def evaluate(self, data: Any, batch_size: int = 256) -> Logs:
        """Means of loss and metrics over `data`, with the model in evaluation mode."""
        with DeferredInterrupt() as interrupt:
            return self._evaluate(as_batches(data, batch_size, shuffle=False), interrupt)

    def _evaluate(self, batches: Batches, interrupt: DeferredInterrupt) -> Logs:
        self._evaluated.reset()
        self._restart()
        number = 0
        self._call("on_evaluate_start")
        with _evaluating(self.model), no_grad():
            measure = self._program("evaluate", self._evaluation_step)
            for batch in batches:
                number += 1
                self._measure(measure(*with_weight(batch)), batch)
                interrupt.check()
        if number == 0:
            raise no_batches("evaluate")
        logs = self._evaluated.means() | self._computed()
        self._call("on_evaluate_end", logs)
        return logs

    def _evaluation_step(self, weight: Tensor, *batch: Tensor) -> tuple[Any, ...]:
        loss, prediction = self.objective(*batch)
        self._add(self._evaluated, loss, prediction, batch, weight)
        return self._results(loss, prediction)

    def predict(self, data: Any, batch_size: int = 256) -> Any:
        """The model's outputs for all examples, `[examples, ...]`; a tuple of them for several.

        data: an array of inputs, or a tuple of them for a model of several inputs; or batches as
        for `evaluate`, whose targets are left out.
        """
        is_array = not isinstance(data, Dataset) and hasattr(data, "shape")
        batches = as_batches((data,) if is_array else data, batch_size, shuffle=False)
        only_inputs = is_array or isinstance(data, tuple)
        outputs: list[Any] = []
        with _evaluating(self.model), no_grad():
            forward = self._program("predict", self.objective.forward)
            for batch in batches:
                parts = as_tensors(batch)
                whole = only_inputs or len(parts) == 1
                inputs = parts if whole else parts[:self.objective.target_at]
                outputs.append(map_leaves(Tensor.numpy, forward(*inputs)))
        if not outputs:
            raise no_batches("predict")
        return map_leaves(lambda *parts: np.concatenate(parts), *outputs)

    # Both

    def _add(
        self, totals: Totals, loss: Tensor, prediction: Any, batch: tuple[Tensor, ...],
        weight: Tensor,
    ) -> None:
        with no_grad():
            output, target = map_leaves(Tensor.detach, prediction), batch[self.objective.target_at]
            values = {name: self.objective.mean(metric(output, target), batch)
                      for name, metric in self.metrics.items()}
            totals.add({"loss": loss} | values, self.objective.weight_of(weight, batch))

    def _results(self, loss: Tensor, prediction: Any) -> tuple[Any, ...]:
        """What a step gives back: the loss, and the prediction if a metric outside wants it."""
        if not self.accumulated:
            return (loss.detach(),)
        return loss.detach(), map_leaves(Tensor.detach, prediction)

    def _measure(self, results: tuple[Any, ...], batch: Any) -> None:
        """Show a batch to the metrics that are not part of the step, if it made a step."""
        if self.accumulated and math.isfinite(results[0].item()):
            prediction = map_leaves(Tensor.numpy, results[1])
            target = as_tensors(batch)[self.objective.target_at].numpy()
            for metric in self.accumulated.values():
                metric.update(prediction, target)

    def _restart(self) -> None:
        for metric in self.accumulated.values():
            metric.reset()

    def _computed(self) -> Logs:
        return {name: float(metric.compute()) for name, metric in self.accumulated.items()}

    def _program(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function` compiled; anew when a parameter was frozen or a module changed its mode."""
        key = (
            tuple(p.requires_grad for p in self.model.parameters()),
            tuple(module.training for module in self.model.modules()),
        )
        if name not in self._programs or self._programs[name][0] != key:
            self._programs[name] = key, compiled(function)
        return self._programs[name][1]

    def _call(self, method: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            function = getattr(callback, method, None)
            if function is not None:
                function(self, *arguments)

    def _not_finite(self, dataset: Dataset | None) -> NumericError:
        found = dataset.find_not_finite() if isinstance(dataset, Dataset) else ""
        loss = self.logs["loss"]
        operands = [("loss", f"{loss}, seen after step {self.step} in epoch {self.epoch}")]
        return NumericError(
            "Trainer.fit",
            operands=[*operands, ("data", found)] if found else operands,
            rule="the loss is a finite number",
            hint="leave out the rows that are not finite" if found else
            "a smaller learning rate, or LAMINA_CHECK=1 to name the operation that made it",
            got=loss,
        )


@contextmanager
def _evaluating(model: Module) -> Iterator[None]:
    """Evaluation mode for a block; afterwards each module is in its own mode again."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _parts(batch: Tensor, least: int) -> int:
    """The smallest number of equal parts of a batch that is at least `least`."""
    size = batch.shape[0] if batch.ndim else 1
    return next((n for n in range(least, size) if size % n == 0), size) if least > 1 else 1
