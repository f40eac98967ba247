"""The number that a callback watches, and whether less or more of it is better.

In: a name and the logs. Out: the value, and a direction.
"""

from __future__ import annotations

from collections.abc import Mapping

from lamina.errors import ArgumentError
from lamina.functional.arguments import check_choice

MODES = ("auto", "min", "max")
_SMALL_IS_GOOD = ("loss", "error", "perplexity", "mae", "mse", "rmse", "brier", "deviance",
                  "distance", "wer", "cer", "time")


def monitored(place: str, name: str, logs: Mapping[str, float]) -> float:
    """The number in the logs that a callback watches; ArgumentError if it is not there."""
    if name not in logs:
        raise ArgumentError(
            place,
            operands=[("monitor", repr(name)), ("logs", ", ".join(logs))],
            rule="monitor is one of the logs",
            got=name,
        )
    return logs[name]


def best_mode(name: str) -> str:
    """"min" for names of losses and errors, "max" for others.

    >>> best_mode("valid_word_error_rate"), best_mode("valid_accuracy")
    ('min', 'max')
    """
    words = name.lower().replace("-", "_").split("_")
    return "min" if any(word in _SMALL_IS_GOOD for word in words) else "max"


def sign_of(place: str, name: str | None, mode: str) -> float:
    """1 where less is better and -1 where more is; "auto" goes by the name."""
    check_choice(place, "mode", mode, MODES)
    if mode == "auto":
        mode = best_mode(name or "loss")
    return 1.0 if mode == "min" else -1.0
