"""Metrics of labels: all are read from one table of counts, the confusion matrix.

In: scores `[..., classes]` or labels `[...]`, and true labels `[...]`. Out: one number, or one for
each class. Counts are integers, and each result is rounded once for each class.
"""

from __future__ import annotations

from math import fsum, sqrt
from typing import Any, ClassVar

import numpy as np

from lamina.errors import ArgumentError
from lamina.functional.arguments import check_at_least, check_choice, check_counts, check_numbers
from lamina.metrics.inputs import check_ignored, check_labels, labels
from lamina.metrics.metric import Metric, State, ratio

AVERAGES = ("binary", "micro", "macro", "weighted", "none")
MOST_CLASSES = 4096  # of a table that grows with the labels: it takes 128 MB


class Counted(Metric):
    """What all metrics of labels share: the counts of (true label, predicted label).

    num_classes: of the table; by default as many as scores show, or the largest label plus one.
    threshold: above it, a score `[...]` without a class axis is class 1: 0.5 for probabilities, 0.0
    for logits. ignore_index: a true label that counts for nothing.
    """

    def __init__(
        self,
        num_classes: int | None = None,
        threshold: float = 0.5,
        ignore_index: int | None = None,
    ) -> None:
        if num_classes is not None:
            check_counts(type(self).__name__, 1, num_classes=num_classes)
        check_numbers(type(self).__name__, threshold=threshold)
        check_ignored(type(self).__name__, ignore_index)
        self.num_classes = num_classes
        self.threshold = threshold
        self.ignore_index = ignore_index
        super().__init__()

    def start(self) -> State:
        """No counts."""
        n = self.num_classes or 0
        return {"counts": np.zeros((n, n), np.int64)}

    def update(self, prediction: Any, target: Any) -> None:
        """prediction: scores `[..., classes]`, labels or scores `[...]`; target: labels `[...]`."""
        op = type(self).__name__
        found, truth, classes = labels(op, prediction, target, self.threshold)
        if self.ignore_index is not None:
            kept = truth != self.ignore_index
            found, truth = found[kept], truth[kept]
        largest = max((int(x.max()) for x in (found, truth) if x.size), default=-1)
        n = self.num_classes or classes or self._number(largest + 1)
        check_labels(op, "target", truth, n)
        check_labels(op, "prediction", found, n)
        self.add(counts=np.bincount(truth * n + found, minlength=n * n).reshape(n, n))

    def _number(self, found: int) -> int:
        """As many classes as labels show, unless one of them is no class at all."""
        if found > MOST_CLASSES:
            raise ArgumentError(
                type(self).__name__,
                operands=[("largest label", str(found - 1))],
                rule=f"num_classes is given where labels are larger than {MOST_CLASSES}",
                hint=f"ignore_index={found - 1}, if that label stands for no class",
            )
        return found

    def counts(self) -> np.ndarray:
        """`[true class, predicted class]`, int64; raises ArgumentError without examples."""
        counts: np.ndarray = self.state["counts"]
        self.check_seen(int(counts.sum()))
        return counts


class ConfusionMatrix(Counted):
    """How often each class was taken for each: `[true class, predicted class]`.

    normalize: None for counts, "true" for shares of each row, "pred" of each column, "all" of all.

    >>> import lamina as lm
    >>> metric = lm.metrics.ConfusionMatrix(2)
    >>> metric.update([0, 1, 1], [0, 1, 0])
    >>> metric.compute().tolist()
    [[1, 1], [0, 1]]
    """

    title = "confusion_matrix"
    scalar = False

    def __init__(
        self,
        num_classes: int | None = None,
        normalize: str | None = None,
        threshold: float = 0.5,
        ignore_index: int | None = None,
    ) -> None:
        if normalize is not None:
            check_choice("ConfusionMatrix", "normalize", normalize, ("true", "pred", "all"))
        self.normalize = normalize
        super().__init__(num_classes, threshold, ignore_index)

    def compute(self) -> np.ndarray:
        """int64 counts, or float64 shares, 0 for an empty row or column."""
        counts = self.counts()
        if self.normalize is None:
            return counts.copy()
        axis = {"true": 1, "pred": 0, "all": None}[self.normalize]
        total = counts.sum(axis=axis, keepdims=True)
        shares: np.ndarray = counts / np.maximum(total, 1)
        return shares


class Accuracy(Counted):
    """The share of examples whose label is the true one."""

    title = "accuracy"

    def compute(self) -> float:
        """A number from 0 to 1."""
        counts = self.counts()
        return ratio(int(np.trace(counts)), int(counts.sum()))


class BalancedAccuracy(Counted):
    """The mean recall of the classes that occur (Brodersen et al. 2010)."""

    title = "balanced_accuracy"

    def compute(self) -> float:
        """A number from 0 to 1."""
        counts = self.counts()
        recalls = [ratio(int(row[k]), int(row.sum())) for k, row in enumerate(counts) if row.any()]
        return fsum(recalls) / len(recalls)


class MatthewsCorrelation(Counted):
    """The correlation of true and predicted classes (Gorodkin 2004, equation 8)."""

    title = "matthews_correlation"

    def compute(self) -> float:
        """A number from -1 to 1; 0 where all labels or all predictions are of one class."""
        counts = self.counts()
        total, correct = int(counts.sum()), int(np.trace(counts))
        true = [int(n) for n in counts.sum(axis=1)]
        predicted = [int(n) for n in counts.sum(axis=0)]
        both = correct * total - sum(t * p for t, p in zip(true, predicted, strict=True))
        spread = [total * total - sum(n * n for n in side) for side in (true, predicted)]
        return both / (sqrt(spread[0]) * sqrt(spread[1])) if all(spread) else 0.0


class CohenKappa(Counted):
    """Agreement beyond chance: 1 - disagreement / expected disagreement (Cohen 1960, 1968).

    weights: how far apart two classes are: None (all alike), "linear" or "quadratic".
    """

    title = "cohen_kappa"

    def __init__(
        self,
        num_classes: int | None = None,
        weights: str | None = None,
        threshold: float = 0.5,
        ignore_index: int | None = None,
    ) -> None:
        if weights is not None:
            check_choice("CohenKappa", "weights", weights, ("linear", "quadratic"))
        self.weights = weights
        super().__init__(num_classes, threshold, ignore_index)

    def compute(self) -> float:
        """A number up to 1; NaN where all labels and predictions are of one class."""
        counts = self.counts()
        apart = abs(np.subtract.outer(np.arange(len(counts)), np.arange(len(counts))))
        power = {None: 0, "linear": 1, "quadratic": 2}[self.weights]
        distance = [[int(d) ** power if d else 0 for d in row] for row in apart]
        true = [int(n) for n in counts.sum(axis=1)]
        predicted = [int(n) for n in counts.sum(axis=0)]
        seen = sum(d * int(c) for ds, cs in zip(distance, counts, strict=True)
                   for d, c in zip(ds, cs, strict=True))
        chance = sum(d * t * p for ds, t in zip(distance, true, strict=True)
                     for d, p in zip(ds, predicted, strict=True))
        return 1.0 - seen * int(counts.sum()) / chance if chance else float("nan")


# ---- ratios of each class ------------------------------------------------------------------------
class PerClass(Counted):
    """What precision, recall, F1, IoU and Dice share: a ratio of counts for each class.

    average: "binary", the ratio of class 1 of two; "micro", of the counts of all classes; "macro",
    the mean over the classes that occur as a label or a prediction; "weighted", the mean weighted
    by how often a class is the true one; "none", an array `[classes]`.
    zero_division: the ratio of a class for which it is 0 / 0.
    """

    usual: ClassVar[str] = "binary"  # the average that is not part of the name

    def __init__(
        self,
        average: str = "binary",
        num_classes: int | None = None,
        threshold: float = 0.5,
        ignore_index: int | None = None,
        zero_division: float = 0.0,
    ) -> None:
        check_choice(type(self).__name__, "average", average, AVERAGES)
        check_numbers(type(self).__name__, zero_division=zero_division)
        self.average = average
        self.zero_division = zero_division
        self.scalar = average != "none"
        super().__init__(num_classes, threshold, ignore_index)

    @property
    def name(self) -> str:
        """The metric, and how it is averaged if that is not the default."""
        return self.title if self.average == self.usual else f"{self.title}_{self.average}"

    def parts(self, hit: int, false: int, missed: int) -> tuple[int, int]:
        """Numerator and denominator from true positives, false positives, false negatives."""
        raise NotImplementedError(f"{type(self).__name__} has no parts method")

    def compute(self) -> Any:
        """A number from 0 to 1, or `[classes]` of them."""
        counts = self.counts()
        hits = [int(n) for n in np.diag(counts)]
        false = [int(n) - h for n, h in zip(counts.sum(axis=0), hits, strict=True)]
        missed = [int(n) - h for n, h in zip(counts.sum(axis=1), hits, strict=True)]
        if self.average == "micro":
            return self._ratio(sum(hits), sum(false), sum(missed))
        ratios = [self._ratio(*each) for each in zip(hits, false, missed, strict=True)]
        if self.average == "binary":
            return self._binary(ratios)
        if self.average == "none":
            return np.array(ratios)
        weights = [h + m if self.average == "weighted" else int(h + f + m > 0)
                   for h, f, m in zip(hits, false, missed, strict=True)]
        return fsum(r * w for r, w in zip(ratios, weights, strict=True)) / sum(weights)

    def _ratio(self, hit: int, false: int, missed: int) -> float:
        return ratio(*self.parts(hit, false, missed), otherwise=self.zero_division)

    def _binary(self, ratios: list[float]) -> float:
        if len(ratios) > 2:
            raise ArgumentError(
                type(self).__name__,
                operands=[("average", '"binary"'), ("classes", str(len(ratios)))],
                rule='average "binary" is of two classes',
                hint='average="macro"',
            )
        return ratios[1] if len(ratios) > 1 else self.zero_division


class Precision(PerClass):
    """True positives / predicted positives."""

    title = "precision"

    def parts(self, hit: int, false: int, missed: int) -> tuple[int, int]:
        """See `PerClass`."""
        return hit, hit + false


class Recall(PerClass):
    """True positives / true members of the class."""

    title = "recall"

    def parts(self, hit: int, false: int, missed: int) -> tuple[int, int]:
        """See `PerClass`."""
        return hit, hit + missed


class F1(PerClass):
    """The harmonic mean of precision and recall (van Rijsbergen 1979, chapter 7).

    >>> import lamina as lm
    >>> metric = lm.metrics.F1(average="macro")
    >>> metric.update([0, 1, 2, 2], [0, 1, 1, 2])
    >>> round(metric.compute(), 4)
    0.7778
    """

    title = "f1"

    def parts(self, hit: int, false: int, missed: int) -> tuple[int, int]:
        """See `PerClass`."""
        return 2 * hit, 2 * hit + false + missed


class IoU(PerClass):
    """Intersection over union of the places of a class (Jaccard 1912); "macro" by default.

    For segmentation: scores `[batch, height, width, classes]`, labels `[batch, height, width]`.
    """

    title = "iou"
    usual = "macro"

    def __init__(
        self,
        average: str = "macro",
        num_classes: int | None = None,
        threshold: float = 0.5,
        ignore_index: int | None = None,
        zero_division: float = 0.0,
    ) -> None:
        super().__init__(average, num_classes, threshold, ignore_index, zero_division)

    def parts(self, hit: int, false: int, missed: int) -> tuple[int, int]:
        """See `PerClass`."""
        return hit, hit + false + missed


class Dice(IoU):
    """Twice the intersection over the sum of the sizes (Dice 1945); "macro" by default."""

    title = "dice"

    def parts(self, hit: int, false: int, missed: int) -> tuple[int, int]:
        """See `PerClass`."""
        return 2 * hit, 2 * hit + false + missed


class FBeta(PerClass):
    """F1 in which recall counts beta times as much as precision (van Rijsbergen 1979)."""

    title = "f_beta"

    def __init__(self, beta: float = 2.0, average: str = "binary", **options: Any) -> None:
        check_at_least("FBeta", 0, beta=beta)
        self.beta = beta
        super().__init__(average, **options)

    def _ratio(self, hit: int, false: int, missed: int) -> float:
        square = self.beta * self.beta
        whole = (1 + square) * hit + square * missed + false
        return (1 + square) * hit / whole if whole else self.zero_division
