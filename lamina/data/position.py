"""Where a pipeline is: the epoch, and the state after the batch that was handed out last.

In: iterations that begin, batches that are handed out. Out: a small dict for JSON, and back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina.data.block import State
from lamina.errors import ArgumentError


class Position:
    """`next` is where the next iteration begins, `now` the place after the latest batch."""

    def __init__(self) -> None:
        self.now: tuple[int, State] = (0, None)
        self.next: tuple[int, State] = (0, None)

    def begin(self) -> tuple[int, State]:
        """Epoch and state of an iteration that begins."""
        self.now = epoch, at = self.next
        self.next = (epoch + 1, None)
        return epoch, at

    def state(self, described: str) -> dict[str, Any]:
        """The position as JSON can hold it."""
        epoch, at = self.now
        return {"pipeline": described, "epoch": epoch, "at": at}

    def restore(self, state: Any, described: str) -> None:
        """Go to a position that `state` gave. Raises ArgumentError if that was of other data."""
        if not isinstance(state, Mapping) or {"pipeline", "epoch", "at"} - set(state):
            raise ArgumentError(
                "pipeline.restore", operands=[("state", f"{state!r:.80}")],
                rule="the state is what state() gave")
        if state["pipeline"] != described:
            raise ArgumentError(
                "pipeline.restore",
                operands=[("state of", str(state["pipeline"])), ("pipeline", described)],
                rule="a state belongs to a pipeline of the same rows and stages")
        self.now = self.next = (int(state["epoch"]), state["at"])
