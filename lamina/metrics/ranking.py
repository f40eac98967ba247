"""Metrics of the order of scores: top-k accuracy, and areas under curves over all thresholds.

In: scores `[..., classes]`, or `[...]` of class 1, and labels `[...]`. Out: one number from 0 to 1.
Only the order of the scores counts, so logits and probabilities give the same.
"""

from __future__ import annotations

from math import fsum
from typing import Any

import numpy as np

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_choice, check_counts
from lamina.metrics.inputs import operands, scores_and_labels
from lamina.metrics.metric import Metric, State, ratio


class TopKAccuracy(Metric):
    """The share of examples whose label is among the k largest scores; of equal ones the last.

    >>> import lamina as lm
    >>> metric = lm.metrics.TopKAccuracy(k=2)
    >>> metric.update([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], [1, 2])
    >>> metric.compute()
    0.5
    """

    title = "top_k_accuracy"

    def __init__(self, k: int = 5) -> None:
        check_counts("TopKAccuracy", 1, k=k)
        self.k = k
        super().__init__()

    @property
    def name(self) -> str:
        """`top_5_accuracy`."""
        return f"top_{self.k}_accuracy"

    def start(self) -> State:
        """No examples."""
        return {"correct": 0, "examples": 0}

    def update(self, prediction: Any, target: Any) -> None:
        """prediction: scores `[..., classes]`; target: labels `[...]`."""
        scores, truth = scores_and_labels("TopKAccuracy", prediction, target)
        if scores.ndim != 2:
            raise ShapeError("TopKAccuracy", operands=operands(scores, truth),
                             rule="prediction is scores [..., classes]", got=scores.shape)
        own = np.take_along_axis(scores, truth[:, None], axis=1)
        later = np.arange(scores.shape[1]) > truth[:, None]
        before = ((scores > own) | ((scores == own) & later)).sum(axis=1)
        self.add(correct=int((before < self.k).sum()), examples=len(truth))

    def compute(self) -> float:
        """A number from 0 to 1."""
        self.check_seen(self.state["examples"])
        return ratio(self.state["correct"], self.state["examples"])


class Ranked(Metric):
    """What the areas share: all scores are kept, and each class is compared with the rest.

    average: "macro", the mean over the classes that have an area, or "none", an array `[classes]`,
    NaN where a class has none. Scores `[...]`, and scores of two classes, give the area of class 1.
    """

    def __init__(self, average: str = "macro") -> None:
        check_choice(type(self).__name__, "average", average, ("macro", "none"))
        self.average = average
        self.scalar = average != "none"
        super().__init__()

    def start(self) -> State:
        """No scores."""
        return {"scores": [], "labels": []}

    def update(self, prediction: Any, target: Any) -> None:
        """prediction: scores `[..., classes]`, or `[...]` of class 1; target: labels `[...]`."""
        scores, truth = scores_and_labels(type(self).__name__, prediction, target)
        self.add(scores=[scores], labels=[truth])

    def area(self, scores: np.ndarray, positive: np.ndarray) -> float:
        """Of one class, given which examples are of it; NaN where it has none."""
        raise NotImplementedError(f"{type(self).__name__} has no area method")

    def compute(self) -> Any:
        """A number from 0 to 1, or `[classes]` of them."""
        self.check_seen(sum(len(part) for part in self.state["labels"]))
        scores = np.concatenate(self.state["scores"])
        truth = np.concatenate(self.state["labels"])
        if scores.ndim == 2 and scores.shape[1] == 2:
            scores = _margin(scores)
        if scores.ndim == 1:
            areas = [self.area(scores, truth == 1)]
        else:
            areas = [self.area(column, truth == k) for k, column in enumerate(scores.T)]
        if self.average == "none":
            return np.array(areas)
        known = [a for a in areas if a == a]
        if not known:
            raise ArgumentError(
                type(self).__name__,
                operands=[("labels", f"all {len(truth)} are {truth[0]}")],
                rule="there are examples of a class and of another one",
            )
        return fsum(known) / len(known)


def _margin(scores: np.ndarray) -> np.ndarray:
    """One score of class 1 from those of two classes; probabilities keep theirs."""
    wide = scores.astype(np.float64)
    if wide.size and wide.min() >= 0 and np.allclose(wide.sum(axis=1), 1.0, atol=1e-5):
        column: np.ndarray = scores[:, 1]
        return column
    difference: np.ndarray = wide[:, 1] - wide[:, 0]
    return difference


def _tied(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each different score from the largest: how many positives and others have it, int64."""
    different, place = np.unique(scores, return_inverse=True)
    hits = np.bincount(place[positive], minlength=len(different))[::-1]
    return hits, np.bincount(place[~positive], minlength=len(different))[::-1]


class ROCAUC(Ranked):
    """The probability that an example of the class scores above one that is not; ties are halves.

    It is the area under the ROC curve (Hanley and McNeil 1982), counted in whole halves.
    """

    title = "roc_auc"

    def area(self, scores: np.ndarray, positive: np.ndarray) -> float:
        """See `Ranked`."""
        hits, others = _tied(scores, positive)
        all_hits, all_others = int(hits.sum()), int(others.sum())
        if not all_hits or not all_others:
            return float("nan")
        below = all_others - np.cumsum(others)
        halves = int((hits * (2 * below + others)).sum())
        return halves / (2 * all_hits * all_others)


class AveragePrecision(Ranked):
    """The area under precision over recall, as steps: sum of (R_n - R_(n-1)) P_n.

    P_n and R_n are precision and recall at the n-th different score (Manning et al. 2008, 8.4).
    """

    title = "average_precision"

    def area(self, scores: np.ndarray, positive: np.ndarray) -> float:
        """See `Ranked`."""
        hits, others = _tied(scores, positive)
        if not hits.any():
            return float("nan")
        found = np.cumsum(hits)
        terms = hits * found / (found + np.cumsum(others))
        return fsum(terms.tolist()) / int(hits.sum())
