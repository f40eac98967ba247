"""The callbacks that a configuration may name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina import train

_NAMES = ("AverageWeights", "EarlyStopping", "GradualUnfreezing", "ReduceOnPlateau")
CALLBACKS: dict[str, Callable[..., Any]] = {
    name: getattr(train, name) for name in _NAMES if hasattr(train, name)}
MONITORS = ("EarlyStopping", "ReduceOnPlateau")  # those that look at a number of the logs
