"""Targets that are classes or probabilities: what is checked, and when.

In: scores `[..., classes]` and labels `[...]`, weights `[classes]`, probabilities.
Out: the labels, or a four-part error. Values that are there already are looked at when the loss is
called; others are checked by the kernel that reads them.
"""

from __future__ import annotations

from math import prod

from lamina.errors import ArgumentError, DTypeError, IndexingError, ShapeError
from lamina.functional.operands import check_tensors, describe
from lamina.ops.table import TABLE
from lamina.tensor import Tensor

KNOWN = 4096  # elements that are looked at before the program runs, if their values are there


def labels_within(op: str, labels: Tensor, classes: int) -> Tensor:
    """The labels; one outside 0 .. classes - 1 is an IndexingError, now or when the kernel runs."""
    rule = f"every label lies in 0 .. {classes - 1}: there are {classes} classes"
    check_within(op, "target", labels, classes, rule)
    return Tensor(TABLE["check_range"](labels.node, size=classes))


def check_within(op: str, name: str, numbers: Tensor, size: int, rule: str) -> None:
    """Numbers that are there already, up to 4096 of them, lie in 0 .. size - 1."""
    node = numbers.node
    if node.value is not None and 0 < prod(numbers.shape) <= KNOWN:
        values = node.value.array(numbers.shape, numbers.dtype.storage)
        least, most = int(values.min()), int(values.max())
        if least < 0 or most >= size:
            raise IndexingError(
                op,
                operands=[(name, f"{describe(numbers)}, {least} .. {most}")],
                rule=rule,
                expected=(0, size - 1),
                got=(least, most),
            )


def check_probabilities(op: str, **operands: Tensor) -> None:
    """Values that are there already, up to 4096 of them, lie between 0 and 1."""
    for name, value in operands.items():
        node = value.node
        if node.value is None or not 0 < prod(value.shape) <= KNOWN:
            continue
        array = node.value.array(value.shape, value.dtype.storage)
        least, most = float(array.min()), float(array.max())
        if not (least >= 0 and most <= 1):
            logits = name == "input" and op == "binary_cross_entropy"
            raise ArgumentError(
                op,
                operands=[(name, f"{describe(value)}, {least:.6g} .. {most:.6g}")],
                rule=f"{name} holds probabilities, between 0 and 1",
                hint="binary_cross_entropy_with_logits, if input is a score" if logits else "",
                expected=(0.0, 1.0),
                got=(least, most),
            )


def check_labels(op: str, input: Tensor, target: Tensor) -> None:
    """Labels are integers, one for each example."""
    operands = [("input", describe(input)), ("target", describe(target))]
    if input.ndim == 0 or target.shape != input.shape[:-1]:
        raise ShapeError(
            op,
            operands=operands,
            rule="target has the shape of input without its last axis, the classes",
            hint=_labels_hint(input.shape, target.shape),
            expected=input.shape[:-1],
            got=target.shape,
        )
    if not target.dtype.is_integer:
        raise DTypeError(
            op,
            operands=operands,
            rule="labels are integers",
            hint="target.astype(lm.int64)",
            got=target.dtype,
        )


def _labels_hint(input: tuple[int, ...], target: tuple[int, ...]) -> str:
    """Labels from one-hot, without a last axis of 1, or for scores with the classes second."""
    if target == input:
        return "target.argmax(axis=-1), if target is one-hot"
    if input and target == (*input[:-1], 1):
        return "target.squeeze(-1)"
    if len(input) > 2 and target == (input[0], *input[2:]):
        return "lm.moveaxis(input, 1, -1): the classes come last"
    return ""


def check_class_weight(op: str, name: str, weight: Tensor, input: Tensor) -> None:
    """A factor for each class."""
    check_tensors(op, **{name: weight})
    if weight.shape != input.shape[-1:]:
        raise ShapeError(
            op,
            operands=[("input", describe(input)), (name, describe(weight))],
            rule=f"{name} holds one number for each class, the last axis of input",
            expected=input.shape[-1:],
            got=weight.shape,
        )
