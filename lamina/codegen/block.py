"""The text of one function while it is written: lines, temporaries, declarations, labels.

In: calls. Out: LLVM text in `lines`, and the intrinsics that it needs in `declares`. An operand is
a string such as `%t3` or `splat (float 0x3FF0000000000000)`; its type goes beside it.
"""

from __future__ import annotations

from lamina.codegen.intrinsics import PLAIN, declare
from lamina.codegen.types import constant, register_type
from lamina.kernel.loops import Value
from lamina.targets import Target


class Text:
    """LLVM lines of one function, with what the emitters need to know."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.lines: list[str] = []
        self.declares: dict[str, str] = {}
        self.label = "entry"
        self.count = 0
        self.space = 1 if is_gpu(target) else 0
        self.pointer = "ptr addrspace(1)" if self.space else "ptr"

    def set(self, text: str, name: str = "") -> str:
        """`name = text`, with a fresh name unless one is given; returns the name."""
        if not name:
            self.count += 1
            name = f"%t{self.count}"
        self.lines.append(f"  {name} = {text}")
        return name

    def line(self, text: str) -> None:
        """Append an instruction without a result."""
        self.lines.append("  " + text)

    def labels(self, *stems: str) -> tuple[str, ...]:
        """Labels that are used nowhere else."""
        self.count += 1
        return tuple(f"{stem}{self.count}" for stem in stems)

    def open(self, label: str) -> None:
        """Start the block `label`."""
        self.lines.append(f"{label}:")
        self.label = label

    def call(self, name: str, element: str, lanes: int, arguments: str, source: str = "",
             space: int = 0) -> str:
        """The text of a call of an intrinsic of the table."""
        mangled, declaration = declare(name, element, lanes, source, space)
        self.declares[mangled] = declaration
        result = declaration.split(" @")[0].removeprefix("declare ")
        return f"call {result} @{mangled}({arguments})"

    def plain(self, name: str, arguments: str) -> str:
        """The text of a call of an intrinsic that has one signature."""
        result, kinds = PLAIN[name].split("(", 1)
        self.declares[name] = f"declare {result} @{name}({kinds}"
        return f"call {result} @{name}({arguments})"


def operand(value: Value) -> str:
    """A value without its type."""
    if value.const is not None:
        return constant(value.const, value.dtype, value.lanes)
    return f"%v{value.id}"


def typed(value: Value) -> str:
    """A value with its type."""
    return f"{register_type(value.dtype, value.lanes)} {operand(value)}"


def is_gpu(target: Target) -> bool:
    """Whether kernels of the target are run by GPU threads."""
    return target.triple.startswith("nvptx")


def is_x86(target: Target) -> bool:
    """Whether the target is an x86-64 CPU."""
    return target.triple.startswith("x86_64")


def has_rounding(target: Target) -> bool:
    """Whether floor, ceil, trunc and rint are instructions: all but x86 below SSE4.1."""
    return not is_x86(target) or target.vector_bytes >= 32


def has_masks(target: Target, bits: int) -> bool:
    """Whether masked loads and stores of elements of that many bits are instructions."""
    return is_x86(target) and (target.vector_bytes == 64 or target.vector_bytes == 32 <= bits)


def loses_masks(target: Target) -> bool:
    """Whether masks that are partly known must be hidden from LLVM.

    For AVX2, LLVM 22 takes masks of several registers apart, and where the lanes of one of these
    are known to be off, it reads all of them.
    """
    return is_x86(target) and target.vector_bytes == 32


def has_gather(target: Target, bits: int) -> bool:
    """Whether there are gather instructions for elements of that many bits."""
    return is_x86(target) and target.vector_bytes >= 32 <= bits


def has_prefetch(target: Target) -> bool:
    """Whether there are instructions that ask for a cache line."""
    return is_x86(target) or target.triple.startswith("aarch64")


def has_scatter(target: Target, bits: int) -> bool:
    """Whether there are scatter instructions for elements of that many bits."""
    return is_x86(target) and target.vector_bytes == 64 and bits >= 32
