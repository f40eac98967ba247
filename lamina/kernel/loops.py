"""The grammar of the loop language, which kernels are written in.

In: what a `builder.Builder` puts together. Out: a `Kernel` that codegen prints as LLVM IR,
line by line, and that `str` prints for people.

    kernel := name params body                 k(buffers, integers, lo, hi): chunks lo <= c < hi
    param  := a buffer of one dtype, or a run-time integer
    body   := (instr | loop | when)*
    instr  := value = op(values) {attr}        values are scalars or vectors of `lanes` elements
    loop   := for var in lo..hi step s, carry (a = init, ...) { body; next (v, ...) } -> results
    when   := if cond { body }                 no results: stores only

Values have a dtype of `lamina.dtypes` and a number of lanes; bool lives in registers as one bit and
in memory as one byte; float16 and bfloat16 exist in memory only (`load` widens them to float32,
`store` narrows). Integer arithmetic wraps and nothing traps: a zero divisor counts as one, a shift
goes by its count modulo the width. Python numbers stand for constants, and a scalar next to a
vector is splatted, so scalar bodies read as formulas. Nothing here knows an operation of the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lamina import dtypes
from lamina.dtypes import DType

if TYPE_CHECKING:
    from lamina.kernel.builder import Builder

Number = int | float | bool
INDEX = dtypes.int64

BINARY = frozenset("add sub mul div rem min max and or xor shl shr".split())
UNARY = frozenset("neg abs sqrt floor ceil trunc rint not".split())
COMPARE = frozenset("eq ne lt le gt ge".split())
CONVERT = frozenset("cast bitcast".split())
VECTOR = frozenset("splat extract iota shuffle".split())
MEMORY = frozenset("load store gather scatter prefetch".split())
OTHER = frozenset("fma add_bytes add_halves select mulhi narrow".split())
OPS = BINARY | UNARY | COMPARE | CONVERT | VECTOR | MEMORY | OTHER


class Value:
    """A number in a register: a constant if `const` is not None, else the result of an instr."""

    __slots__ = ("builder", "dtype", "lanes", "id", "const")

    def __init__(
        self, builder: Builder, dtype: DType, lanes: int, id: int, const: Number | None = None
    ) -> None:
        self.builder = builder
        self.dtype = dtype
        self.lanes = lanes
        self.id = id
        self.const = const

    def __repr__(self) -> str:
        name = f"%{self.id}" if self.const is None else repr(self.const)
        return name if self.lanes == 1 else f"{name}<{self.lanes}>"

    def __add__(self, other: Operand) -> Value:
        return self.builder.add(self, other)

    def __radd__(self, other: Operand) -> Value:
        return self.builder.add(other, self)

    def __sub__(self, other: Operand) -> Value:
        return self.builder.sub(self, other)

    def __rsub__(self, other: Operand) -> Value:
        return self.builder.sub(other, self)

    def __mul__(self, other: Operand) -> Value:
        return self.builder.mul(self, other)

    def __rmul__(self, other: Operand) -> Value:
        return self.builder.mul(other, self)

    def __truediv__(self, other: Operand) -> Value:
        return self.builder.div(self, other)

    def __rtruediv__(self, other: Operand) -> Value:
        return self.builder.div(other, self)

    def __neg__(self) -> Value:
        return self.builder.neg(self)

    def __and__(self, other: Operand) -> Value:
        return self.builder.and_(self, other)

    def __or__(self, other: Operand) -> Value:
        return self.builder.or_(self, other)

    def __xor__(self, other: Operand) -> Value:
        return self.builder.xor(self, other)

    def __lshift__(self, other: Operand) -> Value:
        return self.builder.shl(self, other)

    def __rshift__(self, other: Operand) -> Value:
        return self.builder.shr(self, other)

    def __invert__(self) -> Value:
        return self.builder.not_(self)

    def __lt__(self, other: Operand) -> Value:
        return self.builder.compare("lt", self, other)

    def __le__(self, other: Operand) -> Value:
        return self.builder.compare("le", self, other)

    def __gt__(self, other: Operand) -> Value:
        return self.builder.compare("gt", self, other)

    def __ge__(self, other: Operand) -> Value:
        return self.builder.compare("ge", self, other)


Operand = Value | int | float | bool


@dataclass(frozen=True, eq=False)
class Buffer:
    """A kernel parameter that points to elements of `dtype`, or stack memory (`stack` elements).

    noalias: what is written through this parameter is seen through no other one, and what is read
    through it is written through no other one. of: the parameter whose memory is read as another
    dtype.
    """

    name: str
    dtype: DType
    index: int  # position among the parameters; -1 for stack memory
    written: bool = False
    stack: int = 0
    noalias: bool = False
    of: Buffer | None = None

    def read_as(self, dtype: DType) -> Buffer:
        """The same memory as elements of another dtype."""
        return self if dtype is self.dtype else replace(self, dtype=dtype, of=self.of or self)


@dataclass(eq=False)
class Instr:
    """One operation. `result` is None for store, scatter and prefetch."""

    op: str
    args: tuple[Any, ...]
    result: Value | None
    attr: Any = None


@dataclass(eq=False)
class Loop:
    """A counted loop with carried values. `results` are the carried values after the last turn."""

    var: Value
    lo: Value
    hi: Value
    step: int
    inits: list[Value]
    carry: list[Value]
    body: list[Stmt] = field(default_factory=list)
    yields: list[Value] = field(default_factory=list)
    results: list[Value] = field(default_factory=list)

    def next(self, *values: Value) -> None:
        """Hand the carried values of the next turn over; called once, last in the body."""
        self.yields = list(values)


@dataclass(eq=False)
class When:
    """Statements that run where a scalar condition holds."""

    cond: Value
    body: list[Stmt] = field(default_factory=list)


Stmt = Instr | Loop | When


@dataclass(eq=False)
class Kernel:
    """A finished kernel: `buffers` and `integers` are its parameters in order of the call."""

    name: str
    buffers: list[Buffer]
    integers: list[Value]
    lo: Value
    hi: Value
    body: list[Stmt]

    def __str__(self) -> str:
        return "\n".join(_kernel_lines(self))


def _kernel_lines(kernel: Kernel) -> Iterator[str]:
    params = [f"{b.name}: {'out ' if b.written else ''}{b.dtype.name}" for b in kernel.buffers]
    params += [f"{v!r}: size" for v in kernel.integers]
    yield f"kernel {kernel.name}({', '.join(params)})  chunks {kernel.lo!r}..{kernel.hi!r}"
    yield from _block_lines(kernel.body, "  ")


def _block_lines(body: list[Stmt], indent: str) -> Iterator[str]:
    for stmt in body:
        if isinstance(stmt, Instr):
            args = ", ".join(a.name if isinstance(a, Buffer) else repr(a)
                             for a in stmt.args if a is not None)
            attr = f" {{{stmt.attr}}}" if stmt.attr not in (None, 0) else ""
            left = f"{stmt.result!r}: {stmt.result.dtype.name} = " if stmt.result else ""
            yield f"{indent}{left}{stmt.op}({args}){attr}"
        elif isinstance(stmt, Loop):
            carry = ", ".join(f"{c!r} = {i!r}" for c, i in zip(stmt.carry, stmt.inits, strict=True))
            yield (f"{indent}for {stmt.var!r} in {stmt.lo!r}..{stmt.hi!r} step {stmt.step}"
                   + (f" carry ({carry})" if carry else ""))
            yield from _block_lines(stmt.body, indent + "  ")
            if stmt.yields:
                yield f"{indent}  next {stmt.yields!r} -> {stmt.results!r}"
        else:
            yield f"{indent}if {stmt.cond!r}"
            yield from _block_lines(stmt.body, indent + "  ")
