"""The choice of a tile for a contraction: a small search under a small model of the machine.

In: a `Contraction` and a `Target`. Out: a `Tile`. Pure; prints and hashes like the records it
reads.

The vector variable is the output's innermost one where that can be read or packed across the lanes;
where it costs less (few rows against a transposed matrix, dot products) a contiguous reduce
variable is taken and the lanes are summed at the end. Every register tile that fits is priced
(`tile_costs`); the cheapest is given an order of loops, tasks and blocks (`tile_tasks`), and copies
into panels where they pay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from math import prod

from lamina.schedule.contraction import Access, Contraction, Pack, Tile, in_parts, reduce_loops
from lamina.schedule.summation import (
    Rules,
    along_lanes,
    cut,
    narrow_along_lanes,
    product_in_parts,
)
from lamina.schedule.tile_costs import (
    LINE,
    PAGE,
    Candidate,
    Model,
    Reads,
    Values,
    candidates,
    pack_cycles,
)
from lamina.schedule.tile_tasks import (
    Plan,
    loop_order,
    period,
    task_steps,
)
from lamina.shapes import Dim, ceil_div, product
from lamina.targets import Target

REUSE = 8  # register tiles that read a panel before its copy pays
COPY_SHARE = 0.2  # of all cycles, that an optional copy may take
PAGES = 1500  # whose places in memory a processor keeps track of
UNROLL = (4, 3, 2)  # turns of the innermost reduce loop that may be written out
UNROLL_FMAS = 32  # multiply-adds in its body, at most: large tiles gain nothing, and may spill
AHEAD = 10  # turns before it is read that a cache line is asked for
TAILS = (4, 1)  # rows of the tiles that follow where the number of rows is a run-time one


def choose(contraction: Contraction, target: Target, along: bool | None = None,
           values: Values = (), free: str = "") -> Tile:
    """The tile for a contraction on a target, fast at the typical values of run-time sizes.

    along: whether the lanes are to hold parts of one sum (`summation.along_lanes`); None: whatever
    costs less. values: run-time sizes that are not at their typical value. free: the operands, of
    "ab", whose copies cost nothing.

    >>> from lamina import dtypes
    >>> from lamina.schedule.contraction import matmul
    >>> from lamina.targets import TARGETS
    >>> c = matmul(128, 256, 512, dtypes.float32, a=(512, 1), b=(256, 1))
    >>> choose(c, TARGETS["avx512"]).vector
    'n'
    """
    return _choose(contraction, target, along, values, free)


@lru_cache(maxsize=4096)
def _choose(contraction: Contraction, target: Target, along: bool | None, values: Values, free: str
            ) -> Tile:
    model = Model(contraction, target, values, free)
    return _tile_of(model, min(_candidates(model, along), key=lambda c: c.cycles))


def alternatives(contraction: Contraction, target: Target, along: bool | None, values: Values,
                 free: str, count: int) -> list[Tile]:
    """The best tiles by the model, `count` at most, that of `choose` first."""
    model = Model(contraction, target, values, free)
    found = sorted(_candidates(model, along), key=lambda c: c.cycles)
    same = [c for c in found if c.horizontal is found[0].horizontal]  # sums in one order
    return list(dict.fromkeys(_tile_of(model, c) for c in same[:2 * count]))[:count]


def _candidates(model: Model, along: bool | None) -> list[Candidate]:
    return [c for c in candidates(model) if along is None or c.horizontal is along]


def _tile_of(model: Model, best: Candidate) -> Tile:
    """The whole tile of a candidate."""
    order = _reduce_order(model, best)
    copied = (*best.packs, *(o.name for o in model.operands if _pays(model, best, o)))
    packs = tuple(_pack(model, best, model.operand(o), order) for o in copied)
    plan = Plan(model, best, order, set(copied))
    steps = task_steps(plan)
    grid, nest = loop_order(plan, steps)
    tile = Tile(
        lanes=model.lanes, vector=best.vector, column=best.column, columns=best.columns,
        rows=best.rows, grid=tuple((v, steps[v]) for v in grid),
        nest=tuple((v, plan.blocks[v]) for v in nest), reduce=order, tails=_tails(best),
        packs=packs, block=plan.block, ahead=_ahead(model, best, order),
        next_rows=_pass_once(model, best, order, copied))
    return replace(tile, unroll=_unroll(model, tile))


def _reduce_order(model: Model, best: Candidate) -> tuple[str, ...]:
    """As given, but for the vector variable of a horizontal sum, which comes last."""
    rest = [r for r in model.reduce if r != best.vector]
    return (*rest, best.vector) if best.horizontal else tuple(rest)


def _ahead(model: Model, best: Candidate, order: tuple[str, ...]) -> int:
    """Turns to look ahead: none where a loop has ended by then, or memory is read in its order."""
    loops = reduce_loops(model.c, order)
    short = not loops or isinstance(loops[-1].size, int) and loops[-1].size <= AHEAD
    return 0 if best.horizontal or short else AHEAD


def _pass_once(model: Model, best: Candidate, order: tuple[str, ...], packs: Sequence[str]
               ) -> bool:
    """Whether the rows pass by once, from beyond the caches, each in one piece of memory.

    Processors foresee few of so many pieces that are read side by side.
    """
    loops = reduce_loops(model.c, order)
    if best.horizontal or len(best.rows) != 1 or len(loops) != 1 or model.lanes == 1:
        return False
    rows = model.a if best.column in model.b.strides else model.b
    size, line = loops[0].size, LINE // rows.item
    far = rows.bytes() > model.target.l2 and rows.name not in packs and rows.panel is None
    once = model.sizes[best.column] <= best.columns * model.lanes
    near = rows.unit(loops[0].names[-1]) and best.column not in rows.strides
    return far and once and near and isinstance(size, int) and size % line == 0


def _tails(best: Candidate) -> tuple[int, ...]:
    block = max((n for _, n in best.rows), default=1)
    return tuple(t for t in TAILS if t < block) or (1,)


# -- copies into panels -------------------------------------------------------------------------
def _pays(model: Model, best: Candidate, operand: Reads) -> bool:
    """Whether a copy pays for an operand that could be read as it is.

    It does where it costs nothing, and where the operand is read often and lies unluckily: in few
    of the cache's sets, or in more pages than the processor keeps track of.
    """
    var, width = _panel(model, best, operand)
    apart = operand.name not in best.packs and operand.panel is None and not best.horizontal
    if not apart or model.lanes == 1 or not operand.unit(var):
        return False
    mine = [v for v in model.out if v in operand.strides]
    if mine != [var] or model.shared(var) or any(r not in operand.strides for r in model.reduce):
        return False
    if operand.name in model.free:
        return True
    room = model.k * max(LINE, width * operand.item, period(operand, model.reduce))
    pages = sum(_pages(model, o) for o in model.operands)
    blocks = dict((*best.rows, (best.column, best.columns * model.lanes)))
    reuse = prod(model.sizes[v] / blocks.get(v, 1) for v in model.out if v not in operand.strides)
    cheap = pack_cycles(model, operand, var) < COPY_SHARE * best.cycles
    return reuse >= REUSE and cheap and (room > model.target.l2 or pages > PAGES)


def _pages(model: Model, operand: Reads) -> float:
    """Pages of memory that one tile reads of an operand, turn by turn."""
    far = min((operand.strides.get(r, 0) for r in model.reduce), default=0) * operand.item
    return model.k * min(PAGE, far) / PAGE if far > LINE else 0


def _panel(model: Model, best: Candidate, operand: Reads) -> tuple[str, int]:
    """The variable and the width of an operand's panels."""
    if best.column in operand.strides or not best.rows:
        return best.column, best.columns * model.lanes
    return best.rows[-1]


def _pack(model: Model, best: Candidate, operand: Reads, order: tuple[str, ...]) -> Pack:
    var, width = _panel(model, best, operand)
    c, size = model.c, model.c.size(var)
    outer = [(v, c.size(v)) for v in model.out if v != var and v in operand.strides]
    inner = [(r, c.size(r)) for r in order if r in operand.strides]
    layout = (*outer, (var + "/", ceil_div(size, width)), *inner, (var, width))
    return Pack(operand.name, var, size, width, operand.access, layout)


# -- unrolling ----------------------------------------------------------------------------------
def _unroll(model: Model, tile: Tile) -> int:
    """Turns of the innermost reduce loop to write out: they divide it where it is a constant."""
    loops = reduce_loops(model.c, tile.reduce)
    if not loops or _slides(model.a, tile, loops[-1].a) or _slides(model.b, tile, loops[-1].b):
        return 1
    size = loops[-1].size
    if tile.horizontal and isinstance(size, int):
        size //= tile.lanes
    fmas = tile.columns * prod(n for _, n in tile.rows)
    for turns in UNROLL:
        fits = not isinstance(size, int) or (size % turns == 0 and size >= turns)
        if turns * fmas <= UNROLL_FMAS and fits:
            return turns
    return 1


def _slides(operand: Reads, tile: Tile, turn: Dim) -> bool:
    """Whether a turn reads again what other rows have read in the turn before.

    Written out, LLVM would keep those values and run out of registers.
    """
    if not isinstance(turn, int) or turn == 0:
        return False
    rows = [(operand.strides[v], n) for v, n in tile.rows if v in operand.strides]
    return any(abs(turn) % s == 0 and abs(turn) // s < n for s, n in rows)


# -- narrow results ----------------------------------------------------------------------------
def turned(c: Contraction, target: Target, rules: Rules) -> tuple[int, str] | None:
    """The operand to copy, 0 or 1, and the reduce variable whose elements are neighbours there.

    Where one operand has few columns (the gradient of an image with 3 channels), vectors along
    them would be mostly empty. The lanes can hold parts of one sum instead, if both operands have
    its terms side by side: the other one has, the narrow one is small and is copied.
    """
    lanes = target.lanes(c.acc.itemsize)
    for number, narrow, wide in ((1, c.b, c.a), (0, c.a, c.b)) if lanes > 1 else ():
        for var, side in c.reduce_vars:
            if wide.stride(var) == 1 and narrow.stride(var) not in (0, 1):
                rows, columns, batch = _extents(c, narrow, wide)
                terms = product(n for _, n in c.reduce_vars)
                if rules.apply(narrow_along_lanes, rows, columns, batch, terms, side, lanes):
                    return number, var
    return None


# -- order of sums ------------------------------------------------------------------------------
def order_sums(c: Contraction, nbytes: Dim, target: Target, rules: Rules, columns_of: int = 1,
               along: bool = False) -> tuple[Contraction, bool]:
    """The contraction, in parts where that is better, and whether its sums run along the lanes.

    nbytes: of both operands. columns_of: the operand, 0 or 1, that has the result's last axis, also
    where that has size 1 and is no variable. along: they do in any case. The caller adds up the
    parts, which are a new output variable, the first, in a second kernel, where the epilogue then
    belongs.
    """
    rows, columns, batch = _extents(c, *((c.b, c.a) if columns_of else (c.a, c.b)))
    terms = product(n for _, n in c.reduce_vars)
    lanes = target.lanes(c.acc.itemsize)
    side_by_side = any(c.a.stride(v) == c.b.stride(v) == 1 for v, _ in c.reduce_vars)
    along = along or (lanes > 1 and side_by_side and rules.apply(
        along_lanes, rows, columns, batch, terms, lanes, c.dtype.itemsize))
    return parted(c, nbytes, rules, columns_of), along


def parted(c: Contraction, nbytes: Dim, rules: Rules, columns_of: int = 1) -> Contraction:
    """The contraction, in parts where that is better. What is given: as for `order_sums`."""
    rows, columns, batch = _extents(c, *((c.b, c.a) if columns_of else (c.a, c.b)))
    terms = product(n for _, n in c.reduce_vars)
    if not rules.apply(product_in_parts, rows, columns, batch, terms, nbytes):
        return c
    return in_parts(c, c.reduce_vars[rules.apply(cut, *(n for _, n in c.reduce_vars))][0])


def _extents(c: Contraction, columns_of: Access, rows_of: Access) -> tuple[Dim, Dim, Dim]:
    """Sizes of the output: of the rows' operand, of the columns' operand, of both."""
    rows = product(n for v, n in c.out_vars if not columns_of.carries(v))
    columns = product(n for v, n in c.out_vars if not rows_of.carries(v))
    both = product(n for v, n in c.out_vars if rows_of.carries(v) and columns_of.carries(v))
    return rows, columns, both
