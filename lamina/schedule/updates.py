"""Updates: results that are their first operand with some of its elements changed.

In: a graph whose scatters and set slices stand for whole arrays. Out: the same where each of them
reads its first operand from memory that its kernel may write (`stored`), and so changes there what
it touches; and, once there are steps, those copies left out that nobody can tell from what they
copy. Whether a copy of an argument can be left out is only known at run time (`runtime.program`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lamina.graph.node import Node, is_leaf, topological
from lamina.graph.rewrite import replace_inputs
from lamina.ops.control import stored
from lamina.ops.indexing import check_range
from lamina.schedule.fuse import is_anchor, storage
from lamina.schedule.scatter import is_update
from lamina.schedule.steps import AnyStep, Plan, Step
from lamina.shapes import product


# ---- in the graph --------------------------------------------------------------------------------
def with_targets(roots: Sequence[Node], inside: bool) -> list[Node]:
    """Updates whose operands are in memory where that lets them work in place.

    inside: the graph is that of a control operation, where arguments may be written at any time.
    """
    new: dict[Node, Node] = {}
    for node in topological(roots):
        new[node] = node
        if not is_leaf(node):
            new[node] = replace_inputs(node, tuple(new[x] for x in node.inputs))
        if is_update(node):
            new[node] = _with_target(new[node], inside)
    return [new[root] for root in roots]


def _with_target(node: Node, inside: bool) -> Node:
    x, values, *indices = node.inputs
    if _reads(values, storage(x)):  # they are computed before x changes
        values = stored(values)
    if is_leaf(storage(x)) and not inside and _larger(x, values):  # so are places checked
        indices = [stored(check_range(index, size=x.shape[axis]))
                   for index, axis in zip(indices, node.attrs.get("axes", ()), strict=True)]
    return replace_inputs(node, (stored(x), values, *indices))


def _larger(x: Node, values: Node) -> bool:
    """Whether looking at all places first may cost less than a copy of x."""
    old, new = product(x.shape), product(values.shape)
    return not (isinstance(old, int) and isinstance(new, int) and old <= new)


def _reads(node: Node, source: Node) -> bool:
    """Whether a kernel that computes `node` reads `source`."""
    order = topological([node], stop=lambda n: is_leaf(n) or is_anchor(n) or n is source)
    return source in order


# ---- in the plan ---------------------------------------------------------------------------------
def read_before(source: Node, copy: Step, level: int, steps: Sequence[AnyStep]) -> bool:
    """Whether all but the copy have read its source before a level."""
    return all(s.level < level for s in steps if s is not copy and source in s.reads)


def first_change(copy: Step, steps: Sequence[AnyStep]) -> int | None:
    """The level in which what a copy wrote is first changed, if it is."""
    return min((s.level for s in steps if s is not copy and copy.writes[0] in s.writes),
               default=None)


def in_place(steps: Sequence[AnyStep], results: Sequence[Node]
             ) -> tuple[list[AnyStep], list[Node]]:
    """Steps whose updates write to the memory of their target, and where the results are then.

    steps: sorted by level.
    """
    home: dict[Node, Node] = {}
    update = {target: s for s in steps if isinstance(s, Step) for target, _ in s.targets}
    kept: list[AnyStep] = []
    changed: set[Node] = set()
    for step in steps:
        if isinstance(step, Step) and step.copies and step.writes[0] in update:
            source, target = step.reads[0], step.writes[0]
            if (not is_leaf(source) and source not in results and source not in changed
                    and read_before(source, step, update[target].level, steps)):
                changed.add(source)
                home[target] = home.get(source, source)
                continue
        for target, place in step.targets if isinstance(step, Step) else ():
            home[step.writes[place]] = home.get(target, target)
        kept.append(moved(step, home))
    return kept, [home.get(r, r) for r in results]


def moved(step: AnyStep, home: Mapping[Node, Node]) -> AnyStep:
    """A step that finds values where they are."""
    if not any(n in home for n in (*step.reads, *step.writes)):
        return step
    reads = tuple(home.get(n, n) for n in step.reads)
    writes = tuple(home.get(n, n) for n in step.writes)
    if isinstance(step, Step):
        return replace(step, reads=reads, writes=writes)
    return replace(step, reads=reads, writes=writes,
                   inputs=tuple(home.get(n, n) for n in step.inputs),
                   outputs=tuple((i, home.get(n, n)) for i, n in step.outputs))


def carried_in_place(plan: Plan, params: Sequence[Node], carries: int) -> tuple[Step | None, ...]:
    """For each carry of a loop the copy that its body can do without, if there is one.

    The next value lies then where the last one was.
    """
    return tuple(_carried(plan, params[i], plan.results[i]) for i in range(carries))


def _carried(plan: Plan, param: Node, result: Node) -> Step | None:
    for step in plan.steps:
        if isinstance(step, Step) and step.copies and step.reads[0] is param:
            level = first_change(step, plan.steps)
            if step.writes[0] is result and level is not None and read_before(
                    param, step, level, plan.steps):
                return step
    return None
