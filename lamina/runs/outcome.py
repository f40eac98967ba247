"""What a model makes of data whose answers are known: confusions and its worst errors.

In: a model and batches `(input, ..., target)`. Out: an `Outcome`; inputs are kept of the worst.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamina.metrics.classification import MOST_CLASSES
from lamina.nn import Module
from lamina.nn.modes import evaluating
from lamina.tensor import Tensor, no_grad
from lamina.tensor import compile as compiled
from lamina.train.batches import as_batches, as_tensors
from lamina.tree import flatten

WORST = 24
_TINY = 1e-12


@dataclass(frozen=True)
class Example:
    """One row. badness: -log of the true class's probability, or the absolute error."""

    row: int  # in the order of the data
    badness: float
    input: np.ndarray = field(repr=False)
    truth: Any
    prediction: Any
    probability: float = math.nan  # of the prediction


@dataclass
class Outcome:
    """kind: "classes", "numbers" or "" for what is neither.

    confusion: int64 `[true, predicted]`. errors: of numbers, mean absolute and root of mean square.
    worst: the worst first; of classes only those that are wrong.
    """

    kind: str
    count: int = 0
    confusion: np.ndarray | None = None
    errors: dict[str, float] = field(default_factory=dict)
    worst: list[Example] = field(default_factory=list)


def outcome(model: Module, data: Any, batch_size: int = 256, worst: int = WORST,
            target_at: int = -1) -> Outcome:
    """Show `data` to the model in evaluation; data as `Trainer.evaluate` takes it.

    target_at: where the target stands in a batch: -2 before the weights of examples.
    """
    batches = as_batches(data, batch_size, shuffle=False, model=model)
    found = _Collector(worst)
    with evaluating(model), no_grad():
        forward = compiled(model.__call__)
        for batch in batches:
            parts = as_tensors(batch)
            if len(parts) < 1 - target_at:
                return Outcome("")
            outputs = flatten(forward(*parts[:target_at]))[0]
            if len(outputs) != 1 or not isinstance(outputs[0], Tensor):
                return Outcome("")
            if not found.add(parts[0].numpy(), outputs[0].numpy(), parts[target_at].numpy()):
                return Outcome("")
    return found.outcome()


def kind_of(prediction: np.ndarray, target: np.ndarray) -> str:
    """Whether a model's output and target are of classes, of two classes, or numbers."""
    if target.dtype.kind in "iub" and prediction.ndim == target.ndim + 1:
        classes = prediction.shape[-1]
        return "classes" if 1 < classes <= MOST_CLASSES else ""
    if prediction.shape != target.shape and prediction.size != target.size:
        return ""
    if target.dtype.kind in "iub" and set(np.unique(target).tolist()) <= {0, 1}:
        return "two classes"
    return "numbers" if target.dtype.kind == "f" and target.size == len(target) else ""


def probabilities(scores: np.ndarray) -> np.ndarray:
    """Softmax over the last axis, unless the scores are probabilities already."""
    scores = scores.astype(np.float64)
    if scores.size and scores.min() >= 0 and np.allclose(scores.sum(-1), 1.0, atol=1e-3):
        return scores
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    found: np.ndarray = powers / powers.sum(-1, keepdims=True)
    return found


def _two_columns(scores: np.ndarray) -> np.ndarray:
    """Probabilities of the classes 0 and 1 from one score, a logit if any is outside 0..1."""
    scores = scores.astype(np.float64)
    if scores.size and (scores.min() < 0 or scores.max() > 1):
        scores = 1 / (1 + np.exp(-np.clip(scores, -500, 500)))
    return np.stack([1 - scores, scores], -1)


class _Collector:
    """Counts over batches, and the worst rows of all."""

    def __init__(self, worst: int) -> None:
        self.most = worst
        self.kind: str | None = None
        self.count = 0
        self.confusion: np.ndarray | None = None
        self.sums = [0.0, 0.0]
        self.heap: list[tuple[float, int, Example]] = []

    def add(self, inputs: np.ndarray, prediction: np.ndarray, target: np.ndarray) -> bool:
        """A batch; False if it is of no kind that can be counted."""
        if self.kind is None:
            self.kind = kind_of(prediction, target)
        if not self.kind:
            return False
        if self.kind == "numbers":
            self._numbers(inputs, prediction.reshape(-1), target.reshape(-1))
        else:
            two = self.kind == "two classes"
            scores = _two_columns(prediction.reshape(target.shape)) if two else prediction
            self._classes(inputs, probabilities(scores), target.astype(np.int64))
        self.count += len(target)
        return True

    def _classes(self, inputs: np.ndarray, shares: np.ndarray, target: np.ndarray) -> None:
        classes = shares.shape[-1]
        if self.confusion is None:
            self.confusion = np.zeros((classes, classes), np.int64)
        found = shares.argmax(-1)
        known = (target >= 0) & (target < classes)
        pairs = target[known] * classes + found[known]
        self.confusion += np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
        if target.ndim != 1:
            return
        rows = np.flatnonzero(known & (found != target))
        badness = -np.log(np.maximum(shares[rows, target[rows]], _TINY))
        self._keep(rows, badness, inputs, target, found, shares[np.arange(len(found)), found])

    def _numbers(self, inputs: np.ndarray, prediction: np.ndarray, target: np.ndarray) -> None:
        errors = np.abs(prediction.astype(np.float64) - target)
        self.sums[0] += float(errors.sum())
        self.sums[1] += float((errors**2).sum())
        self._keep(np.arange(len(errors)), errors, inputs, target, prediction,
                   np.full(len(errors), np.nan))

    def _keep(self, rows: np.ndarray, badness: np.ndarray, inputs: np.ndarray, target: np.ndarray,
              found: np.ndarray, shares: np.ndarray) -> None:
        for place in np.argsort(-badness, kind="stable")[:self.most]:
            row, bad = int(rows[place]), float(badness[place])
            if len(self.heap) == self.most and bad <= self.heap[0][0]:
                break
            example = Example(self.count + row, bad, inputs[row].copy(), target[row].item(),
                              found[row].item(), float(shares[row]))
            entry = (bad, -example.row, example)
            if len(self.heap) < self.most:
                heapq.heappush(self.heap, entry)
            else:
                heapq.heapreplace(self.heap, entry)

    def outcome(self) -> Outcome:
        """What was found."""
        kind = {"two classes": "classes", None: ""}.get(self.kind, self.kind or "")
        worst = [entry[2] for entry in sorted(self.heap, key=lambda e: (-e[0], -e[1]))]
        errors = {} if kind != "numbers" or not self.count else {
            "mean absolute error": self.sums[0] / self.count,
            "root of mean square error": math.sqrt(self.sums[1] / self.count)}
        return Outcome(kind, self.count, self.confusion, errors, worst)


def per_class(confusion: np.ndarray) -> list[dict[str, float]]:
    """Precision, recall, F1 and support of each class; NaN where nothing is divided by nothing."""
    right = np.diag(confusion).astype(np.float64)
    true, found = confusion.sum(1), confusion.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        columns = {"precision": right / found, "recall": right / true,
                   "f1": 2 * right / (true + found), "support": true.astype(np.float64)}
    return [{name: float(column[k]) for name, column in columns.items()}
            for k in range(len(confusion))]


def names_of(classes: Sequence[Any], count: int) -> list[str]:
    """Names for so many classes: those given, numbers for the others."""
    return [str(classes[k]) if k < len(classes) else str(k) for k in range(count)]


def first_rows(data: Any, count: int) -> tuple[np.ndarray, ...] | None:
    """The first rows of the first batch, or None where there is none."""
    batches: Iterable[Any] = as_batches(data, count, shuffle=False)
    for batch in batches:
        return tuple(part.numpy()[:count] for part in as_tensors(batch))
    return None
