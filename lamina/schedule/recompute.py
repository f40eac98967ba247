"""Recomputation: a plan that keeps less, and runs some of its kernels twice, to fit into memory.

In: a plan, the sizes, and the bytes that its arena may have. Out: a plan whose arena has no more.

Nothing is guessed: the arena of a plan is known before anything runs. While it is too large, the
level at which most is alive is looked at. A value that is alive there without being used then is
let go after its last use before, and the kernels that wrote it run once more in front of its next
one, with what they need. The value that frees most for the time that this takes goes first. The
kernels are those that the plan has, so the results have the same bits, and nothing more is
compiled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lamina.graph.node import Node, leaf
from lamina.schedule.arena import Layout
from lamina.schedule.steps import AnyStep, Plan, Step
from lamina.schedule.updates import moved
from lamina.shapes import Var, evaluate

OPERATIONS, BYTES = 1e11, 1e10  # of a second: what a kernel's time is estimated by
TRIED = 16  # values of a level that are tried, the best first
KEPT_LONGER = 16  # what is so much smaller than what is let go stays alive for its sake
ROUNDS = 8  # in which room is left for the gaps between values


def within(plan: Plan, room: int, values: Mapping[Var, Any], elsewhere: Collection[Node],
           taken: Collection[Node] = ()) -> tuple[Plan, int]:
    """A plan whose arena has at most `room` bytes, or as few as could be reached; and how many.

    values: of the size variables. elsewhere: nodes whose memory is not in the arena. taken: leaves
    whose memory a result has after their last reader, which stays the last.
    """
    best, least = plan, Layout(plan, values, elsewhere).arena_bytes
    goal, steps = room, list(plan.steps)
    for _ in range(ROUNDS):
        if least <= room:
            break
        schedule = _Schedule(steps, plan.results, values, elsewhere, taken)
        reached = schedule.lower_to(goal)
        steps = schedule.steps
        found = Plan(tuple(steps), plan.results)
        size = Layout(found, values, elsewhere).arena_bytes
        if size < least:
            best, least = found, size
        if not reached:
            break
        goal -= max(size - room, goal // 64)
    return best, least


@dataclass
class _Life:
    """The levels at which a value is written, and at which others read it, sorted."""

    writes: list[int]
    reads: list[int]

    @property
    def uses(self) -> list[int]:
        """All levels at which its memory is looked at."""
        return sorted({*self.writes, *self.reads})


@dataclass(frozen=True)
class _Way:
    """How to let a value go over some level.

    again: the steps to run once more before level `use`, in order. score: bytes that are freed for
    each second of it.
    """

    use: int
    again: tuple[Step, ...]
    score: float


class _Schedule:
    """Steps by level, and what is alive at each."""

    def __init__(self, steps: Sequence[AnyStep], results: Sequence[Node],
                 values: Mapping[Var, Any], elsewhere: Collection[Node],
                 taken: Collection[Node]) -> None:
        self.steps = list(steps)
        self.taken = {*taken}
        self.results = tuple(results)
        self.values = values
        self.elsewhere = {*elsewhere, *results}
        self.sizes = dict(Layout(Plan(tuple(steps), self.results), values, elsewhere).nbytes)
        self._look()

    # -- what is alive -------------------------------------------------------------------------
    def _look(self) -> None:
        """Find writers, lives and the bytes alive at each level."""
        self.writers: dict[Node, list[AnyStep]] = defaultdict(list)
        self.lives: dict[Node, _Life] = {}
        self.last: dict[Node, int] = {}  # level at which a leaf that is taken over is read
        for step in self.steps:
            for node in step.writes:
                self.writers[node].append(step)
                self.lives.setdefault(node, _Life([], [])).writes.append(step.level)
            for node in step.reads:
                if node in self.lives and node not in step.writes:
                    self.lives[node].reads.append(step.level)
                elif node in self.taken:
                    self.last[node] = step.level
        change = [0] * (self.steps[-1].level + 2 if self.steps else 1)
        for node, life in self.lives.items():
            if node not in self.elsewhere:
                uses = life.uses
                change[uses[0]] += self.sizes[node]
                change[uses[-1] + 1] -= self.sizes[node]
        self.alive: list[int] = []
        for more in change[:-1]:
            self.alive.append(more + (self.alive[-1] if self.alive else 0))

    @property
    def _height(self) -> tuple[int, int]:
        """The most bytes alive, and at how many levels so many are."""
        most = max(self.alive, default=0)
        return most, self.alive.count(most)

    # -- letting go ----------------------------------------------------------------------------
    def lower_to(self, room: int) -> bool:
        """Let values go until no level has more than `room` bytes alive; False if some has."""
        while self._height[0] > room:
            level = self.alive.index(self._height[0])
            ways = sorted(self._ways(level), key=lambda way: -way.score)[:TRIED]
            if not any(self._took(way) for way in ways):
                return False
        return True

    def _took(self, way: _Way) -> bool:
        """Go this way if less is alive for it at the highest level."""
        before, old = self._height, self.steps
        self.steps = self._with(way)
        self._look()
        if self._height < before:
            return True
        self.steps = old
        self._look()
        return False

    def _ways(self, level: int) -> Iterator[_Way]:
        """What could be done for what is alive at a level."""
        done: set[tuple[Step, ...]] = set()
        for node, life in self.lives.items():
            if node in self.elsewhere or not _goes(life, level, level + 1):
                continue
            use = next(u for u in life.uses if u > level)
            again = self._again(node, use, {})
            if again is None or (order := tuple(sorted(again, key=lambda s: s.level))) in done:
                continue
            done.add(order)
            whole = self._whole(order)
            freed = sum(self.sizes[n] for n in whole if _goes(self.lives[n], level, use))
            read = {x for step in order for x in step.reads if x in self.lives}
            freed -= sum(self.sizes[x] for x in read - whole - self.elsewhere
                         if self.lives[x].uses[-1] < level)
            if freed > 0:
                yield _Way(use, order, freed / sum(map(self._seconds, order)))

    def _again(self, node: Node, use: int, known: dict[Step, None]) -> dict[Step, None] | None:
        """The steps that give a value once more at level `use`, with all that they need then."""
        life = self.lives[node]
        if life.reads and life.reads[0] <= life.writes[-1]:
            return None  # it was read before it was whole
        for step in self.writers[node]:
            if step in known:
                continue
            if not isinstance(step, Step) or not self._repeats(step, node, use):
                return None
            known[step] = None
            for x in step.reads:
                if self.last.get(x, use) < use:
                    return None  # its memory has another value by then
                if x is node or x not in self.lives:
                    continue
                if self.lives[x].writes[-1] >= step.level:
                    return None  # it has changed since
                if (x in self.elsewhere or self.lives[x].uses[-1] >= use
                        or self.sizes[x] * KEPT_LONGER < self.sizes[node]):
                    continue
                if self._again(x, use, known) is None:
                    return None
        return known

    def _repeats(self, step: Step, node: Node, use: int) -> bool:
        """Whether a step may run again: it changes no other value, and nobody does later."""
        return all(self.lives[x].writes[-1] < use and (x is node or x not in step.reads)
                   for x in step.writes)

    def _whole(self, again: Sequence[Step]) -> set[Node]:
        """The values that these steps give again, whole."""
        steps = set(again)
        return {x for step in again for x in step.writes
                if x not in self.elsewhere and steps.issuperset(self.writers[x])}

    def _seconds(self, step: Step) -> float:
        sizes = [evaluate(b, self.values) for b in step.bindings]
        work = evaluate(step.spec.work, dict(zip(step.spec.parameters, sizes, strict=True)))
        moved = sum(self.sizes.get(x, 0) for x in {*step.reads, *step.writes})
        return max(work / OPERATIONS, moved / BYTES) + 1e-6

    # -- the new steps -------------------------------------------------------------------------
    def _with(self, way: _Way) -> list[AnyStep]:
        """The steps, those that run again in levels of their own before the value's next use."""
        new = {node: leaf(None, node.shape, node.dtype)
               for step in way.again for node in step.writes}
        self.sizes.update((copy, self.sizes[node]) for node, copy in new.items())
        whole = {node: new[node] for node in self._whole(way.again)}
        levels = {level: way.use + i for i, level in enumerate(
            dict.fromkeys(step.level for step in way.again))}
        added = [replace(step, level=levels[step.level],
                         reads=tuple(whole.get(n, n) for n in step.reads),
                         writes=tuple(new[n] for n in step.writes)) for step in way.again]
        first = [s for s in self.steps if s.level < way.use]
        later = [moved(replace(s, level=s.level + len(levels)), whole)
                 for s in self.steps if s.level >= way.use]
        return [*first, *added, *later]


def _goes(life: _Life, level: int, use: int) -> bool:
    """Whether a value is alive at a level, and not used from there to before `use`."""
    uses = life.uses
    return uses[0] < level < uses[-1] and not any(level <= u < use for u in uses)
