"""Metrics of predicted probabilities: log loss and perplexity.

In: probabilities or scores `[..., classes]`, and labels `[...]`. Out: one number. Logarithms are
taken in float64 and added without rounding.
"""

from __future__ import annotations

from math import exp
from typing import Any

import numpy as np

from lamina.errors import ArgumentError
from lamina.metrics.exact import ExactSum
from lamina.metrics.inputs import array_of, check_ignored, operands, scores_and_labels
from lamina.metrics.metric import Metric, State


class LogLoss(Metric):
    """The mean of -log p, p the predicted probability of the true label: the cross entropy.

    from_logits: predictions are scores, of which the softmax is taken (the sigmoid for scores
    `[...]`). Else they are probabilities, which are kept within eps and 1 - eps, eps that of their
    dtype. ignore_index: a label that counts for nothing.
    """

    title = "log_loss"

    def __init__(self, from_logits: bool = False, ignore_index: int | None = None) -> None:
        check_ignored(type(self).__name__, ignore_index)
        self.from_logits = from_logits
        self.ignore_index = ignore_index
        super().__init__()

    def start(self) -> State:
        """No examples."""
        return {"examples": 0, "total": ExactSum()}

    def update(self, prediction: Any, target: Any) -> None:
        """prediction: `[..., classes]`, or `[...]` of class 1; target: labels `[...]`."""
        given, truth = array_of(prediction), array_of(target)
        if self.ignore_index is not None and given.shape[:truth.ndim] == truth.shape:
            kept = truth != self.ignore_index
            given, truth = given[kept], truth[kept]
        scores, found = scores_and_labels(type(self).__name__, given, truth)
        losses = _of_scores(scores, found) if self.from_logits else self._of_shares(scores, found)
        self.add(examples=len(found), total=ExactSum().add(losses))

    def _of_shares(self, shares: np.ndarray, found: np.ndarray) -> np.ndarray:
        eps = float(np.finfo(shares.dtype).eps)
        wide = shares.astype(np.float64)
        _check_shares(type(self).__name__, wide, found, tolerance=64 * eps**0.5)
        if wide.ndim == 1:
            own = np.where(found == 1, wide, 1.0 - wide)
        else:
            own = np.take_along_axis(wide, found[:, None], axis=1)[:, 0]
        losses: np.ndarray = -np.log(np.clip(own, eps, 1.0 - eps))
        return losses

    def compute(self) -> float:
        """A number from 0."""
        self.check_seen(self.state["examples"])
        total: ExactSum = self.state["total"]
        if total.special != 0:
            return total.special
        return float(total.fraction() / self.state["examples"])


class Perplexity(LogLoss):
    """exp of the mean of -log p of the true token (Jelinek et al. 1977); scores by default.

    >>> import lamina as lm
    >>> metric = lm.metrics.Perplexity()
    >>> metric.update(lm.zeros((2, 5, 8)), lm.zeros((2, 5), dtype=lm.int64))
    >>> round(metric.compute(), 4)
    8.0
    """

    title = "perplexity"

    def __init__(self, from_logits: bool = True, ignore_index: int | None = None) -> None:
        super().__init__(from_logits, ignore_index)

    def compute(self) -> float:
        """A number from 1."""
        return exp(super().compute())


def _of_scores(scores: np.ndarray, found: np.ndarray) -> np.ndarray:
    """-log softmax at the label, or of the sigmoid."""
    wide = scores.astype(np.float64)
    if wide.ndim == 1:
        signed = np.where(found == 1, -wide, wide)
        losses: np.ndarray = np.maximum(signed, 0.0) + np.log1p(np.exp(-abs(signed)))
        return losses
    own = np.take_along_axis(wide, found[:, None], axis=1)[:, 0]
    top = wide.max(axis=1)
    losses = np.log(np.exp(wide - top[:, None]).sum(axis=1)) + (top - own)
    return losses


def _check_shares(op: str, shares: np.ndarray, found: np.ndarray, tolerance: float) -> None:
    """Probabilities lie between 0 and 1, and those of all classes add up to 1."""
    rule = ""
    if shares.size and (shares.min() < 0 or shares.max() > 1):
        rule = "prediction holds probabilities, between 0 and 1"
    elif shares.ndim == 2 and (abs(shares.sum(axis=1) - 1.0) > tolerance).any():
        rule = "the probabilities of all classes add up to 1"
    if rule:
        raise ArgumentError(
            op,
            operands=[*operands(shares, found), ("range", f"{shares.min()} .. {shares.max()}")],
            rule=rule,
            hint="from_logits=True, if prediction is scores",
        )
