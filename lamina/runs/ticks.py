"""Where an axis has its marks, and what stands at them.

In: the smallest and largest value, and about how many marks are wanted. Out: values and labels.
Steps are 1, 2 or 5 times a power of ten; on a logarithmic axis powers of ten, and 2 and 5 times
them where there are few.
"""

from __future__ import annotations

import math

Marks = list[tuple[float, str]]

_SCIENTIFIC = (1e-4, 1e6)  # outside, labels are powers of ten


def linear(low: float, high: float, wanted: int = 6, whole: bool = False) -> Marks:
    """Marks from `low` to `high`; whole: on whole numbers only, such as epochs.

    >>> linear(0.0, 1.0, 5)
    [(0.0, '0.0'), (0.2, '0.2'), (0.4, '0.4'), (0.6, '0.6'), (0.8, '0.8'), (1.0, '1.0')]
    """
    if not high > low:
        return [(low, number(low))]
    step = _step((high - low) / max(1, wanted))
    if whole:
        step = max(1.0, step)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(i * step if step >= 1 else i / round(1 / step) if step > 1e-9 else i * step,
             _label(i * step, step)) for i in range(first, last + 1)]


def logarithmic(low: float, high: float, wanted: int = 6) -> Marks:
    """Marks from `low` to `high`, both above 0.

    >>> [label for _, label in logarithmic(0.5, 20.0)]
    ['0.5', '1', '2', '5', '10', '20']
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1, 2, 5) if last - first <= max(1, wanted // 2) else (1,)
    every = max(1, round((last - first) / wanted))
    found = [factor * 10.0**power for power in range(first, last + 1, every)
             for factor in factors]
    inside = [value for value in found if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
    if len(inside) < 2:
        return linear(low, high, wanted)
    return [(value, number(value)) for value in inside]


def number(value: float) -> str:
    """A number in at most four digits: `0.0312`, `1,234`, `1.2e-07`."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    small, large = _SCIENTIFIC
    if not small <= abs(value) < large:
        return f"{value:.2g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _step(rough: float) -> float:
    """The nearest step at or above a rough one."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(f * power for f in (1, 2, 5, 10) if f * power >= rough * (1 - 1e-9))


def _label(value: float, step: float) -> str:
    small, large = _SCIENTIFIC
    if step < small or abs(value) >= large:
        return f"{value:.3g}" if value else "0"
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value + 0.0:,.{digits}f}"
