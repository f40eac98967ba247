"""Where a fit is: in which phase of which epoch, and what has been seen of the data.

In: what the loop has done. Out: a record that goes into checkpoints, and from which it goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from lamina.train.batches import Batches

# What comes next: a new epoch; batches; the end of the training pass; validation.
BETWEEN, TRAINING, TRAINED, VALIDATING = "between", "training", "trained", "validating"


@dataclass
class Position:
    """start: the epochs before this fit. batches: handed out in this epoch. history: its logs."""

    start: int = 0
    phase: str = BETWEEN
    batches: int = 0
    stopped: bool = False
    history: list[dict[str, float]] = field(default_factory=list)

    def state_dict(self) -> dict[str, Any]:
        """As values that JSON has."""
        return vars(self) | {"history": [dict(logs) for logs in self.history]}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Position:
        """The position of a `state_dict()`."""
        return cls(**dict(state) | {"history": [dict(logs) for logs in state["history"]]})


def state_of(data: Any) -> dict[str, Any] | None:
    """The position of data that knows it: what has `state()` and `restore(state)`."""
    if hasattr(data, "state") and hasattr(data, "restore"):
        state: dict[str, Any] = data.state()
        return state
    return None


def remaining(batches: Batches, seen: int, state: Mapping[str, Any] | None) -> Iterator[Any]:
    """The rest of an epoch of which `seen` batches were handed out.

    state: that of data that knows its position; other data is read again and dropped up to there.
    """
    if state is not None and hasattr(batches, "restore"):
        batches.restore(state)
        return iter(batches)
    iterator = iter(batches)
    for _ in islice(iterator, seen):
        pass
    return iterator
