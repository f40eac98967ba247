"""How loads, stores, gathers and scatters are spelled in LLVM IR.

In: an `Instr` that the verifier passed, and the pointer of each buffer. Out: lines in a `Text`.
A masked scalar access is a branch; a masked vector access an intrinsic that LLVM splits into
branches where the machine has none; a lane that is off is never touched.
"""

from __future__ import annotations

from collections.abc import Callable

from lamina.codegen.arithmetic import HALF
from lamina.codegen.block import Text, operand, typed
from lamina.codegen.types import MEMORY, REGISTER, constant, memory_type, register_type, vector
from lamina.dtypes import DType
from lamina.kernel.loops import Buffer, Instr, Value


class Memory:
    """The pointers of one kernel's buffers, and what is known about their overlap."""

    def __init__(self, text: Text, buffers: list[Buffer]) -> None:
        self.t = text
        self.alone = [b for b in buffers if b.noalias]
        self.tags = {b: self._tag(b) for b in buffers}

    def _tag(self, buffer: Buffer) -> str:
        """The alias metadata of accesses to a buffer; see `scopes` for what it refers to."""
        others = [b for b in self.alone if b is not buffer]
        tag = f", !alias.scope !{self._scope(buffer)}" if buffer.noalias else ""
        if others:
            tag += f", !noalias !{self._others(buffer)}"
        return tag

    def _scope(self, buffer: Buffer) -> int:
        return 100 + 2 * buffer.index

    def _others(self, buffer: Buffer) -> int:
        return 101 + 2 * buffer.index

    def scopes(self) -> list[str]:
        """Metadata: one scope for each buffer that overlaps no other, and the sets of them."""
        lines = ["!10 = distinct !{!10}"] if self.alone else []
        for b in self.alone:
            lines.append(f"!{1000 + b.index} = distinct !{{!{1000 + b.index}, !10}}")
            lines.append(f"!{self._scope(b)} = !{{!{1000 + b.index}}}")
        for b in self.tags:
            others = [f"!{1000 + o.index}" for o in self.alone if o is not b]
            if others:
                lines.append(f"!{self._others(b)} = !{{{', '.join(others)}}}")
        return lines

    # -- addresses -----------------------------------------------------------------------------
    def pointer(self, buffer: Buffer) -> str:
        """The pointer operand of a buffer, typed."""
        if buffer.index < 0:
            return f"ptr %{buffer.name}"
        return f"{self.t.pointer} %b{buffer.index}"

    def space(self, buffer: Buffer) -> int:
        """The address space of a buffer."""
        return self.t.space if buffer.index >= 0 else 0

    def pointer_type(self, buffer: Buffer) -> str:
        """The LLVM type of a pointer into the buffer."""
        return self.t.pointer if buffer.index >= 0 else "ptr"

    def address(self, buffer: Buffer, offset: str) -> str:
        """A typed pointer to the element at a typed offset."""
        kind = self.pointer_type(buffer)
        element = MEMORY[buffer.dtype.name]
        return f"{kind} " + self.t.set(
            f"getelementptr {element}, {self.pointer(buffer)}, {offset}")

    def tag(self, buffer: Buffer, load: bool = False) -> str:
        """Metadata behind an access."""
        tag = self.tags.get(buffer, "")
        if load and self.t.space and buffer.noalias and not buffer.written:
            tag += ", !invariant.load !0"  # ld.global.nc
        return tag

    # -- conversion between memory and registers ------------------------------------------------
    def widen(self, raw: str, dtype: DType, lanes: int, out: str) -> None:
        """Memory form to register form."""
        kind = memory_type(dtype, lanes)
        if dtype.kind == "b":
            self.t.set(f"icmp ne {kind} {raw}, zeroinitializer" if lanes > 1
                       else f"icmp ne {kind} {raw}, 0", out)
        else:
            HALF[dtype.name][1](self.t, raw, lanes, out)

    def narrow(self, value: Value, dtype: DType) -> str:
        """Register form to memory form, untyped."""
        if not converts(dtype):
            return operand(value)
        if dtype.kind == "b":
            return self.t.set(f"zext {typed(value)} to {memory_type(dtype, value.lanes)}")
        return HALF[dtype.name][0](self.t, operand(value), value.lanes)


def converts(dtype: DType) -> bool:
    """Whether memory and registers hold the dtype differently."""
    return MEMORY[dtype.name] != REGISTER.get(dtype.name)


def emit_load(m: Memory, instr: Instr, out: str) -> None:
    """Neighbouring elements."""
    buffer, offset, mask = instr.args
    result: Value = _known(instr)
    raw = "" if converts(buffer.dtype) else out
    kind = memory_type(buffer.dtype, result.lanes)
    align = instr.attr or buffer.dtype.itemsize
    address = m.address(buffer, typed(offset))
    if mask is None:
        raw = m.t.set(f"load {kind}, {address}, align {align}{m.tag(buffer, load=True)}", raw)
    elif result.lanes == 1:
        raw = _branch_load(m, buffer, address, typed(mask), align, raw)
    else:
        pointer, name = address.rsplit(" ", 1)
        call = m.t.call("llvm.masked.load", MEMORY[buffer.dtype.name], result.lanes,
                        f"{pointer} align {align} {name}, {typed(mask)}, {kind} zeroinitializer",
                        space=m.space(buffer))
        raw = m.t.set(call + m.tag(buffer, load=True), raw)
    if converts(buffer.dtype):
        m.widen(raw, buffer.dtype, result.lanes, out)


def _branch_load(m: Memory, buffer: Buffer, address: str, mask: str, align: int, out: str) -> str:
    """A scalar load behind a branch; zero where the mask is off."""
    t, kind = m.t, MEMORY[buffer.dtype.name]
    before = t.label
    on, off = t.labels("on", "off")
    t.line(f"br {mask}, label %{on}, label %{off}")
    t.open(on)
    read = t.set(f"load {kind}, {address}, align {align}{m.tag(buffer, load=True)}")
    t.line(f"br label %{off}")
    t.open(off)
    zero = "0" if kind.startswith("i") else constant(0.0, buffer.dtype)
    return t.set(f"phi {kind} [ {read}, %{on} ], [ {zero}, %{before} ]", out)


def emit_store(m: Memory, instr: Instr, out: str) -> None:
    """Neighbouring elements."""
    buffer, offset, value, mask = instr.args
    raw = f"{memory_type(buffer.dtype, value.lanes)} {m.narrow(value, buffer.dtype)}"
    align = instr.attr or buffer.dtype.itemsize
    address = m.address(buffer, typed(offset))
    if mask is None:
        m.t.line(f"store {raw}, {address}, align {align}{m.tag(buffer)}")
    elif value.lanes == 1:
        _branch_store(m, buffer, raw, address, typed(mask), align)
    else:
        pointer, name = address.rsplit(" ", 1)
        call = m.t.call("llvm.masked.store", MEMORY[buffer.dtype.name], value.lanes,
                        f"{raw}, {pointer} align {align} {name}, {typed(mask)}",
                        space=m.space(buffer))
        m.t.line(call + m.tag(buffer))


def _branch_store(m: Memory, buffer: Buffer, raw: str, address: str, mask: str, align: int
                  ) -> None:
    t = m.t
    on, off = t.labels("on", "off")
    t.line(f"br {mask}, label %{on}, label %{off}")
    t.open(on)
    t.line(f"store {raw}, {address}, align {align}{m.tag(buffer)}")
    t.line(f"br label %{off}")
    t.open(off)


def emit_gather(m: Memory, instr: Instr, out: str) -> None:
    """One element for each lane."""
    buffer, offsets, mask = instr.args
    result = _known(instr)
    raw = "" if converts(buffer.dtype) else out
    if result.lanes == 1:
        emit_load(m, Instr("load", (buffer, offsets, mask), result, 0), out)
        return
    if mask is None:
        raw = _gather_by_lane(m, buffer, offsets, raw)
    else:
        raw = _gather_masked(m, buffer, offsets, mask, raw)
    if converts(buffer.dtype):
        m.widen(raw, buffer.dtype, result.lanes, out)


def _gather_by_lane(m: Memory, buffer: Buffer, offsets: Value, out: str) -> str:
    t, lanes, element = m.t, offsets.lanes, MEMORY[buffer.dtype.name]
    kind, index = vector(element, lanes), register_type(offsets.dtype)
    made = "poison"
    for lane in range(lanes):
        offset = t.set(f"extractelement {typed(offsets)}, i32 {lane}")
        address = m.address(buffer, f"{index} {offset}")
        read = t.set(f"load {element}, {address}, align {buffer.dtype.itemsize}"
                     f"{m.tag(buffer, load=True)}")
        name = out if lane == lanes - 1 else ""
        made = t.set(f"insertelement {kind} {made}, {element} {read}, i32 {lane}", name)
    return made


def _gather_masked(m: Memory, buffer: Buffer, offsets: Value, mask: Value, out: str) -> str:
    lanes, element = offsets.lanes, MEMORY[buffer.dtype.name]
    pointers = _pointers(m, buffer, offsets)
    call = m.t.call("llvm.masked.gather", element, lanes,
                    f"{pointers}, {typed(mask)}, {vector(element, lanes)} zeroinitializer",
                    space=m.space(buffer))
    return m.t.set(call + m.tag(buffer, load=True), out)


def _pointers(m: Memory, buffer: Buffer, offsets: Value) -> str:
    """A vector of pointers, typed, with its alignment."""
    element = MEMORY[buffer.dtype.name]
    made = m.t.set(f"getelementptr {element}, {m.pointer(buffer)}, {typed(offsets)}")
    return (f"{vector(m.pointer_type(buffer), offsets.lanes)} "
            f"align {buffer.dtype.itemsize} {made}")


def emit_scatter(m: Memory, instr: Instr, out: str) -> None:
    """One element for each lane, in lane order."""
    buffer, offsets, value, mask = instr.args
    if value.lanes == 1:
        emit_store(m, Instr("store", (buffer, offsets, value, mask), None, 0), out)
        return
    raw = m.narrow(value, buffer.dtype)
    kind = memory_type(buffer.dtype, value.lanes)
    if mask is None:
        _scatter_by_lane(m, buffer, offsets, f"{kind} {raw}")
        return
    pointers = _pointers(m, buffer, offsets)
    call = m.t.call("llvm.masked.scatter", MEMORY[buffer.dtype.name], value.lanes,
                    f"{kind} {raw}, {pointers}, {typed(mask)}", space=m.space(buffer))
    m.t.line(call + m.tag(buffer))


def _scatter_by_lane(m: Memory, buffer: Buffer, offsets: Value, raw: str) -> None:
    t, element = m.t, MEMORY[buffer.dtype.name]
    for lane in range(offsets.lanes):
        offset = t.set(f"extractelement {typed(offsets)}, i32 {lane}")
        address = m.address(buffer, f"{register_type(offsets.dtype)} {offset}")
        part = t.set(f"extractelement {raw}, i32 {lane}")
        t.line(f"store {element} {part}, {address}, align {buffer.dtype.itemsize}{m.tag(buffer)}")


def _known(instr: Instr) -> Value:
    if not isinstance(instr.result, Value):
        raise TypeError(instr.op)
    return instr.result


EMITTERS: dict[str, Callable[[Memory, Instr, str], None]] = {
    "load": emit_load,
    "store": emit_store,
    "gather": emit_gather,
    "scatter": emit_scatter,
}

