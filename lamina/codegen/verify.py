"""The structural verifier: what it lets through, LLVM can take.

In: a `loops.Kernel`. Out: nothing, or CompileError that shows the statement. Checked: every op is
known and takes its dtype, operands agree in dtype and lanes, every value is defined before its use
in an enclosing block, loops hand on what they carry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from lamina import dtypes
from lamina.codegen.types import MAX_LANES, REGISTER
from lamina.dtypes import DType
from lamina.errors import CompileError
from lamina.kernel.loops import (
    BINARY,
    COMPARE,
    INDEX,
    UNARY,
    Buffer,
    Instr,
    Kernel,
    Loop,
    Stmt,
    Value,
    When,
)

FLOAT_ONLY = frozenset("sqrt floor ceil trunc rint fma narrow".split())
INTEGER_ONLY = frozenset("rem shl shr".split())
BITS = frozenset("and or xor not".split())
BOOL_TAKES = BITS | {"min", "max", "select"}
RESULTLESS = frozenset("store scatter prefetch".split())
OFFSETS = (dtypes.int32, dtypes.int64)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*$")


def verify_kernel(kernel: Kernel) -> None:
    """Raise CompileError unless `kernel` is well formed."""
    _Verifier(kernel).run()


class _Verifier:
    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.defined = {v.id for v in (kernel.lo, kernel.hi, *kernel.integers)}
        self.at: Stmt | None = None

    def run(self) -> None:
        self.need(_NAME.match(self.kernel.name), "a kernel's name is an identifier")
        for i, buffer in enumerate(self.kernel.buffers):
            self.need(buffer.index == i, "a buffer's index is its position")
        self.block(self.kernel.body)

    def need(self, condition: object, rule: str) -> None:
        if not condition:
            shown = "parameters" if self.at is None else repr(self.at)[:300]
            raise CompileError(f"kernel {self.kernel.name}", operands=[("at", shown)], rule=rule)

    # -- values --------------------------------------------------------------------------------
    def define(self, value: Value) -> None:
        lanes = value.lanes
        self.need(value.dtype.name in REGISTER, "float16 and bfloat16 exist in memory only")
        self.need(1 <= lanes <= MAX_LANES and lanes & (lanes - 1) == 0,
                  f"lanes are a power of two up to {MAX_LANES}")
        self.need(value.const is None and value.id not in self.defined, "one definition a value")
        self.defined.add(value.id)

    def use(self, value: Value) -> None:
        self.need(isinstance(value, Value), "operands are Values")
        self.need(value.dtype.name in REGISTER, "float16 and bfloat16 exist in memory only")
        self.need(value.const is not None or value.id in self.defined,
                  "a value is defined before its use, in an enclosing block")

    def same(self, a: Value, b: Value) -> None:
        self.need(a.dtype is b.dtype and a.lanes == b.lanes, "dtype and lanes of both agree")

    def match(self, value: Value, dtype: DType, lanes: int) -> None:
        self.use(value)
        self.need(value.dtype is dtype, f"dtype is {dtype.name}")
        self.need(value.lanes == lanes, f"lanes are {lanes}")

    # -- blocks --------------------------------------------------------------------------------
    def block(self, body: Sequence[Stmt]) -> None:
        """Check statements; what they define stays defined, so callers restore the scope."""
        for stmt in body:
            self.at = stmt
            if isinstance(stmt, Instr):
                self.instr(stmt)
            elif isinstance(stmt, Loop):
                self.loop(stmt)
            else:
                self.when(stmt)

    def loop(self, loop: Loop) -> None:
        self.need(isinstance(loop.step, int) and loop.step > 0, "a loop's step is positive")
        for bound in (loop.lo, loop.hi):
            self.match(bound, INDEX, 1)
        counts = {len(values) for values in (loop.inits, loop.carry, loop.yields, loop.results)}
        self.need(len(counts) == 1, "a loop hands on as many values as it carries")
        outer = set(self.defined)
        for init in loop.inits:
            self.use(init)
        for value in (loop.var, *loop.carry):
            self.define(value)
        self.block(loop.body)
        self.at = loop
        for carried, init, handed in zip(loop.carry, loop.inits, loop.yields, strict=True):
            self.same(carried, init)
            self.match(handed, carried.dtype, carried.lanes)
        self.defined = outer
        for result, carried in zip(loop.results, loop.carry, strict=True):
            self.same(result, carried)
            self.define(result)

    def when(self, when: When) -> None:
        self.match(when.cond, dtypes.bool_, 1)
        outer = set(self.defined)
        self.block(when.body)
        self.defined = outer

    # -- instructions --------------------------------------------------------------------------
    def instr(self, instr: Instr) -> None:
        check = CHECKS.get(instr.op)
        if check is None:
            self.need(False, f"{instr.op} is not an instruction")
        else:
            self.need(len(instr.args) == ARITY[instr.op], f"{instr.op} takes {ARITY[instr.op]}")
            self.need((instr.result is None) == (instr.op in RESULTLESS),
                      "store, scatter and prefetch, and only they, have no result")
            check(self, instr, *instr.args)
        if instr.result is not None:
            self.define(instr.result)

    def takes(self, op: str, dtype: DType) -> None:
        kind = dtype.kind
        self.need(kind != "b" or op in BOOL_TAKES, f"{op} does not take bool")
        self.need(kind == "f" or op not in FLOAT_ONLY, f"{op} takes floats")
        self.need(kind != "f" or op not in INTEGER_ONLY | BITS, f"{op} takes integers")

    def alike(self, instr: Instr, *args: Value) -> None:
        """All operands have the result's dtype and lanes."""
        result = _result(instr)
        self.takes(instr.op, result.dtype)
        for arg in args:
            self.match(arg, result.dtype, result.lanes)

    def compare(self, instr: Instr, x: Value, y: Value) -> None:
        result = _result(instr)
        self.use(x)
        self.need(result.dtype is dtypes.bool_, "a comparison gives bool")
        self.match(x, x.dtype, result.lanes)
        self.match(y, x.dtype, result.lanes)

    def add_halves(self, instr: Instr, x: Value, y: Value, z: Value) -> None:
        result = _result(instr)
        self.need(result.dtype is dtypes.float32, "products of bfloat16 are float32")
        self.match(x, dtypes.int32, result.lanes)
        self.match(y, dtypes.int32, result.lanes)
        self.match(z, dtypes.float32, result.lanes)

    def mulhi(self, instr: Instr, x: Value, y: Value) -> None:
        self.need(_result(instr).dtype.kind == "u", "mulhi takes unsigned integers")
        self.alike(instr, x, y)

    def select(self, instr: Instr, cond: Value, x: Value, y: Value) -> None:
        self.match(cond, dtypes.bool_, _result(instr).lanes)
        self.alike(instr, x, y)

    def cast(self, instr: Instr, x: Value) -> None:
        self.use(x)
        self.need(x.lanes == _result(instr).lanes, "lanes agree")
        self.need(_result(instr).dtype.kind != "b", "a cast to bool is a comparison")

    def bitcast(self, instr: Instr, x: Value) -> None:
        result = _result(instr)
        self.use(x)
        self.need(x.dtype.kind != "b" and result.dtype.kind != "b"
                  and x.dtype.bits * x.lanes == result.dtype.bits * result.lanes,
                  "bitcast takes as many bits as it gives")

    def narrow(self, instr: Instr, x: Value) -> None:
        self.alike(instr, x)
        self.need(x.dtype is dtypes.float32 and instr.attr in (dtypes.float16, dtypes.bfloat16),
                  "narrow takes float32 and rounds to float16 or bfloat16")

    def splat(self, instr: Instr, x: Value) -> None:
        self.match(x, _result(instr).dtype, 1)

    def iota(self, instr: Instr) -> None:
        self.need(_result(instr).dtype.kind != "b", "iota does not count in bool")

    def extract(self, instr: Instr, x: Value) -> None:
        self.use(x)
        self.match(x, _result(instr).dtype, x.lanes)
        self.need(_result(instr).lanes == 1 and 0 <= instr.attr < x.lanes, "one lane that exists")

    def shuffle(self, instr: Instr, x: Value, y: Value) -> None:
        result = _result(instr)
        self.use(x)
        self.match(x, result.dtype, x.lanes)
        self.match(y, result.dtype, x.lanes)
        self.need(len(instr.attr) == result.lanes, "as many lanes as are picked")
        self.need(all(0 <= lane < 2 * x.lanes for lane in instr.attr), "picked lanes exist")

    # -- memory --------------------------------------------------------------------------------
    def buffer(self, buffer: Buffer, write: bool) -> None:
        self.need(isinstance(buffer, Buffer), "memory is a Buffer")
        if buffer.index < 0:
            self.need(buffer.stack > 0, "stack memory has a size")
            return
        known = self.kernel.buffers
        self.need(buffer.index < len(known) and known[buffer.index] is (buffer.of or buffer),
                  "a buffer is a parameter of the kernel")
        self.need(buffer.written or not write, "a buffer that is stored to is declared written")

    def mask(self, mask: Value | None, lanes: int) -> None:
        if mask is not None:
            self.match(mask, dtypes.bool_, lanes)

    def offset(self, offset: Value, lanes: int) -> None:
        self.use(offset)
        self.need(offset.dtype in OFFSETS and offset.lanes == lanes,
                  "offsets are int32 or int64, one for an access or one for each lane")

    def alignment(self, align: object) -> None:
        self.need(align is None or isinstance(align, int) and align >= 0
                  and align & (align - 1) == 0 and align <= 4096,
                  "align is 0 or a power of two")

    def load(self, instr: Instr, buffer: Buffer, offset: Value, mask: Value | None) -> None:
        result = _result(instr)
        self.buffer(buffer, write=False)
        self.need(result.dtype is buffer.dtype.compute, "load gives the buffer's compute dtype")
        lanes = 1 if instr.op == "load" else result.lanes
        self.offset(offset, lanes)
        self.mask(mask, result.lanes)
        self.alignment(instr.attr)

    def store(self, instr: Instr, buffer: Buffer, offset: Value, value: Value,
              mask: Value | None) -> None:
        self.buffer(buffer, write=True)
        self.use(value)
        self.match(value, buffer.dtype.compute, value.lanes)
        self.offset(offset, 1 if instr.op == "store" else value.lanes)
        self.mask(mask, value.lanes)
        self.alignment(instr.attr)

    def prefetch(self, instr: Instr, buffer: Buffer, offset: Value) -> None:
        self.buffer(buffer, write=False)
        self.offset(offset, 1)


def _result(instr: Instr) -> Value:
    """The result of an instruction that has one (checked before)."""
    if instr.result is None:
        raise CompileError(instr.op, rule="the instruction has a result")
    return instr.result


CHECKS: dict[str, Callable[..., None]] = (
    dict.fromkeys(BINARY | UNARY | {"fma", "add_bytes"}, _Verifier.alike)
    | dict.fromkeys(COMPARE, _Verifier.compare)
    | {
        "add_halves": _Verifier.add_halves,
        "mulhi": _Verifier.mulhi,
        "select": _Verifier.select,
        "cast": _Verifier.cast,
        "bitcast": _Verifier.bitcast,
        "narrow": _Verifier.narrow,
        "splat": _Verifier.splat,
        "iota": _Verifier.iota,
        "extract": _Verifier.extract,
        "shuffle": _Verifier.shuffle,
        "load": _Verifier.load,
        "gather": _Verifier.load,
        "store": _Verifier.store,
        "scatter": _Verifier.store,
        "prefetch": _Verifier.prefetch,
    }
)

ARITY = (
    dict.fromkeys(BINARY | COMPARE | {"mulhi", "shuffle", "prefetch"}, 2)
    | dict.fromkeys(UNARY | {"cast", "bitcast", "splat", "extract", "narrow"}, 1)
    | dict.fromkeys(("fma", "add_bytes", "add_halves", "select", "load", "gather"),
                    3)
    | {"iota": 0, "store": 4, "scatter": 4}
)
