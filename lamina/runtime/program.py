"""Programs: a plan with its compiled kernels, and launch tables for given sizes.

In: a graph over leaves. Out: a `Program`, which `bind` turns into a `Bound` for concrete sizes: one
launch table, one arena with an offset for each intermediate value, and the shapes of the results.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from lamina.codegen.cache import counts, get_by_keys
from lamina.codegen.host import host_target
from lamina.config import settings
from lamina.errors import CapacityError, IndexingError
from lamina.graph.node import Node
from lamina.kernel.lower import lower
from lamina.runtime import plans, threads
from lamina.runtime.buffers import Buffer
from lamina.runtime.capacity import readable
from lamina.runtime.host_call import raise_pending
from lamina.runtime.profile import cost_of, report, size_of, watching
from lamina.runtime.table import ARENA, FIRST, Place, Tables
from lamina.runtime.takeover import Takeover
from lamina.schedule.arena import Layout
from lamina.schedule.choice import choices
from lamina.schedule.plan import checked_after, make_plan
from lamina.schedule.recompute import within
from lamina.schedule.steps import Plan, Step
from lamina.schedule.summation import Rules, exactly
from lamina.schedule.updates import first_change, read_before
from lamina.shapes import Sym, Var

# What pays for a compilation: runs with the same sizes, fewer where they are much work, and that
# they are a share of all runs of a program, or alone as much work as the compilation.
FEW_RUNS, MANY_RUNS = 2, 16
HOT_WORK = 20_000_000_000  # operations
HOT_SHARE = 1 / 8
KERNEL_WORK = 5_000_000_000  # operations that take as long as a kernel's compilation
SMALL = 16  # bytes of a result: new memory costs less than to ask who reads the old
KEPT = 1024  # lists of sizes whose runs are counted
MOST_VARIANTS = 16  # plans of one program: what makes more is planned again, with the same outcome
SHOWS_PASSES = 3  # the level of LAMINA_DEBUG from which each pass is printed
MOST_LAUNCHES = 8  # tables of one bound program: what takes memory over is mostly the same


@dataclass(frozen=True)
class Variant:
    """A plan of a program, for all sizes for which its rules come out alike."""

    plan: Plan
    addresses: dict[Step, int]
    rules: Rules


class Program:
    """Kernels for one graph structure. `leaves` are read in the order given to `run`.

    sizes: the variables in the shapes of the graph. lines: of the user, for each node of the graph
    that it was made from. variables: of its template. name: text that is the same for such a
    program in any process; empty where there is none. limit: bytes of its leaves, results and what
    lies between; 0: as many as there are.
    """

    def __init__(self, roots: Sequence[Node], leaves: Sequence[Node],
                 literals: Mapping[Node, Var], sizes: Set[Var] = frozenset(),
                 lines: Sequence[tuple[str, int] | None] = (), variables: Sequence[Var] = (),
                 name: str = "", limit: int = 0) -> None:
        self.target = host_target()
        self.roots, self.leaves = list(roots), list(leaves)
        self.literals = dict(literals)
        self.sizes = sizes
        self.lines = list(lines)
        self.variables = list(variables)
        self.name = name
        self.limit = limit
        self.variants: list[Variant] = []
        self.runs = 0
        self.uses: dict[tuple[int, ...], Uses] = {}

    def bind(self, values: Mapping[Var, Any]) -> Bound:
        """The program for concrete sizes."""
        for variant in self.variants:
            if variant.rules.hold(values):
                return Bound(self, variant, values)
        self.variants.insert(0, self._compiled(values))
        del self.variants[MOST_VARIANTS:]
        return Bound(self, self.variants[0], values)

    def _compiled(self, values: Mapping[Var, Any]) -> Variant:
        started, before = time.perf_counter(), counts.compiled
        with _uncollected():
            plan, rules = self._planned(values)
            steps = list(plan.kernels())
            addresses = dict(zip(steps, get_by_keys(
                [(s.spec.key, partial(lower, s.spec, self.target)) for s in steps], self.target,
                threads.thread_count()), strict=True))
        if settings.debug >= 1:
            order = ", whose sums are added up in another order" if self.variants else ""
            print(f"[lamina] program of {len(steps)} kernels{order}, {counts.compiled - before}"
                  f" compiled, {time.perf_counter() - started:.3f} s", file=sys.stderr)
        return Variant(plan, addresses, rules)

    def _planned(self, values: Mapping[Var, Any]) -> tuple[Plan, Rules]:
        """The plan for these sizes, from disk if it was made before."""
        name, known = "", [*self.leaves, *self.variables, *self.lines]
        plans.recall(self.target)
        seen = settings.show or settings.check or settings.debug >= SHOWS_PASSES
        if self.name and choices.measure is None and not seen:
            written = "".join("1" if line else "0" for line in self.lines)
            name = repr((self.name, [values.get(v) for v in self.variables], written,
                         settings.winograd, self.limit, choices.version()))
            found = plans.load(name, self.target, known)
            if found is not None:
                return found
        rules = Rules(values)
        plan = make_plan(self.roots, self.target, rules)
        if self.limit:
            plan = self._within_limit(plan, rules, values)
        if name:
            plans.save(name, self.target, known, plan, rules)
        return plan, rules

    def _within_limit(self, plan: Plan, rules: Rules, values: Mapping[Var, Any]) -> Plan:
        """A plan that computes again what it has no room to keep; for these sizes alone."""
        rules.apply(exactly, *(Sym({(v,): 1}) for v in self.sizes))
        outputs, over = self._taken_over(plan)
        inputs = sum(size_of(leaf, values) for leaf in self.leaves)
        results = sum(size_of(n, values) for n in outputs if n not in over)
        found, least = within(plan, self.limit - inputs - results, values, outputs,
                              set(over.values()))
        if inputs + results + least > self.limit or self._taken_over(found)[1] != over:
            raise CapacityError(
                "memory", operands=[("inputs", readable(inputs)), ("results", readable(results)),
                                    ("between, at least", readable(least))],
                rule="a program fits into its memory limit", expected=readable(self.limit),
                got=readable(inputs + results + least), hint="a smaller batch, or a higher limit")
        return found

    def _taken_over(self, plan: Plan) -> tuple[list[Node], dict[Node, Node]]:
        """The results, and those that may have the memory of a leaf, with that leaf."""
        outputs = _outputs(plan, self.leaves)
        slots = {leaf: FIRST + i for i, leaf in enumerate(self.leaves)}
        number = {n: i for i, n in enumerate(outputs)}
        takers = _takers(plan, slots, number, _copies(plan, slots, number))
        return outputs, {outputs[i]: self.leaves[leaf] for i, leaf in takers.items()}


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for cycles meanwhile: a compiler makes many objects, and most of them stay."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Uses:
    """How often a program ran with certain sizes; `settled` when nothing more is to be decided.

    enough: runs that pay for a compilation where these sizes are frequent; paid: in any case.
    """

    __slots__ = ("runs", "enough", "paid", "settled")

    def __init__(self, settled: bool) -> None:
        self.runs, self.enough, self.paid, self.settled = 0, 0, 0, settled


class Launch:
    """A launch table, and the memory that it points to."""

    def __init__(self, addresses: Mapping[Step, int], values: Mapping[Var, Any], slots: int, *,
                 layout: Layout, where: Mapping[Node, Place], kept: Set[Node],
                 without: Set[Step]) -> None:
        tables = Tables(addresses, values, slots, without, kept)
        self.table = tables.whole(layout, where)
        self.records = len(self.table)
        self.address = self.table.ctypes.data if self.records else 0
        self.slots = tables.slots
        self._keep = tables.keep
        self._frames: list[Frame] = []

    def frame(self) -> Frame:
        """One that nobody uses; `free` when the run has ended."""
        try:
            return self._frames.pop()
        except IndexError:
            return Frame(self)

    def free(self, frame: Frame) -> None:
        """It may be used again."""
        self._frames.append(frame)


class Frame:
    """What one run at a time needs: the pointers that a table reads, the status word.

    Every run sets the pointers to what it reads and writes.
    """

    __slots__ = ("status", "pointers", "address")

    def __init__(self, launch: Launch) -> None:
        self.status = ctypes.c_int64(0)
        self.pointers = (ctypes.c_int64 * launch.slots)(0, ctypes.addressof(self.status))
        self.address = ctypes.addressof(self.pointers)


class Bound:
    """A program for one set of sizes, ready to run.

    Holds no state of a run: may run in several Python threads at once.
    """

    def __init__(self, program: Program, variant: Variant, values: Mapping[Var, Any]) -> None:
        self.program = program
        self.values = dict(values)
        self.plan = plan = variant.plan
        leaf_slot = {leaf: FIRST + i for i, leaf in enumerate(program.leaves)}
        self.outputs = outputs = _outputs(plan, leaf_slot)
        first = FIRST + len(program.leaves)
        out_slot = {node: first + i for i, node in enumerate(outputs)}
        layout = Layout(plan, values, outputs)
        self.arena_bytes = layout.arena_bytes
        self.nbytes = layout.nbytes
        self.out_sizes = [max(1, layout.nbytes[n]) for n in outputs]
        self.results = [leaf_slot[r] if r in leaf_slot else out_slot[r] for r in plan.results]
        self.literals = [(FIRST + i, _literal(node, values[program.literals[node]]))
                         for i, node in enumerate(program.leaves) if node in program.literals]
        where = {n: (slot, 0) for n, slot in {**leaf_slot, **out_slot}.items()}
        self._launch = partial(Launch, variant.addresses, values, layout=layout)
        self._where, self._slots = where, first + len(outputs)
        self.whole = self.launch_with((), frozenset())
        self._launches: dict[frozenset[Step], Launch] = {}
        self.first_output = first
        number = {n: i for i, n in enumerate(outputs)}
        self.copies = _copies(plan, leaf_slot, number)
        self.donations = _takers(plan, leaf_slot, number, self.copies)
        self.is_small = all(n <= SMALL for n in self.out_sizes)
        self.takeover: Takeover | None = None  # made by who runs graphs with tensors around them
        self.peak_bytes = self.arena_bytes + sum(self.out_sizes)
        sizes = tuple(values[v] for v in program.sizes)
        if len(program.uses) >= KEPT:
            program.uses.clear()
        self.uses = program.uses.setdefault(sizes, Uses(settled=not sizes))

    def hot(self) -> bool:
        """Whether a program with these sizes as constants is worth its compilation."""
        uses = self.uses
        if uses.settled or uses.runs < FEW_RUNS:
            return False
        if not uses.enough:
            steps = self.plan.steps
            work = max(1, sum(cost_of(step, self.values, 0.0).operations for step in steps))
            uses.enough = max(FEW_RUNS, min(MANY_RUNS, HOT_WORK // work))
            uses.paid = max(uses.enough, KERNEL_WORK * len(steps) // work)
        share = min(HOT_SHARE * self.program.runs, uses.paid)
        return uses.runs >= max(uses.enough, share)

    def run(self, leaves: Sequence[Buffer], donated: Sequence[int | None] | None = None,
            order: Sequence[Node] = ()) -> list[Buffer]:
        """Compute the results from the leaves' buffers.

        donated: for each output the leaf whose memory it takes over, or None. order: the nodes of
        the graph, for their lines.
        """
        if donated is None:
            return self.launched(self.whole, leaves, (), order)
        outputs = [Buffer(n) if d is None else leaves[d]
                   for n, d in zip(self.out_sizes, donated, strict=True)]
        for d in donated:
            if d is not None:
                leaves[d].renew()
        return self.launched(self.launch(donated), leaves, (), order, outputs)

    def launched(self, launch: Launch, leaves: Sequence[Buffer], kept: Sequence[Buffer],
                 order: Sequence[Node], outputs: list[Buffer] | None = None) -> list[Buffer]:
        """Run one of the program's tables. kept: the memory of the values that it lists."""
        self.uses.runs += 1
        self.program.runs += 1
        outputs = [Buffer(n) for n in self.out_sizes] if outputs is None else outputs
        arena = Buffer(self.arena_bytes) if self.arena_bytes else None
        frame = launch.frame()
        pointers = frame.pointers
        pointers[ARENA] = 0 if arena is None else arena.address
        for slot, buffer in enumerate((*leaves, *outputs, *kept), FIRST):
            pointers[slot] = buffer.address
        for slot, literal in self.literals:
            pointers[slot] = literal.address
        if launch.records:
            if settings.debug >= 2 or watching:
                report(self, launch.table, pointers, order)
            else:
                threads.launch(launch.address, launch.records, frame.address)
        if frame.status.value:
            raise_pending()
            raise IndexingError("a computed index", rule="every index lies inside its axis",
                                hint="LAMINA_CHECK=1 names the operation")
        launch.free(frame)
        all_buffers = [*leaves, *outputs]
        return [all_buffers[slot - FIRST] for slot in self.results]

    def alone(self, leaves: Sequence[Buffer]) -> Buffer | None:
        """The only result of a program that needs nothing but its leaves, with few words.

        None where somebody watches, or an index is wrong: the long way tells more.
        """
        if watching or settings.debug >= 2:
            return None
        launch = self.whole
        frame = launch.frame()
        pointers = frame.pointers
        for slot, buffer in enumerate(leaves, FIRST):
            pointers[slot] = buffer.address
        for slot, literal in self.literals:
            pointers[slot] = literal.address
        result = Buffer(self.out_sizes[0])
        pointers[self.first_output] = result.address
        threads.launch(launch.address, launch.records, frame.address)
        if frame.status.value:
            return None
        launch.free(frame)
        self.uses.runs += 1
        self.program.runs += 1
        return result

    def launch_with(self, kept: Sequence[Node], without: frozenset[Step]) -> Launch:
        """A table in which some values lie in memory of their own, and some steps are left out."""
        slots = range(self._slots, self._slots + len(kept))
        places = {node: (slot, 0) for node, slot in zip(kept, slots, strict=True)}
        return self._launch(self._slots + len(kept), where=self._where | places, kept=set(kept),
                            without=without)

    def launch(self, donated: Sequence[int | None]) -> Launch:
        """The launch table for what takes memory over: without the copies that this spares."""
        if not self.copies:
            return self.whole
        spared = frozenset(copy for i, copy in self.copies.items() if donated[i] is not None)
        if not spared:
            return self.whole
        found = self._launches.get(spared)
        if found is None:
            if len(self._launches) >= MOST_LAUNCHES:
                self._launches.clear()
            found = self._launches[spared] = self.launch_with((), spared)
        return found


def _outputs(plan: Plan, leaves: Collection[Node]) -> list[Node]:
    """The results that have memory of their own."""
    return list(dict.fromkeys(r for r in plan.results if r not in leaves))


def _takers(plan: Plan, leaves: Mapping[Node, int], outputs: Mapping[Node, int],
            copies: Mapping[int, Step]) -> dict[int, int]:
    """Outputs that could have the memory of a leaf, by either way: output -> leaf."""
    updated = {i: leaves[copy.reads[0]] - FIRST for i, copy in copies.items()}
    return updated | {i: leaf for i, leaf in _donations(plan, leaves, outputs).items()
                      if leaf not in updated.values()}


def _donations(plan: Plan, leaves: Mapping[Node, int], outputs: Mapping[Node, int]
               ) -> dict[int, int]:
    """Outputs that could take over the memory of a leaf that nobody else needs: output -> leaf.

    None before all indices are checked: after an error the old values must be there.
    """
    last: dict[Node, int] = {}
    readers: dict[tuple[Node, int], int] = {}
    for step in plan.steps:
        for node in step.reads:
            last[node] = step.level
            readers[node, step.level] = readers.get((node, step.level), 0) + 1
    found = {}
    checked = checked_after(plan.steps)
    for step in plan.steps:
        copies = isinstance(step, Step) and step.copies
        for i, j in step.reusable if step.level > checked and not copies else ():
            leaf, output = step.reads[i], step.writes[j]
            if (leaf in leaves and output in outputs and last[leaf] == step.level
                    and readers[leaf, step.level] == 1 and leaf not in plan.results):
                found[outputs[output]] = leaves[leaf] - FIRST
    return found


def _copies(plan: Plan, leaves: Mapping[Node, int], outputs: Mapping[Node, int]
            ) -> dict[int, Step]:
    """By output the copy of a leaf into it that is not needed if it may have the leaf's memory.

    What changes it there comes after all that read the leaf, and after the check of all indices.
    """
    found: dict[Node, Step] = {}
    checked = checked_after(plan.steps)
    for step in plan.steps:
        if not isinstance(step, Step) or not step.copies or step.writes[0] not in outputs:
            continue
        level = first_change(step, plan.steps)
        leaf = step.reads[0]
        if (leaf in leaves and leaf not in plan.results and level is not None and level > checked
                and read_before(leaf, step, level, plan.steps)):
            found[leaf] = step
    return {outputs[step.writes[0]]: step for step in found.values()}


def _literal(node: Node, value: Any) -> Buffer:
    buffer = Buffer(8)
    buffer.array((), node.dtype.storage)[...] = value
    return buffer
