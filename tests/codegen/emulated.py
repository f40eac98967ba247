"""Kernels of another processor, run here by an emulator: aarch64 under Unicorn.

In: a kernel, arrays, and a target whose code this machine cannot run. Out: the arrays, changed. The
object is laid out and linked by the few kinds of relocation that a kernel without calls has.
"""

from __future__ import annotations

import struct
from importlib.util import find_spec

import numpy as np

from lamina.codegen.compile import compile_object
from lamina.codegen.printer import print_kernel
from lamina.kernel.loops import Kernel
from lamina.targets import TARGETS, Target

NEON = TARGETS["neon"]
EMULATED = [NEON] if find_spec("unicorn") else []
CODE, STACK, TABLES, DATA = 0x10_0000, 0x100_0000, 0x200_0000, 0x1000_0000
STACK_SIZE, PAGE = 0x10_0000, 0x1000
BITS = 1, 2  # sh_type: contents of the program, symbols
RELOCATIONS = 4  # sh_type: with addends
ALLOCATED = 2  # sh_flags: takes memory while it runs
PAGE_21, ADD_LOW, LOADS = 275, 277, {278: 0, 284: 1, 285: 2, 286: 3, 299: 4}  # AArch64 ELF, 5.7


def run_emulated(kernel: Kernel, arrays: list[np.ndarray], integers: list[int], hi: int,
                 target: Target = NEON, lo: int = 0) -> None:
    """Compile the kernel for `target` and run chunks lo..hi over the arrays, in place."""
    from unicorn import UC_ARCH_ARM64, UC_MODE_ARM, Uc
    from unicorn import arm64_const as reg

    code, entry = linked(compile_object(print_kernel(kernel, target), target), kernel.name)
    machine = Uc(UC_ARCH_ARM64, UC_MODE_ARM)
    _place(machine, CODE, code)
    machine.mem_map(STACK, STACK_SIZE)
    places, at = [], DATA
    for array in arrays:
        places.append(at)
        at += -(-max(1, array.nbytes) // PAGE) * PAGE + PAGE  # what lies between is not mapped
    for place, array in zip(places, arrays, strict=True):
        _place(machine, place, array.tobytes())
    table = [x for i in range(len(arrays)) for x in (i, 0)] + integers
    _place(machine, TABLES, np.array([*(places or [0]), *(table or [0])], np.int64).tobytes())
    machine.reg_write(reg.UC_ARM64_REG_CPACR_EL1, 3 << 20)  # the vector unit is on
    for register, value in ((reg.UC_ARM64_REG_X0, TABLES),
                            (reg.UC_ARM64_REG_X1, TABLES + 8 * max(1, len(places))),
                            (reg.UC_ARM64_REG_X2, lo), (reg.UC_ARM64_REG_X3, hi),
                            (reg.UC_ARM64_REG_SP, STACK + STACK_SIZE - PAGE),
                            (reg.UC_ARM64_REG_LR, STACK)):
        machine.reg_write(register, value)
    machine.emu_start(CODE + entry, STACK)
    for place, array in zip(places, arrays, strict=True):
        content = bytes(machine.mem_read(place, array.nbytes))
        array[...] = np.frombuffer(content, array.dtype).reshape(array.shape)


def _place(machine: object, at: int, content: bytes) -> None:
    machine.mem_map(at, -(-max(1, len(content)) // PAGE) * PAGE)  # type: ignore[attr-defined]
    machine.mem_write(at, content)  # type: ignore[attr-defined]


def linked(code: bytes, name: str) -> tuple[bytes, int]:
    """The memory of an ELF object at address CODE, and where in it the function begins."""
    offset, = struct.unpack_from("<Q", code, 40)
    size, count = struct.unpack_from("<HH", code, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", code, offset + i * size) for i in range(count)]
    memory, where = bytearray(), {}
    for i, (_, kind, flags, _, start, length, _, _, align, _) in enumerate(sections):
        if flags & ALLOCATED:
            memory += bytes(-len(memory) % max(1, align))
            where[i] = len(memory)
            memory += code[start:start + length] if kind == BITS[0] else bytes(length)
    symbols = []
    for _, kind, _, _, start, length, link, *_ in sections:
        if kind == BITS[1]:
            names = sections[link][4]
            for at in range(start, start + length, 24):
                word, _, _, section, value, _ = struct.unpack_from("<IBBHQQ", code, at)
                text = code[names + word:code.index(b"\0", names + word)].decode()
                symbols.append((text, where.get(section, 0) + value))
    for _, kind, _, _, start, length, _, info, *_ in sections:
        if kind == RELOCATIONS and info in where:
            for at in range(start, start + length, 24):
                place, what, addend = struct.unpack_from("<QQq", code, at)
                _relocate(memory, where[info] + place, what & 0xFFFFFFFF,
                          CODE + symbols[what >> 32][1] + addend)
    return bytes(memory), dict(symbols)[name]


def _relocate(memory: bytearray, place: int, kind: int, goal: int) -> None:
    word, = struct.unpack_from("<I", memory, place)
    if kind == PAGE_21:
        pages = ((goal >> 12) - ((CODE + place) >> 12)) & 0x1FFFFF
        word |= (pages & 3) << 29 | pages >> 2 << 5
    elif kind == ADD_LOW:
        word |= (goal & 0xFFF) << 10
    elif kind in LOADS:
        word |= (goal & 0xFFF) >> LOADS[kind] << 10
    else:
        raise ValueError(f"relocation {kind} is not one of a kernel without calls")
    struct.pack_into("<I", memory, place, word)
