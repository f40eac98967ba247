"""How each arithmetic instruction of the loop language is spelled in LLVM IR.

In: an `Instr` that the verifier passed. Out: lines in a `Text` that define the result. No fast-math
flag is ever set, nothing becomes a call of a C library, and integer division cannot trap.
"""

from __future__ import annotations

from collections.abc import Callable

from lamina import dtypes
from lamina.codegen.block import Text, has_rounding, loses_masks, operand, typed
from lamina.codegen.expand import (
    high_product,
    narrow_bfloat16,
    narrow_half,
    round_by_parts,
    widen_bfloat16,
    widen_half,
)
from lamina.codegen.intrinsics import ADD_BYTES, ADD_HALVES
from lamina.codegen.types import REGISTER, constant, register_type, vector
from lamina.dtypes import DType
from lamina.kernel.loops import INDEX, Instr, Value

Emitter = Callable[[Text, Instr, Value, str], None]

# op: (float, signed, unsigned and bool)
_DIRECT = {
    "add": ("fadd", "add", "add"),
    "sub": ("fsub", "sub", "sub"),
    "mul": ("fmul", "mul", "mul"),
    "and": ("", "and", "and"),
    "or": ("", "or", "or"),
    "xor": ("", "xor", "xor"),
}
_PREDICATE = {
    "eq": ("fcmp oeq", "icmp eq", "icmp eq"),
    "ne": ("fcmp une", "icmp ne", "icmp ne"),
    "lt": ("fcmp olt", "icmp slt", "icmp ult"),
    "le": ("fcmp ole", "icmp sle", "icmp ule"),
    "gt": ("fcmp ogt", "icmp sgt", "icmp ugt"),
    "ge": ("fcmp oge", "icmp sge", "icmp uge"),
}
_COLUMN = {"f": 0, "i": 1, "u": 2, "b": 2}


def _direct(t: Text, instr: Instr, result: Value, out: str) -> None:
    x, y = instr.args
    t.set(f"{_DIRECT[instr.op][_COLUMN[x.dtype.kind]]} {typed(x)}, {operand(y)}", out)


def _compare(t: Text, instr: Instr, result: Value, out: str) -> None:
    x, y = instr.args
    t.set(f"{_PREDICATE[instr.op][_COLUMN[x.dtype.kind]]} {typed(x)}, {operand(y)}", out)


def _extreme(t: Text, instr: Instr, result: Value, out: str) -> None:
    """min is `y < x ? y : x`, max is `y > x ? y : x`: single instructions on x86."""
    x, y = instr.args
    predicate = _PREDICATE["lt" if instr.op == "min" else "gt"][_COLUMN[x.dtype.kind]]
    chosen = t.set(f"{predicate} {typed(y)}, {operand(x)}")
    t.set(f"select {_mask(x.lanes)} {chosen}, {typed(y)}, {typed(x)}", out)


def _divide(t: Text, instr: Instr, result: Value, out: str) -> None:
    x, y = instr.args
    if x.dtype.is_float:
        t.set(f"fdiv {typed(x)}, {operand(y)}", out)
        return
    divisor = _safe_divisor(t, y)
    kind = register_type(x.dtype, x.lanes)
    word = "div" if instr.op == "div" else "rem"
    if x.dtype.kind == "u" or (y.const is not None and y.const != -1):
        t.set(f"{x.dtype.kind.replace('i', 's')}{word} {typed(x)}, {divisor}", out)
        return
    quotient = t.set(f"s{word} {typed(x)}, {divisor}")
    if word == "rem":  # the remainder by -1 was taken by 1: zero as well
        t.set(f"or {kind} {quotient}, {constant(0, x.dtype, x.lanes)}", out)
        return
    negated = t.set(f"sub {kind} {constant(0, x.dtype, x.lanes)}, {operand(x)}")
    by_minus_one = t.set(f"icmp eq {typed(y)}, {constant(-1, y.dtype, y.lanes)}")
    t.set(f"select {_mask(x.lanes)} {by_minus_one}, {kind} {negated}, {kind} {quotient}", out)


def _safe_divisor(t: Text, y: Value) -> str:
    """The divisor with 0, and for signed types -1, replaced by 1: the machine traps on them."""
    if y.const is not None and y.const not in (0, -1):
        return operand(y)
    kind, one = register_type(y.dtype, y.lanes), constant(1, y.dtype, y.lanes)
    bad = t.set(f"icmp eq {typed(y)}, {constant(0, y.dtype, y.lanes)}")
    if y.dtype.kind == "i":
        minus = t.set(f"icmp eq {typed(y)}, {constant(-1, y.dtype, y.lanes)}")
        bad = t.set(f"or {_mask(y.lanes)} {bad}, {minus}")
    return t.set(f"select {_mask(y.lanes)} {bad}, {kind} {one}, {typed(y)}")


def _shift(t: Text, instr: Instr, result: Value, out: str) -> None:
    """The count is taken modulo the width, so that no count is undefined."""
    x, y = instr.args
    word = "shl" if instr.op == "shl" else "ashr" if x.dtype.kind == "i" else "lshr"
    if y.const is not None:
        count = constant(int(y.const) % y.dtype.bits, y.dtype, y.lanes)
    else:
        count = t.set(f"and {typed(y)}, {constant(y.dtype.bits - 1, y.dtype, y.lanes)}")
    t.set(f"{word} {typed(x)}, {count}", out)


def _negate(t: Text, instr: Instr, result: Value, out: str) -> None:
    (x,) = instr.args
    if x.dtype.is_float:
        t.set(f"fneg {typed(x)}", out)
    else:
        zero = constant(0, x.dtype, x.lanes)
        t.set(f"sub {register_type(x.dtype, x.lanes)} {zero}, {operand(x)}", out)


def _not(t: Text, instr: Instr, result: Value, out: str) -> None:
    (x,) = instr.args
    ones = constant(True if x.dtype.kind == "b" else -1, x.dtype, x.lanes)
    t.set(f"xor {typed(x)}, {ones}", out)


def _absolute(t: Text, instr: Instr, result: Value, out: str) -> None:
    (x,) = instr.args
    element = REGISTER[x.dtype.name]
    if x.dtype.is_float:
        t.set(t.call("llvm.fabs", element, x.lanes, typed(x)), out)
    elif x.dtype.kind == "i":
        t.set(t.call("llvm.abs", element, x.lanes, f"{typed(x)}, i1 false"), out)
    else:
        t.set(f"or {typed(x)}, {constant(0, x.dtype, x.lanes)}", out)


def _rounding(t: Text, instr: Instr, result: Value, out: str) -> None:
    (x,) = instr.args
    if instr.op == "sqrt" or has_rounding(t.target):
        t.set(t.call(f"llvm.{instr.op}", REGISTER[x.dtype.name], x.lanes, typed(x)), out)
    else:
        round_by_parts(t, instr.op, operand(x), x.dtype, x.lanes, out)


def _fma(t: Text, instr: Instr, result: Value, out: str) -> None:
    x, y, z = instr.args
    if t.target.has_fma:
        arguments = f"{typed(x)}, {typed(y)}, {typed(z)}"
        t.set(t.call("llvm.fma", REGISTER[x.dtype.name], x.lanes, arguments), out)
        return
    product = t.set(f"fmul {typed(x)}, {operand(y)}")
    t.set(f"fadd {register_type(x.dtype, x.lanes)} {product}, {operand(z)}", out)


def _add_bytes(t: Text, instr: Instr, result: Value, out: str) -> None:
    x, y, z = instr.args
    kind, lanes = register_type(result.dtype, result.lanes), result.lanes
    if t.target.has_bytes and lanes in ADD_BYTES:
        as_bytes = vector("i8", 4 * lanes)
        left, right = (t.set(f"bitcast {typed(v)} to {as_bytes}") for v in (x, y))
        t.set(t.plain(ADD_BYTES[lanes], f"{typed(z)}, {as_bytes} {left}, {as_bytes} {right}"), out)
        return
    total = operand(z)
    for byte in range(4):
        lowest, up, down = (constant(n, result.dtype, lanes) for n in (8 * byte, 24 - 8 * byte, 24))
        unsigned = t.set(f"lshr {typed(x)}, {lowest}")
        unsigned = t.set(f"and {kind} {unsigned}, {constant(255, result.dtype, lanes)}")
        signed = t.set(f"ashr {kind} {t.set(f'shl {typed(y)}, {up}')}, {down}")
        product = t.set(f"mul {kind} {unsigned}, {signed}")
        total = t.set(f"add {kind} {total}, {product}", out if byte == 3 else "")


def _add_halves(t: Text, instr: Instr, result: Value, out: str) -> None:
    x, y, z = instr.args
    lanes = result.lanes
    if t.target.has_halves and lanes in ADD_HALVES:
        halves = vector("bfloat", 2 * lanes)
        left, right = (t.set(f"bitcast {typed(v)} to {halves}") for v in (x, y))
        t.set(t.plain(ADD_HALVES[lanes], f"{typed(z)}, {halves} {left}, {halves} {right}"), out)
        return
    total = operand(z)
    for half in range(2):
        left, right = _half(t, x, half), _half(t, y, half)
        total = _multiplied(t, left, right, total, lanes, out if half else "")


def _half(t: Text, word: Value, half: int) -> str:
    """The lower or the higher bfloat16 of int32, as float32."""
    if half:
        bits = t.set(f"and {typed(word)}, {constant(-1 << 16, word.dtype, word.lanes)}")
    else:
        bits = t.set(f"shl {typed(word)}, {constant(16, word.dtype, word.lanes)}")
    kinds = register_type(word.dtype, word.lanes), register_type(dtypes.float32, word.lanes)
    return t.set(f"bitcast {kinds[0]} {bits} to {kinds[1]}")


def _multiplied(t: Text, x: str, y: str, z: str, lanes: int, out: str) -> str:
    """x * y + z of float32."""
    kind = register_type(dtypes.float32, lanes)
    if t.target.has_fma:
        element = REGISTER[dtypes.float32.name]
        arguments = ", ".join(f"{kind} {v}" for v in (x, y, z))
        return t.set(t.call("llvm.fma", element, lanes, arguments), out)
    return t.set(f"fadd {kind} {t.set(f'fmul {kind} {x}, {y}')}, {z}", out)


def _mulhi(t: Text, instr: Instr, result: Value, out: str) -> None:
    x, y = instr.args
    high_product(t, operand(x), operand(y), x.dtype.bits, x.lanes, out)


def _select(t: Text, instr: Instr, result: Value, out: str) -> None:
    cond, x, y = instr.args
    t.set(f"select {typed(cond)}, {typed(x)}, {typed(y)}", out)


def _cast(t: Text, instr: Instr, result: Value, out: str) -> None:
    (x,) = instr.args
    source, goal = x.dtype, result.dtype
    if source.is_float and goal.is_integer:
        name = "llvm.fptosi.sat" if goal.kind == "i" else "llvm.fptoui.sat"
        element, from_element = REGISTER[goal.name], REGISTER[source.name]
        t.set(t.call(name, element, x.lanes, typed(x), from_element), out)
        return
    t.set(f"{_cast_word(source, goal)} {typed(x)} to {register_type(goal, x.lanes)}", out)


def _cast_word(source: DType, goal: DType) -> str:
    if source.is_float:
        return "bitcast" if source.bits == goal.bits else (
            "fpext" if source.bits < goal.bits else "fptrunc")
    if goal.is_float:
        return "sitofp" if source.kind == "i" else "uitofp"
    if source.kind == "b":
        return "zext"
    if source.bits == goal.bits:
        return "bitcast"
    if source.bits > goal.bits:
        return "trunc"
    return "sext" if source.kind == "i" else "zext"


def _bitcast(t: Text, instr: Instr, result: Value, out: str) -> None:
    (x,) = instr.args
    t.set(f"bitcast {typed(x)} to {register_type(result.dtype, result.lanes)}", out)


def _narrow(t: Text, instr: Instr, result: Value, out: str) -> None:
    """A float32 rounded to what a half type can hold, still as float32."""
    (x,) = instr.args
    store, load = HALF[instr.attr.name]
    load(t, store(t, operand(x), x.lanes), x.lanes, out)


# -- lanes ---------------------------------------------------------------------------------------
def _splat(t: Text, instr: Instr, result: Value, out: str) -> None:
    (x,) = instr.args
    kind = register_type(result.dtype, result.lanes)
    first = t.set(f"insertelement {kind} poison, {typed(x)}, i32 0")
    t.set(f"shufflevector {kind} {first}, {kind} poison, <{result.lanes} x i32> zeroinitializer",
          out)


def _iota(t: Text, instr: Instr, result: Value, out: str) -> None:
    element = register_type(result.dtype)
    lanes = ", ".join(f"{element} {constant(i, result.dtype)}" for i in range(result.lanes))
    kind = register_type(result.dtype, result.lanes)
    zero = constant(0, result.dtype, result.lanes)
    if result.lanes == 1:
        t.set(f"bitcast {element} {zero} to {element}", out)
    elif result.dtype is INDEX and loses_masks(t.target):
        start = t.set(f"ptrtoint ptr %bufs to {element}")
        nothing = t.set(f"and {element} {start}, 7")  # pointers are aligned, which LLVM cannot know
        first = t.set(f"insertelement {kind} poison, {element} {nothing}, i32 0")
        splat = t.set(f"shufflevector {kind} {first}, {kind} poison, <{result.lanes} x i32> "
                      "zeroinitializer")
        t.set(f"add {kind} {splat}, <{lanes}>", out)
    else:
        t.set(f"select i1 true, {kind} <{lanes}>, {kind} {zero}", out)


def _extract(t: Text, instr: Instr, result: Value, out: str) -> None:
    (x,) = instr.args
    if x.lanes == 1:
        t.set(f"select i1 true, {typed(x)}, {typed(x)}", out)
    else:
        t.set(f"extractelement {typed(x)}, i32 {instr.attr}", out)


def _shuffle(t: Text, instr: Instr, result: Value, out: str) -> None:
    x, y = instr.args
    if result.lanes == 1:
        (lane,) = instr.attr
        chosen = x if lane < x.lanes else y
        t.set(f"select i1 true, {typed(chosen)}, {typed(chosen)}" if x.lanes == 1
              else f"extractelement {typed(chosen)}, i32 {lane % x.lanes}", out)
    elif x.lanes == 1:
        _interleave(t, [y if lane else x for lane in instr.attr], out)
    else:
        lanes = ", ".join(f"i32 {lane}" for lane in instr.attr)
        t.set(f"shufflevector {typed(x)}, {typed(y)}, <{result.lanes} x i32> <{lanes}>", out)


def _interleave(t: Text, scalars: list[Value], out: str) -> None:
    """A vector made of scalars."""
    kind = vector(register_type(scalars[0].dtype), len(scalars))
    made = "poison"
    for lane, scalar in enumerate(scalars):
        name = out if lane == len(scalars) - 1 else ""
        made = t.set(f"insertelement {kind} {made}, {typed(scalar)}, i32 {lane}", name)


def _mask(lanes: int) -> str:
    return vector("i1", lanes)


# -- half types ----------------------------------------------------------------------------------
def _widen_float16(t: Text, bits: str, lanes: int, out: str = "") -> str:
    if not t.target.has_half:
        return widen_half(t, bits, lanes, out)
    half = t.set(f"bitcast {vector('i16', lanes)} {bits} to {vector('half', lanes)}")
    return t.set(f"fpext {vector('half', lanes)} {half} to {vector('float', lanes)}", out)


def _narrow_float16(t: Text, value: str, lanes: int) -> str:
    if not t.target.has_half:
        return narrow_half(t, value, lanes)
    half = t.set(f"fptrunc {vector('float', lanes)} {value} to {vector('half', lanes)}")
    return t.set(f"bitcast {vector('half', lanes)} {half} to {vector('i16', lanes)}")


# dtype: (float32 to the bits of the type, the bits to float32)
HALF = {
    "float16": (_narrow_float16, _widen_float16),
    "bfloat16": (narrow_bfloat16, widen_bfloat16),
}

EMITTERS: dict[str, Emitter] = {
    **dict.fromkeys(_DIRECT, _direct),
    **dict.fromkeys(_PREDICATE, _compare),
    **dict.fromkeys(("sqrt", "floor", "ceil", "trunc", "rint"), _rounding),
    **dict.fromkeys(("min", "max"), _extreme),
    **dict.fromkeys(("div", "rem"), _divide),
    **dict.fromkeys(("shl", "shr"), _shift),
    "neg": _negate,
    "not": _not,
    "abs": _absolute,
    "fma": _fma,
    "add_bytes": _add_bytes,
    "add_halves": _add_halves,
    "mulhi": _mulhi,
    "select": _select,
    "cast": _cast,
    "bitcast": _bitcast,
    "narrow": _narrow,
    "splat": _splat,
    "iota": _iota,
    "extract": _extract,
    "shuffle": _shuffle,
}
