"""Launch tables: a plan for given sizes as records for `codegen.driver`, tables within tables.

In: a plan, its kernels' addresses, the sizes, where its values lie. Out: a table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from lamina.codegen.driver import ADVANCE, CALL, COND, LAST, LOOP, SERIAL, SWAP, WHILE
from lamina.graph.node import Node
from lamina.runtime.host_call import host_function
from lamina.schedule.arena import Layout
from lamina.schedule.plan import checked_after
from lamina.schedule.steps import ControlStep, Step
from lamina.shapes import Var, evaluate, product

SMALL = 40_000  # instructions below which a group of kernels is not worth waking the threads
ARENA, STATUS, FIRST = 0, 1, 2  # slots of pointers: arena, status word, then leaves, results

Place = tuple[int, int]  # a slot of the pointer table, and bytes from there
Record = list[int]  # the eight fields of the driver; that of CALL has its work in the last one


class Tables:
    """Builds tables. `slots` counts the pointer table; `keep` holds the memory of what is made."""

    def __init__(self, addresses: Mapping[Step, int], values: Mapping[Var, Any], slots: int,
                 without: Collection[Step] = (), kept: Collection[Node] = ()) -> None:
        self.addresses = addresses
        self.values = values
        self.slots = slots
        self.without = set(without)  # copies to where the values are already, and what is kept
        self.kept = set(kept)  # values that do not lie in the arena
        self.keep: list[Any] = []

    def table(self, records: Sequence[Record]) -> np.ndarray:
        """Records as the driver reads them."""
        array = np.array([[*r[:7], 0] for r in records], np.int64).reshape(-1, 8)
        self.keep.append(array)
        return array

    def whole(self, layout: Layout, where: Mapping[Node, Place]) -> np.ndarray:
        """The table of a whole program; what follows the last check runs only if none failed."""
        groups = self._levels(layout, where, 0)
        checked = checked_after(layout.plan.steps)
        before = [r for level, records in groups for r in records if level <= checked]
        after = [r for level, records in groups for r in records if level > checked]
        if before and after:
            rest = self.table(after)
            before.append([COND, STATUS, 0, 0, 0, rest.ctypes.data, len(rest), 0])
        return self.table(before or after)

    def inner(self, layout: Layout, where: Mapping[Node, Place], base: int, slot: int,
              then: Sequence[Record] = ()) -> list[int]:
        """Address and length of a table inside another.

        It is for a plan whose arena begins at `base`, followed by `then`.
        """
        records = [r for _, rs in self._levels(layout, where, base, slot) for r in rs]
        table = self.table([*records, *then])
        return [table.ctypes.data, len(table)]

    def _levels(self, layout: Layout, where: Mapping[Node, Place], base: int,
                slot: int | None = None) -> list[tuple[int, list[Record]]]:
        """(level, records); kernels of a level are one group, control operations come after."""
        places = {**where, **{n: (ARENA, base + o) for n, o in layout.offsets.items()
                              if n not in self.kept}}
        kernels: dict[int, list[Record]] = {}
        rest: dict[int, list[Record]] = {}
        for i, step in enumerate(layout.plan.steps):
            own = i if slot is None else slot
            if step in self.without:
                continue
            if isinstance(step, Step):
                kernels.setdefault(step.level, []).append(self.kernel(step, places, own))
            else:
                rest.setdefault(step.level, []).extend(self.control(step, layout, places, own))
        return [(level, [*_group(kernels.get(level, [])), *rest.get(level, [])])
                for level in sorted({*kernels, *rest})]

    def kernel(self, step: Step, where: Mapping[Node, Place], slot: int) -> Record:
        """The record of one kernel."""
        args = [STATUS, 0]
        for node in (*step.reads, *step.writes):
            args += where[node]
        sizes = [evaluate(b, self.values) for b in step.bindings]
        array = np.array(args + sizes, np.int64)
        self.keep.append(array)
        known = dict(zip(step.spec.parameters, sizes, strict=True))
        chunks, work = evaluate(step.spec.chunks, known), evaluate(step.spec.work, known)
        return [CALL, self.addresses[step], array.ctypes.data, chunks, 0, 0, slot, work]

    # -- control operations --------------------------------------------------------------------
    def control(self, step: ControlStep, layout: Layout, where: Mapping[Node, Place], slot: int
                ) -> list[Record]:
        """The records of a control operation."""
        made: list[Record] = getattr(self, f"_{step.node.op.name}")(step, layout, where, slot)
        return made

    def _cond(self, step: ControlStep, layout: Layout, where: Mapping[Node, Place], slot: int
              ) -> list[Record]:
        branches = []
        for i, plan in enumerate(step.plans):
            inside = {p: where[x] for p, x in zip(step.params[i], step.inputs[1:], strict=True)}
            inside |= {r: where[n] for r, (_, n) in zip(plan.results, step.outputs, strict=True)}
            branches += self.inner(layout.children[step][i], inside, where[step.arenas[i]][1], slot)
        return [[COND, *where[step.inputs[0]], *branches, 0]]

    def _while_loop(self, step: ControlStep, layout: Layout, where: Mapping[Node, Place], slot: int
                    ) -> list[Record]:
        carries = len(step.copies)
        now, after = self._slots(carries), self._slots(carries)
        records = self._copies(step, range(carries), step.inputs, step.scratch[:2 * carries:2],
                               where, slot)
        for i in range(carries):
            second = 2 * i if step.in_place[i] else 2 * i + 1
            records.append(_point(now[i], where[step.scratch[2 * i]]))
            records.append(_point(after[i], where[step.scratch[second]]))
        known = [*((s, 0) for s in now), *(where[x] for x in step.inputs[carries:])]
        answer = where[step.scratch[-1]]
        inside = [dict(zip(params, known, strict=True)) for params in step.params]
        inside[0][step.plans[0].results[0]] = answer
        inside[1] |= {r: (s, 0) for r, s in zip(step.plans[1].results, after, strict=True)}
        bases = [where[a][1] for a in step.arenas]
        layouts = layout.children[step]
        test = self.inner(layouts[0], inside[0], bases[0], slot)
        swaps = [[SWAP, a, b, 0, 0, 0, 0, 0] for a, b, same in
                 zip(now, after, step.in_place, strict=True) if same is None]
        self.without.update(s for s in step.in_place if s is not None)
        body = self.inner(layouts[1], inside[1], bases[1], slot, swaps)
        records.append([WHILE, *answer, *test, *body, 0])
        places = {**where, **{step.scratch[2 * i]: (s, 0) for i, s in enumerate(now)}}
        wanted = [i for i, _ in step.outputs]
        return records + self._copies(step, wanted, [step.scratch[2 * i] for i in wanted],
                                      [n for _, n in step.outputs], places, slot)

    def _scan(self, step: ControlStep, layout: Layout, where: Mapping[Node, Place], slot: int
              ) -> list[Record]:
        return _Scan(self, step, layout, where, slot).records()

    def _host_callback(self, step: ControlStep, layout: Layout, where: Mapping[Node, Place],
                       slot: int) -> list[Record]:
        nodes = [*step.inputs, *(n for _, n in step.outputs)]
        places = [place for node in nodes for place in where[node]]
        array = np.array([STATUS, 0, *places], np.int64)
        shapes = [tuple(evaluate(d, self.values) for d in x.shape) for x in step.node.inputs]
        specs = [(tuple(evaluate(d, self.values) for d in shape), dtype)
                 for shape, dtype in step.node.attrs["specs"]]
        function = host_function(step.node, shapes, specs, [i for i, _ in step.outputs])
        self.keep += [array, function]
        return [[CALL, function.address, array.ctypes.data, 1, 0, LAST | SERIAL, slot, 0]]

    def _slots(self, count: int) -> list[int]:
        self.slots += count
        return list(range(self.slots - count, self.slots))

    def _copies(self, step: ControlStep, which: Sequence[int], sources: Sequence[Node],
                targets: Sequence[Node], where: Mapping[Node, Place], slot: int) -> list[Record]:
        """One group that copies carries: number which[k] from sources[k] to targets[k]."""
        records = []
        for i, source, target in zip(which, sources, targets, strict=False):
            copying = step.copies[i]
            places = {copying.reads[0]: where[source], copying.writes[0]: where[target]}
            records.append(self.kernel(copying, places, slot))
        return _group(records)


class _Scan:
    """The records of one scan.

    A carry whose stack is wanted moves through that stack, and only the last turn writes to its
    final place. One that the body updates in place stays there. Others change places with a second
    buffer, so that the last turn ends in the final one: where the first begins depends on whether
    the number of turns is even.
    """

    def __init__(self, tables: Tables, step: ControlStep, layout: Layout,
                 where: Mapping[Node, Place], slot: int) -> None:
        self.tables, self.step, self.layout, self.where = tables, step, layout, where
        self.slot = slot
        attrs = step.node.attrs
        self.turns = evaluate(attrs["length"], tables.values)
        self.carries, self.slices = attrs["carries"], attrs["slices"]
        self.stacked = len(attrs["body"].roots) - self.carries
        self.forward = not attrs["reverse"]
        self.wanted = dict(step.outputs)

    def records(self) -> list[Record]:
        """Everything, in order."""
        tables, carries = self.tables, self.carries
        now, after = tables._slots(carries), tables._slots(carries)
        begin, turn, last = [], [], []
        starts = []
        for i in range(carries):
            final = self.where[self.wanted.get(i, self.step.scratch[2 * i])]
            saved = self.wanted.get(carries + self.stacked + i)
            if saved is not None and self.turns:
                starts.append(self._at_start(saved))
                stride = self._stride(saved)
                begin += [_point(now[i], starts[-1]),
                          _point(after[i], (starts[-1][0], starts[-1][1] + stride))]
                turn += [_point(now[i], (now[i], stride)), _point(after[i], (after[i], stride))]
                last.append(_point(after[i], final))
            elif (spared := self.step.in_place[i]) is not None:
                starts.append(final)
                begin += [_point(now[i], final), _point(after[i], final)]
                tables.without.add(spared)
            else:
                spare = self.where[self.step.scratch[2 * i + 1]]
                places = (final, spare) if self.turns % 2 == 0 else (spare, final)
                starts.append(places[0])
                begin += [_point(now[i], places[0]), _point(after[i], places[1])]
                turn.append([SWAP, now[i], after[i], 0, 0, 0, 0, 0])
        inside, advance = self._slices(now, begin)
        inside |= {r: (s, 0) for r, s in zip(self.step.plans[0].results, after, strict=False)}
        body = tables.inner(self.layout.children[self.step][0], inside,
                            self.where[self.step.arenas[0]][1], self.slot, [*turn, *advance])
        hollow = list(self.step.scratch[:carries])  # names for the places where the carries begin
        records = tables._copies(self.step, range(carries), self.step.inputs[:carries], hollow,
                                 {**self.where, **dict(zip(hollow, starts, strict=True))},
                                 self.slot)
        records += begin
        if last:
            records += [[LOOP, self.turns - 1, *body, 0, 0, 0, 0], *last]
            return [*records, [LOOP, 1, *body, 0, 0, 0, 0]]
        return [*records, [LOOP, self.turns, *body, 0, 0, 0, 0]]

    def _slices(self, now: list[int], begin: list[Record]
                ) -> tuple[dict[Node, Place], list[Record]]:
        """Places of the body's parameters and stacked results; what moves them on."""
        step, carries = self.step, self.carries
        params = step.params[0]
        inside = {p: (s, 0) for p, s in zip(params, now, strict=False)}
        wanted = [n for i, n in step.outputs if carries <= i < carries + self.stacked]
        moving = [*zip(params[carries:], step.inputs[carries:carries + self.slices], strict=False),
                  *zip(step.plans[0].results[carries:], wanted, strict=True)]
        advance = []
        for (inner, outer), own in zip(moving, self.tables._slots(len(moving)), strict=True):
            stride = self._stride(outer, inner)
            begin.append(_point(own, self._at_start(outer, inner)))
            advance.append(_point(own, (own, stride)))
            inside[inner] = (own, 0)
        rest = carries + self.slices
        inside |= {p: self.where[x] for p, x in zip(params[rest:], step.inputs[rest:], strict=True)}
        return inside, advance

    def _stride(self, stack: Node, inner: Node | None = None) -> int:
        """Bytes from one turn's slice to the next one's."""
        shape = stack.shape[1:] if inner is None else inner.shape
        size = evaluate(product(shape), self.tables.values) * stack.dtype.itemsize
        return size if self.forward else -size

    def _at_start(self, stack: Node, inner: Node | None = None) -> Place:
        slot, offset = self.where[stack]
        stride = self._stride(stack, inner)
        return slot, offset + (0 if self.forward else -stride * max(0, self.turns - 1))


def _point(target: int, place: Place) -> Record:
    return [ADVANCE, target, place[0], place[1], 0, 0, 0, 0]


def _group(records: list[Record]) -> list[Record]:
    """CALLs as one group, on the calling thread where there is little work."""
    if records:
        records[-1][5] |= LAST
        if sum(r[7] for r in records) < SMALL:
            for record in records:
                record[5] |= SERIAL
    return records
