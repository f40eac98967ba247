"""Steps in the last level in which they can run: what they write waits for its readers in memory.

In: steps in the first level that their operands allow. Out: the same steps, later. Copies of
weights into panels run in front of their products rather than all at the beginning, margins in
front of what fills them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from lamina.graph.node import Node, is_leaf
from lamina.schedule.steps import AnyStep, Step


def delay(steps: Sequence[AnyStep]) -> list[AnyStep]:
    """Move steps to later levels where no operand has to live longer for it.

    A leaf keeps its last reader, which may be the one that takes its memory over.
    """
    levels = _Levels(steps)
    moved = {step: levels.moved(step) for step in sorted(steps, key=lambda s: -s.level)}
    return sorted((moved[step] for step in steps), key=lambda s: s.level)


class _Levels:
    """At which levels steps read and write each node; kept true while steps move."""

    def __init__(self, steps: Sequence[AnyStep]) -> None:
        self.reads: dict[Node, list[int]] = defaultdict(list)
        self.writes: dict[Node, list[int]] = defaultdict(list)
        for step in steps:
            for node in set(step.reads):
                self.reads[node].append(step.level)
            for node in set(step.writes):
                self.writes[node].append(step.level)

    def moved(self, step: AnyStep) -> AnyStep:
        """The step at its last level."""
        if not isinstance(step, Step) or step.checks or step.copies:
            return step
        level = min([self._needed(step), *(self._free(x, step.level) for x in step.reads)])
        if level <= step.level:
            return step
        for node in set(step.reads):
            _put(self.reads[node], step.level, level)
        for node in set(step.writes):
            _put(self.writes[node], step.level, level)
        return replace(step, level=level)

    def _needed(self, step: Step) -> int:
        """The level before somebody else looks at what the step writes; its own if nobody does."""
        others = [level for node in set(step.writes) for level in (
            *_without(self.writes[node], step.level),
            *(_without(self.reads[node], step.level) if node in step.reads else self.reads[node]))]
        return min(others, default=step.level + 1) - 1

    def _free(self, x: Node, level: int) -> int:
        """The last level at which an operand of a step at `level` may be read instead."""
        last = max(_without(self.reads[x], level), default=None)
        if is_leaf(x) and not self.writes[x]:
            return last - 1 if last is not None else 1 << 62
        changed = min((w for w in self.writes[x] if w > level), default=1 << 62)
        return min(changed - 1, level if last is None else last)


def _without(levels: Sequence[int], level: int) -> list[int]:
    """The levels, one occurrence of `level` less."""
    rest = list(levels)
    rest.remove(level)
    return rest


def _put(levels: list[int], old: int, new: int) -> None:
    levels.remove(old)
    levels.append(new)
