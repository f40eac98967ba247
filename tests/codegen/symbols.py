"""The foreign names that object code needs: a call that LLVM made of an instruction, for one.

In: a relocatable object, ELF or WebAssembly. Out: names. Only the host's code is ever linked here,
so what another target would miss shows in its objects alone.
"""

from __future__ import annotations

import re
import struct

SYMBOL_TABLE = 2  # sh_type of it; ELF-64 object format, version 1.5, chapters 4 and 5
_IMPORT = re.compile(rb"\x03env.([\w.$]+)", re.DOTALL)
MEMORY = ("__linear_memory", "__stack_pointer")  # what every WebAssembly module imports


def missing(code: bytes) -> list[str]:
    """Names that the object uses and does not define."""
    if code.startswith(b"\0asm"):
        names = {name.decode() for name in _IMPORT.findall(code)}
        return sorted(names.difference(MEMORY))
    if not code.startswith(b"\x7fELF\x02\x01"):
        raise ValueError("neither a 64-bit little-endian ELF object nor a WebAssembly one")
    offset, = struct.unpack_from("<Q", code, 40)
    size, count = struct.unpack_from("<HH", code, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", code, offset + i * size) for i in range(count)]
    names = set()
    for _, kind, _, _, start, length, link, *_ in sections:
        if kind != SYMBOL_TABLE:
            continue
        strings = sections[link][4]
        for at in range(start + 24, start + length, 24):  # the first entry is empty
            name, _, _, section, *_ = struct.unpack_from("<IBBHQQ", code, at)
            if section == 0:
                names.add(code[strings + name:code.index(b"\0", strings + name)].decode())
    return sorted(names)
