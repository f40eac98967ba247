"""How the loops of a contraction are ordered and cut: tasks, and blocks of the reduce loops.

In: a `Model` and the `Candidate` that was chosen from its tiles. Out: order of loops, values of
each variable per task, and the block of the reduce loops, all for the caches of the target.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd, prod

from lamina.schedule.tile_costs import LINE, Candidate, Model, Reads

L2_PERIOD = 65536  # bytes after which addresses fall into the same set of the second-level cache
L2_SHARE = 0.8  # of that cache that the operands of a task may fill
MOST_SPREAD = 4  # how much more of it unlucky strides are taken to use, at most
TASK_CYCLES = 100_000  # a task lasts about this long where there is enough work: 25 us
MIN_TASKS = 16  # less work is cut into about so many tasks
SMALL_TASK = 8_000
BLOCK = 256  # turns of the reduce loops in a block, at least
BLOCK_SHARE = 0.4  # of the second-level cache that the operands of a block fill
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

    def only(self, operand: Reads) -> list[str]:
        """Output variables that this operand alone carries."""
        model = self.model
        return [v for v in model.out if v in operand.strides and not model.shared(v)]

    def spread(self, operand: Reads, var: str, values: int) -> float:
        """Cache that a turn of the reduce loops takes up for so many values of a variable."""
        size = values * operand.item
        if operand.name in self.packs or operand.panel or operand.strides.get(var) != 1:
            return size
        lines = max(LINE, size)
        return lines * min(MOST_SPREAD, max(1.0, period(operand, self.model.reduce) / lines))


def period(operand: Reads, reduce: list[str]) -> int:
    """Bytes from one turn of the reduce loops to the next, as far as cache sets can tell."""
    turns = [operand.strides[r] for r in reduce if r in operand.strides]
    far = min(turns, default=0) * operand.item
    return gcd(far, L2_PERIOD) if far > LINE else 0


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
    if model.k * column_turn + row_bytes < L2_SHARE * l2:
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
            step = -(-turns // inner)
            even = -(-size // max(1, round(size / step)))
            return var, -(-even // unit) * unit
        inner, unit = inner * size, 1
    return None


# -- order --------------------------------------------------------------------------------------
def loop_order(plan: Plan) -> tuple[list[str], list[str]]:
    """Order of the task grid, and of the loops inside a task."""
    model, column = plan.model, plan.best.column
    free = [v for v in model.out if v != column and v not in plan.rows]
    side = [v for v in plan.only(plan.columns_of) if v in free]
    both = [v for v in free if (v in model.a.strides) == (v in model.b.strides)]
    others = [v for v in free if v not in both + side]
    rows = [v for v in model.out if v in plan.rows]
    outside = [*both, *side, column, *others, *rows]
    inside = [*both, *others, *rows, *side, column]
    if plan.best.horizontal:
        return outside, inside  # rows stay in the first-level cache while columns pass
    return (outside if _columns_outside(plan) else inside), outside


def _columns_outside(plan: Plan) -> bool:
    """Whether it is cheaper to stream the rows past each panel than the panels past each row."""
    model, half = plan.model, plan.model.target.l2 // 2
    panels, rows = plan.columns_of.bytes(), plan.rows_of.bytes()
    columns = -(-model.sizes[plan.best.column] // plan.width)
    groups = model.outputs / model.sizes[plan.best.column] / prod(plan.rows.values())
    groups /= max(1, half // model.row_bytes(plan.best.rows))
    rows_again = rows * columns if rows > half else 0
    panels_again = panels * groups if panels > half else 0
    return rows_again <= panels_again


# -- tasks --------------------------------------------------------------------------------------
def task_grid(plan: Plan, grid: list[str]) -> tuple[tuple[str, int], ...]:
    """How much of each variable one task covers."""
    sizes, blocks, steps = plan.model.sizes, plan.blocks, dict(plan.blocks)
    total = plan.best.cycles
    share = max(total / MIN_TASKS, SMALL_TASK)
    aim = share if plan.block else min(TASK_CYCLES, share)
    for var in _growth(plan, grid):
        limit = min(sizes[var], _limit(plan, var))
        while steps[var] < limit and _share(plan.model, steps) * 1.5 * total < aim:
            steps[var] = min(steps[var] * 2, -(-limit // blocks[var]) * blocks[var])
        steps[var] = _balanced(sizes[var], steps[var], blocks[var])
    return tuple((v, steps[v]) for v in grid)


def _growth(plan: Plan, grid: list[str]) -> list[str]:
    """What shares a panel first, then from the fastest variable of the grid to the slowest."""
    first = [plan.best.column] if plan.best.horizontal else list(reversed(plan.rows))
    if plan.block and plan.best.column not in first:
        first.append(plan.best.column)
    return first + [v for v in reversed(grid) if v not in first]


def _limit(plan: Plan, var: str) -> int:
    """How much of a variable a task may cover for its operands to stay in half the L2 cache."""
    model, best, block = plan.model, plan.best, plan.blocks[var]
    half, item = model.target.l2 // 2, model.c.dtype.itemsize
    if best.horizontal:
        if var != best.column:
            return model.sizes[var]
        turns = plan.block[1] if plan.block else model.k
        return max(1, half // (turns * item) // block) * block
    if plan.block:
        return _limit_of_sums(plan, var)
    if best.rows and var == best.rows[-1][0]:
        return max(1, half // model.row_bytes(best.rows[:-1]) // block) * block
    return model.sizes[var]


def _limit_of_sums(plan: Plan, var: str) -> int:
    """How much of a variable a task may cover whose sums stay in memory between blocks."""
    sizes, tile = plan.model.sizes, (plan.best.column, *plan.rows)
    if var in tile:
        return max(BLOCK_TILE, plan.blocks[var])
    if plan.model.shared(var):
        return 1
    inner = prod(min(BLOCK_TILE, sizes[v]) for v in tile)
    others = [v for v in plan.model.out if v not in tile]
    inner *= prod(sizes[v] for v in others[others.index(var) + 1:])
    return max(1, BLOCK_SUMS // inner)


def _share(model: Model, steps: Mapping[str, int]) -> float:
    """The share of all work that one task has."""
    return prod(min(1.0, steps[v] / model.sizes[v]) for v in model.out)


def _balanced(size: int, step: int, block: int) -> int:
    """The smallest step, a multiple of `block`, that needs no more tasks than `step`."""
    tasks = -(-size // step)
    even = -(-size // tasks)
    return -(-even // block) * block
