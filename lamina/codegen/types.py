"""Which LLVM types a register and a memory cell of each dtype have, and how constants are spelled.

In: a `DType` and a number of lanes. Out: LLVM text. Only types made here ever reach LLVM.
"""

from __future__ import annotations

import struct

from lamina.dtypes import DType
from lamina.errors import CompileError

MAX_LANES = 64  # as far as the tests go

# Register types. The half types have none: they are widened to float32 when loaded.
REGISTER = {
    "bool": "i1",
    "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64",
    "uint8": "i8", "uint16": "i16", "uint32": "i32", "uint64": "i64",
    "float32": "float", "float64": "double",
}  # fmt: skip

# Memory types. The half types travel as their bits.
MEMORY = REGISTER | {"bool": "i8", "float16": "i16", "bfloat16": "i16"}

# The letters of a type in the name of an overloaded intrinsic.
MANGLED = {
    "i1": "i1", "i8": "i8", "i16": "i16", "i32": "i32", "i64": "i64",
    "half": "f16", "float": "f32", "double": "f64",
}  # fmt: skip


def vector(element: str, lanes: int) -> str:
    """The LLVM type of `lanes` elements; one lane is a scalar."""
    return element if lanes == 1 else f"<{lanes} x {element}>"


def mangle(element: str, lanes: int) -> str:
    """The suffix of an intrinsic overloaded on that type: `v16f32`."""
    return MANGLED[element] if lanes == 1 else f"v{lanes}{MANGLED[element]}"


def register_type(dtype: DType, lanes: int = 1) -> str:
    """The type of a value in a register."""
    if dtype.name not in REGISTER:
        raise CompileError("codegen", operands=[("dtype", dtype.name)],
                           rule="float16 and bfloat16 exist in memory only")
    return vector(REGISTER[dtype.name], lanes)


def memory_type(dtype: DType, lanes: int = 1) -> str:
    """The type of elements in memory."""
    return vector(MEMORY[dtype.name], lanes)


def constant(value: bool | int | float, dtype: DType, lanes: int = 1) -> str:
    """An exact constant without its type: integers wrap to the width, floats are hexadecimal."""
    element = register_type(dtype)
    if dtype.is_float:
        text = _float_bits(float(value), dtype.bits)
    elif dtype.kind == "b":
        text = "true" if value else "false"
    else:
        half = 1 << (dtype.bits - 1)
        text = str((int(value) + half) % (2 * half) - half)
    return text if lanes == 1 else f"splat ({element} {text})"


def _float_bits(value: float, bits: int) -> str:
    """LLVM spells a float32 by the bits of the float64 of equal value."""
    if bits == 32:
        try:
            value = struct.unpack("<f", struct.pack("<f", value))[0]
        except OverflowError:
            value = float("inf") if value > 0 else float("-inf")
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
