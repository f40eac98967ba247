"""Training with a weight for each row, by a trainer that knows nothing of weights.

In: a model, a loss, metrics. Out: a model of (features, weight) that passes the weight on beside
its output, a loss that takes both, and metrics that see the output alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import wraps
from inspect import signature
from typing import Any

from lamina.errors import ArgumentError
from lamina.metrics import Metric
from lamina.nn import Module
from lamina.tensor import Tensor
from lamina.train.metrics import named_metrics


class Weighted(Module):
    """`model`, with the weight of each row beside its output."""

    def __init__(self, model: Module) -> None:
        self.model = model

    def forward(self, features: Tensor, weight: Tensor) -> tuple[Any, Tensor]:
        """features: `[rows, features]`; weight: `[rows]`."""
        return self.model(features), weight


def takes_weights(loss: Callable[..., Tensor]) -> bool:
    """Whether the loss can give one number for each row."""
    if isinstance(loss, Module):
        return hasattr(loss, "reduction")
    return "reduction" in signature(loss).parameters


def weighted_loss(loss: Callable[..., Tensor]) -> Callable[[Any, Tensor], Tensor]:
    """The mean over rows of weight times loss, of ((output, weight), target)."""
    each = _of_each(loss)

    def of_both(prediction: tuple[Any, Tensor], target: Tensor) -> Tensor:
        output, weight = prediction
        losses = each(output, target)
        if losses.ndim == 0 or losses.shape[0] != weight.shape[0]:
            raise _no_losses(loss)
        return (losses.reshape((losses.shape[0], -1)).mean(axis=1) * weight).mean()

    return of_both


def weighted_metrics(metrics: Sequence[Any]) -> list[Any]:
    """The same metrics, of ((output, weight), target); rows count alike in them."""
    functions, objects = named_metrics(copy.deepcopy(tuple(metrics)))
    return [*map(_of_output, functions.values()), *map(_Seen, objects.values())]


def _of_output(metric: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    @wraps(metric)
    def of_output(prediction: tuple[Tensor, Tensor], target: Tensor) -> Tensor:
        return metric(prediction[0], target)

    return of_output


class _Seen(Metric):
    """A metric that is shown the output alone."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        super().__init__()

    @property
    def name(self) -> str:
        return self.metric.name

    def start(self) -> dict[str, Any]:
        self.metric.reset()
        return {}

    def update(self, prediction: Any, target: Any) -> None:
        self.metric.update(prediction[0], target)

    def compute(self) -> Any:
        return self.metric.compute()


def _of_each(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The loss that gives one number for each row."""
    if not takes_weights(loss):
        raise _no_losses(loss)
    if isinstance(loss, Module):
        loss = copy.copy(loss)
        loss.reduction = "none"
        return loss
    return lambda output, target: loss(output, target, reduction="none")


def _no_losses(loss: Any) -> ArgumentError:
    return ArgumentError(
        "sample_weight", operands=[("loss", f"{loss!r:.60}")],
        rule='with weights, the loss takes reduction="none" and then gives one number for each row',
        got=loss)
