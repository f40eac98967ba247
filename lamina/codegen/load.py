"""From object code to addresses that can be called in this process.

In: object code as bytes, with the names that each defines. Out: addresses as ints. Each object is a
library of its own, so names never clash. A symbol that cannot be found is an error here, not the
end of the process. Loaded code stays until the process ends: threads of the pool may be inside it
up to the last moment.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import count
from typing import Any

from lamina.codegen.library import lock, opened
from lamina.errors import CompileError

_numbers = count()


def load(objects: Iterable[tuple[str, bytes]]) -> list[int]:
    """The address of the named function of each object."""
    with lock:
        return [load_symbols(code, (name,))[name] for name, code in objects]


def load_symbols(code: bytes, names: Sequence[str]) -> dict[str, int]:
    """The addresses of several functions of one object.

    Raises CompileError where the bytes are no object code, or a symbol is missing.
    """
    with lock:
        builder = opened().JITLibraryBuilder().add_object_img(code)
        for name in names:
            builder.export_symbol(name)
        try:
            tracker = builder.link(_linker(), f"lamina{next(_numbers)}")
        except RuntimeError as error:
            raise CompileError(
                "codegen",
                operands=[("linker", str(error).strip()[:2000])],
                rule="object code defines its kernel and needs only symbols of the table",
            ) from None
        addresses = {name: int(tracker[name]) for name in names}
        tracker.detach()  # never unloaded
        return addresses


@cache
def _linker() -> Any:
    """One linker for the process; llvmlite leaves it alone when the interpreter shuts down."""
    return opened().create_lljit_compiler(
        suppress_errors=True, use_jit_link=sys.platform != "win32"
    )
