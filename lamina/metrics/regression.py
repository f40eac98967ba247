"""Metrics of numbers: errors, shares of variance that are explained, correlations.

In: predictions and targets of one shape; all elements are one sample. Out: one number. Sums are
exact and differences of them are taken before anything is rounded, so large means do no harm.
"""

from __future__ import annotations

from fractions import Fraction
from math import nan, sqrt
from typing import Any

import numpy as np

from lamina.metrics.exact import ExactSum
from lamina.metrics.inputs import numbers
from lamina.metrics.metric import Metric, State


class Summed(Metric):
    """What metrics of sums share: `terms` says what is added up, `value` reads the sums."""

    def start(self) -> State:
        """No examples."""
        nothing = np.zeros(0)
        return {"examples": 0} | self.terms(nothing, nothing)

    def terms(self, prediction: np.ndarray, target: np.ndarray) -> dict[str, ExactSum]:
        """Sums of a batch, flat float64."""
        raise NotImplementedError(f"{type(self).__name__} has no terms method")

    def update(self, prediction: Any, target: Any) -> None:
        """prediction, target: numbers of one shape."""
        given, truth = numbers(type(self).__name__, prediction, target)
        self.add(examples=len(truth), **self.terms(given, truth))

    def mean(self, name: str) -> float:
        """A sum divided by the number of examples, rounded once."""
        self.check_seen(self.state["examples"])
        total: ExactSum = self.state[name]
        if total.special != 0:
            return total.special
        return float(total.fraction() / self.state["examples"])

    def moments(self, *names: str) -> list[Fraction] | None:
        """Sums as fractions; None where a value was not finite."""
        self.check_seen(self.state["examples"])
        sums: list[ExactSum] = [self.state[name] for name in names]
        if not all(s.special == 0 for s in sums):
            return None
        return [s.fraction() for s in sums]


def _sum(x: np.ndarray) -> ExactSum:
    return ExactSum().add(x)


def _products(x: np.ndarray, y: np.ndarray) -> ExactSum:
    return ExactSum().add_products(x, y)


# ---- errors --------------------------------------------------------------------------------------
class MeanAbsoluteError(Summed):
    """The mean of |prediction - target|."""

    title = "mean_absolute_error"

    def terms(self, prediction: np.ndarray, target: np.ndarray) -> dict[str, ExactSum]:
        """See `Summed`."""
        return {"errors": _sum(abs(prediction - target))}

    def compute(self) -> float:
        """A number from 0."""
        return self.mean("errors")


class MeanSquaredError(Summed):
    """The mean of (prediction - target)^2."""

    title = "mean_squared_error"

    def terms(self, prediction: np.ndarray, target: np.ndarray) -> dict[str, ExactSum]:
        """See `Summed`."""
        error = prediction - target
        return {"squares": _products(error, error)}

    def compute(self) -> float:
        """A number from 0."""
        return self.mean("squares")


class RootMeanSquaredError(MeanSquaredError):
    """The square root of the mean of (prediction - target)^2.

    >>> import lamina as lm
    >>> metric = lm.metrics.RootMeanSquaredError()
    >>> metric.update([1.0, 2.0], [1.0, 4.0])
    >>> round(metric.compute(), 4)
    1.4142
    """

    title = "root_mean_squared_error"

    def compute(self) -> float:
        """A number from 0."""
        return sqrt(self.mean("squares"))


class MeanAbsolutePercentageError(Summed):
    """The mean of |prediction - target| / |target|, 1.0 for 100 %; |target| at least 2^-52."""

    title = "mean_absolute_percentage_error"

    def terms(self, prediction: np.ndarray, target: np.ndarray) -> dict[str, ExactSum]:
        """See `Summed`."""
        least = np.finfo(np.float64).eps
        return {"shares": _sum(abs(prediction - target) / np.maximum(abs(target), least))}

    def compute(self) -> float:
        """A number from 0."""
        return self.mean("shares")


# ---- shares of the variance ----------------------------------------------------------------------
class R2(Summed):
    """1 - sum (prediction - target)^2 / sum (target - mean)^2: the coefficient of determination.

    Of a constant target it is 1 if all predictions are right, else 0.
    """

    title = "r2"

    def terms(self, prediction: np.ndarray, target: np.ndarray) -> dict[str, ExactSum]:
        """See `Summed`."""
        error = prediction - target
        return {
            "error": _sum(error),
            "error_squares": _products(error, error),
            "target": _sum(target),
            "target_squares": _products(target, target),
        }

    def compute(self) -> float:
        """A number up to 1."""
        return self._explained(centred=False)

    def _explained(self, centred: bool) -> float:
        """centred: the mean error does not count as an error."""
        n = self.state["examples"]
        sums = self.moments("error", "error_squares", "target", "target_squares")
        if sums is None:
            return nan
        error, error_squares, target, target_squares = sums
        left = error_squares - error * error / n if centred else error_squares
        spread = target_squares - target * target / n
        if spread == 0:
            return 1.0 if left == 0 else 0.0
        return float(1 - left / spread)


class ExplainedVariance(R2):
    """1 - var(target - prediction) / var(target): `R2` without the mean error."""

    title = "explained_variance"

    def compute(self) -> float:
        """A number up to 1."""
        return self._explained(centred=True)


# ---- correlations --------------------------------------------------------------------------------
class PearsonCorrelation(Summed):
    """cov(prediction, target) / (std(prediction) std(target)) (Pearson 1895)."""

    title = "pearson_correlation"

    def terms(self, prediction: np.ndarray, target: np.ndarray) -> dict[str, ExactSum]:
        """See `Summed`."""
        return {
            "x": _sum(prediction),
            "y": _sum(target),
            "xx": _products(prediction, prediction),
            "yy": _products(target, target),
            "xy": _products(prediction, target),
        }

    def compute(self) -> float:
        """A number from -1 to 1; NaN where prediction or target is constant."""
        sums = self.moments("x", "y", "xx", "yy", "xy")
        return nan if sums is None else _correlation(self.state["examples"], *sums)


def _correlation(
    n: int, x: Fraction, y: Fraction, xx: Fraction, yy: Fraction, xy: Fraction
) -> float:
    """From the number of pairs and the sums of x, y, x^2, y^2 and x y."""
    spread = (n * xx - x * x) * (n * yy - y * y)
    if spread == 0:
        return nan
    both = n * xy - x * y
    square = float(both * both / spread)
    return sqrt(square) if both >= 0 else -sqrt(square)


class SpearmanCorrelation(Metric):
    """The Pearson correlation of ranks, equal values sharing their mean rank (Spearman 1904).

    All values are kept.
    """

    title = "spearman_correlation"

    def start(self) -> State:
        """No examples."""
        return {"prediction": [], "target": []}

    def update(self, prediction: Any, target: Any) -> None:
        """prediction, target: numbers of one shape."""
        given, truth = numbers("SpearmanCorrelation", prediction, target)
        self.add(prediction=[given], target=[truth])

    def compute(self) -> float:
        """A number from -1 to 1; NaN where prediction or target is constant, or not a number."""
        n = sum(len(part) for part in self.state["target"])
        self.check_seen(n)
        x, y = (np.concatenate(self.state[name]) for name in ("prediction", "target"))
        if np.isnan(x).any() or np.isnan(y).any():
            return nan
        x, y = _ranks(x), _ranks(y)
        pairs = [_sum(x), _sum(y), _products(x, x), _products(y, y), _products(x, y)]
        return _correlation(n, *(s.fraction() for s in pairs))


def _ranks(x: np.ndarray) -> np.ndarray:
    """Ranks from 1, the mean rank for equal values: whole or half numbers."""
    _, place, count = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    ranks: np.ndarray = (last - (count - 1) / 2)[place]
    return ranks
