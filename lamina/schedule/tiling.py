"""The choice of a tile for a contraction: a small search under a small model of the machine.

In: a `Contraction` and a `Target`. Out: a `Tile`. Pure; prints and hashes like the records it
reads. Costs are in cycles of one core.

The vector variable is the output's innermost one where that can be read or packed across the lanes;
where it costs less (few rows against a transposed matrix, dot products) a contiguous reduce
variable is taken and the lanes are summed at the end. Every register tile that fits is priced:
multiply-adds, loads, latency, uneven edges, the work around each tile. Operands are packed where
they cannot be read across the lanes otherwise, or where reuse pays for the copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import gcd, prod

from lamina.schedule.contraction import (
    Access,
    Contraction,
    Pack,
    Tile,
    ceil_div,
    reduce_loops,
)
from lamina.shapes import Dim, evaluate, variables
from lamina.targets import Target

GUESS = 192  # what a run-time size is taken to be when nobody says better

# The machine model. Zen 4/5, Golden Cove and the Neoverse cores are close to one another here.
FMA_PORTS = 2
LOAD_PORTS = 1.8  # two, not always both
LATENCY = 4  # cycles from a multiply-add to the next one on the same accumulator
ISSUE = 6  # instructions per cycle
TILE_CYCLES = 15  # loop entry and addresses of one register tile
STORE_CYCLES = 1.5  # per finished accumulator
FOLD_CYCLES = 3.0  # per horizontal sum
COPY_LAUNCH = 8_000  # to start a copy and wait for its end
COPY_CYCLES = 0.25  # per element packed along memory, in cache
TRANSPOSE_CYCLES = 0.6  # per element packed across memory, or from the last cache
MEMORY_CYCLES = 2.5  # per element packed from beyond the caches
L2_BYTES = 24  # per cycle from the second-level cache
SCATTER_CYCLES = 1.5  # per element stored across memory
LINE = 64  # bytes of a cache line
L1_PERIOD = 4096  # bytes after which addresses fall into the same set of the first-level cache
L1_WAYS = 10  # lines of one set that stay, some left for the other operand
L2_PERIOD = 65536  # the same for the second-level cache
MOST_SPREAD = 4  # how much more of that cache unlucky strides are taken to use, at most

TASK_CYCLES = 100_000  # a task lasts about this long where there is enough work: 25 us
MIN_TASKS = 16  # less work is cut into about so many tasks
SMALL_TASK = 8_000
MAX_COLUMNS = 8  # beyond 4 only with a row or two
REUSE = 8  # register tiles that read a panel before its copy pays
COPY_SHARE = 0.04  # of all cycles, that an optional copy may take
BLOCK = 256  # turns of the reduce loops in a block, at least
BLOCK_TILE = 64  # rows and columns of a task whose sums stay in memory between blocks
BLOCK_SUMS = 40_000  # sums of a task that stay in memory between blocks
SPLIT_TURNS = 1024  # turns of the reduce loops in a part of a split sum, at least
SPLIT_SUMS = 1 << 21  # partial sums in memory, at most
UNROLL = 4  # turns of the innermost reduce loop, at most
UNROLL_FMAS = 64  # multiply-adds in its body, at most


def choose(contraction: Contraction, target: Target, guess: int = GUESS) -> Tile:
    """The tile for a contraction on a target; `guess` stands in for run-time sizes.

    >>> from lamina import dtypes
    >>> from lamina.schedule.contraction import matmul
    >>> from lamina.targets import TARGETS
    >>> c = matmul(128, 256, 512, dtypes.float32, a=(512, 1), b=(256, 1))
    >>> choose(c, TARGETS["avx512"]).vector
    'n'
    """
    return _choose(contraction, target, guess)


def split(contraction: Contraction, target: Target, guess: int = GUESS) -> Contraction | None:
    """The same sums in parts, where there are too few outputs to keep all threads busy.

    The parts are a new output variable `part`, the first: the caller sums over it in a second
    kernel, where the epilogue then belongs. How many there are depends on sizes only, so bits do
    not depend on the number of threads. None where one pass is better.
    """
    model = _Model(contraction, target, guess)
    tile = choose(contraction, target, guess)
    if model.outputs * model.k / model.lanes / FMA_PORTS < 4 * SMALL_TASK:
        return None
    tasks = prod(-(-model.sizes[v] // step) for v, step in tile.grid)
    operands = _all_bytes(model, "a") + _all_bytes(model, "b")
    if tasks < MIN_TASKS or tile.block and model.outputs <= BLOCK_SUMS and operands > 4 * target.l2:
        parts = 2 * MIN_TASKS
    elif tile.block and operands > target.l3 // 2:
        parts = 4 * operands // target.l3
    else:
        return None
    most = min(max(parts, 4), model.k // SPLIT_TURNS, SPLIT_SUMS // model.outputs)
    cuts = [(var, _parts(model, var, most)) for var in model.reduce]
    var, count = max(cuts, key=lambda cut: min(model.number(cut[1]), MIN_TASKS, parts))
    return _split(contraction, var, count) if model.number(count) >= 4 else None


def _parts(model: _Model, var: str, most: int) -> Dim:
    """Into how many equal parts a reduce variable is cut: a divisor, or one part for each value."""
    size = model.c.size(var)
    if not isinstance(size, int):
        return size if model.outputs * model.number(size) <= SPLIT_SUMS else 1
    return max((n for n in range(1, max(most, 1) + 1) if size % n == 0), default=1)


def _split(c: Contraction, var: str, parts: Dim) -> Contraction:
    size = c.size(var)
    each = size // parts if isinstance(size, int) and isinstance(parts, int) else 1
    reduce_vars = tuple((v, each if v == var else n) for v, n in c.reduce_vars)
    a, b = (replace(x, strides=(("part", x.stride(var) * each), *x.strides)) for x in (c.a, c.b))
    return replace(c, out_vars=(("part", parts), *c.out_vars), reduce_vars=reduce_vars, a=a, b=b)


@lru_cache(maxsize=4096)
def _choose(contraction: Contraction, target: Target, guess: int) -> Tile:
    model = _Model(contraction, target, guess)
    best = min(_candidates(model), key=lambda c: c.cycles)
    return _finish(model, best)


class _Model:
    """A contraction with its sizes as plain numbers."""

    def __init__(self, contraction: Contraction, target: Target, guess: int) -> None:
        self.c = contraction
        self.target = target
        self.guess = guess
        self.lanes = target.lanes(contraction.acc.itemsize)
        self.sizes = {name: self.number(size)
                      for name, size in contraction.out_vars + contraction.reduce_vars}
        self.out = [name for name, _ in contraction.out_vars]
        self.reduce = [name for name, _ in contraction.reduce_vars]
        self.k = prod(self.sizes[r] for r in self.reduce)
        self.outputs = prod(self.sizes[v] for v in self.out)

    def number(self, size: Dim) -> int:
        """A size as an int, guessed if need be."""
        return evaluate(size, dict.fromkeys(variables(size), self.guess))

    def known(self, var: str) -> bool:
        """Whether the size of a variable is a constant."""
        return isinstance(self.c.size(var), int)

    def stride(self, access: Access, var: str) -> int:
        """A stride as an int, guessed if need be."""
        return self.number(access.stride(var))

    def elements(self, access: Access, part: Mapping[str, int] | None = None) -> int:
        """Distinct elements of an operand that (part of) the loops read, roughly."""
        sizes = [(v, n) for v, n in (part or self.sizes).items() if access.carries(v)]
        span = 1 + sum((n - 1) * abs(self.stride(access, v)) for v, n in sizes)
        return min(span, prod(n for _, n in sizes))

    def footprint(self, access: Access, part: Mapping[str, int]) -> float:
        """Bytes of the cache lines that (part of) the loops read."""
        item = self.c.dtype.itemsize
        steps = [abs(self.stride(access, v)) for v, n in part.items() if n > 1]
        near = min((s for s in steps if s), default=1) * item
        return self.elements(access, part) * max(item, min(LINE, near))

    def masks(self) -> bool:
        """Whether masked vector accesses are single instructions."""
        return self.target.vector_bytes >= 32 or self.lanes == 1


@dataclass(frozen=True)
class _Candidate:
    vector: str
    column: str
    columns: int
    rows: tuple[tuple[str, int], ...]
    packs: tuple[str, ...]
    cycles: float


def _candidates(model: _Model) -> Iterator[_Candidate]:
    for var in model.out:
        yield from _vertical(model, var)
    for var in model.reduce:
        yield from _horizontal(model, var)


def _vertical(model: _Model, var: str) -> Iterator[_Candidate]:
    """Tiles with an output variable across the lanes."""
    last = model.out[-1]
    if var != last and (model.sizes[var] == 1 or model.sizes[last] > model.lanes):
        return
    packs = tuple(o for o in "ab" if _must_pack(model, model.c.access(o), var))
    if var != last and packs:
        return
    extra = sum(_pack_cycles(model, model.c.access(o), var) for o in packs)
    extra += model.outputs * SCATTER_CYCLES if var != last and model.sizes[last] > 1 else 0
    vectors = -(-model.sizes[var] // model.lanes)
    for columns in range(1, min(vectors, MAX_COLUMNS) + 1):
        for rows in _row_blocks(model, var, columns):
            cycles = _vertical_cycles(model, var, columns, rows) + extra
            yield _Candidate(var, var, columns, rows, packs, cycles)


def _must_pack(model: _Model, access: Access, var: str) -> bool:
    if access.panel is not None or not access.carries(var) or model.lanes == 1:
        return False
    if access.stride(var) != 1:
        return True
    ragged = not model.known(var) or model.sizes[var] % model.lanes != 0
    return ragged and not model.masks()


def _pack_cycles(model: _Model, access: Access, var: str) -> float:
    elements = model.elements(access)
    bytes_ = elements * model.c.dtype.itemsize
    near = bytes_ <= model.target.l2 and access.stride(var) == 1
    far = bytes_ > model.target.l3 // 2
    rate = COPY_CYCLES if near else MEMORY_CYCLES if far else TRANSPOSE_CYCLES
    return COPY_LAUNCH + elements * rate


def _row_blocks(model: _Model, column: str, columns: int) -> Iterator[tuple[tuple[str, int], ...]]:
    """Blocks of the other output variables that leave the accumulators in registers."""
    limit = (model.target.registers - columns - 1) // columns
    limit = min(limit, 2) if columns > 4 else limit
    if limit < 1 and columns > 1:
        return
    others = [v for v in model.out if v != column and model.sizes[v] > 1]
    others = [v for v in others if not _shared(model, v)] or others
    yield ()
    yield from _blocks(model, others, min(max(limit, 1), 32))


def _shared(model: _Model, var: str) -> bool:
    """Whether both operands change with a variable, so that its rows have nothing in common."""
    return model.c.a.carries(var) and model.c.b.carries(var)


def _blocks(model: _Model, variables: list[str], limit: int
            ) -> Iterator[tuple[tuple[str, int], ...]]:
    """Innermost variables first: where costs are equal, the first candidate wins."""
    for var in reversed(variables):
        size = model.sizes[var]
        for count in range(2, min(size, limit) + 1):
            yield ((var, count),)
        if size <= limit // 2:
            for more in _blocks(model, variables[: variables.index(var)], limit // size):
                yield (*more, (var, size))


def _segments(model: _Model, var: str, block: int) -> list[tuple[int, int]]:
    """(values per turn, turns) that cover a variable."""
    full, tail = divmod(model.sizes[var], block)
    return [(n, t) for n, t in ((block, full), (tail, 1)) if n and t]


def _vertical_cycles(model: _Model, var: str, columns: int, rows: tuple[tuple[str, int], ...]
                     ) -> float:
    total = 0.0
    for values, turns in _segments(model, var, columns * model.lanes):
        vectors = -(-values // model.lanes)
        total += turns * _tiles_cycles(model, rows, var, vectors, model.k, STORE_CYCLES)
    return total


def _tiles_cycles(model: _Model, rows: tuple[tuple[str, int], ...], column: str, columns: int,
                  steps: int, finish: float) -> float:
    """Cycles of all row tiles for one column of tiles."""
    blocks = dict(rows)
    outer = prod(model.sizes[v] for v in model.out if v not in blocks and v != column)
    combos = [({}, 1)]  # type: list[tuple[dict[str, int], int]]
    for var, block in rows:
        combos = [({**c, var: n}, m * t) for c, m in combos
                  for n, t in _segments(model, var, block)]
    return outer * sum(t * _tile_cycles(model, c, column, columns, steps, finish)
                       for c, t in combos)


def _tile_cycles(model: _Model, rows: dict[str, int], column: str, columns: int, steps: int,
                 finish: float) -> float:
    """Cycles of one register tile: the tightest of the machine's limits, at each step."""
    count = prod(rows.values())
    fmas = count * columns
    loads = sum(_loads(model, access, rows, column, columns)
                for access in (model.c.a, model.c.b))
    stream = sum(_stream(model, access, rows, column, columns, finish > 2)
                 for access in (model.c.a, model.c.b))
    step = max(fmas / FMA_PORTS, loads / LOAD_PORTS, LATENCY, (fmas + loads + 3) / ISSUE,
               stream / L2_BYTES)
    return TILE_CYCLES + steps * step + fmas * finish


def _stream(model: _Model, access: Access, rows: dict[str, int], column: str, columns: int,
            horizontal: bool) -> float:
    """Bytes of new cache lines that an operand takes from the second-level cache at each step."""
    item, mine = model.c.dtype.itemsize, {v: n for v, n in rows.items() if access.carries(v)}
    width = columns * (1 if horizontal else model.lanes) if access.carries(column) else 1
    part = {r: model.sizes[r] for r in model.reduce} | mine
    part |= {column: min(width, model.sizes[column])} if access.carries(column) else {}
    near = model.footprint(access, part) <= 0.6 * model.target.l1
    if near and not (horizontal and access.carries(column)):
        return 0.0
    if horizontal:
        return width * prod(mine.values()) * model.target.vector_bytes
    turn = _turn_bytes(model, access)
    if access.carries(column):
        return max(width * item, 1.0) * prod(mine.values())
    return _run_lines(model, access, mine) * min(1.0, turn / LINE) * LINE


def _turn_bytes(model: _Model, access: Access) -> float:
    """How far an operand moves in a turn of its fastest reduce variable."""
    if access.panel is not None:
        return LINE
    turns = [abs(model.stride(access, r)) for r in model.reduce
             if access.carries(r) and model.sizes[r] > 1]
    return min(turns, default=1) * model.c.dtype.itemsize


def _run_lines(model: _Model, access: Access, rows: dict[str, int]) -> float:
    """Cache lines that the rows of a tile touch in one turn."""
    item, count, span = model.c.dtype.itemsize, 1, 1
    for var, n in sorted(rows.items(), key=lambda r: abs(model.stride(access, r[0]))):
        stride = abs(model.stride(access, var))
        if stride * item < LINE or stride <= span:
            span += (n - 1) * stride
        else:
            count *= n
    return count * -(-span * item // LINE)


def _loads(model: _Model, access: Access, rows: dict[str, int], column: str, columns: int
           ) -> float:
    count = prod(n for v, n in rows.items() if access.carries(v))
    loads = count * (columns if access.carries(column) else 1)
    return loads * 2.5 if _conflicts(model, access, rows) else loads


def _conflicts(model: _Model, access: Access, rows: dict[str, int]) -> bool:
    """Whether so many rows lie in one set of the first-level cache that they evict each other."""
    if access.panel is not None:
        return False
    item = model.c.dtype.itemsize
    far = [n for v, n in rows.items()
           if access.carries(v) and model.stride(access, v) * item % L1_PERIOD == 0]
    return prod(far) > L1_WAYS


def _horizontal(model: _Model, var: str) -> Iterator[_Candidate]:
    """Tiles with a reduce variable across the lanes."""
    if model.lanes == 1 or any(not _along(a, var) for a in (model.c.a, model.c.b)):
        return
    steps = model.k // model.sizes[var] * -(-model.sizes[var] // model.lanes)
    column = model.out[-1]
    for columns in (1, 2, 4, 8):
        if columns > max(1, model.sizes[column]):
            continue
        for rows in _row_blocks(model, column, columns):
            cycles = 0.0
            for values, turns in _segments(model, column, columns):
                cycles += turns * _tiles_cycles(model, rows, column, values, steps, FOLD_CYCLES)
            if _row_bytes(model, rows) > model.target.l1 // 2:
                cycles *= 1.2
            yield _Candidate(var, column, columns, rows, (), cycles)


def _row_bytes(model: _Model, rows: tuple[tuple[str, int], ...]) -> int:
    """Bytes that the rows of a register tile read."""
    return prod(n for _, n in rows) * model.k * model.c.dtype.itemsize


def _along(access: Access, var: str) -> bool:
    unit = access.stride(var) == 1 and (access.panel is None or access.panel.var != var)
    return unit or not access.carries(var)


# -- order, tasks and packing -------------------------------------------------------------------


def _finish(model: _Model, best: _Candidate) -> Tile:
    """The candidate as a tile: order of loops, tasks, copies, blocks."""
    order = _reduce_order(model, best)
    packs = [_pack(model, o, *_pack_shape(model, o, best), order)
             for o in (*best.packs, *_worthwhile(model, best))]
    plan = _Plan(model, best, order, {p.operand for p in packs})
    grid, nest = _order(plan)
    tile = Tile(
        lanes=model.lanes, vector=best.vector, column=best.column, columns=best.columns,
        rows=best.rows, grid=_group(plan, grid), nest=tuple((v, plan.blocks[v]) for v in nest),
        reduce=order, tails=_tails(best), packs=tuple(packs), block=plan.block)
    return replace(tile, unroll=_unroll(model, tile))


class _Plan:
    """A candidate with what follows from it."""

    def __init__(self, model: _Model, best: _Candidate, order: tuple[str, ...], packs: set[str]
                 ) -> None:
        self.model, self.best, self.order, self.packs = model, best, order, packs
        self.width = best.columns * (1 if best.vector != best.column else model.lanes)
        self.blocks = dict.fromkeys(model.out, 1) | {best.column: self.width} | dict(best.rows)
        self.operand = "b" if model.c.b.carries(best.column) else "a"  # the one with the columns
        self.other = "a" if self.operand == "b" else "b"
        self.block = _block(self)

    def bytes_per_turn(self, operand: str, var: str | None, values: int) -> float:
        """Cache that a turn of the reduce loops takes up for so many values of a variable."""
        access, item = self.model.c.access(operand), self.model.c.dtype.itemsize
        near = operand in self.packs or access.panel is not None or var is None
        if near or access.stride(str(var)) != 1:
            return values * item
        lines = max(LINE, values * item)
        return lines * min(MOST_SPREAD, max(1.0, _step(self.model, access) / lines))


def _step(model: _Model, access: Access) -> int:
    """Bytes from one turn of the reduce loops to the next, as far as cache sets can tell."""
    turns = [abs(model.stride(access, r)) for r in model.reduce if access.carries(r)]
    far = min(turns, default=0) * model.c.dtype.itemsize
    return gcd(far, L2_PERIOD) if far > LINE else 0


def _block(plan: _Plan) -> tuple[str, int] | None:
    """The block of the reduce loops whose operands stay in cache, where all of them do not."""
    model, best = plan.model, plan.best
    if best.vector != best.column:
        return _horizontal_block(plan)
    if not best.rows or model.k < 3 * BLOCK or _row_tiles(plan) < 2:
        return None
    row = best.rows[-1][0]
    rows = min(BLOCK_TILE, model.sizes[row])
    turn = plan.bytes_per_turn(plan.operand, best.column, plan.width)
    rows_turn = plan.bytes_per_turn(plan.other, row, rows)
    part = {r: model.sizes[r] for r in model.reduce} | {row: rows}
    reads = model.elements(model.c.access(plan.other), part)
    if model.k * turn + reads / rows * rows_turn < 0.8 * model.target.l2:
        return None
    return _cut(model, plan.order, max(BLOCK, int(0.4 * model.target.l2 / (turn + rows_turn))))


def _row_tiles(plan: _Plan) -> float:
    """Register tiles that share a panel."""
    access = plan.model.c.access(plan.operand)
    return prod(plan.model.sizes[v] / plan.blocks[v] for v in plan.model.out
                if not access.carries(v))


def _horizontal_block(plan: _Plan) -> tuple[str, int] | None:
    model, best = plan.model, plan.best
    if _row_bytes(model, best.rows) <= model.target.l1 or model.k < 3 * BLOCK * 2:
        return None
    return _cut(model, plan.order, 1024, model.lanes)


def _cut(model: _Model, order: tuple[str, ...], turns: int, unit: int = 1
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


def _all_bytes(model: _Model, operand: str) -> int:
    return model.elements(model.c.access(operand)) * model.c.dtype.itemsize


def _reduce_order(model: _Model, best: _Candidate) -> tuple[str, ...]:
    """As given, but for the vector variable of a horizontal sum, which comes last."""
    rest = [r for r in model.reduce if r != best.vector]
    return (*rest, best.vector) if best.vector in model.reduce else tuple(rest)


def _tails(best: _Candidate) -> tuple[int, ...]:
    block = max((n for _, n in best.rows), default=1)
    return tuple(t for t in (4, 1) if t < block) or (1,)


def _worthwhile(model: _Model, best: _Candidate) -> tuple[str, ...]:
    """Operands that could be read as they are, but whose panels pay for the copy."""
    if best.vector != best.column or model.lanes == 1:
        return ()
    return tuple(o for o in "ab" if o not in best.packs and _pays(model, best, o))


def _pays(model: _Model, best: _Candidate, operand: str) -> bool:
    """Whether an operand lies so unluckily in the cache's sets, and is read so often."""
    access = model.c.access(operand)
    var, width = _pack_shape(model, operand, best)
    if access.panel is not None or access.stride(var) != 1 or _only(model, operand) != [var]:
        return False
    if any(not access.carries(r) for r in model.reduce):
        return False
    lines = max(LINE, width * model.c.dtype.itemsize)
    panel = model.k * max(lines, _step(model, access))
    others = dict((*best.rows, (best.column, best.columns * model.lanes)))
    reuse = prod(model.sizes[v] / others.get(v, 1) for v in model.out if not access.carries(v))
    cheap = _pack_cycles(model, access, var) < COPY_SHARE * best.cycles
    return reuse >= REUSE and panel > 2 * model.target.l2 and cheap


def _pack_shape(model: _Model, operand: str, best: _Candidate) -> tuple[str, int]:
    """The variable and the width of an operand's panels."""
    if model.c.access(operand).carries(best.column) or not best.rows:
        width = best.columns * (1 if best.vector != best.column else model.lanes)
        return best.column, width
    return best.rows[-1]


def _only(model: _Model, operand: str) -> list[str]:
    """Output variables that this operand alone carries."""
    own, other = model.c.access(operand), model.c.access("b" if operand == "a" else "a")
    return [v for v in model.out if own.carries(v) and not other.carries(v)]


def _pack(model: _Model, operand: str, var: str, width: int, order: tuple[str, ...]) -> Pack:
    access, size = model.c.access(operand), model.c.size(var)
    outer = [(v, model.c.size(v)) for v in model.out if v != var and access.carries(v)]
    inner = [(r, model.c.size(r)) for r in order if access.carries(r)]
    layout = (*outer, (var + "/", ceil_div(size, width)), *inner, (var, width))
    return Pack(operand, var, size, width, access, layout)


def _order(plan: _Plan) -> tuple[list[str], list[str]]:
    """Order of the task grid, and of the loops inside a task."""
    model, best = plan.model, plan.best
    rows = [v for v, _ in best.rows]
    both = [v for v in model.out if model.c.a.carries(v) == model.c.b.carries(v)
            and v != best.column and v not in rows]
    side = [v for v in _only(model, plan.operand) if v != best.column and v not in rows]
    columns = [*side, best.column]
    others = [v for v in model.out if v not in both + columns + rows]
    rows = [v for v in model.out if v in rows]
    outside, inside = [*both, *columns, *others, *rows], [*both, *others, *rows, *columns]
    if best.vector != best.column:
        return outside, inside  # rows stay in the first-level cache while columns pass
    return (outside if _columns_outside(plan) else inside), outside


def _columns_outside(plan: _Plan) -> bool:
    """Whether it is cheaper to stream the rows past each panel than the panels past each row."""
    model, best, half = plan.model, plan.best, plan.model.target.l2 // 2
    panels_of, rows_of = _all_bytes(model, plan.operand), _all_bytes(model, plan.other)
    columns = -(-model.sizes[best.column] // plan.width)
    groups = model.outputs / model.sizes[best.column] / prod(n for _, n in best.rows)
    groups /= max(1, half // _row_bytes(model, best.rows))
    rows_again = rows_of * columns if rows_of > half else 0
    panels_again = panels_of * groups if panels_of > half else 0
    return rows_again <= panels_again


def _group(plan: _Plan, grid: list[str]) -> tuple[tuple[str, int], ...]:
    """How much of each variable one task covers."""
    model, steps, total = plan.model, dict(plan.blocks), plan.best.cycles
    share = max(total / MIN_TASKS, SMALL_TASK)
    aim = share if plan.block else min(TASK_CYCLES, share)
    for var in _growth(plan, grid):
        limit = min(model.sizes[var], _limit(plan, var))
        while steps[var] < limit and _work(model, steps) * 1.5 * total < aim:
            steps[var] = min(steps[var] * 2, -(-limit // plan.blocks[var]) * plan.blocks[var])
        steps[var] = _balanced(model.sizes[var], steps[var], plan.blocks[var])
    return tuple((v, steps[v]) for v in grid)


def _growth(plan: _Plan, grid: list[str]) -> list[str]:
    """What shares a panel first, then from the fastest variable of the grid to the slowest."""
    best = plan.best
    first = [v for v, _ in reversed(best.rows)] if best.vector == best.column else [best.column]
    first += [best.column] if plan.block and best.column not in first else []
    return first + [v for v in reversed(grid) if v not in first]


def _limit(plan: _Plan, var: str) -> int:
    """How much of a variable a task may cover for its operands to stay in half the L2 cache."""
    model, best, block = plan.model, plan.best, plan.blocks[var]
    half = model.target.l2 // 2
    if best.vector != best.column:
        turns = plan.block[1] if plan.block else model.k
        return max(1, half // (turns * model.c.dtype.itemsize) // block) * block \
            if var == best.column else model.sizes[var]
    if plan.block:
        return _limit_of_sums(plan, var)
    if best.rows and var == best.rows[-1][0]:
        row = _row_bytes(model, best.rows[:-1])
        return max(1, half // row // block) * block
    return model.sizes[var]


def _limit_of_sums(plan: _Plan, var: str) -> int:
    """How much of a variable a task may cover whose sums stay in memory between blocks."""
    model, best = plan.model, plan.best
    if var == best.column or var in dict(best.rows):
        return max(BLOCK_TILE, plan.blocks[var])
    if _shared(model, var):
        return 1
    inner = min(BLOCK_TILE, model.sizes[best.column])
    inner *= prod(min(BLOCK_TILE, model.sizes[v]) for v, _ in best.rows)
    others = [v for v in model.out if v not in (best.column, *dict(best.rows))]
    inner *= prod(model.sizes[v] for v in others[others.index(var) + 1:])
    return max(1, BLOCK_SUMS // inner)


def _work(model: _Model, steps: Mapping[str, int]) -> float:
    """The share of all work that one task has."""
    return prod(min(1.0, steps[v] / model.sizes[v]) for v in model.out)


def _balanced(size: int, step: int, block: int) -> int:
    """The smallest step, a multiple of `block`, that needs no more tasks than `step`."""
    tasks = -(-size // step)
    even = -(-size // tasks)
    return -(-even // block) * block


def _unroll(model: _Model, tile: Tile) -> int:
    """Turns of the innermost reduce loop to write out: they divide it where it is a constant."""
    loops = reduce_loops(model.c, tile.reduce)
    if not loops:
        return 1
    size = loops[-1].size
    if any(_slides(model, x, tile, s) for x, s in
           ((model.c.a, loops[-1].a), (model.c.b, loops[-1].b))):
        return 1
    fmas = tile.columns * prod(n for _, n in tile.rows)
    if tile.horizontal:
        size = size // tile.lanes if isinstance(size, int) else size
    for turns in (UNROLL, 3, 2):
        fits = not isinstance(size, int) or (size % turns == 0 and size >= turns)
        if turns * fmas <= UNROLL_FMAS and fits:
            return turns
    return 1


def _slides(model: _Model, access: Access, tile: Tile, turn: Dim) -> bool:
    """Whether a turn reads again what other rows have read in the turn before.

    Written out, LLVM would keep those values and run out of registers.
    """
    turn = abs(model.number(turn))
    rows = [(abs(model.stride(access, v)), n) for v, n in tile.rows]
    return any(s and turn and turn % s == 0 and turn // s < n for s, n in rows)
