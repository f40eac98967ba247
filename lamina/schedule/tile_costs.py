"""What register tiles of a contraction cost: the tiles that fit, each with its cycles.

In: a `Contraction` and a `Target`. Out: a `Model`, which is the contraction with its sizes as plain
numbers, and its `candidates`. Costs are in cycles of one core: multiply-adds, loads, latency and
cache lines of each step, uneven edges, the work around each tile, copies that a tile needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

from lamina.schedule.contraction import PART, Access, Contraction
from lamina.schedule.summation import GUESS
from lamina.shapes import Dim, Var, evaluate, variables
from lamina.targets import Target

Rows = tuple[tuple[str, int], ...]
Values = tuple[tuple[Var, int], ...]

# The machine. Zen 4/5, Golden Cove and the Neoverse cores are close to one another here.
FMA_PORTS = 2
LOAD_PORTS = 1.8  # two, not always both
LATENCY = 4  # cycles from a multiply-add to the next one on the same accumulator
ISSUE = 6  # instructions per cycle
LINE = 64  # bytes of a cache line
PAGE = 4096  # bytes of a page
L1_PERIOD = 4096  # bytes after which addresses fall into the same set of the first-level cache
L1_WAYS = 10  # lines of one set that stay, some left for the other operand
L1_SHARE = 0.6  # of the first-level cache that one operand may fill
L2_BYTES = 24  # per cycle from the second-level cache

TILE_CYCLES = 15  # loop entry and addresses of one register tile
STORE_CYCLES = 1.5  # per finished accumulator
FOLD_CYCLES = 3.0  # per horizontal sum
SCATTER_CYCLES = 1.5  # per element stored across memory
COPY_LAUNCH = 8_000  # to start a copy and wait for its end
COPY_CYCLES = 0.25  # per element packed along memory, in cache
TRANSPOSE_CYCLES = 0.6  # per element packed across memory, or from the last cache
MEMORY_CYCLES = 2.5  # per element packed from beyond the caches
FAR_ROWS = 1.2  # rows of a horizontal sum that do not stay in the first-level cache
CONFLICT = 2.5  # loads of rows that evict each other

MAX_ROWS = 32
FEW_TERMS = 16  # of sums of which each column has its own rows: one at a time, in memory's order
MAX_COLUMNS = 8  # beyond 4 only with a row or two

SMALL_ROWS, SMALL_COLUMNS = (4, 6, 8, 12), 2  # of register tiles inside kernels of other kinds


def small_rows(target: Target) -> int:
    """All registers but those of the columns, and one for a factor."""
    return max(r for r in SMALL_ROWS if (r + 1) * SMALL_COLUMNS + 1 < target.registers)


class Reads:
    """How one operand is read: its strides as numbers, those that are not zero."""

    def __init__(self, model: Model, name: str, access: Access) -> None:
        self.name, self.access, self.panel = name, access, access.panel
        strides = {v: model.number(access.stride(v)) for v in model.sizes if access.carries(v)}
        self.strides = {v: abs(s) for v, s in strides.items()}
        self.backward = {v for v, s in strides.items() if s < 0}
        self.unknown = {v for v in strides if not isinstance(access.stride(v), int)}
        self.item = model.c.dtype.itemsize
        self.sizes = model.sizes

    def unit(self, var: str) -> bool:
        """Whether neighbours along the variable are neighbours in memory."""
        return self.strides.get(var) == 1 and var not in self.backward

    def elements(self, part: Mapping[str, int] | None = None) -> int:
        """Distinct elements that (part of) the loops read; windows that overlap count once."""
        loops = sorted((self.strides[v], n) for v, n in (part or self.sizes).items()
                       if v in self.strides and n > 1)
        count, (inner, turns) = 1, (1, 1)
        for stride, n in loops:
            if stride % inner == 0 and stride // inner <= turns:
                turns += stride // inner * (n - 1)
            else:
                count, inner, turns = count * turns, stride, n
        return count * turns

    def bytes(self) -> int:
        """Bytes that all loops read."""
        return self.elements() * self.item

    def footprint(self, part: Mapping[str, int]) -> float:
        """Bytes of the cache lines that part of the loops read."""
        near = min((self.strides[v] for v, n in part.items() if n > 1 and v in self.strides),
                   default=1)
        return self.elements(part) * max(self.item, min(LINE, near * self.item))


class Model:
    """A contraction with its sizes as plain numbers.

    Run-time sizes are what `values` says, else at their typical value. free: the operands whose
    copies cost nothing.
    """

    def __init__(self, contraction: Contraction, target: Target, values: Values = (),
                 free: str = "") -> None:
        self.c = contraction
        self.free = free
        self.values = dict(values)
        self.target = target
        self.lanes = target.lanes(contraction.acc.itemsize)
        self.vector_bytes = self.lanes * contraction.acc.itemsize
        self.sizes = {name: max(1, self.number(size))  # of nothing, the cost of one
                      for name, size in contraction.out_vars + contraction.reduce_vars}
        self.out = [name for name, _ in contraction.out_vars]
        self.tiled = [v for v in self.out if v != PART]  # parts may differ in length
        self.reduce = [name for name, _ in contraction.reduce_vars]
        self.k = prod(self.sizes[r] for r in self.reduce)
        self.outputs = prod(self.sizes[v] for v in self.out)
        self.a = Reads(self, "a", contraction.a)
        self.b = Reads(self, "b", contraction.b)
        self.operands = (self.a, self.b)

    def number(self, size: Dim) -> int:
        """A size as an int, guessed if need be."""
        if isinstance(size, int):
            return size
        return evaluate(size, {v: self.values.get(v) or v.typical or GUESS
                               for v in variables(size)})

    def known(self, var: str) -> bool:
        """Whether the size of a variable is a constant."""
        return isinstance(self.c.size(var), int)

    def operand(self, name: str) -> Reads:
        """Operand "a" or "b"."""
        return self.a if name == "a" else self.b

    def shared(self, var: str) -> bool:
        """Whether both operands change with a variable, so that its rows have nothing in common."""
        return var in self.a.strides and var in self.b.strides

    def masks(self) -> bool:
        """Whether masked vector accesses are single instructions."""
        return self.target.vector_bytes >= 32 or self.lanes == 1

    def row_bytes(self, rows: Rows) -> int:
        """Bytes that the rows of a register tile read, if no two read the same."""
        return prod(n for _, n in rows) * self.k * self.c.dtype.itemsize


@dataclass(frozen=True)
class Candidate:
    """A register tile: `columns` vectors (or sums, if horizontal) times all of `rows`."""

    vector: str
    column: str
    columns: int
    rows: Rows
    packs: tuple[str, ...]
    cycles: float

    @property
    def horizontal(self) -> bool:
        """Whether lanes hold parts of one sum."""
        return self.vector != self.column


def candidates(model: Model) -> Iterator[Candidate]:
    """All tiles that fit the registers; where costs are equal, the better one comes first."""
    for var in model.tiled:
        yield from _vertical(model, var)
    for var in model.reduce:
        yield from _horizontal(model, var)


def pack_cycles(model: Model, operand: Reads, var: str) -> float:
    """What a copy into panels of `var` costs."""
    if operand.name in model.free:
        return 0.0
    near = operand.bytes() <= model.target.l2 and operand.unit(var)
    far = operand.bytes() > model.target.l3 // 2
    rate = COPY_CYCLES if near else MEMORY_CYCLES if far else TRANSPOSE_CYCLES
    return COPY_LAUNCH + operand.elements() * rate


# -- which tiles there are ----------------------------------------------------------------------
def _vertical(model: Model, var: str) -> Iterator[Candidate]:
    """Tiles with an output variable across the lanes."""
    last = model.out[-1]
    if var != last and (model.sizes[var] == 1 or model.sizes[last] > model.lanes):
        return
    packs = tuple(x.name for x in model.operands if _must_pack(model, x, var))
    if var != last and packs:
        return
    extra = sum(pack_cycles(model, model.operand(o), var) for o in packs)
    extra += _scatter_cycles(model, var) if var != last and model.sizes[last] > 1 else 0
    vectors = -(-model.sizes[var] // model.lanes)
    for columns in range(1, min(vectors, MAX_COLUMNS) + 1):
        for rows in _row_blocks(model, var, columns):
            cycles = _all_cycles(model, _Shape(var, columns, rows, model.lanes))
            yield Candidate(var, var, columns, rows, packs, cycles + extra)


def _scatter_cycles(model: Model, var: str) -> float:
    """What it costs that neighbouring lanes are no neighbours in the result: more when far."""
    apart = prod(model.sizes[v] for v in model.out[model.out.index(var) + 1:])
    return model.outputs * SCATTER_CYCLES * (1 + min(1.0, apart * model.c.acc.itemsize / PAGE))


def _must_pack(model: Model, operand: Reads, var: str) -> bool:
    if operand.panel is not None or var not in operand.strides or model.lanes == 1:
        return False
    ragged = not model.known(var) or model.sizes[var] % model.lanes != 0
    return not operand.unit(var) or (ragged and not model.masks())


def _horizontal(model: Model, var: str) -> Iterator[Candidate]:
    """Tiles with a reduce variable across the lanes."""
    if model.lanes == 1 or not all(_along(x, var) for x in model.operands):
        return
    column = model.out[-1]
    for columns in sorted({1, 2, 4, 8, min(model.sizes[column], 7)}):
        if columns > max(1, model.sizes[column]):
            continue
        for rows in _row_blocks(model, column, columns):
            cycles = _all_cycles(model, _Shape(column, columns, rows, 1, var))
            if model.row_bytes(rows) > L1_SHARE * model.target.l1:
                cycles *= FAR_ROWS
            yield Candidate(var, column, columns, rows, (), cycles)


def _along(operand: Reads, var: str) -> bool:
    inside = operand.panel is not None and operand.panel.var == var
    return var not in operand.strides or (operand.unit(var) and not inside)


def _row_blocks(model: Model, column: str, columns: int) -> Iterator[Rows]:
    """Blocks of the other output variables that leave the accumulators in registers."""
    target = model.target
    others_in_flight = 3 if not target.triple.startswith("x86") else 1 if target.has_fma else 2
    spare = columns + others_in_flight  # factors of rows (x86 reads them from memory), a product
    limit = (model.target.registers - spare) // columns
    limit = min(limit, 2) if columns > 4 else min(limit, MAX_ROWS)
    if limit < 1 and columns > 1:
        return
    if model.shared(column) and model.k <= FEW_TERMS:
        limit = 1
    others = [v for v in model.tiled if v != column and model.sizes[v] > 1]
    others = [v for v in others if not model.shared(v)] or others
    if not others or limit < 2:
        yield ()
    for rows in _blocks(model, others, max(limit, 1)):
        if _fits(model, column, columns, rows):
            yield rows


def _fits(model: Model, column: str, columns: int, rows: Rows) -> bool:
    """Whether the vectors that several rows share stay in registers beside the accumulators."""
    own = model.a if column in model.a.strides else model.b
    shared = columns * prod(n for v, n in rows if v in own.strides)
    sums = columns * prod(n for _, n in rows)
    return shared == columns or sums + shared < model.target.registers


def _blocks(model: Model, names: list[str], limit: int) -> Iterator[Rows]:
    """Innermost variables first. Tiles of less than half the registers are not worth a look."""
    for var in reversed(names):
        size = model.sizes[var]
        for count in range(max(1, min(size, limit) // 2), min(size, limit) + 1):
            yield ((var, count),)
        if size <= limit // 2:
            for more in _blocks(model, names[: names.index(var)], limit // size):
                yield (*more, (var, size))


# -- what a tile costs --------------------------------------------------------------------------
@dataclass(frozen=True)
class _Shape:
    """A tile's shape, with `lanes` values of the column variable in each column.

    along: the reduce variable across the lanes, if the sum is horizontal.
    """

    column: str
    columns: int
    rows: Rows
    lanes: int
    along: str = ""


def _all_cycles(model: Model, shape: _Shape) -> float:
    """Cycles of all tiles of a contraction, the smaller ones at the edges too."""
    blocks = dict(shape.rows)
    outer = prod(model.sizes[v] for v in model.out if v not in blocks and v != shape.column)
    combos: list[tuple[dict[str, int], int]] = [({}, outer)]
    for var, block in shape.rows:
        combos = [({**rows, var: n}, times * turns) for rows, times in combos
                  for n, turns in _segments(model.sizes[var], block)]
    widths = _segments(model.sizes[shape.column], shape.columns * shape.lanes)
    return sum(times * turns * _tile_cycles(model, shape, rows, -(-width // shape.lanes))
               for rows, times in combos for width, turns in widths)


def _segments(size: int, block: int) -> list[tuple[int, int]]:
    """(values per turn, turns) that cover a variable."""
    full, tail = divmod(size, block)
    return [(n, t) for n, t in ((block, full), (tail, 1)) if n and t]


def _tile_cycles(model: Model, shape: _Shape, rows: dict[str, int], columns: int) -> float:
    """Cycles of one register tile: the tightest of the machine's limits, at each step."""
    steps, finish = model.k, STORE_CYCLES
    if shape.along:
        size, finish = model.sizes[shape.along], FOLD_CYCLES
        steps = model.k // size * -(-size // model.lanes)
    fmas = prod(rows.values()) * columns
    loads = stream = 0.0
    for operand in model.operands:
        mine = {v: n for v, n in rows.items() if v in operand.strides}
        loads += _loads(operand, mine, columns if shape.column in operand.strides else 1)
        stream += _stream(model, shape, operand, mine, columns)
    step = max(fmas / FMA_PORTS, loads / LOAD_PORTS, LATENCY, (fmas + loads + 3) / ISSUE,
               stream / L2_BYTES)
    return TILE_CYCLES + steps * step + fmas * finish


def _loads(operand: Reads, rows: dict[str, int], columns: int) -> float:
    """Loads of one step; rows in one set of the first-level cache evict each other.

    A run-time stride may be that unlucky.
    """
    loads = float(prod(rows.values()) * columns)
    if operand.panel is not None:
        return loads
    far = [n for v, n in rows.items()
           if v in operand.unknown or operand.strides[v] * operand.item % L1_PERIOD == 0]
    return loads * CONFLICT if prod(far) > L1_WAYS else loads


def _stream(model: Model, shape: _Shape, operand: Reads, rows: dict[str, int], columns: int
            ) -> float:
    """Bytes of new cache lines that an operand takes from the second-level cache at each step."""
    own = shape.column in operand.strides
    part = {r: model.sizes[r] for r in model.reduce} | rows
    if own:
        part[shape.column] = min(columns * shape.lanes, model.sizes[shape.column])
    near = operand.footprint(part) <= L1_SHARE * model.target.l1
    if shape.along:
        return 0.0 if near and not own else (
            (columns if own else 1) * prod(rows.values()) * model.vector_bytes)
    if near:
        return 0.0
    if own:
        return columns * model.vector_bytes * prod(rows.values())
    turns = [operand.strides[r] for r in model.reduce
             if r in operand.strides and model.sizes[r] > 1]
    turn = LINE if operand.panel is not None else min(turns, default=1) * operand.item
    return _lines(operand, rows) * min(LINE, turn)


def _lines(operand: Reads, rows: dict[str, int]) -> int:
    """Cache lines that the rows of a tile touch in one turn."""
    count = span = 1
    for var, n in sorted(rows.items(), key=lambda row: operand.strides[row[0]]):
        stride = operand.strides[var]
        if stride * operand.item < LINE or stride <= span:
            span += (n - 1) * stride
        else:
            count *= n
    return count * -(-span * operand.item // LINE)
