"""What a program computes from inputs that stay as they are: computed once, kept from run to run.

In: a bound program, and which of its leaves are a function's own tensors, not its arguments. Out:
the results of a run. Where these leaves have been the same for a few calls, as the weights of a
model that answers questions are, the kernels that read nothing else (copies into panels, scales of
norms) are left out from then on, and what they gave stays in memory. One that changes, and all
begins anew.
"""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from lamina.graph.node import Node
from lamina.runtime.buffers import Buffer
from lamina.schedule.steps import AnyStep, Step

if TYPE_CHECKING:
    from lamina.runtime.program import Bound, Launch

SAME_RUNS = 3  # with the same values, before any are kept
MOST_BYTES = 1 << 30  # that all programs keep, at most: those that kept first let go first

Serials = tuple[int, ...]
_numbers = count()
_holders: list[weakref.ref[Kept]] = []
_lock = threading.Lock()


class Values(NamedTuple):
    """What is kept, the serials of the leaves that it was computed from, a number of its own."""

    serials: Serials
    buffers: list[Buffer]
    number: int


class Kept:
    """The values that one bound program keeps. May run in several threads at once."""

    def __init__(self, bound: Bound, own: Sequence[int]) -> None:
        self.bound = bound
        leaves = {bound.program.leaves[i]: i for i in own}
        steps, read = _constant(bound.plan.steps, set(leaves), set(bound.outputs))
        self.steps = frozenset(steps)
        self.leaves = [leaves[leaf] for leaf in read]
        place = {i: k for k, i in enumerate(own)}
        self._among = [place[i] for i in self.leaves]
        rest = [step for step in bound.plan.steps if step not in self.steps]
        wanted = {node for step in rest for node in step.reads}
        self.nodes = [node for step in steps for node in step.writes if node in wanted]
        self.sizes = [max(1, bound.nbytes[node]) for node in self.nodes]
        self.is_useful = bool(self.nodes) and sum(self.sizes) <= MOST_BYTES
        self._seen: tuple[Serials, int] = (), 0  # of the latest run, and in how many runs
        self.values: Values | None = None  # replaced as a whole
        self._launches: tuple[Launch, Launch] | None = None  # the one that fills, the one without
        self._lock = threading.Lock()

    def ready(self, own: Sequence[Buffer]) -> tuple[Launch, Values] | None:
        """The table that leaves out what is kept for these values of the own leaves, and that."""
        values = self.values
        if values is None or values.serials != tuple([own[i].serial for i in self._among]):
            return None
        return self._made()[1], values

    def run(self, leaves: Sequence[Buffer], order: Sequence[Node]) -> list[Buffer]:
        """The results of the program, with what is kept, if it still holds."""
        serials = tuple([leaves[i].serial for i in self.leaves])
        values = self.values
        if values is not None and values.serials == serials:
            return self.bound.launched(self._made()[1], leaves, values.buffers, order)
        seen, times = self._seen
        self._seen = serials, times + 1 if seen == serials else 1
        if self._seen[1] < SAME_RUNS:
            self.values = None
            return self.bound.run(leaves, None, order)
        _make_room(self)
        buffers = [Buffer(size) for size in self.sizes]
        results = self.bound.launched(self._made()[0], leaves, buffers, order)
        self.values = Values(serials, buffers, next(_numbers))
        return results

    def _made(self) -> tuple[Launch, Launch]:
        with self._lock:
            if self._launches is None:
                self._launches = (self.bound.launch_with(self.nodes, frozenset()),
                                  self.bound.launch_with(self.nodes, self.steps))
            return self._launches


def _make_room(kept: Kept) -> None:
    """Let the oldest go until there is room for what this one will keep."""
    with _lock:
        others = [x for reference in _holders if (x := reference()) is not None and x is not kept]
        room = MOST_BYTES - sum(kept.sizes)
        while others and sum(sum(x.sizes) for x in others) > room:
            others.pop(0).values = None
        _holders[:] = [weakref.ref(x) for x in (*others, kept)]


def _constant(steps: Sequence[AnyStep], leaves: set[Node], outputs: set[Node]
              ) -> tuple[list[Step], list[Node]]:
    """Steps that depend on these leaves alone, and the leaves that they read."""
    writers = Counter(node for step in steps for node in step.writes)
    known = set(leaves)
    found: list[Step] = []
    read: dict[Node, None] = {}
    for step in steps:
        if (isinstance(step, Step) and step.reads and known.issuperset(step.reads)
                and not step.copies and not step.checks
                and not any(n in outputs or n in step.reads or writers[n] > 1
                            for n in step.writes)):
            found.append(step)
            known.update(step.writes)
            read.update((node, None) for node in step.reads if node in leaves)
    return found, list(read)
