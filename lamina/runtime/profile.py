"""LAMINA_DEBUG=2: what every kernel of a step costs, as a plain table.

In: a bound program and the pointers of a run. Out: the run, with each kernel timed alone, and lines
of text: microseconds, share, bytes read and written, and the rates that follow from them. Or, in a
block of `watched`, the same as data.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.codegen.driver import CALL, COND, FIELDS, LAST
from lamina.errors import describe_line
from lamina.graph.node import Node
from lamina.runtime import threads
from lamina.runtime.capacity import readable
from lamina.schedule.steps import AnyStep, ControlStep, Where
from lamina.shapes import Var, evaluate, product

if TYPE_CHECKING:
    from lamina.runtime.program import Bound

FLAGS = 5  # the field of a CALL that ends a group


@dataclass(frozen=True)
class Cost:
    """One kernel of one run."""

    name: str
    where: Where
    microseconds: float
    nbytes: int  # read and written, each argument once
    operations: int  # arithmetic instructions, roughly; exact for contractions


@dataclass(frozen=True)
class Watched:
    """One program that ran: its kernels in order, and the memory beside its inputs."""

    costs: list[Cost]
    arena_bytes: int  # of values between kernels
    peak_bytes: int


watching: list[list[Watched]] = []  # blocks of `watched`, the innermost last


@contextmanager
def watched() -> Iterator[list[Watched]]:
    """Programs that run in the block are timed kernel by kernel, and noted in the list.

    A kernel's place is that of its last operation which knows one (`graph.node.keeping_places`).
    """
    seen: list[Watched] = []
    watching.append(seen)
    try:
        yield seen
    finally:
        watching.remove(seen)


def run_profiled(bound: Bound, table: np.ndarray, pointers: Any) -> list[Cost]:
    """Run the program once, kernel by kernel, by one of its launch tables."""
    steps = bound.plan.steps
    times = np.zeros((max(1, len(steps)), 2), np.int64)
    table, keep = _one_by_one(table)
    threads.launch(table.ctypes.data, len(table), ctypes.addressof(pointers), times.ctypes.data)
    del keep
    return [cost_of(step, bound.values, times[i, 0] / 1e3)
            for i, step in enumerate(steps) if times[i, 1]]


def _one_by_one(table: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """The table with every kernel as a group of its own; and what must stay alive meanwhile."""
    table, keep = table.copy(), []
    for record in table:
        if record[0] == CALL:
            record[FLAGS] |= LAST
        elif record[0] == COND and record[4] == 0 and record[6]:  # what follows the checks
            rest = (ctypes.c_int64 * (FIELDS * int(record[6]))).from_address(int(record[5]))
            inner, more = _one_by_one(np.ctypeslib.as_array(rest).reshape(-1, FIELDS))
            record[5] = inner.ctypes.data
            keep += [inner, *more]
    return table, keep


def cost_of(step: AnyStep, values: Mapping[Var, Any], microseconds: float) -> Cost:
    """What a step moves and computes."""
    updated = {*step.reads} & {*step.writes}  # of which some elements are touched
    nbytes = sum(size_of(n, values) for n in {*step.reads, *step.writes} - updated)
    if isinstance(step, ControlStep):
        return Cost(step.name, step.node.where, microseconds, nbytes, 0)
    sizes = [evaluate(b, values) for b in step.bindings]
    known = dict(zip(step.spec.parameters, sizes, strict=True))
    return Cost(step.name, step.where, microseconds, nbytes,
                evaluate(step.spec.work, known))


def size_of(node: Node, values: Mapping[Var, Any]) -> int:
    """Bytes of a value."""
    return evaluate(product(node.shape), values) * node.dtype.itemsize


def lines_of(before: Sequence[Where], order: Sequence[Node]) -> dict[Where, Where]:
    """The lines of a graph that runs, by those of the graph that its program was made from.

    None for a line whose nodes come from several lines now.
    """
    found: dict[Where, Where] = {}
    for old, node in zip(before, order, strict=False):
        if found.setdefault(old, node.where) != node.where:
            found[old] = None
    return found


def lines(costs: Sequence[Cost], peak_bytes: int) -> Iterator[str]:
    """The table: one line a kernel, in the order that they ran."""
    total = sum(c.microseconds for c in costs)
    nbytes = sum(c.nbytes for c in costs)
    yield (f"[lamina] step: {len(costs)} kernels, {total:.1f} us, {readable(nbytes)} read and"
           f" written, {readable(peak_bytes)} at the peak beside the inputs")
    yield "[lamina]         us  share       bytes    GB/s  GFLOP/s  kernel"
    for c in costs:
        seconds = max(c.microseconds, 1e-3) * 1e-6
        at = describe_line(c.where)
        yield (f"[lamina] {c.microseconds:10.1f} {100 * c.microseconds / max(total, 1e-9):5.1f}%"
               f" {readable(c.nbytes):>11} {c.nbytes / seconds / 1e9:7.1f}"
               f" {c.operations / seconds / 1e9:8.1f}  {c.name}" + (f"    {at}" if at else ""))


def report(bound: Bound, table: np.ndarray, pointers: Any, order: Sequence[Node]) -> None:
    """Run once and print, or note, what it cost; order: the nodes of the graph that is computed."""
    costs = run_profiled(bound, table, pointers)
    if watching:
        new = {id(old): node.where for old, node in zip(bound.program.lines, order, strict=False)}
        watching[-1].append(Watched(
            [replace(cost, where=new.get(id(cost.where), cost.where)) for cost in costs],
            bound.arena_bytes, bound.peak_bytes))
        return
    now = lines_of(bound.program.lines, order)
    costs = [replace(cost, where=now.get(cost.where)) for cost in costs]
    print("\n".join(lines(costs, bound.peak_bytes)), file=sys.stderr)
