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
from math import prod

from lamina.schedule.contraction import (
    Access, Contraction, Pack, Tile, ceil_div, reduce_loops,
)
from lamina.shapes import Dim, evaluate, variables
from lamina.targets import Target

GUESS = 192  # what a run-time size is taken to be when nobody says better

# The machine model. Zen 4/5, Golden Cove and the Neoverse cores are close to one another here.
FMA_PORTS = 2
LOAD_PORTS = 2
LATENCY = 4  # cycles from a multiply-add to the next one on the same accumulator
ISSUE = 6  # instructions per cycle
TILE_CYCLES = 15  # loop entry and addresses of one register tile
STORE_CYCLES = 1.5  # per finished accumulator
FOLD_CYCLES = 3.5  # per horizontal sum
COPY_CYCLES = 0.2  # per element packed along memory
TRANSPOSE_CYCLES = 1.2  # per element packed across memory
SCATTER_CYCLES = 1.5  # per element stored across memory
CONFLICT_BYTES = 4096  # rows so far apart fall into one set of the first-level cache
CONFLICT_ROWS = 8

TASK_CYCLES = 100_000  # a task lasts about this long where there is enough work: 25 us
MIN_TASKS = 16  # less work is cut into about so many tasks
SMALL_TASK = 8_000
MAX_COLUMNS = 4
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
        return evaluate(size, {v: self.guess for v in variables(size)})

    def known(self, var: str) -> bool:
        """Whether the size of a variable is a constant."""
        return isinstance(self.c.size(var), int)

    def stride(self, access: Access, var: str) -> int:
        """A stride as an int, guessed if need be."""
        return self.number(access.stride(var))

    def elements(self, access: Access) -> int:
        """Distinct elements an operand is read at, roughly."""
        sizes = self.sizes.items()
        span = 1 + sum((n - 1) * abs(self.stride(access, v)) for v, n in sizes)
        return min(span, prod(n for v, n in sizes if access.carries(v)))

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
    rate = COPY_CYCLES if access.stride(var) == 1 else TRANSPOSE_CYCLES
    return rate * model.elements(access)


def _row_blocks(model: _Model, column: str, columns: int) -> Iterator[tuple[tuple[str, int], ...]]:
    """Blocks of the other output variables that leave the accumulators in registers."""
    limit = max(1, (model.target.registers - columns - 1) // columns)
    others = [v for v in model.out if v != column and model.sizes[v] > 1]
    yield from _blocks(model, others, min(limit, 32))


def _blocks(model: _Model, variables: list[str], limit: int
            ) -> Iterator[tuple[tuple[str, int], ...]]:
    if not variables:
        yield ()
    for var in variables:
        size = model.sizes[var]
        for count in range(1, min(size, limit) + 1):
            yield ((var, count),)
        if size <= limit // 2:
            rest = variables[: variables.index(var)]
            for more in _blocks(model, rest, limit // size) if rest else ():
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
    count = prod(rows.values())
    fmas = count * columns
    loads = sum(_loads(model, access, rows, column, columns)
                for access in (model.c.a, model.c.b))
    step = max(fmas / FMA_PORTS, loads / LOAD_PORTS, LATENCY, (fmas + loads + 3) / ISSUE)
    return TILE_CYCLES + steps * step + fmas * finish


def _loads(model: _Model, access: Access, rows: dict[str, int], column: str, columns: int
           ) -> float:
    count = prod(n for v, n in rows.items() if access.carries(v))
    loads = count * (columns if access.carries(column) else 1)
    return loads * 1.5 if _conflicts(model, access, rows) else loads


def _conflicts(model: _Model, access: Access, rows: dict[str, int]) -> bool:
    """Whether so many rows lie in one set of the first-level cache that they evict each other."""
    if access.panel is not None:
        return False
    item = model.c.dtype.itemsize
    far = [n for v, n in rows.items()
           if access.carries(v) and model.stride(access, v) * item % CONFLICT_BYTES == 0]
    return prod(far) > CONFLICT_ROWS


def _horizontal(model: _Model, var: str) -> Iterator[_Candidate]:
    """Tiles with a reduce variable across the lanes."""
    if model.lanes == 1 or any(not _along(a, var) for a in (model.c.a, model.c.b)):
        return
    steps = model.k // model.sizes[var] * -(-model.sizes[var] // model.lanes)
    column = model.out[-1]
    for columns in (1, 2, 4):
        if columns > max(1, model.sizes[column]):
            continue
        for rows in _row_blocks(model, column, columns):
            cycles = 0.0
            for values, turns in _segments(model, column, columns):
                cycles += turns * _tiles_cycles(model, rows, column, values, steps, FOLD_CYCLES)
            yield _Candidate(var, column, columns, rows, (), cycles)


def _along(access: Access, var: str) -> bool:
    unit = access.stride(var) == 1 and (access.panel is None or access.panel.var != var)
    return unit or not access.carries(var)


# -- order, tasks and packing -------------------------------------------------------------------


def _finish(model: _Model, best: _Candidate) -> Tile:
    width = best.columns * (1 if best.vector != best.column else model.lanes)
    blocks = {v: 1 for v in model.out} | {best.column: width} | dict(best.rows)
    order = _reduce_order(model, best)
    packs = [_pack(model, o, best, width, order) for o in (*best.packs, *_worthwhile(model, best))]
    grid, nest = _order(model, best, blocks)
    tile = Tile(
        lanes=model.lanes, vector=best.vector, column=best.column, columns=best.columns,
        rows=best.rows, grid=_group(model, best, blocks, grid),
        nest=tuple((v, blocks[v]) for v in nest), reduce=order,
        tails=_tails(best), packs=tuple(packs))
    return replace(tile, unroll=_unroll(model, tile))


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
    access = model.c.access(operand)
    if access.panel is not None or not access.carries(best.column):
        return False
    rows = [v for v in model.out if not access.carries(v)]
    reuse = prod(model.sizes[v] for v in rows) / prod(n for v, n in best.rows if v in rows)
    far = min((abs(model.stride(access, r)) for r in model.reduce if access.carries(r)), default=0)
    spread = far * model.c.dtype.itemsize >= 1024
    large = model.elements(access) * model.c.dtype.itemsize > model.target.l1
    return reuse >= 8 and spread and large and best.column in _only(model, operand)


def _only(model: _Model, operand: str) -> list[str]:
    """Output variables that this operand alone carries."""
    own, other = model.c.access(operand), model.c.access("b" if operand == "a" else "a")
    return [v for v in model.out if own.carries(v) and not other.carries(v)]


def _pack(model: _Model, operand: str, best: _Candidate, width: int, order: tuple[str, ...]
          ) -> Pack:
    access, var = model.c.access(operand), best.column
    size = model.c.size(var)
    outer = [(v, model.c.size(v)) for v in model.out if v != var and access.carries(v)]
    inner = [(r, model.c.size(r)) for r in order if access.carries(r)]
    layout = (*outer, (var + "/", ceil_div(size, width)), *inner, (var, width))
    return Pack(operand, var, size, width, access, layout)


def _order(model: _Model, best: _Candidate, blocks: Mapping[str, int]
           ) -> tuple[list[str], list[str]]:
    """Order of the task grid, and of the loops inside a task."""
    rows = [v for v, _ in best.rows]
    operand = "b" if model.c.b.carries(best.column) else "a"
    both = [v for v in model.out if model.c.a.carries(v) == model.c.b.carries(v)
            and v != best.column and v not in rows]
    side = [v for v in _only(model, operand) if v != best.column and v not in rows]
    columns = [*side, best.column]
    others = [v for v in model.out if v not in both + columns + rows]
    rows = [v for v in model.out if v in rows]
    nest = [*both, *columns, *others, *rows]
    if _columns_outside(model, best, blocks, operand):
        return nest, nest
    return [*both, *others, *rows, *columns], nest


def _columns_outside(model: _Model, best: _Candidate, blocks: Mapping[str, int], operand: str
                     ) -> bool:
    """Whether it is cheaper to stream the rows past each panel than the panels past each row."""
    item, half = model.c.dtype.itemsize, model.target.l2 // 2
    panels_of = model.elements(model.c.access(operand)) * item
    rows_of = model.elements(model.c.access("a" if operand == "b" else "b")) * item
    columns = -(-model.sizes[best.column] // blocks[best.column])
    row_bytes = prod(n for _, n in best.rows) * model.k * item
    groups = model.outputs / model.sizes[best.column] / prod(n for _, n in best.rows)
    groups /= max(1, half // row_bytes)
    rows_again = rows_of * columns if rows_of > half else 0
    panels_again = panels_of * groups if panels_of > half else 0
    return rows_again <= panels_again


def _group(model: _Model, best: _Candidate, blocks: Mapping[str, int], grid: list[str]
           ) -> tuple[tuple[str, int], ...]:
    """How much of each variable one task covers."""
    steps = dict(blocks)
    total = best.cycles
    aim = min(TASK_CYCLES, max(total / MIN_TASKS, SMALL_TASK))
    for var in _growth(model, best, grid):
        limit = model.sizes[var]
        if var == best.rows[-1][0] if best.rows else False:
            limit = min(limit, _resident(model, best, steps[var]))
        while steps[var] < limit and _work(model, steps) * 1.5 * total < aim:
            steps[var] = min(steps[var] * 2, -(-limit // blocks[var]) * blocks[var])
        steps[var] = _balanced(model.sizes[var], steps[var], blocks[var])
    return tuple((v, steps[v]) for v in grid)


def _growth(model: _Model, best: _Candidate, grid: list[str]) -> list[str]:
    """Rows first, then from the fastest variable of the grid to the slowest."""
    rows = [v for v, _ in reversed(best.rows)]
    return rows + [v for v in reversed(grid) if v not in rows]


def _resident(model: _Model, best: _Candidate, block: int) -> int:
    """Rows whose operand stays in half the second-level cache."""
    row = model.k * model.c.dtype.itemsize * prod(n for _, n in best.rows[:-1])
    return max(1, model.target.l2 // 2 // row // block) * block


def _work(model: _Model, steps: Mapping[str, int]) -> float:
    """The share of all work that one task has."""
    return prod(min(1.0, steps[v] / model.sizes[v]) for v in model.out)


def _balanced(size: int, step: int, block: int) -> int:
    """The smallest step, a multiple of `block`, that needs no more tasks than `step`."""
    count = -(-size // step)
    return -(-(-(-size // count)) // block) * block


def _unroll(model: _Model, tile: Tile) -> int:
    loops = reduce_loops(model.c, tile.reduce)
    if not loops:
        return 1
    size = loops[-1].size
    fmas = tile.columns * prod(n for _, n in tile.rows)
    if tile.horizontal:
        size = size // tile.lanes if isinstance(size, int) else size
    for turns in (UNROLL, 3, 2):
        fits = not isinstance(size, int) or (size % turns == 0 and size >= turns)
        if turns * fmas <= UNROLL_FMAS and fits:
            return turns
    return 1
