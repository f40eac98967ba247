"""Contractions as data: sums of products over variables in which every offset is linear.

In: sizes, and the strides of two operands. Out: records that `schedule.tiling` chooses a tile for
and `kernel.contraction` writes code from.

    out[o...] = sum over r... of a[o, r] * b[o, r]

Matmul is (m, n; k), convolution (n, oh, ow, oc; kh, kw, ic), its weight gradient
(kh, kw, ic, oc; n, oh, ow): only names and strides differ. A convolution's stride and dilation are
strides, a flip is a negative stride with a base; padding is a padded copy made beforehand.
Sizes and strides are `shapes.Dim`: ints where known, symbolic sizes where only the run time knows.

    c = Contraction(...)                        or matmul(...)
    tile = tiling.choose(c, target)
    for pack in tile.packs: copy pack.source to pack.layout (zero beyond the variable's size)
    c = packed(c, tile)                         the same contraction, reading the panels
    n = tile.tasks(c)                           chunks 0 <= c < n of the kernel
    kernel.contraction.emit(builder, c, tile, a, b, epilogue)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lamina.dtypes import DType
from lamina.schedule.summation import part_of
from lamina.shapes import Dim, ceil_div, product

Var = tuple[str, Dim]
PART = "part"


@dataclass(frozen=True)
class Panel:
    """A variable stored in blocks: offset(v) = v // width * stride + v % width."""

    var: str
    width: int
    stride: Dim


@dataclass(frozen=True)
class Access:
    """Where an operand's element lies: base + sum of var * stride (+ the panel's variable)."""

    strides: tuple[Var, ...]
    base: Dim = 0
    panel: Panel | None = None

    def stride(self, var: str) -> Dim:
        """Elements from one value of `var` to the next; 1 inside a panel, 0 if not carried."""
        if self.panel is not None and self.panel.var == var:
            return 1
        return next((s for name, s in self.strides if name == var), 0)

    def carries(self, var: str) -> bool:
        """Whether the offset depends on `var`."""
        return self.stride(var) != 0


@dataclass(frozen=True)
class Contraction:
    """out[out_vars] = sum over reduce_vars of a * b.

    out_vars: in the order of the output's memory, the last one contiguous.
    dtype: of the operands in memory; acc: of the products and their sum (float32 for the halves).
    cut: a reduce variable that is summed in parts, and how long it is in all, where these do not
        come out even: the last parts are shorter, or empty. The output variable `PART` counts them.
    words: a product is that of four bytes, or of two bfloat16 where sums are float32
        (`contract_words`, `contract_pairs`).
    """

    out_vars: tuple[Var, ...]
    reduce_vars: tuple[Var, ...]
    a: Access
    b: Access
    dtype: DType
    acc: DType
    cut: Var | None = None
    words: bool = False

    def size(self, var: str) -> Dim:
        """The extent of a variable."""
        return next(s for name, s in self.out_vars + self.reduce_vars if name == var)

    def access(self, operand: str) -> Access:
        """Operand "a" or "b"."""
        return self.a if operand == "a" else self.b


@dataclass(frozen=True)
class Pack:
    """A copy that puts an operand into panels.

    layout: variables and sizes of the copy's axes, outermost first. It ends in the lane axis
    `(var, width)`; the axis `(var + "/", panels)` counts panels: element [.., p, .., l] is
    source(var = p * width + l), or 0 where that is not below `size`.
    """

    operand: str  # "a" or "b"
    var: str
    size: Dim
    width: int
    source: Access
    layout: tuple[Var, ...]

    @property
    def elements(self) -> Dim:
        """How many elements the copy holds."""
        return product(size for _, size in self.layout)

    @property
    def access(self) -> Access:
        """Where the copy holds each element."""
        strides: list[Var] = []
        panel = None
        step: Dim = 1
        for name, size in reversed(self.layout):
            if name == self.var + "/":
                panel = Panel(self.var, self.width, step)
            elif name != self.var:
                strides.append((name, step))
            step = step * size
        return Access(tuple(reversed(strides)), 0, panel)


@dataclass(frozen=True)
class Tile:
    """How a contraction is computed.

    vector: the variable across the lanes. If it is a reduce variable, the lanes hold parts of one
        sum and are added at the end, in a fixed order.
    column: the output variable of the register tile's columns: `columns` vectors of `vector`, or
        that many values of another variable if the sum is horizontal.
    rows: (variable, values): the other variables of the register tile.
    grid: (variable, values per task), slowest first: the numbering of the tasks.
    nest: (variable, values per turn), outermost first: the loops inside a task.
    reduce: order of the reduce variables, innermost last.
    tails: row counts that follow the full tiles where the size is a run-time one; ends in 1.
    unroll: turns of the innermost reduce loop that are written out.
    ahead: turns of the innermost reduce loop before it is read that a cache line is asked for; 0:
        not at all.
    next_rows: whether the lines of the next register tile's rows are asked for during this one's.
    block: (reduce variable, values): sum over so many, keep the sums of the whole task in memory
        and go on, so that the operands of a block stay in cache.
    measured: how many tiles were tried out to find this one; 0: the model chose.
    """

    lanes: int
    vector: str
    column: str
    columns: int
    rows: tuple[tuple[str, int], ...]
    grid: tuple[tuple[str, int], ...]
    nest: tuple[tuple[str, int], ...]
    reduce: tuple[str, ...]
    tails: tuple[int, ...] = (4, 1)
    unroll: int = 1
    ahead: int = 0
    next_rows: bool = False
    packs: tuple[Pack, ...] = ()
    block: tuple[str, int] | None = None
    measured: int = 0

    @property
    def horizontal(self) -> bool:
        """Whether lanes hold parts of one sum."""
        return self.vector != self.column

    @property
    def width(self) -> int:
        """Values of the column variable in a register tile."""
        return self.columns if self.horizontal else self.columns * self.lanes

    def tasks(self, contraction: Contraction) -> Dim:
        """How many tasks there are: an int, or an expression of the run-time sizes."""
        return product(ceil_div(contraction.size(var), step) for var, step in self.grid)

    def pack(self, operand: str) -> Pack | None:
        """The pack request for operand "a" or "b", if any."""
        return next((p for p in self.packs if p.operand == operand), None)


def in_parts(c: Contraction, var: str) -> Contraction:
    """The same sums, but not added up yet: a reduce variable cut in parts."""
    parts, each = part_of(c.size(var))
    reduce_vars = tuple((v, each if v == var else n) for v, n in c.reduce_vars)
    a, b = (replace(x, strides=((PART, x.stride(var) * each), *x.strides)) for x in (c.a, c.b))
    cut = None if parts * each == c.size(var) else (var, c.size(var))
    return replace(c, out_vars=((PART, parts), *c.out_vars), reduce_vars=reduce_vars, a=a, b=b,
                   cut=cut)


def packed(contraction: Contraction, tile: Tile) -> Contraction:
    """The contraction that reads the panels which `tile.packs` asks for."""
    for pack in tile.packs:
        if pack.operand == "a":
            contraction = replace(contraction, a=pack.access)
        else:
            contraction = replace(contraction, b=pack.access)
    return contraction


def matmul(
    m: Dim, n: Dim, k: Dim, dtype: DType, a: tuple[Dim, Dim], b: tuple[Dim, Dim],
    batch: Dim = 1, batch_strides: tuple[Dim, Dim] = (0, 0),
) -> Contraction:
    """out[g, m, n] = sum over k of a[g, m, k] b[g, k, n]; `a`, `b` are strides of the last two."""
    access_a = Access((("g", batch_strides[0]), ("m", a[0]), ("k", a[1])))
    access_b = Access((("g", batch_strides[1]), ("k", b[0]), ("n", b[1])))
    out = (("g", batch), ("m", m), ("n", n))
    return Contraction(out, (("k", k),), access_a, access_b, dtype, dtype.compute)


@dataclass(frozen=True)
class ReduceLoop:
    """A reduce loop after merging: names, size, and stride in each operand."""

    names: tuple[str, ...]
    size: Dim
    a: Dim
    b: Dim


def reduce_loops(contraction: Contraction, order: Sequence[str]) -> list[ReduceLoop]:
    """The reduce loops, outermost first; neighbours are one loop where both operands allow it."""
    loops: list[ReduceLoop] = []
    cut = contraction.cut[0] if contraction.cut else None
    for name in order:
        a, b = contraction.a.stride(name), contraction.b.stride(name)
        loop = ReduceLoop((name,), contraction.size(name), a, b)
        if loop.size == 1 and name != cut:
            continue
        if loops and cut not in (name, *loops[-1].names) and _mergeable(loops[-1], loop):
            outer = loops.pop()
            loop = ReduceLoop(outer.names + loop.names, outer.size * loop.size, a, b)
        loops.append(loop)
    return loops


def _mergeable(outer: ReduceLoop, inner: ReduceLoop) -> bool:
    return outer.a == inner.a * inner.size and outer.b == inner.b * inner.size
