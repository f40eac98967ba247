"""How loads, stores, gathers and scatters are spelled in LLVM IR.

In: an `Instr` that the verifier passed, and the kernel's `Memory`. Out: lines in a `Text`.
A lane that is off is never touched. A masked scalar access is a branch. A masked vector access is
one instruction where the machine has it; elsewhere a whole access if all lanes are on, and lane by
lane otherwise. (LLVM would expand the intrinsics too, but into code that its WebAssembly back end
dies of.)
"""

from __future__ import annotations

from collections.abc import Callable

from lamina.codegen.block import (
    Text,
    has_gather,
    has_masks,
    has_prefetch,
    has_scatter,
    operand,
    typed,
)
from lamina.codegen.memory import SINK, ZEROS, Memory, converts
from lamina.codegen.types import MEMORY, memory_type, register_type, vector
from lamina.errors import CompileError
from lamina.kernel.loops import Buffer, Instr, Value


# -- neighbouring elements -----------------------------------------------------------------------
def emit_load(m: Memory, instr: Instr, out: str) -> None:
    """`lanes` elements from an offset."""
    buffer, offset, mask = instr.args
    result = _known(instr)
    raw = "" if converts(buffer.dtype) else out
    align = instr.attr or buffer.dtype.itemsize
    address = m.address(buffer, typed(offset))
    if mask is None:
        raw = _read(m, buffer, result.lanes, address, align, raw)
    elif result.lanes == 1:
        raw = _load_where(m, buffer, 1, address, align, typed(mask), _zero, raw)
    elif has_masks(m.t.target, _bits(buffer)):
        raw = _masked_load(m, buffer, result.lanes, address, align, mask, raw)
    else:
        raw = _load_where(m, buffer, result.lanes, address, align, _all_on(m.t, mask),
                          lambda: _load_lanes(m, buffer, offset, mask), raw)
    if converts(buffer.dtype):
        m.widen(raw, buffer.dtype, result.lanes, out)


def emit_store(m: Memory, instr: Instr, out: str) -> None:
    """`lanes` elements to an offset."""
    buffer, offset, value, mask = instr.args
    raw = f"{memory_type(buffer.dtype, value.lanes)} {m.narrow(value, buffer.dtype)}"
    align = instr.attr or buffer.dtype.itemsize
    address = m.address(buffer, typed(offset))
    if mask is None:
        _write(m, buffer, raw, address, align)
    elif value.lanes == 1:
        _store_where(m, buffer, raw, address, align, typed(mask), None)
    elif has_masks(m.t.target, _bits(buffer)):
        pointer, name = address.rsplit(" ", 1)
        call = m.t.call("llvm.masked.store", MEMORY[buffer.dtype.name], value.lanes,
                        f"{raw}, {pointer} align {align} {name}, {typed(mask)}",
                        space=m.space(buffer))
        m.t.line(call + m.tag(buffer))
    else:
        offsets = _consecutive(m, offset, value.lanes)
        _store_where(m, buffer, raw, address, align, _all_on(m.t, mask),
                     lambda: _scatter_lanes(m, buffer, offsets, raw, mask))


def _read(m: Memory, buffer: Buffer, lanes: int, address: str, align: int, out: str = "") -> str:
    kind = memory_type(buffer.dtype, lanes)
    return m.t.set(f"load {kind}, {address}, align {align}{m.tag(buffer, load=True)}", out)


def _write(m: Memory, buffer: Buffer, raw: str, address: str, align: int) -> None:
    m.t.line(f"store {raw}, {address}, align {align}{m.tag(buffer)}")


def _masked_load(m: Memory, buffer: Buffer, lanes: int, address: str, align: int, mask: Value,
                 out: str) -> str:
    pointer, name = address.rsplit(" ", 1)
    kind = memory_type(buffer.dtype, lanes)
    call = m.t.call("llvm.masked.load", MEMORY[buffer.dtype.name], lanes,
                    f"{pointer} align {align} {name}, {typed(mask)}, {kind} zeroinitializer",
                    space=m.space(buffer))
    return m.t.set(call + m.tag(buffer, load=True), out)


def _load_where(m: Memory, buffer: Buffer, lanes: int, address: str, align: int, cond: str,
                otherwise: Callable[[], str], out: str) -> str:
    """One access where `cond` holds, else the value that `otherwise` writes code for."""
    t, kind = m.t, memory_type(buffer.dtype, lanes)
    on, off, done = t.labels("on", "off", "done")
    t.line(f"br {cond}, label %{on}, label %{off}")
    t.open(on)
    whole = _read(m, buffer, lanes, address, align)
    t.line(f"br label %{done}")
    t.open(off)
    other = otherwise()
    t.line(f"br label %{done}")
    t.open(done)
    return t.set(f"phi {kind} [ {whole}, %{on} ], [ {other}, %{off} ]", out)


def _store_where(m: Memory, buffer: Buffer, raw: str, address: str, align: int, cond: str,
                 otherwise: Callable[[], None] | None) -> None:
    t = m.t
    on, off, done = t.labels("on", "off", "done")
    t.line(f"br {cond}, label %{on}, label %{off if otherwise else done}")
    t.open(on)
    _write(m, buffer, raw, address, align)
    t.line(f"br label %{done}")
    if otherwise:
        t.open(off)
        otherwise()
        t.line(f"br label %{done}")
    t.open(done)


def _zero() -> str:
    return "zeroinitializer"


def _all_on(t: Text, mask: Value) -> str:
    """Whether all lanes of a mask are on: `i1 ...`."""
    lanes, name = mask.lanes, operand(mask)
    while lanes > 1:
        lanes //= 2
        kind = vector("i1", 2 * lanes)
        low, high = (_pick(t, kind, name, range(i * lanes, (i + 1) * lanes)) for i in (0, 1))
        name = t.set(f"and {vector('i1', lanes)} {low}, {high}")
    return f"i1 {name}"


def _pick(t: Text, kind: str, name: str, lanes: range) -> str:
    """Neighbouring lanes of a vector; one lane is a scalar."""
    if len(lanes) == 1:
        return t.set(f"extractelement {kind} {name}, i32 {lanes[0]}")
    picked = ", ".join(f"i32 {lane}" for lane in lanes)
    return t.set(f"shufflevector {kind} {name}, {kind} poison, <{len(lanes)} x i32> <{picked}>")


def _consecutive(m: Memory, offset: Value, lanes: int) -> list[str]:
    """Typed offsets of neighbouring elements."""
    index = register_type(offset.dtype)
    return [f"{index} " + m.t.set(f"add {typed(offset)}, {lane}") for lane in range(lanes)]


def _load_lanes(m: Memory, buffer: Buffer, offset: Value, mask: Value) -> str:
    return _gather_lanes(m, buffer, _consecutive(m, offset, mask.lanes), mask, "")


# -- one element for each lane -------------------------------------------------------------------
def emit_gather(m: Memory, instr: Instr, out: str) -> None:
    """One element for each offset."""
    buffer, offsets, mask = instr.args
    result = _known(instr)
    raw = "" if converts(buffer.dtype) else out
    if result.lanes == 1:
        emit_load(m, Instr("load", (buffer, offsets, mask), result, 0), out)
        return
    if has_gather(m.t.target, _bits(buffer)):
        kind = memory_type(buffer.dtype, result.lanes)
        call = m.t.call("llvm.masked.gather", MEMORY[buffer.dtype.name], result.lanes,
                        f"{_pointers(m, buffer, offsets)}, {_lanes_on(mask, result.lanes)}, "
                        f"{kind} zeroinitializer", space=m.space(buffer))
        raw = m.t.set(call + m.tag(buffer, load=True), raw)
    else:
        raw = _gather_lanes(m, buffer, _each(m.t, offsets), mask, raw)
    if converts(buffer.dtype):
        m.widen(raw, buffer.dtype, result.lanes, out)


def emit_scatter(m: Memory, instr: Instr, out: str) -> None:
    """One element for each offset, in lane order."""
    buffer, offsets, value, mask = instr.args
    if value.lanes == 1:
        emit_store(m, Instr("store", (buffer, offsets, value, mask), None, 0), out)
        return
    raw = f"{memory_type(buffer.dtype, value.lanes)} {m.narrow(value, buffer.dtype)}"
    if not has_scatter(m.t.target, _bits(buffer)):
        _scatter_lanes(m, buffer, _each(m.t, offsets), raw, mask)
        return
    call = m.t.call("llvm.masked.scatter", MEMORY[buffer.dtype.name], value.lanes,
                    f"{raw}, {_pointers(m, buffer, offsets)}, {_lanes_on(mask, value.lanes)}",
                    space=m.space(buffer))
    m.t.line(call + m.tag(buffer))


def emit_prefetch(m: Memory, instr: Instr, out: str) -> None:
    """A hint, on the machines that take it."""
    buffer, offset = instr.args
    if has_prefetch(m.t.target):
        name = "llvm.prefetch.p0"
        m.t.declares[name] = f"declare void @{name}(ptr, i32, i32, i32)"
        m.t.line(f"call void @{name}({m.address(buffer, typed(offset))}, i32 0, i32 3, i32 1)")


def _each(t: Text, offsets: Value) -> list[str]:
    """Typed scalar offsets."""
    index = register_type(offsets.dtype)
    return [f"{index} " + t.set(f"extractelement {typed(offsets)}, i32 {lane}")
            for lane in range(offsets.lanes)]


def _lanes_on(mask: Value | None, lanes: int) -> str:
    """A mask, typed; without one all lanes are on."""
    return f"<{lanes} x i1> splat (i1 true)" if mask is None else typed(mask)


def _pointers(m: Memory, buffer: Buffer, offsets: Value) -> str:
    """A vector of pointers, typed, with its alignment."""
    element = MEMORY[buffer.dtype.name]
    made = m.t.set(f"getelementptr {element}, {m.pointer(buffer)}, {typed(offsets)}")
    kind = vector(m.pointer_type(buffer), offsets.lanes)
    return f"{kind} align {buffer.dtype.itemsize} {made}"


def _gather_lanes(m: Memory, buffer: Buffer, offsets: list[str], mask: Value | None, out: str
                  ) -> str:
    """Lane by lane; a lane that is off reads a zero on the stack."""
    t, lanes, element = m.t, len(offsets), MEMORY[buffer.dtype.name]
    kind, made = vector(element, lanes), "poison"
    for lane, offset in enumerate(offsets):
        address = m.address(buffer, offset)
        if mask is not None:
            address = m.guarded(address, mask, lane, ZEROS)
        read = _read(m, buffer, 1, address, buffer.dtype.itemsize)
        name = out if lane == lanes - 1 else ""
        made = t.set(f"insertelement {kind} {made}, {element} {read}, i32 {lane}", name)
    return made


def _scatter_lanes(m: Memory, buffer: Buffer, offsets: list[str], raw: str, mask: Value | None
                   ) -> None:
    """Lane by lane; a lane that is off writes to the stack."""
    element = MEMORY[buffer.dtype.name]
    for lane, offset in enumerate(offsets):
        address = m.address(buffer, offset)
        if mask is not None:
            address = m.guarded(address, mask, lane, SINK)
        part = m.t.set(f"extractelement {raw}, i32 {lane}")
        _write(m, buffer, f"{element} {part}", address, buffer.dtype.itemsize)


def _bits(buffer: Buffer) -> int:
    return 8 * buffer.dtype.itemsize


def _known(instr: Instr) -> Value:
    if not isinstance(instr.result, Value):
        raise CompileError(instr.op, rule="the instruction has a result")
    return instr.result


EMITTERS: dict[str, Callable[[Memory, Instr, str], None]] = {
    "load": emit_load,
    "store": emit_store,
    "gather": emit_gather,
    "scatter": emit_scatter,
    "prefetch": emit_prefetch,
}
