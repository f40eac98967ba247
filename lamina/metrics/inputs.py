"""What metrics read: arrays of NumPy from whatever they are given, checked.

In: tensors, arrays or lists. Out: arrays; or a four-part error that shows both.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.errors import ArgumentError, DTypeError, IndexingError, ShapeError
from lamina.tensor import Tensor


def array_of(value: Any) -> np.ndarray:
    """The values of a tensor, an array or a nested list."""
    return value.numpy() if isinstance(value, Tensor) else np.asarray(value)


def shown(value: np.ndarray) -> str:
    """`float32 [32, 10]`."""
    return f"{value.dtype} [{', '.join(map(str, value.shape))}]"


def operands(prediction: np.ndarray, target: np.ndarray) -> list[tuple[str, str]]:
    """Both, for an error."""
    return [("prediction", shown(prediction)), ("target", shown(target))]


# ---- numbers -------------------------------------------------------------------------------------
def numbers(op: str, prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    """Two float64 arrays of one shape, flat; no broadcast."""
    given, truth = array_of(prediction), array_of(target)
    for value in (given, truth):
        if value.dtype.kind not in "fiub":
            raise DTypeError(op, operands=operands(given, truth), rule="both are numbers",
                             got=value.dtype)
    if given.shape != truth.shape:
        raise ShapeError(
            op,
            operands=operands(given, truth),
            rule="prediction and target have the same shape (a metric does not broadcast)",
            hint=_squeeze_hint(given, truth),
            expected=truth.shape,
            got=given.shape,
        )
    return given.astype(np.float64).reshape(-1), truth.astype(np.float64).reshape(-1)


def _squeeze_hint(given: np.ndarray, truth: np.ndarray) -> str:
    if given.shape == (*truth.shape, 1):
        return "prediction.squeeze(-1)"
    return "target.squeeze(-1)" if truth.shape == (*given.shape, 1) else ""


# ---- labels --------------------------------------------------------------------------------------
def labels(
    op: str, prediction: Any, target: Any, threshold: float
) -> tuple[np.ndarray, np.ndarray, int | None]:
    """Predicted and true labels, flat int64, and the number of classes where scores show it.

    prediction: scores `[..., classes]`, of which the largest counts; labels `[...]`; or floats
    `[...]`, which are class 1 above the threshold, else class 0. target: labels `[...]`.
    """
    given, truth = array_of(prediction), array_of(target)
    classes = None
    if given.dtype.kind == "f" and given.ndim and given.shape[:-1] == truth.shape:
        classes = given.shape[-1]
        found = _largest(op, given, truth)
    elif given.shape != truth.shape:
        raise ShapeError(
            op,
            operands=operands(given, truth),
            rule="prediction is scores [..., classes] or labels of the target's shape",
            hint=_squeeze_hint(given, truth),
            expected=truth.shape,
            got=given.shape,
        )
    elif given.dtype.kind == "f":
        classes = 2
        found = (given > threshold).astype(np.int64)
    else:
        found = whole(op, "prediction", given)
    return found.reshape(-1), whole(op, "target", truth).reshape(-1), classes


def _largest(op: str, scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The class of the largest score."""
    if scores.shape[-1] < 2:
        raise ShapeError(op, operands=operands(scores, truth), hint="prediction.squeeze(-1)",
                         rule="scores [..., classes] are of at least two classes", got=scores.shape)
    found: np.ndarray = scores.argmax(axis=-1)
    return found


def whole(op: str, name: str, value: np.ndarray) -> np.ndarray:
    """Labels as int64; floats are taken if they are whole numbers, such as 0.0 and 1.0."""
    if value.dtype.kind not in "iubf" or (value.dtype.kind == "f" and value.size
                                          and not (value == np.floor(value)).all()):
        raise DTypeError(op, operands=[(name, shown(value))], rule=f"{name} holds labels, integers",
                         got=value.dtype)
    return value.astype(np.int64)


def check_labels(op: str, name: str, value: np.ndarray, classes: int) -> None:
    """All lie in 0 .. classes - 1."""
    if value.size and (value.min() < 0 or value.max() >= classes):
        raise IndexingError(
            op,
            operands=[(name, f"{shown(value)}, {value.min()} .. {value.max()}")],
            rule=f"every label lies in 0 .. {classes - 1}: there are {classes} classes",
            expected=(0, classes - 1),
            got=(int(value.min()), int(value.max())),
        )


# ---- scores --------------------------------------------------------------------------------------
def scores_and_labels(op: str, prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    """Scores `[n]` or `[n, classes]`, not NaN, and labels `[n]` within the classes."""
    scores, truth = array_of(prediction), array_of(target)
    if scores.dtype.kind != "f":
        raise DTypeError(op, operands=operands(scores, truth), rule="prediction is scores, floats",
                         got=scores.dtype)
    many = scores.ndim and scores.shape[:-1] == truth.shape
    if not many and scores.shape != truth.shape:
        raise ShapeError(
            op,
            operands=operands(scores, truth),
            rule="prediction is scores [..., classes], or [...] of class 1, for labels [...]",
            hint=_squeeze_hint(scores, truth),
            expected=truth.shape,
            got=scores.shape,
        )
    if many and scores.shape[-1] < 2:
        _largest(op, scores, truth)
    if np.isnan(scores).any():
        raise ArgumentError(op, operands=operands(scores, truth), rule="no score is NaN")
    found = whole(op, "target", truth).reshape(-1)
    classes = scores.shape[-1] if many else 2
    check_labels(op, "target", found, classes)
    return scores.reshape((-1, classes) if many else -1), found


def check_ignored(op: str, ignore_index: object) -> None:
    """A label that counts for nothing, or None."""
    if ignore_index is not None and (not isinstance(ignore_index, int)
                                     or isinstance(ignore_index, bool)):
        raise ArgumentError(op, operands=[("ignore_index", f"{ignore_index!r:.60}")],
                            rule="ignore_index is a label, or None", got=ignore_index)
