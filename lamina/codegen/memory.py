"""The memory of one kernel: the pointers of its buffers, and what is known of their overlap.

In: the buffers. Out: addresses and alias metadata for `codegen.access`, which reads and writes
there, and values in the form that memory holds them in.
"""

from __future__ import annotations

from lamina.codegen.arithmetic import HALF
from lamina.codegen.block import Text, operand, typed
from lamina.codegen.types import MEMORY, REGISTER, memory_type
from lamina.dtypes import DType
from lamina.kernel.loops import Buffer, Value

ZEROS, SINK = "%zeros", "%sink"  # stack slots that lanes which are off read and write


class Memory:
    """The pointers of one kernel's buffers, and what is known about their overlap."""

    def __init__(self, text: Text, buffers: list[Buffer]) -> None:
        self.t = text
        self.alone = [b for b in buffers if b.noalias]
        self.tags = {b: self._tag(b) for b in buffers}
        self.slots: set[str] = set()

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

    def guarded(self, address: str, mask: Value, lane: int, slot: str) -> str:
        """The address where a lane is on, else a stack slot."""
        self.slots.add(slot)
        pointer = address.rsplit(" ", 1)[0]
        on = self.t.set(f"extractelement {typed(mask)}, i32 {lane}")
        return f"{pointer} " + self.t.set(f"select i1 {on}, {address}, {pointer} {slot}")

    def slot_lines(self) -> list[str]:
        """The entry block's lines for the stack slots that were used."""
        lines = [f"  {slot} = alloca i64, align 8" for slot in sorted(self.slots)]
        return lines + [f"  store i64 0, ptr {ZEROS}, align 8"] * (ZEROS in self.slots)

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
