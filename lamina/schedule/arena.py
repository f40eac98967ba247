"""The arena: where a plan's values lie for given sizes, those of inner plans among them.

In: a plan, the sizes. Out: an offset for each value that lies in the arena, and the arena's size.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from lamina.graph.node import Node
from lamina.schedule.memory import Lifetime, place
from lamina.schedule.steps import ControlStep, Plan
from lamina.shapes import Var, evaluate, product


class Layout:
    """Where a plan's values lie in its arena: all but those that lie elsewhere."""

    offsets: dict[Node, int]
    arena_bytes: int

    def __init__(self, plan: Plan, values: Mapping[Var, Any], elsewhere: Collection[Node]) -> None:
        self.plan = plan
        self.children: dict[ControlStep, list[Layout]] = {}
        self.nbytes: dict[Node, int] = {}
        for step in plan.steps:
            for node in step.writes:
                self.nbytes[node] = _nbytes(node, values)
            if isinstance(step, ControlStep):
                children = [Layout(p, values, p.results) for p in step.plans]
                self.children[step] = children
                for arena, child in zip(step.arenas, children, strict=True):
                    self.nbytes[arena] = child.arena_bytes
        self.offsets, self.arena_bytes = self._place(set(elsewhere))

    def _place(self, elsewhere: set[Node]) -> tuple[dict[Node, int], int]:
        lifetimes: dict[Node, Lifetime] = {}
        for step in self.plan.steps:
            for node in step.writes:
                if node not in elsewhere:
                    first = lifetimes[node].first if node in lifetimes else step.level
                    lifetimes[node] = Lifetime(self.nbytes[node], first, step.level)
            for node in step.reads:
                if node in lifetimes:
                    lifetimes[node] = Lifetime(self.nbytes[node], lifetimes[node].first, step.level)
        return place(lifetimes)


def _nbytes(node: Node, values: Mapping[Var, Any]) -> int:
    return evaluate(product(node.shape), values) * node.dtype.itemsize
