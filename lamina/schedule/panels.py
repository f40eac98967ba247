"""Copies of operands into panels, as records: which elements a chunk takes on.

In: a `pack` node, or its `Pack` record. Out: the record with the access to the source, and the plan
of the copy that `kernel.pack` writes.
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina.graph.node import Node, is_leaf
from lamina.schedule.access import find_access
from lamina.schedule.contraction import Pack
from lamina.schedule.fuse import memory
from lamina.shapes import Dim, ceil_div, product, variable

TASK_ELEMENTS = 16_384
MOST_LANES = 16  # of a square that is turned in registers: beyond, the code grows too long


def pack_record(node: Node) -> tuple[Pack, Node] | None:
    """The record of a `pack` node and what it copies; None if that is not in memory."""
    a = node.attrs
    if a["cut"] is not None:  # its last parts are not all there to copy
        return None
    own = (a["var"], a["var"] + "/")
    variables = {name: variable(name, size)
                 for name, size in zip(a["names"], node.shape, strict=True)
                 if name not in own and size != 1}
    variables[a["var"]] = variable(a["var"], a["size"])
    index = []
    for terms in a["terms"]:
        total: Dim = 0
        for name, factor in terms:
            total = total + variables.get(name, 0) * factor
        index.append(total)
    source, access = find_access(node.inputs[0], tuple(index), list(variables.values()))
    if not is_leaf(memory(source)):
        return None
    layout = tuple(zip(a["names"], node.shape, strict=True))
    return Pack("a", a["var"], a["size"], a["width"], access, layout), source


@dataclass(frozen=True)
class PackPlan:
    """outer: axes of the copy with a loop of their own; run: the others, innermost first."""

    outer: tuple[tuple[str, Dim], ...]
    run: tuple[tuple[str, Dim, int], ...]  # variable, size, sign of its stride
    run_size: Dim
    chunk: int


def pack_plan(pack: Pack) -> PackPlan:
    """How the copy is cut into loops."""
    axes = [(v, n) for v, n in pack.layout if v != pack.var]
    run = () if pack.source.stride(pack.var) == 1 else _run(pack)
    if not run:  # any order will do: the innermost axis is the run
        name, size = axes[-1] if not axes[-1][0].endswith("/") else ("", 1)
        run = ((name, size, 1),) if name else ()
    names = {v for v, _, _ in run}
    size = product(n for _, n, _ in run)
    chunk = max(1, TASK_ELEMENTS // pack.width // MOST_LANES) * MOST_LANES
    return PackPlan(tuple((v, n) for v, n in axes if v not in names), tuple(run), size, chunk)


def _run(pack: Pack) -> tuple[tuple[str, Dim, int], ...]:
    """Reduce variables whose elements are neighbours in the source."""
    left = [(v, n) for v, n in pack.layout if v != pack.var and not v.endswith("/")]
    run: list[tuple[str, Dim, int]] = []
    step: Dim = 1
    while True:
        found = next(((v, n, s) for v, n in left for s in (1, -1)
                      if n != 1 and pack.source.stride(v) == step * s), None)
        if found is None:
            return tuple(run)
        run.append(found)
        left = [(v, n) for v, n in left if v != found[0]]
        step = found[1] * step


def pack_tasks(pack: Pack) -> Dim:
    """How many chunks the copy has."""
    plan = pack_plan(pack)
    return product((*(n for _, n in plan.outer), ceil_div(plan.run_size, plan.chunk)))
