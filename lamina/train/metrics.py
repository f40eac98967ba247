"""Metrics of a trainer: what is reported besides the loss.

In: the model's output and the target of a batch. Out: one number for each example, `[batch]`, or
their mean, 0-d; the trainer averages over all examples. Any such function is a metric, named by its
`__name__`, and is part of the compiled step. What is no mean (F1, an area under a curve) is an
object of `lamina.metrics`, which sees every batch and is computed at the end of an epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lamina.dtypes import float32
from lamina.errors import ArgumentError, ShapeError
from lamina.functional.operands import check_same_shape, describe
from lamina.metrics import NAMES
from lamina.metrics import Metric as Accumulated
from lamina.tensor import Tensor, argmax
from lamina.tensor import abs as absolute

Metric = Callable[[Tensor, Tensor], Tensor]


def accuracy(prediction: Tensor, target: Tensor) -> Tensor:
    """1 where the largest score is at the label.

    prediction: `[..., classes]`; target: labels `[...]`, or one-hot `[..., classes]`.
    """
    if target.shape == prediction.shape:
        target = argmax(target, axis=-1)
    if target.shape != prediction.shape[:-1] or prediction.shape[-1] < 2:
        raise ShapeError(
            "accuracy",
            operands=[("prediction", describe(prediction)), ("target", describe(target))],
            rule="target has the shape of prediction without its last axis, the classes, of which "
                 "there are at least two",
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


def named_metrics(
    metrics: Iterable[str | Metric | Accumulated],
) -> tuple[dict[str, Metric], dict[str, Accumulated]]:
    """Functions and objects by name, from names in `METRICS` and `NAMES`, functions and objects."""
    functions: dict[str, Metric] = {}
    objects: dict[str, Accumulated] = {}
    for metric in metrics:
        found = _named(metric) if isinstance(metric, str) else metric
        if isinstance(found, Accumulated):
            name = found.name
            _check_scalar(name, found)
        else:
            name = getattr(found, "__name__", type(found).__name__)
        if name in functions or name in objects:
            raise ArgumentError(
                "Trainer",
                operands=[("metric", repr(name))],
                rule="each metric has a name of its own",
                got=metric,
            )
        if isinstance(found, Accumulated):
            objects[name] = found
        else:
            functions[name] = found
    return functions, objects


def _named(name: str) -> Metric | Accumulated:
    if name in METRICS:
        return METRICS[name]
    if name in NAMES:
        return NAMES[name]()
    raise ArgumentError(
        "Trainer",
        operands=[("metric", repr(name))],
        rule="a metric is a function, a metric of lamina.metrics, or one of "
             + ", ".join([*METRICS, *NAMES]),
        got=name,
    )


def _check_scalar(name: str, metric: Accumulated) -> None:
    if not metric.scalar:
        raise ArgumentError(
            "Trainer",
            operands=[("metric", repr(metric))],
            rule="a metric of a trainer is one number",
            hint=f"{name} by hand: update(model(x), y) for each batch, then compute()",
            got=metric,
        )
