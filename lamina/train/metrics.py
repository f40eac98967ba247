"""Metrics: what is reported besides the loss.

In: the model's output and the target of a batch. Out: one number for each example, `[batch]`, or
their mean, 0-d; the trainer averages over all examples. Any such function is a metric, named by its
`__name__`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lamina.dtypes import float32
from lamina.errors import ArgumentError, ShapeError
from lamina.functional.operands import check_same_shape, describe
from lamina.tensor import Tensor, argmax
from lamina.tensor import abs as absolute

Metric = Callable[[Tensor, Tensor], Tensor]


def accuracy(prediction: Tensor, target: Tensor) -> Tensor:
    """1 where the largest score is at the label.

    prediction: `[..., classes]`; target: labels `[...]`, or one-hot `[..., classes]`.
    """
    if target.shape == prediction.shape:
        target = argmax(target, axis=-1)
    if target.shape != prediction.shape[:-1]:
        raise ShapeError(
            "accuracy",
            operands=[("prediction", describe(prediction)), ("target", describe(target))],
            rule="target has the shape of prediction without its last axis, the classes",
        )
    return (argmax(prediction, axis=-1) == target).astype(float32)


def binary_accuracy(prediction: Tensor, target: Tensor) -> Tensor:
    """1 where the score is positive and the target 1, or neither."""
    check_same_shape("binary_accuracy", prediction, target)
    return ((prediction > 0) == (target > 0.5)).astype(float32)


def mean_absolute_error(prediction: Tensor, target: Tensor) -> Tensor:
    """|prediction - target|."""
    check_same_shape("mean_absolute_error", prediction, target)
    return absolute(prediction - target)


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "binary_accuracy": binary_accuracy,
    "mean_absolute_error": mean_absolute_error,
}


def named_metrics(metrics: Iterable[str | Metric]) -> dict[str, Metric]:
    """Metrics by name, from names in `METRICS` and functions."""
    found: dict[str, Metric] = {}
    for metric in metrics:
        if callable(metric):
            found[getattr(metric, "__name__", type(metric).__name__)] = metric
        elif metric in METRICS:
            found[metric] = METRICS[metric]
        else:
            raise ArgumentError(
                "Trainer",
                operands=[("metric", repr(metric))],
                rule="a metric is a function or one of " + ", ".join(METRICS),
                got=metric,
            )
    return found
