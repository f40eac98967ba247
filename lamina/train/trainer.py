"""The trainer: what it is given, what it does, what it knows.

In: a model, a loss, an optimizer, and batches `(input, ..., target)`. Out: a trained model, and
means by name for every epoch. The loop is in loop.py, what happens to one batch in steps.py.
"""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from lamina.errors import ArgumentError
from lamina.functional.arguments import check_counts
from lamina.metrics import Metric as Accumulated
from lamina.nn import Module, Parameter
from lamina.nn.recomputing import recompute as recomputed
from lamina.optim import Optimizer
from lamina.tensor import Tensor
from lamina.tensor.memory import as_limit
from lamina.train import checkpoints, eject, evaluation, state
from lamina.train.arguments import as_clipping, check_epochs, check_model, checked_callbacks
from lamina.train.batches import Batches, as_batches, as_tensors, number_of_batches
from lamina.train.callbacks import Stop, call
from lamina.train.interrupt import DeferredInterrupt, Terminated
from lamina.train.loop import Loop
from lamina.train.losses import Loss, named_loss
from lamina.train.lr_search import RateSearch, find_lr
from lamina.train.metrics import Metric, named_metrics
from lamina.train.nan import NaNGuard
from lamina.train.objective import Objective
from lamina.train.position import BETWEEN, TRAINING, Position
from lamina.train.progress import Progress
from lamina.train.steps import Result, Steps
from lamina.train.totals import Totals
from lamina.tree import map_leaves

Logs = dict[str, float]


class Trainer:
    """Trains `model` to make `loss(prediction, target)` small.

    loss: a function, a loss of `lm.nn` or its class, or a name such as "cross_entropy".
    metrics: functions `(prediction, target) -> [batch]`, metrics of `lm.metrics`, or names such as
    "accuracy" and "roc_auc". Those of `lm.metrics` are in the logs from the end of an epoch on,
    count every example once whatever its weight, and are NaN, with a warning, of data that they
    cannot be computed of: the area under the curve of one class.
    log_every: steps between two reads of the means; a read waits for the device.
    clip: the most that the norm of all gradients may be (`optim.clip_grad_norm_`), or a function of
    the parameters that changes their gradients before each step.
    accumulate: the number of parts that a batch goes through the model in (`optim.accumulate`), for
    batches that are too large at once; more where it does not divide the size of a batch.
    precision: "bfloat16" for mixed precision (`lm.autocast`): the weights stay float32.
    class_weight: a factor for each class, `[classes]` (`lm.data.class_weights`).
    sample_weight: whether the last column of a batch is a factor for each example, `[batch]`:
    `(input, ..., target, weight)`; losses and metrics `[batch]` are then weighted means.
    recompute: compute values again in the backward pass instead of keeping them all
    (`nn.recompute`): True for segments of the square root of the depth, or their number.
    memory_limit: bytes, or text such as "4 GiB", that a step may hold (`lm.memory_limit`); what
    there is no room to keep is computed again, as little as that takes.
    on_nan: what is done when loss or gradients are no finite numbers; the step has then changed
    nothing. "raise": NumericError that names module and operation. "skip": the batch is left out.
    "rewind": so it is, and everything goes back to the latest read of the means. nan_limit: so many
    times in a fit, then it is raised. "raise" looks at the loss and at the gradients of small
    parameters, the others at all gradients, which costs another look at each.
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
        on_nan: str = "raise",
        nan_limit: int = 10,
        precision: Any = "float32",
        class_weight: Any = None,
        sample_weight: bool = False,
        recompute: bool | str | int = False,
        memory_limit: int | str | None = None,
    ) -> None:
        check_model(model)
        check_counts("Trainer", 1, log_every=log_every, accumulate=accumulate)
        self.clip = as_clipping(clip)
        self.clip_given = clip
        self.accumulate = accumulate
        self.model = model
        self.loss = named_loss(loss)
        self.objective = Objective(model, self.loss, precision=precision,
                                   class_weight=class_weight, sample_weight=sample_weight)
        if recompute:
            recomputed(model, segments="sqrt" if recompute is True else recompute)
        self.memory_limit = as_limit("Trainer", memory_limit) or None
        self.optimizer = optimizer
        self.metrics, self.accumulated = named_metrics(metrics)
        self.callbacks = checked_callbacks(callbacks)
        self.log_every = log_every
        self.nan = NaNGuard(on_nan, nan_limit)
        self.epoch = 0
        self.epochs = 0
        self.step = 0
        self.steps_per_epoch: int | None = None
        self.logs: Logs = {}
        self.lr_search: RateSearch | None = None
        self.position = Position()
        self.loop: Loop | None = None  # the fit that is running, or was interrupted
        self.trained = Totals(["loss", *self.metrics])
        self.evaluated = Totals(["loss", *self.metrics])
        self.held: dict[str, Any] | None = None  # the state, while averages are measured
        self.steps = Steps(self)
        self.resumed = False  # whether the fit goes on from a checkpoint
        self._shown: list[Any] = []  # what shows the progress of this fit
        self._loaded: Mapping[str, Any] | None = None

    # Training

    def fit(
        self,
        train: Any,
        valid: Any = None,
        epochs: int = 1,
        batch_size: int = 32,
        resume: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        progress: bool | None = None,
    ) -> list[Logs]:
        """Train for `epochs` more epochs; the logs of each.

        train, valid: a Loader, any iterable of batches that can be iterated anew for each epoch, or
        a Dataset or tuple of arrays, which is loaded in batches of `batch_size` (train shuffled);
        NumPy's float64 arrays in a tuple become float32, unless the model computes in float64.
        resume: a folder of `Checkpoint`, one of its files, or a `state_dict()`: goes on from the
        newest checkpoint there that is whole to the end of the fit that wrote it, which was given
        the same arguments, and returns its logs from the first epoch on; weights and logs are then
        those of a fit that was never interrupted, bit by bit. A folder without one is no error.
        Data that has no `state()` and `restore(state)` is read again and dropped up to the place.
        progress: whether to show how it goes; by default on a terminal, unless there is a
        `Progress` among the callbacks.
        Raises ArgumentError without an optimizer, and NumericError when the loss is not a number;
        the model is then as it was before that step. Ctrl-C and SIGTERM wait for the end of the
        step and call `on_interrupt` of the callbacks; then KeyboardInterrupt is raised, or
        SystemExit with status 143.
        """
        self._check_optimizer()
        check_epochs(epochs)
        train = as_batches(train, batch_size, shuffle=True, model=self.model)
        valid = None if valid is None else as_batches(
            valid, batch_size, shuffle=False, model=self.model)
        self.steps_per_epoch = number_of_batches(train)
        resumed = self._begin(train, checkpoints.found(resume) or self._loaded)
        self.epochs = self.position.start + epochs
        self._shown = self._display(progress)
        try:
            with DeferredInterrupt() as interrupt:
                self.loop = Loop(self, train, valid, interrupt, resumed)
                self._run(self.loop)
        except (KeyboardInterrupt, Terminated):
            self.call("on_interrupt")
            raise
        except Exception as error:
            self.call("on_error", error)
            raise
        self.loop = None
        return self.position.history

    def _begin(self, train: Batches, loaded: Mapping[str, Any] | None
               ) -> Mapping[str, Any] | None:
        """The state that this fit goes on from, which is loaded; None for a new one."""
        self._loaded, self.loop, self.resumed = None, None, loaded is not None
        self.model.train()
        self.nan.forget()
        if loaded is not None:
            state.restore(self, loaded)
            if loaded["position"] is not None:
                return loaded
        self.position = Position(start=self.epoch)
        self._search_lr(train)
        return None

    def _run(self, loop: Loop) -> None:
        try:
            loop.run()
        except Stop:
            self.position.stopped, self.position.phase = True, BETWEEN
            loop.whole, loop.held = True, None
        with suppress(Stop):  # it has ended
            self.call("on_fit_end")

    def _display(self, progress: bool | None) -> list[Any]:
        has_one = any(isinstance(callback, Progress) for callback in self.callbacks)
        wanted = sys.stdout.isatty() and not has_one if progress is None else progress
        return [Progress()] if wanted else []

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
        """End `fit` after the present epoch; for callbacks. `raise Stop` ends it at once."""
        self.position.stopped = True

    # Evaluation

    def evaluate(self, data: Any, batch_size: int = 256) -> Logs:
        """Means of loss and metrics over `data`, with the model in evaluation mode."""
        with DeferredInterrupt() as interrupt:
            batches = as_batches(data, batch_size, shuffle=False, model=self.model)
            return evaluation.evaluate(self, batches, interrupt.check)

    def predict(self, data: Any, batch_size: int = 256) -> Any:
        """The model's outputs for all examples, `[examples, ...]`; a tuple of them for several.

        data: an array of inputs, or a tuple of them for a model of several inputs; or batches as
        for `evaluate`, whose targets are left out.
        """
        return evaluation.predict(self, data, batch_size)

    # State

    def state_dict(self) -> dict[str, Any]:
        """Everything that the rest of the fit depends on, as it is after the latest step.

        A nested dict of tensors, arrays and what JSON has: model, optimizer, rates, random streams,
        epoch, step, position in the data, totals, metrics and callbacks. During validation it is
        the state before it.
        """
        if self.loop is not None and self.loop.held is not None:
            return self.loop.held
        if self.held is not None:
            return self.held
        self.nan.remember(self)
        return state.capture(self)

    def measured_values(self) -> dict[str, Tensor]:
        """Values that evaluations measure in place of the model's own: see `AverageWeights`."""
        return {name: value for callback in self.callbacks
                for name, value in getattr(callback, "measured_values", dict)().items()}

    def measured_state_dict(self) -> dict[str, Tensor]:
        """The model's `state_dict()` as evaluations measure it."""
        return self.model.state_dict() | self.measured_values()

    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Take the values of `state_dict()`; the next `fit` goes on from there.

        If they were taken in the middle of a fit, give that `fit` the same arguments.
        Raises FormatError, ShapeError or DTypeError; model and optimizer are then as they were.
        """
        self._check_optimizer()
        state.restore(self, values)
        self._loaded = values

    def restore(self, values: Mapping[str, Any]) -> None:
        """Take the values of `state_dict()`, for a loop that is already under way."""
        state.restore(self, values)

    @property
    def resumable(self) -> bool:
        """Whether a checkpoint may be taken now: a fit runs, and no step is half done."""
        return self.loop is not None and self.loop.whole

    def eject(self, path: str | os.PathLike[str]) -> None:
        """Write the loop of this trainer as a Python file of its own: `train(model, batches)`.

        It gives the same losses, bit by bit, and is there to be changed. Model and data are its
        arguments. Raises ArgumentError for what cannot be written down, such as a loss that is a
        lambda: give it a name at the top of a module.
        """
        self._check_optimizer()
        eject.write(self, path)

    # For the loop and the evaluation

    def call(self, event: str, *arguments: Any) -> None:
        """Call this method of every callback that has it."""
        call([*self.callbacks, *self._shown], event, self, *arguments)

    def begin_epoch(self) -> None:
        """Count it, and start the means anew."""
        self.epoch += 1
        self.logs = {}
        self.trained.reset()
        self.restart_metrics()
        self.position.phase, self.position.batches = TRAINING, 0

    def measure(self, result: Result, batch: Any) -> None:
        """Show a batch to the metrics that are not part of the step, if it made a step."""
        if self.accumulated and math.isfinite(result.loss.item()):
            prediction = map_leaves(Tensor.numpy, result.prediction)
            target = as_tensors(batch)[self.objective.target_at].numpy()
            for metric in self.accumulated.values():
                metric.update(prediction, target)

    def restart_metrics(self) -> None:
        """The metrics that accumulate have seen nothing."""
        for metric in self.accumulated.values():
            metric.reset()

    def computed_metrics(self) -> Logs:
        """What they have come to; NaN where that cannot be computed."""
        found: Logs = {}
        for name, metric in self.accumulated.items():
            try:
                found[name] = float(metric.compute())
            except ArgumentError as error:
                warnings.warn(f"{name} is not a number\n{error}", stacklevel=2)
                found[name] = math.nan
        return found
