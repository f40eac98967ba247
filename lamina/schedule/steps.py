"""What a plan consists of: kernels, and control operations with plans inside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lamina.graph.node import Node
from lamina.schedule.spec import Spec
from lamina.shapes import Dim

Where = tuple[str, int] | None  # file and line


@dataclass(frozen=True, eq=False)
class Step:
    """One kernel of the plan.

    What it reads and writes (its workspaces last) stands in the order of the spec.
    """

    spec: Spec
    bindings: tuple[Dim, ...]
    reads: tuple[Node, ...]
    writes: tuple[Node, ...]
    level: int
    reusable: tuple[tuple[int, int], ...]  # (position in reads, position in writes): in place
    checks: frozenset[tuple[Node, Dim]]  # indices that it compares with the size of their axis
    where: Where = None  # the user's line, of its most telling operation
    copies: bool = False  # its only read to its only write, which is there to be updated
    targets: tuple[tuple[Node, int], ...] = ()  # what it updates: in that memory lies that result

    @property
    def name(self) -> str:
        """A readable name."""
        return self.spec.name


@dataclass(frozen=True, eq=False)
class ControlStep:
    """A control operation, or a call of Python: plans that run inside the plan.

    Memory that it needs while it runs stands at the end of `writes`: `scratch`, which the operation
    uses by its own order, and for each plan an arena, whose size is known with that of the plan.
    """

    node: Node
    inputs: tuple[Node, ...]  # the node that holds each input
    outputs: tuple[tuple[int, Node], ...]  # index of a result that is wanted, and its node
    plans: tuple[Plan, ...]
    params: tuple[tuple[Node, ...], ...]  # the leaves of each plan
    copies: tuple[Step, ...]  # one for each carry: from its only read to its only write
    scratch: tuple[Node, ...]
    arenas: tuple[Node, ...]
    reads: tuple[Node, ...]
    writes: tuple[Node, ...]
    level: int
    checks: frozenset[tuple[Node, Dim]]
    in_place: tuple[Step | None, ...] = ()  # for each carry a copy that a turn can do without
    reusable: tuple[tuple[int, int], ...] = ()

    @property
    def name(self) -> str:
        """A readable name."""
        inner = "; ".join(", ".join(s.name for s in plan.steps) for plan in self.plans)
        return f"{self.node.op.name}({inner})"


AnyStep = Step | ControlStep


@dataclass(frozen=True, eq=False)
class Plan:
    """Steps in order, and for each root the node whose buffer holds it.

    A node that several steps write is changed by all but the first.
    """

    steps: tuple[AnyStep, ...]
    results: tuple[Node, ...]

    def kernels(self) -> Iterator[Step]:
        """All kernels, also those inside control operations."""
        for step in self.steps:
            if isinstance(step, Step):
                yield step
            else:
                yield from step.copies
                for plan in step.plans:
                    yield from plan.kernels()
