"""The callbacks that a configuration may name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.optim import ReduceLROnPlateau
from lamina.train import AverageWeights, EarlyStopping, GradualUnfreezing, ReduceOnPlateau

CALLBACKS: dict[str, Callable[..., Any]] = {
    "AverageWeights": AverageWeights,
    "EarlyStopping": EarlyStopping,
    "GradualUnfreezing": GradualUnfreezing,
    "ReduceOnPlateau": ReduceOnPlateau,
}
# What a callback hands on: the callable whose arguments its `**options` are, and what it gives.
OPTIONS_OF: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "ReduceOnPlateau": (ReduceLROnPlateau, ("optimizer",)),
}
MONITORS = ("EarlyStopping", "ReduceOnPlateau")  # those that look at a number of the logs
