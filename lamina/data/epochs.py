"""Epochs of a pipeline: its iterations, their position, and the flow that each one runs.

In: a head and steps, as `Pipeline` describes them. Out: batches, and a state to go on from.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Self

from lamina.data import arguments as check
from lamina.data.heads import BLOCK, Head, Step
from lamina.data.memory import as_column
from lamina.data.position import Position
from lamina.data.report import Guard, Place, Report, places
from lamina.data.stages.flow import Flow
from lamina.errors import DataError, LaminaError, user_frame


class LengthError(LaminaError, TypeError):
    """`len()` of a pipeline whose number of batches is known only at its end."""


class Epochs:
    """What a pipeline does with its description. report: what `on_error="skip"` left out."""

    def __init__(self, head: Head, batched: bool, skips: bool) -> None:
        self._head = head
        self._steps: tuple[Step, ...] = ()
        self._batched = batched
        self._skips = skips
        self._position = Position()
        self.report = Report()

    @property
    def is_batched(self) -> bool:
        """Whether `batch` or `bucket` has been said: blocks of rows come out otherwise."""
        return self._batched

    @property
    def is_augmented(self) -> bool:
        """Whether iterating runs compiled functions."""
        return self._head.is_augmented or any(s.kind == "augment" for s in self._steps)

    def __len__(self) -> int:
        """Number of batches. Raises LengthError, a TypeError, where it is not known before."""
        number = self.count()
        if number is None:
            raise LengthError(
                "pipeline", operands=[("stages", self.describe())],
                rule="streams, filter, bucket, repeat without end and on_error='skip' have a "
                     "length that is known at their end only")
        return number if self._batched else -(-number // BLOCK)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        epoch, at = self._position.begin()
        return self._batches(epoch, at, user_frame())

    def first(self) -> tuple[Any, ...]:
        """The first batch of the present epoch; the position stays. Raises DataError for none."""
        found = next(self._run(self._position.next[0], None, user_frame()), None)
        if found is None:
            raise DataError("pipeline.first", operands=[("stages", self.describe())],
                            rule="there is at least one batch")
        return found[0]

    def state(self) -> dict[str, Any]:
        """The position after the batch that was handed out last, as JSON can hold it."""
        return self._position.state(self.describe())

    def restore(self, state: dict[str, Any]) -> None:
        """Let the next iteration begin at a position that `state` gave.

        The pipeline must be made as that one was; threads and blocks ahead may differ. Where the
        last batch of an epoch had been handed out, the next iteration is empty and ends that epoch.

        >>> data = lm.data.pipeline(np.arange(6)).shuffle(seed=1).batch(2)
        >>> batches = iter(data)
        >>> _, place, rest = next(batches), data.state(), [x.tolist() for x, in batches]
        >>> data.restore(place)
        >>> [x.tolist() for x, in data] == rest
        True
        """
        self._position.restore(state, self.describe())

    @property
    def epoch(self) -> int:
        """The epoch that the next iteration is; set it to go to the beginning of another."""
        return self._position.next[0]

    @epoch.setter
    def epoch(self, number: int) -> None:
        self._position.now = self._position.next = (check.whole("epoch", "epoch", number, 0), None)

    def __repr__(self) -> str:
        return f"<Pipeline {self.describe()}>"

    def _batches(self, epoch: int, at: Any, where: Any) -> Iterator[tuple[Any, ...]]:
        is_empty = at is None
        for batch, after in self._run(epoch, at, where):
            is_empty = False
            self._position.now = (epoch, after)
            yield batch
        self._position.now = (epoch + 1, None)
        if is_empty and self.report.skipped:
            raise DataError("pipeline", operands=[("report", str(self.report))],
                            rule="there is a record that can be read", where=where)

    def _run(self, epoch: int, at: Any, where: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
        for block, after in self.flow([], where).open(epoch, at):
            yield tuple(as_column(c, block.is_ours) for c in block.columns), after

    def flow(self, sources: list[Place], where: tuple[str, int] | None) -> Flow:
        """The flow of a run. sources: gets the places of its sources. where: the user's line."""
        guard = Guard(places(sources), self.report, self._skips, where)
        flow = self._head.flow(self._block(), sources, guard)
        for step in self._steps:
            flow = step.make(flow, guard)
        return flow

    def _block(self) -> int:
        """Rows that are read at once: those of the batch, if rows go into it as they come."""
        is_straight = True
        for step in self._steps:
            if step.kind == "batch":
                return step.size if is_straight else max(step.size, BLOCK)
            is_straight = is_straight and step.kind in ("map", "prefetch")
        return BLOCK

    def count(self) -> int | None:
        """Rows, or batches once there are any, of an epoch; None where it is not known."""
        number = None if self._skips else self._head.count()
        for step in self._steps:
            number = None if number is None else step.count(number)
        return number

    def describe(self) -> str:
        """Rows and stages as text; a state belongs to one description."""
        return ".".join([self._head.describe(), *(s.text for s in self._steps if s.text)])

    @property
    def _is_by_number(self) -> bool:
        """Whether only rows of a source have been described so far, so that stages commute."""
        return all(step.kind == "prefetch" for step in self._steps)

    @classmethod
    def of(cls, head: Head, batched: bool) -> Self:
        """The pipeline that begins with `head`."""
        new = cls.__new__(cls)
        Epochs.__init__(new, head, batched, skips=False)
        return new

    def _derived(self, **changed: Any) -> Self:
        new = copy.copy(self)
        new._position, new.report = Position(), Report()
        for name, value in changed.items():
            setattr(new, f"_{name}", value)
        return new
