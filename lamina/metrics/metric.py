"""Metrics that add up over batches: update, compute, reset, merge.

In: predictions and targets of one batch after another, as tensors, arrays or lists. Out: the metric
of all examples so far. What is kept are counts, exact sums, or the scores themselves, so any split
of the same examples into batches, or over machines that are merged, gives the same bits.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np

from lamina.errors import ArgumentError

State = dict[str, Any]


class Metric:
    """What all metrics share. A subclass writes `start`, `update` and `compute`.

    state: by name, what is known of the examples so far: integers, `ExactSum`s, arrays of counts
    and lists, each of which adds up. `name` is what a trainer's logs call the metric.

    >>> import lamina as lm
    >>> metric = lm.metrics.Accuracy()
    >>> for scores, labels in [([[0.1, 0.9]], [1]), ([[0.8, 0.2], [0.3, 0.7]], [0, 0])]:
    ...     metric.update(scores, labels)
    >>> round(metric.compute(), 4)
    0.6667
    """

    title: ClassVar[str] = "metric"
    scalar: bool = True  # compute gives one number

    def __init__(self) -> None:
        self.state: State = {}
        self.reset()

    @property
    def name(self) -> str:
        """What logs call it."""
        return self.title

    def start(self) -> State:
        """The state before the first example."""
        raise NotImplementedError(f"{type(self).__name__} has no start method")

    def update(self, prediction: Any, target: Any) -> None:
        """Add the examples of one batch."""
        raise NotImplementedError(f"{type(self).__name__} has no update method")

    def compute(self) -> Any:
        """The metric of all examples so far; raises ArgumentError where there are none."""
        raise NotImplementedError(f"{type(self).__name__} has no compute method")

    def reset(self) -> None:
        """Forget all examples."""
        self.state = self.start()

    def merge(self, other: Metric) -> Self:
        """Add the examples that another metric of the same kind has seen, after one's own."""
        if type(other) is not type(self) or self._options() != other._options():
            raise ArgumentError(
                f"{type(self).__name__}.merge",
                operands=[("self", _shown(self)), ("other", _shown(other))],
                rule="only metrics of the same class and options are merged",
            )
        self.state = {key: together(value, other.state[key]) for key, value in self.state.items()}
        return self

    def add(self, **found: Any) -> None:
        """Add what a batch showed to the state."""
        for key, value in found.items():
            self.state[key] = together(self.state[key], value)

    def _options(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key not in ("state", "scalar")}

    def check_seen(self, examples: int) -> None:
        """There is no metric of no examples."""
        if not examples:
            raise ArgumentError(
                f"{type(self).__name__}.compute",
                operands=[("examples", "0")],
                rule="a metric is computed from at least one example",
                hint="update(prediction, target) first",
            )

    def __repr__(self) -> str:
        return _shown(self)


def _shown(metric: object) -> str:
    if not isinstance(metric, Metric):
        return type(metric).__name__
    options = ", ".join(f"{k}={v!r}" for k, v in metric._options().items())
    return f"{type(metric).__name__}({options})"


def together(one: Any, other: Any) -> Any:
    """The sum of two parts of a state; arrays of counts grow to the larger number of classes."""
    if not isinstance(one, np.ndarray):
        return one + other
    shape = tuple(max(a, b) for a, b in zip(one.shape, other.shape, strict=True))
    total = np.zeros(shape, one.dtype)
    for part in (one, other):
        total[tuple(slice(0, size) for size in part.shape)] += part
    return total


def ratio(part: int, whole: int, otherwise: float = 0.0) -> float:
    """part / whole, rounded once; `otherwise` for 0 / 0."""
    return part / whole if whole else otherwise
