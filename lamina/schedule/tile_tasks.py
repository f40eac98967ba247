"""How the loops of a contraction are ordered and cut: tasks, and blocks of the reduce loops.

In: a `Model` and the `Candidate` that was chosen from its tiles. Out: order of loops, values of
each variable per task, and the block of the reduce loops, all for the caches of the target.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd, prod

from lamina.schedule.tile_costs import LINE, PAGE, Candidate, Model, Reads

L2_SHARE = 0.75  # of the second-level cache that the operands of a task may fill
TASKS_OF_THREAD = 8  # at least, where a task still has SMALL_TASK cycles
SMALL_TASK = 8_000
SHORT_SUM = 1024  # terms of a sum, at most, beside which the writing of the result counts
BLOCK = 192  # turns of the reduce loops in a block, at least
BLOCK_SHARE = 0.25  # of that cache that the operands of a block fill
BLOCK_TILE = 64  # rows and columns of a task whose sums stay in memory between blocks
BLOCK_SUMS = 40_000  # sums of a task that stay in memory between blocks, at most
HORIZONTAL_BLOCK = 1024  # turns in a block of horizontal sums, about


class Plan:
    """A candidate with what follows from it."""

    def __init__(self, model: Model, best: Candidate, order: tuple[str, ...], packs: set[str]
                 ) -> None:
        self.model, self.best, self.order, self.packs = model, best, order, packs
        self.width = best.columns * (1 if best.horizontal else model.lanes)
        self.rows = dict(best.rows)
        self.blocks = dict.fromkeys(model.out, 1) | {best.column: self.width} | self.rows
        has_columns = best.column in model.b.strides
        self.columns_of = model.b if has_columns else model.a  # the operand with the columns
        self.rows_of = model.a if has_columns else model.b
        self.block = _block(self)
        # each column has a row of its own (depthwise convolution): memory is read in its order
        self.own_columns = not best.horizontal and model.shared(best.column)

    def only(self, operand: Reads) -> list[str]:
        """Output variables that this operand alone carries."""
        model = self.model
        return [v for v in model.out if v in operand.strides and not model.shared(v)]

    def part(self, steps: Mapping[str, int]) -> dict[str, int]:
        """The values of all variables in one block of a task."""
        sizes = self.model.sizes
        part = {v: min(n, sizes[v]) for v, n in steps.items()}
        if self.block is None:
            return part | {r: sizes[r] for r in self.order}
        name, turns = self.block
        at = self.order.index(name)
        return part | {r: sizes[r] if i > at else turns if i == at else 1
                       for i, r in enumerate(self.order)}

    def room(self, operand: Reads, steps: Mapping[str, int]) -> float:
        """Bytes of the second-level cache that an operand takes up in one block of a task."""
        part = self.part(steps)
        if operand.name in self.packs:
            return operand.elements(part) * operand.item
        near = next((v for v in steps if operand.strides.get(v) == 1), None)
        if near is None:
            return operand.footprint(part)
        wide = max(LINE, part[near] * operand.item)
        return operand.footprint(part) * max(1.0, period(operand, self.model.reduce) / wide)

    def spread(self, operand: Reads, var: str, values: int) -> float:
        """Cache that a turn of the reduce loops takes up for so many values of a variable."""
        size = values * operand.item
        if operand.name in self.packs or operand.panel or operand.strides.get(var) != 1:
            return size
        return max(LINE, size, period(operand, self.model.reduce))


def period(operand: Reads, reduce: list[str]) -> int:
    """Bytes from one turn of the reduce loops to the next, as far as cache sets can tell.

    Beyond a page, the sets depend on where the system has put it.
    """
    turns = [operand.strides[r] for r in reduce if r in operand.strides]
    far = min(turns, default=0) * operand.item
    return gcd(far, PAGE) if far > LINE else 0


# -- blocks of the reduce loops -----------------------------------------------------------------
def _block(plan: Plan) -> tuple[str, int] | None:
    """The block of the reduce loops whose operands stay in cache, where all of them do not."""
    model, best, l2 = plan.model, plan.best, plan.model.target.l2
    if best.horizontal:
        return _horizontal_block(plan)
    if not best.rows or model.k < 3 * BLOCK or _tiles_of_panel(plan) < 2:
        return None
    row = best.rows[-1][0]
    rows = min(BLOCK_TILE, model.sizes[row])
    column_turn = plan.spread(plan.columns_of, best.column, plan.width)
    row_turn = plan.spread(plan.rows_of, row, rows)
    part = {r: model.sizes[r] for r in model.reduce} | {row: rows}
    row_bytes = plan.rows_of.elements(part) / rows * row_turn
    if model.k * column_turn + row_bytes < l2:
        return None
    turns = int(BLOCK_SHARE * l2 / (column_turn + row_turn))
    return _cut(model, plan.order, max(BLOCK, turns))


def _tiles_of_panel(plan: Plan) -> float:
    """Register tiles that share a panel."""
    return prod(plan.model.sizes[v] / plan.blocks[v] for v in plan.model.out
                if v not in plan.columns_of.strides)


def _horizontal_block(plan: Plan) -> tuple[str, int] | None:
    model = plan.model
    near = model.row_bytes(plan.best.rows) <= model.target.l1
    if near or model.k < 2 * HORIZONTAL_BLOCK:
        return None
    return _cut(model, plan.order, HORIZONTAL_BLOCK, model.lanes)


def _cut(model: Model, order: tuple[str, ...], turns: int, unit: int = 1
         ) -> tuple[str, int] | None:
    """The reduce variable, and how much of it, that makes about so many turns."""
    inner = 1
    for var in reversed(order):
        size = model.sizes[var]
        if inner * size >= 1.5 * turns:
            step = max(1, round(turns / inner))
            even = -(-size // max(1, round(size / step)))
            return var, -(-even // unit) * unit
        inner, unit = inner * size, 1
    return None


# -- tasks --------------------------------------------------------------------------------------
def task_steps(plan: Plan) -> dict[str, int]:
    """How much of each output variable one task covers.

    From one register tile on, a task grows along the variable that saves most of the bytes which
    its multiply-adds need, while its operands stay in the second-level cache and there are tasks
    enough for all threads.
    """
    steps = dict(plan.blocks) | {v: plan.model.sizes[v] for v in shared_lines(plan)}
    if plan.own_columns:
        steps[plan.best.column] = -(-plan.model.sizes[plan.best.column] // plan.width) * plan.width
    while True:
        grown = [more for var in plan.model.out if (more := _grown(plan, steps, var)) is not None]
        if not grown:
            return {v: _balanced(plan.model.sizes[v], n, plan.blocks[v]) for v, n in steps.items()}
        steps = min(grown, key=lambda more: _traffic(plan, more))


def shared_lines(plan: Plan) -> list[str]:
    """Output variables whose values share cache lines of the result, where lanes lie further apart.

    One task writes all of a line, while it is in cache, where sums are so short that this counts.
    """
    model, best = plan.model, plan.best
    if best.horizontal or best.vector == model.out[-1] or model.k > SHORT_SUM:
        return []
    after = model.out[model.out.index(best.vector) + 1:]
    return [v for v in after if v not in plan.rows and not model.shared(v)]


def _grown(plan: Plan, steps: dict[str, int], var: str) -> dict[str, int] | None:
    """The task with twice as much of a variable, if there may be such a one."""
    model, unit = plan.model, plan.blocks[var]
    most = -(-model.sizes[var] // unit) * unit
    if steps[var] >= most or (plan.block and model.shared(var)):
        return None
    more = {**steps, var: min(2 * steps[var], most)}
    total = plan.best.cycles
    tasks = TASKS_OF_THREAD * model.target.threads
    if _share(model, more) * total > max(total / tasks, SMALL_TASK):
        return None
    if plan.block and prod(more.values()) > BLOCK_SUMS:
        return None
    room = max(L2_SHARE * model.target.l2, _room(plan, steps))
    return more if _room(plan, more) <= room else None


def _room(plan: Plan, steps: Mapping[str, int]) -> float:
    """Bytes of the second-level cache that a task needs.

    All that its operands read, or more where one of them reads from few of the cache's sets.
    """
    part = plan.part(steps)
    return max(sum(o.footprint(part) for o in plan.model.operands),
               *(plan.room(o, steps) for o in plan.model.operands))


def _traffic(plan: Plan, steps: Mapping[str, int]) -> float:
    """Bytes that a multiply-add of a task needs from beyond the caches."""
    part = plan.part(steps)
    return sum(o.footprint(part) for o in plan.model.operands) / prod(part.values())


def _share(model: Model, steps: Mapping[str, int]) -> float:
    """The share of all work that one task has."""
    return prod(min(1.0, steps[v] / model.sizes[v]) for v in model.out)


def _balanced(size: int, step: int, block: int) -> int:
    """The smallest step, a multiple of `block`, that needs no more tasks than `step`."""
    tasks = -(-size // step)
    even = -(-size // tasks)
    return -(-even // block) * block


# -- order --------------------------------------------------------------------------------------
def loop_order(plan: Plan, steps: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """Order of the task grid, and of the loops inside a task."""
    model, column = plan.model, plan.best.column
    free = [v for v in model.out if v != column and v not in plan.rows]
    side = [v for v in plan.only(plan.columns_of) if v in free]
    both = [v for v in free if (v in model.a.strides) == (v in model.b.strides)]
    others = [v for v in free if v not in both + side]
    rows = [v for v in model.out if v in plan.rows]
    outside = [*both, *side, column, *others, *rows]
    inside = [*both, *others, *rows, *side, column]
    if plan.own_columns:
        return inside, inside
    lines = shared_lines(plan)
    if lines:
        inside = [*(v for v in inside if v not in lines), *lines]
        outside = [*(v for v in outside if v not in lines), *lines]
    if plan.best.horizontal:
        return outside, inside  # rows stay in the first-level cache while columns pass
    return (outside if _columns_outside(plan, steps) else inside), outside


def _columns_outside(plan: Plan, steps: Mapping[str, int]) -> bool:
    """Whether it is cheaper to stream the rows past the columns of a task than the reverse."""
    def again(operand: Reads, other: Reads) -> float:
        passes = prod(-(-plan.model.sizes[v] // steps[v]) for v in plan.only(other))
        return operand.bytes() * passes if operand.bytes() > plan.model.target.l2 // 2 else 0.0

    return again(plan.rows_of, plan.columns_of) <= again(plan.columns_of, plan.rows_of)
