"""Weights of classes that are not equally frequent.

In: labels. Out: a factor for each class, for `Trainer(class_weight=...)` and the losses' `weight`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.errors import ArgumentError, DTypeError
from lamina.functional.arguments import check_choice, check_counts
from lamina.tensor import Tensor


def class_weights(
    labels: Any, mode: str = "balanced", *, beta: float = 0.999, classes: int | None = None
) -> np.ndarray:
    """A float32 factor for each class, `[classes]`; their mean over the examples is 1.

    mode: "balanced": inverse to the number of examples, as in scikit-learn; or "effective": inverse
    to the effective number (1 - beta^n) / (1 - beta) of n examples (Cui et al. 2019, equation 2),
    which counts further examples of a frequent class for less; beta = 0 weights all alike.
    labels: integers from 0, of any shape. classes: their number, if the last may be missing; a
    class without examples has the weight 0.
    Raises ArgumentError or DTypeError.

    >>> class_weights([0, 0, 0, 0, 1]).tolist()
    [0.625, 2.5]
    """
    check_choice("class_weights", "mode", mode, ("balanced", "effective"))
    if not isinstance(beta, (int, float)) or not 0 <= beta < 1:
        raise ArgumentError("class_weights", operands=[("beta", f"{beta!r:.60}")],
                            rule="beta is at least 0 and below 1", hint="beta=0.999", got=beta)
    found = _labels(labels)
    if classes is not None:
        check_counts("class_weights", 1, classes=classes)
    elif not found.size:
        raise ArgumentError("class_weights", operands=[("labels", "none")],
                            rule="there is at least one label")
    if found.size and (found.min() < 0 or classes is not None and found.max() >= classes):
        raise ArgumentError(
            "class_weights", operands=[("labels", f"{found.min()} .. {found.max()}")],
            rule="labels are from 0" + (f" to {classes - 1}" if classes is not None else ""),
            hint="labels[labels >= 0], to leave out those that are ignored"
            if found.min() < 0 else "", got=classes)
    counts = np.bincount(found, minlength=classes or 0).astype(np.float64)
    if mode == "balanced":
        cost = counts
    else:  # log1p and expm1 keep what 1 - beta^n loses for beta near 1
        cost = -np.expm1(counts * np.log(beta)) / (1 - beta) if beta else np.minimum(counts, 1.0)
    weights = np.divide(1.0, cost, out=np.zeros_like(cost), where=counts > 0)
    mean = float((weights * counts).sum()) / max(1.0, float(counts.sum()))
    return (weights / (mean or 1.0)).astype(np.float32)


def _labels(labels: Any) -> np.ndarray:
    """Flat int64 labels."""
    array = labels.numpy() if isinstance(labels, Tensor) else np.asarray(labels)
    if array.size and array.dtype.kind not in "iub":
        raise DTypeError("class_weights", operands=[("labels", f"{array.dtype} "
                                                               f"{list(array.shape)}")],
                         rule="labels are integers from 0", got=array.dtype)
    return array.reshape(-1).astype(np.int64)
