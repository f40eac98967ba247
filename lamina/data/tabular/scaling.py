"""Scaling of numbers, and checks of the options of columns.

In: float64 numbers. Out: what was learned of them, and numbers of about the size 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.errors import ArgumentError

SCALES = ("standard", "minmax", "robust", "none")


@dataclass(frozen=True)
class Scaling:
    """log, then clip to quantiles, then shift and divide."""

    scale: str
    log: bool = False
    clip: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        check_choice("Scaling", "scale", self.scale, SCALES)
        if self.clip is not None and not _is_range(self.clip):
            raise ArgumentError("Scaling", operands=[("clip", repr(self.clip))],
                                rule="clip is two quantiles between 0 and 1, such as (0.01, 0.99)",
                                got=self.clip)

    def learn(self, present: np.ndarray) -> dict[str, Any]:
        """`low`, `high`, `centre` and `spread`, from numbers of which none is missing."""
        state: dict[str, Any] = {"low": None, "high": None, "centre": 0.0, "spread": 1.0}
        if not len(present):
            return state
        values = symmetric_log(present) if self.log else present
        if self.clip is not None:
            low, high = np.quantile(values, self.clip)
            state["low"], state["high"] = float(low), float(high)
            values = np.clip(values, low, high)
        centre, spread = _centre_and_spread(self.scale, values)
        state["centre"] = float(centre)
        state["spread"] = float(spread) if spread > 1e-12 * max(abs(centre), 1e-300) else 1.0
        return state

    def apply(self, numbers: np.ndarray, state: dict[str, Any]) -> np.ndarray:
        """The scaled numbers."""
        values = symmetric_log(numbers) if self.log else numbers
        if state["low"] is not None:
            values = np.clip(values, state["low"], state["high"])
        return (values - state["centre"]) / state["spread"]

    def undo(self, scaled: np.ndarray, state: dict[str, Any]) -> np.ndarray:
        """The numbers before scaling; what was clipped stays so."""
        values = scaled * state["spread"] + state["centre"]
        return np.sign(values) * np.expm1(np.abs(values)) if self.log else values


def symmetric_log(values: np.ndarray) -> np.ndarray:
    """sign(x) log(1 + |x|)."""
    return np.sign(values) * np.log1p(np.abs(values))


def _centre_and_spread(scale: str, values: np.ndarray) -> tuple[float, float]:
    if scale == "standard":
        return mean_and_deviation(values)
    if scale == "minmax":
        return values.min(), values.max() - values.min()
    if scale == "robust":
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
        return middle, high - low
    return 0.0, 1.0


def mean_and_deviation(
    values: np.ndarray, weight: np.ndarray | None = None
) -> tuple[Any, Any]:
    """Over the first axis, also where sums or squares would leave the range of float64."""
    unit = max(float(np.abs(values).max()) / 1e100, 1.0)
    values = values / unit if unit > 1.0 else values
    mean = np.average(values, axis=0, weights=weight)
    deviation = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weight))
    return mean * unit, deviation * unit


def _is_range(clip: Any) -> bool:
    return (isinstance(clip, (tuple, list)) and len(clip) == 2
            and all(isinstance(q, (int, float)) for q in clip) and 0 <= clip[0] < clip[1] <= 1)


def check_choice(op: str, name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise ArgumentError for what is none of `choices`."""
    if value not in choices:
        raise ArgumentError(op, operands=[(name, f"{value!r:.60}")],
                            rule=f"{name} is one of {', '.join(choices)}", got=value)


def check_count(op: str, **counts: Any) -> None:
    """Raise ArgumentError for what is no int of at least 1."""
    for name, count in counts.items():
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise ArgumentError(op, operands=[(name, f"{count!r:.60}")],
                                rule=f"{name} is an int of at least 1", got=count)


def rule_of_missing(op: str, missing: Any) -> None:
    """Raise ArgumentError for what cannot stand for a missing number."""
    is_number = isinstance(missing, (int, float)) and not isinstance(missing, bool)
    if is_number and np.isfinite(missing):
        return
    if is_number or missing not in ("mean", "median", "error"):
        raise ArgumentError(op, operands=[("missing", f"{missing!r:.60}")],
                            rule='missing is "mean", "median", "error" or a finite number',
                            got=missing)
