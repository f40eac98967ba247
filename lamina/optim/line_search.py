"""Line search to the strong Wolfe conditions (Nocedal and Wright 2006, algorithms 3.5 and 3.6).

In: the loss and slope along a direction. Out: a point that both conditions hold at, or the best
seen. Its decisions are those of PyTorch's search for L-BFGS, so that the steps are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import NamedTuple

from lamina.tensor import Tensor

_DECREASE = 1e-4  # c1: share of the decrease that the slope promises
_CURVATURE = 0.9  # c2: share of the slope that may be left
_FARTHEST = 10.0  # times the last step, while the bracket is not closed


class Point(NamedTuple):
    """A step along the direction: loss, gradient `[n]` and slope there."""

    step: float
    loss: float
    gradient: Tensor
    slope: float


def strong_wolfe(
    at: Callable[[float], Point], start: Point, step: float, width: float, tolerance: float,
    limit: int,
) -> tuple[Point, int]:
    """The point, and how many were computed.

    at: computes a point. start: that of step 0. step: the first to try. width: the largest element
    of the direction; the search ends where a bracket times that is below `tolerance`, or after
    `limit` points.
    """
    counted = _Counted(at)
    bracket = _bracket(counted, start, step, limit)
    if len(bracket) == 1:
        return bracket[0], counted.number
    return _zoom(counted, start, bracket, width, tolerance, limit), counted.number


class _Counted:
    """Calls a function and counts."""

    def __init__(self, at: Callable[[float], Point]) -> None:
        self._at = at
        self.number = 0

    def __call__(self, step: float) -> Point:
        self.number += 1
        return self._at(step)


def _too_high(start: Point, point: Point) -> bool:
    return point.loss > start.loss + _DECREASE * point.step * start.slope


def _is_flat(start: Point, point: Point) -> bool:
    return abs(point.slope) <= -_CURVATURE * start.slope


def _bracket(at: _Counted, start: Point, step: float, limit: int) -> list[Point]:
    """One point that is good, or two with a good one between them."""
    before, point = start, at(step)
    while at.number <= limit:
        if _too_high(start, point) or at.number > 2 and point.loss >= before.loss:
            return [before, point]
        if _is_flat(start, point):
            return [point]
        if point.slope >= 0:
            return [before, point]
        nearest = point.step + 0.01 * (point.step - before.step)
        further = _cubic_minimum(before, point, nearest, point.step * _FARTHEST)
        before, point = point, at(further)
    return [start, point]


def _zoom(
    at: _Counted, start: Point, ends: list[Point], width: float, tolerance: float, limit: int
) -> Point:
    low, high = sorted(ends, key=lambda point: point.loss)
    is_stuck = False
    while at.number <= limit and abs(high.step - low.step) * width >= tolerance:
        left, right = sorted((low.step, high.step))
        step, is_stuck = _inside(_cubic_minimum(low, high, left, right), left, right, is_stuck)
        point = at(step)
        if _too_high(start, point) or point.loss >= low.loss:
            high = point
            low, high = (low, high) if low.loss <= high.loss else (high, low)
            continue
        if _is_flat(start, point):
            return point
        if point.slope * (high.step - low.step) >= 0:
            high = low
        low = point
    return low


def _inside(step: float, left: float, right: float, is_stuck: bool) -> tuple[float, bool]:
    """A step that is near an end for the second time moves off it; whether it was near."""
    margin = 0.1 * (right - left)
    if min(right - step, step - left) >= margin:
        return step, False
    if not is_stuck and left < step < right:
        return step, True
    return (right - margin if right - step < step - left else left + margin), False


def _cubic_minimum(a: Point, b: Point, least: float, most: float) -> float:
    """Minimum of the cubic through both, within limits (Nocedal and Wright, equation 3.59)."""
    if a.step > b.step:
        a, b = b, a
    if a.step == b.step:
        return (least + most) / 2.0
    d1 = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.step - b.step)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:
        return (least + most) / 2.0
    d2 = sqrt(square)
    bottom = b.slope - a.slope + 2.0 * d2
    if bottom == 0:
        return (least + most) / 2.0
    return min(max(b.step - (b.step - a.step) * (b.slope + d2 - d1) / bottom, least), most)
