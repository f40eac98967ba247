"""What a training's time goes to, seen from the events of a callback.

In: the moments of the events. Out: seconds by what they were for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

DATA, FIRST, STEPS = "waiting for data", "first step, compiling", "training steps"
VALIDATION, WATCHING, REST = "validation", "this run folder", "other callbacks and the rest"


class StepClock:
    """`start` a fit; then call the methods at the events of their names.

    `total` goes on from `start(before)`, so that a resumed run counts all of its sittings.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.spent: dict[str, float] = {}
        self._before = 0.0
        self._began = self._mark = clock()
        self._nested = 0.0  # of `watching` since the mark, which is counted there

    def start(self, before: float = 0.0) -> None:
        """A fit begins; before: seconds of earlier ones."""
        self._before = before
        self._began = self._mark = self._clock()
        self._nested = 0.0
        self.spent = {}

    @property
    def total(self) -> float:
        """Seconds of training so far."""
        return self._before + self._clock() - self._began

    def epoch_start(self) -> None:
        """The first batch is waited for from now on."""
        self._restart()

    def step_start(self) -> None:
        """A batch is there."""
        self._add(DATA)

    def step_end(self) -> None:
        """A step is done."""
        self._add(STEPS if FIRST in self.spent else FIRST)

    def evaluate_start(self) -> None:
        """Validation begins."""
        self._restart()

    def evaluate_end(self) -> None:
        """Validation is done."""
        self._add(VALIDATION)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """The callback's own work."""
        start = self._clock()
        try:
            yield
        finally:
            seconds = self._clock() - start
            self._nested += seconds
            self.spent[WATCHING] = self.spent.get(WATCHING, 0.0) + seconds

    def breakdown(self) -> dict[str, float]:
        """Seconds by what they were for, of this fit; all together are its time."""
        order = (DATA, FIRST, STEPS, VALIDATION, WATCHING)
        found = {name: self.spent[name] for name in order if name in self.spent}
        rest = self._clock() - self._began - sum(found.values())
        return found | {REST: max(0.0, rest)}

    def _restart(self) -> None:
        self._mark, self._nested = self._clock(), 0.0

    def _add(self, name: str) -> None:
        now = self._clock()
        seconds = max(0.0, now - self._mark - self._nested)
        self.spent[name] = self.spent.get(name, 0.0) + seconds
        self._mark, self._nested = now, 0.0
