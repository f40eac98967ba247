"""What a trainer makes small: from the columns of a batch to the loss and the prediction.

In: a model, a loss, the precision, weights of classes and of examples. Out: an `Objective`, which
the trainer calls with `(input, ..., target)`, or with a weight for each example in a last column.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature
from typing import Any

from lamina.dtypes import float32, int64
from lamina.errors import ArgumentError, ShapeError
from lamina.functional import cross_entropy
from lamina.functional.operands import describe
from lamina.nn import CrossEntropyLoss, Module
from lamina.tensor import Tensor, autocast, take, tensor, where
from lamina.tensor.precision import checked_precision
from lamina.train.arguments import scalar
from lamina.train.losses import Loss
from lamina.tree import map_leaves


class Objective:
    """The loss of a batch under a model.

    precision: "float32", or "bfloat16" for mixed precision (`lm.autocast`): the model runs in it,
    its outputs and the loss are float32 again.
    class_weight: a factor for each class, `[classes]`, by the target, which holds labels, or for
    cross entropy shares of classes: their mean by these shares.
    sample_weight: whether the last column of a batch is a factor for each example, `[batch]`.
    With weights the loss is sum(weight loss) / sum(weight) over the batch; labels that the loss
    ignores have none.

    >>> import lamina as lm
    >>> objective = Objective(lm.nn.Identity(), lm.functional.cross_entropy, class_weight=[1, 3])
    >>> loss, prediction = objective(lm.tensor([[0.0, 0.0], [0.0, 1.0]]), lm.tensor([0, 1]))
    >>> round(loss.item(), 4)
    0.4082
    """

    def __init__(
        self,
        model: Module,
        loss: Loss,
        *,
        precision: Any = "float32",
        class_weight: Any = None,
        sample_weight: bool = False,
    ) -> None:
        self.model = model
        self.loss = loss
        self.precision = checked_precision("Trainer", precision)
        self.class_weight = None if class_weight is None else _class_factors(class_weight)
        self.sample_weight = sample_weight
        self.ignored: int | None = getattr(loss, "ignore_index", None)
        if isinstance(loss, partial):
            self.ignored = loss.keywords.get("ignore_index")
        function = loss.func if isinstance(loss, partial) else loss
        self._takes_shares = function is cross_entropy or isinstance(loss, CrossEntropyLoss)
        self._each = None
        if sample_weight or class_weight is not None:
            self._each = unreduced(loss)

    @property
    def weighted(self) -> bool:
        """Whether examples count differently."""
        return self._each is not None

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """The model's outputs, in float32 where they are floats of 16 bits."""
        if self.precision is float32:
            return self.model(*inputs, **options)
        with autocast(self.precision):
            outputs = self.model(*inputs, **options)
        return map_leaves(_widened, outputs)

    def columns(self, batch: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The batch with the weight of each example in a last column, their mean 1.

        The same columns where nothing is weighted. Called with a whole batch, before it is cut in
        parts, so that parts of equal size have the loss of the whole as the mean of theirs.
        """
        if self._each is None:
            return tuple(batch)
        columns, weight = tuple(batch), None
        if self.sample_weight:
            *columns_, weight = columns
            columns = tuple(columns_)
            _check_weights(columns, weight)
            weight = weight.astype(float32)
        target = columns[-1]
        is_mixed = self._takes_shares and target.dtype.is_float and target.ndim > 1
        kept = None if self.ignored is None or is_mixed else target != self.ignored
        if self.class_weight is not None and is_mixed:
            self._check_shares(target)
            factors = (target * self.class_weight).sum(-1)
            weight = factors if weight is None else factors * _beside(weight, factors)
        elif self.class_weight is not None:
            labels = _labels(columns[-1] if kept is None else where(kept, columns[-1], 0))
            factors = take(self.class_weight, labels, axis=0)
            weight = factors if weight is None else factors * _beside(weight, factors)
        if weight is None:
            return columns
        if kept is not None:
            weight = where(kept, _beside(weight, kept), 0.0)
        mean = weight.mean()
        return *columns, weight / where(mean == 0.0, 1.0, mean)

    def _check_shares(self, target: Tensor) -> None:
        if self.class_weight is not None and target.shape[-1:] != self.class_weight.shape:
            raise ShapeError(
                "Trainer", operands=[("target", describe(target)),
                                     ("class_weight", describe(self.class_weight))],
                rule="shares of classes are [batch, ..., classes], with a weight for each class")

    def _check_classes(self, prediction: Any, target: Tensor) -> None:
        """For cross entropy the prediction has the classes, in its last axis."""
        if (self.class_weight is not None and self._takes_shares
                and isinstance(prediction, Tensor) and prediction.ndim > 1
                and prediction.shape[-1] != self.class_weight.size):
            raise ShapeError(
                "Trainer", operands=[("prediction", describe(prediction)),
                                     ("class_weight", describe(self.class_weight))],
                rule="class_weight has a factor for each class of the prediction")

    @property
    def target_at(self) -> int:
        """Where the inputs of a batch end and its target stands, counted from the end."""
        return -2 if self.sample_weight else -1

    def __call__(self, *batch: Tensor) -> tuple[Tensor, Any]:
        """The loss, 0-d, and the prediction of a batch as it comes from the data."""
        return self.loss_of(*self.columns(batch))

    def loss_of(self, *columns: Tensor) -> tuple[Tensor, Any]:
        """The same of what `columns` gave, or of a part of it."""
        if not self.weighted:
            *inputs, target = columns
            prediction = self.forward(*inputs)
            return scalar(self.loss(prediction, target)), prediction
        *inputs, target, weight = columns
        prediction = self.forward(*inputs)
        return self._weighted_mean(prediction, target, weight), prediction

    def weight_of(self, count: Tensor, batch: Sequence[Tensor]) -> Tensor:
        """What a batch counts for in the means of an epoch: examples, or their weights' sum."""
        return batch[-1].astype(float32).sum() if self.sample_weight else count

    def mean(self, value: Tensor, batch: Sequence[Tensor]) -> Tensor:
        """The mean over the examples of a metric `[batch, ...]`, by the weights of examples."""
        if not self.sample_weight or not value.ndim:
            return value
        weight = batch[-1].astype(float32)
        total = weight.sum()
        shares = _beside(weight / where(total == 0.0, 1.0, total), value)
        return (value.astype(float32) * shares).sum() / max(1, value.size // value.shape[0])

    def _weighted_mean(self, prediction: Any, target: Tensor, weight: Tensor) -> Tensor:
        if self._each is None:
            raise ArgumentError("Trainer", rule="weights were asked for when the trainer was made")
        self._check_classes(prediction, target)
        losses = self._each(prediction, target)
        if not losses.ndim or losses.shape[0] != weight.shape[0]:
            raise ShapeError(
                "Trainer", operands=[("losses", describe(losses)), ("weights", describe(weight))],
                rule="with weights the loss has a value for each example: [batch, ...]")
        if losses.ndim < weight.ndim:
            weight = weight.reshape(*losses.shape)
        return (losses * _beside(weight, losses)).mean()


def unreduced(loss: Loss) -> Loss:
    """The loss with a value for each example, `reduction="none"`; raises ArgumentError."""
    if isinstance(loss, Module) and hasattr(loss, "reduction"):
        each = copy.copy(loss)
        object.__setattr__(each, "reduction", "none")
        return each
    names = () if isinstance(loss, Module) else _parameters(loss)
    if "reduction" not in names:
        raise ArgumentError(
            "Trainer", operands=[("loss", f"{loss!r:.60}")],
            rule='weights need the loss of each example: a loss with reduction="none"',
            hint='loss="cross_entropy", or a function with the argument reduction', got=loss)
    function: Any = loss
    return partial(function, reduction="none")


def _parameters(function: Callable[..., Any]) -> Sequence[str]:
    try:
        return list(signature(function).parameters)
    except (TypeError, ValueError):
        return ()


def _class_factors(class_weight: Any) -> Tensor:
    """`[classes]`, from an array, a list, or a dict by class."""
    if isinstance(class_weight, dict):
        missing = sorted(set(range(len(class_weight))) - class_weight.keys())
        if missing or not class_weight:
            raise ArgumentError(
                "Trainer", operands=[("class_weight", f"{class_weight!r:.60}")],
                rule="class_weight has a factor for each class 0, 1, ...",
                hint=f"{{{missing[0]}: 1.0, ...}}" if missing else "", got=class_weight)
        class_weight = [class_weight[i] for i in range(len(class_weight))]
    try:
        factors = tensor(class_weight, dtype=float32)
    except Exception as error:
        raise _not_factors(class_weight) from error
    if factors.ndim != 1 or not factors.size or not bool(
            ((factors >= 0.0) & (factors < float("inf"))).all()):
        raise _not_factors(class_weight)
    return factors


def _not_factors(class_weight: Any) -> ArgumentError:
    return ArgumentError(
        "Trainer", operands=[("class_weight", f"{class_weight!r:.60}")],
        rule="class_weight is a finite number of at least 0 for each class, [classes]",
        hint="lm.data.class_weights(labels)", got=class_weight)


def _labels(target: Tensor) -> Tensor:
    """Labels of any integer type, or of floats 0 and 1."""
    return target.astype(int64) if target.dtype.is_float or target.dtype.kind == "b" else target


def _check_weights(columns: Sequence[Tensor], weight: Tensor) -> None:
    if len(columns) < 2 or weight.ndim != 1 or not (weight.dtype.is_float
                                                    or weight.dtype.is_integer):
        raise ShapeError(
            "Trainer", operands=[(f"column {i}", describe(column))
                                 for i, column in enumerate((*columns, weight))],
            rule="with sample_weight=True a batch is (input, ..., target, weight), weight [batch]")


def _beside(weight: Tensor, values: Tensor) -> Tensor:
    """`[batch]` with axes of size 1 behind, as many as `values` has."""
    return weight.reshape(*weight.shape, *(1,) * (values.ndim - weight.ndim))


def _widened(x: Any) -> Any:
    return x.astype(x.dtype.compute) if isinstance(x, Tensor) else x
