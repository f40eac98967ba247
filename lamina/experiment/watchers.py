"""The callbacks that a configuration may name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina import train
from lamina.optim import ReduceLROnPlateau

_NAMES = ("AverageWeights", "EarlyStopping", "GradualUnfreezing", "ReduceOnPlateau")
CALLBACKS: dict[str, Callable[..., Any]] = {
    name: getattr(train, name) for name in _NAMES if hasattr(train, name)}
# What a callback hands on: the callable whose arguments its `**options` are, and what it gives.
OPTIONS_OF: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "ReduceOnPlateau": (ReduceLROnPlateau, ("optimizer",)),
}
MONITORS = ("EarlyStopping", "ReduceOnPlateau")  # those that look at a number of the logs
