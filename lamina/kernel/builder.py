"""The builder: what writes a kernel, one method for each instruction of the loop language.

In: calls that mean "here, compute this". Out: a `loops.Kernel`. Operands are made to fit as they
come: Python numbers become constants, scalars beside vectors are splatted, constant arithmetic on
indices is done at once. `loop` and `when` open blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lamina import dtypes
from lamina.dtypes import DType
from lamina.errors import CompileError
from lamina.kernel.constants import exact, fold_index, saturated
from lamina.kernel.loops import (
    INDEX,
    Buffer,
    Instr,
    Kernel,
    Loop,
    Number,
    Operand,
    Stmt,
    Value,
    When,
)


class Builder:
    """Writes one kernel. Methods are the instructions; `loop` and `when` open blocks."""

    def __init__(self, name: str, target: Any) -> None:
        self.name = name
        self.target = target
        self.buffers: list[Buffer] = []
        self.integers: list[Value] = []
        self.body: list[Stmt] = []
        self._block = self.body
        self._count = 0
        self._stack_count = 0
        self.lo = self._value(INDEX, 1)
        self.hi = self._value(INDEX, 1)

    # -- parameters ----------------------------------------------------------------------------
    def buffer(self, name: str, dtype: DType, written: bool = False, noalias: bool = False
               ) -> Buffer:
        """Declare a buffer parameter."""
        buffer = Buffer(name, dtype, len(self.buffers), written, noalias=noalias)
        self.buffers.append(buffer)
        return buffer

    def integer(self) -> Value:
        """Declare a run-time integer parameter (a size)."""
        value = self._value(INDEX, 1)
        self.integers.append(value)
        return value

    def scratch(self, dtype: DType, count: int) -> Buffer:
        """Stack memory of `count` elements, aligned to a vector; private to one call."""
        self._stack_count += 1
        return Buffer(f"scratch{self._stack_count}", dtype, -1, True, count)

    def finish(self) -> Kernel:
        """The kernel written so far."""
        return Kernel(self.name, self.buffers, self.integers, self.lo, self.hi, self.body)

    # -- values --------------------------------------------------------------------------------
    def _value(self, dtype: DType, lanes: int) -> Value:
        self._count += 1
        return Value(self, dtype, lanes, self._count)

    def _emit(self, op: str, args: tuple[Any, ...], dtype: DType, lanes: int, attr: Any = None
              ) -> Value:
        result = self._value(dtype, lanes)
        self._block.append(Instr(op, args, result, attr))
        return result

    def const(self, value: Number, dtype: DType, lanes: int = 1) -> Value:
        """A constant, rounded or wrapped to what the dtype holds; the same in each lane."""
        return Value(self, dtype, lanes, 0, exact(value, dtype))

    def index(self, value: int) -> Value:
        """An integer constant of the index type."""
        return self.const(value, INDEX)

    def _pair(self, x: Operand, y: Operand) -> tuple[Value, Value]:
        if not isinstance(x, Value):
            if not isinstance(y, Value):
                raise CompileError("loops", operands=[("got", repr(y))],
                                   rule="one operand must be a Value")
            x = self.const(x, y.dtype, y.lanes)
        elif not isinstance(y, Value):
            y = self.const(y, x.dtype, x.lanes)
        if x.dtype is not y.dtype:
            raise CompileError("loops", operands=[("left", x.dtype.name), ("right", y.dtype.name)],
                               rule="both operands of an instruction have one dtype")
        lanes = max(x.lanes, y.lanes)
        return self.splat(x, lanes), self.splat(y, lanes)

    def _binary(self, op: str, x: Operand, y: Operand) -> Value:
        a, b = self._pair(x, y)
        if a.dtype is INDEX:
            folded = fold_index(op, a, b)
            if folded is not None:
                return folded if isinstance(folded, Value) else self.const(folded, INDEX, a.lanes)
        return self._emit(op, (a, b), a.dtype, a.lanes)

    def add(self, x: Operand, y: Operand) -> Value:
        """x + y, wrapping for integers."""
        return self._binary("add", x, y)

    def sub(self, x: Operand, y: Operand) -> Value:
        """x - y, wrapping for integers."""
        return self._binary("sub", x, y)

    def mul(self, x: Operand, y: Operand) -> Value:
        """x * y, wrapping for integers."""
        return self._binary("mul", x, y)

    def mulhi(self, x: Operand, y: Operand) -> Value:
        """The high half of the product of two unsigned integers."""
        a, b = self._pair(x, y)
        return self._emit("mulhi", (a, b), a.dtype, a.lanes)

    def div(self, x: Operand, y: Operand) -> Value:
        """x / y; integers truncate, a zero divisor counts as one."""
        return self._binary("div", x, y)

    def rem(self, x: Operand, y: Operand) -> Value:
        """The remainder of `div`; integers only."""
        return self._binary("rem", x, y)

    def min(self, x: Operand, y: Operand) -> Value:
        """y < x ? y : x (a NaN in y is lost: emitters of ops add what NumPy asks for)."""
        return self._binary("min", x, y)

    def max(self, x: Operand, y: Operand) -> Value:
        """y > x ? y : x (a NaN in y is lost)."""
        return self._binary("max", x, y)

    def and_(self, x: Operand, y: Operand) -> Value:
        """Bitwise and; logical on bool."""
        return self._binary("and", x, y)

    def or_(self, x: Operand, y: Operand) -> Value:
        """Bitwise or; logical on bool."""
        return self._binary("or", x, y)

    def xor(self, x: Operand, y: Operand) -> Value:
        """Bitwise exclusive or; logical on bool."""
        return self._binary("xor", x, y)

    def shl(self, x: Operand, y: Operand) -> Value:
        """Shift left, by the count modulo the width."""
        return self._binary("shl", x, y)

    def shr(self, x: Operand, y: Operand) -> Value:
        """Shift right by the count modulo the width, keeping the sign of signed integers."""
        return self._binary("shr", x, y)

    def _unary(self, op: str, x: Value) -> Value:
        return self._emit(op, (x,), x.dtype, x.lanes)

    def neg(self, x: Value) -> Value:
        """-x."""
        return self._unary("neg", x)

    def abs(self, x: Value) -> Value:
        """Absolute value; the most negative integer stays."""
        return self._unary("abs", x)

    def sqrt(self, x: Value) -> Value:
        """Correctly rounded square root."""
        return self._unary("sqrt", x)

    def floor(self, x: Value) -> Value:
        """Largest integer not above x, as a float."""
        return self._unary("floor", x)

    def ceil(self, x: Value) -> Value:
        """Smallest integer not below x, as a float."""
        return self._unary("ceil", x)

    def trunc(self, x: Value) -> Value:
        """x without its fraction, as a float."""
        return self._unary("trunc", x)

    def rint(self, x: Value) -> Value:
        """Nearest integer, ties to even, as a float."""
        return self._unary("rint", x)

    def not_(self, x: Value) -> Value:
        """All bits flipped; logical on bool."""
        return self._unary("not", x)

    def fma(self, x: Operand, y: Operand, z: Operand) -> Value:
        """x * y + z, rounded once where the target has it, else twice."""
        a, b = self._pair(x, y)
        a, c = self._pair(a, z)
        b = self.splat(b, a.lanes)
        return self._emit("fma", (a, b, c), a.dtype, a.lanes)

    def add_bytes(self, x: Value, y: Value, z: Value) -> Value:
        """z and the products of four unsigned bytes of x and signed ones of y, of int32."""
        lanes = max(x.lanes, y.lanes, z.lanes)
        args = tuple(self.splat(v, lanes) for v in (x, y, z))
        return self._emit("add_bytes", args, dtypes.int32, lanes)

    def add_halves(self, x: Value, y: Value, z: Value) -> Value:
        """z, float32, and the products of the two bfloat16 in each int32 of x and y."""
        lanes = max(x.lanes, y.lanes, z.lanes)
        args = tuple(self.splat(v, lanes) for v in (x, y, z))
        return self._emit("add_halves", args, dtypes.float32, lanes)

    def compare(self, op: str, x: Operand, y: Operand) -> Value:
        """eq ne lt le gt ge, as bool. With a NaN all are false but ne."""
        a, b = self._pair(x, y)
        return self._emit(op, (a, b), dtypes.bool_, a.lanes)

    def select(self, cond: Value, x: Operand, y: Operand) -> Value:
        """x where cond, else y, lane by lane."""
        a, b = self._pair(x, y)
        lanes = max(cond.lanes, a.lanes)
        args = (self.splat(cond, lanes), self.splat(a, lanes), self.splat(b, lanes))
        return self._emit("select", args, a.dtype, lanes)

    def cast(self, x: Value, dtype: DType) -> Value:
        """The value in another dtype.

        Floats to integers truncate and saturate, NaN to 0; anything to bool is `x != 0`.
        """
        if x.dtype is dtype:
            return x
        if x.const is not None:
            integral = x.dtype.is_float and dtype.is_integer
            return self.const(saturated(x.const, dtype) if integral else x.const, dtype, x.lanes)
        if dtype.kind == "b":
            return self.compare("ne", x, 0)
        return self._emit("cast", (x,), dtype, x.lanes)

    def bitcast(self, x: Value, dtype: DType) -> Value:
        """The same bits as a dtype of equal width."""
        return x if x.dtype is dtype else self._emit("bitcast", (x,), dtype, x.lanes)

    def as_words(self, x: Value) -> Value:
        """Vectors of bytes as int32, four bytes each, the first in the lowest place."""
        return self._emit("bitcast", (x,), dtypes.int32, x.lanes // 4)

    def narrow(self, x: Value, dtype: DType) -> Value:
        """A float32 rounded to the nearest float16 or bfloat16, still held as float32."""
        return self._emit("narrow", (x,), x.dtype, x.lanes, dtype)

    # -- vectors -------------------------------------------------------------------------------
    def splat(self, x: Value, lanes: int) -> Value:
        """A scalar in every lane; a vector of that many lanes stays."""
        if x.lanes == lanes:
            return x
        if x.lanes != 1:
            raise CompileError("loops", operands=[("lanes", f"{x.lanes} and {lanes}")],
                               rule="vectors of one instruction have one length")
        if x.const is not None:
            return self.const(x.const, x.dtype, lanes)
        return self._emit("splat", (x,), x.dtype, lanes)

    def iota(self, lanes: int, dtype: DType = INDEX) -> Value:
        """0, 1, 2, ... across the lanes."""
        return self._emit("iota", (), dtype, lanes) if lanes > 1 else self.const(0, dtype)

    def extract(self, x: Value, lane: int) -> Value:
        """One lane as a scalar."""
        return x if x.lanes == 1 else self._emit("extract", (x,), x.dtype, 1, lane)

    def shuffle(self, x: Value, y: Value, lanes: Sequence[int]) -> Value:
        """Lanes picked from x followed by y."""
        return self._emit("shuffle", (x, y), x.dtype, len(lanes), tuple(lanes))

    def reduce(self, op: str, x: Value) -> Value:
        """All lanes combined by add mul min max and or xor, halves first: a fixed tree."""
        while x.lanes > 1:
            half = x.lanes // 2
            if half * 2 != x.lanes:
                raise CompileError("loops", rule="reduce takes a power of two of lanes")
            low = self.shuffle(x, x, range(half))
            high = self.shuffle(x, x, range(half, x.lanes))
            x = self._binary(op, low, high)
        return x

    # -- memory --------------------------------------------------------------------------------
    def load(self, buffer: Buffer, offset: Operand, lanes: int = 1, mask: Value | None = None,
             align: int = 0) -> Value:
        """`lanes` neighbouring elements from `offset` (counted in elements).

        Lanes that are off in `mask` are not touched and read as zero. `align`: bytes known, 0 for
        the element's own.
        """
        dtype = buffer.dtype.compute
        args = (buffer, self._offset(offset), mask)
        return self._emit("load", args, dtype, lanes, align)

    def store(self, buffer: Buffer, offset: Operand, value: Value, mask: Value | None = None,
              align: int = 0) -> None:
        """Write neighbouring elements; the counterpart of `load`."""
        value = self.cast(value, buffer.dtype.compute)
        args = (buffer, self._offset(offset), value, mask)
        self._block.append(Instr("store", args, None, align))

    def gather(self, buffer: Buffer, offsets: Value, mask: Value | None = None) -> Value:
        """One element for each lane of `offsets`; lanes that are off read as zero."""
        if offsets.lanes == 1 and mask is None:
            return self.load(buffer, offsets)
        return self._emit("gather", (buffer, offsets, mask), buffer.dtype.compute, offsets.lanes)

    def scatter(self, buffer: Buffer, offsets: Value, value: Value, mask: Value | None = None
                ) -> None:
        """Write one element for each lane, in lane order (the last one wins)."""
        value = self.splat(self.cast(value, buffer.dtype.compute), offsets.lanes)
        self._block.append(Instr("scatter", (buffer, offsets, value, mask), None))

    def prefetch(self, buffer: Buffer, offset: Operand) -> None:
        """Ask for the cache line at an offset, which may lie outside the buffer."""
        self._block.append(Instr("prefetch", (buffer, self._offset(offset)), None))

    def _offset(self, offset: Operand) -> Value:
        return offset if isinstance(offset, Value) else self.index(int(offset))

    # -- blocks --------------------------------------------------------------------------------
    @contextmanager
    def loop(self, lo: Operand, hi: Operand, step: int = 1, carry: Sequence[Value] = ()
             ) -> Iterator[Loop]:
        """`with b.loop(0, n, carry=[acc]) as turn:` is a loop over turn.var.

        Use turn.var and turn.carry inside, end the block with turn.next(...), and find the last
        values in turn.results afterwards.
        """
        loop = Loop(self._value(INDEX, 1), self._offset(lo), self._offset(hi), step, list(carry),
                    [self._value(v.dtype, v.lanes) for v in carry])
        self._block.append(loop)
        outer, self._block = self._block, loop.body
        yield loop
        self._block = outer
        if len(loop.yields) != len(loop.carry):
            raise CompileError("loops", rule="a loop hands on as many values as it carries")
        loop.results = [self._value(v.dtype, v.lanes) for v in carry]

    @contextmanager
    def when(self, cond: Value) -> Iterator[None]:
        """Statements that run only where the scalar `cond` holds."""
        block = When(cond)
        self._block.append(block)
        outer, self._block = self._block, block.body
        yield
        self._block = outer
