"""The one place that imports llvmlite, on first use, and the one lock around it.

In: nothing. Out: the initialised `llvmlite.binding` module. LLVM's C interface is not safe to call
from two threads at once through llvmlite, so every caller holds `lock`.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

lock = threading.RLock()


@cache
def opened() -> Any:
    """`llvmlite.binding`, with the host's target ready. Call with `lock` held."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


@cache
def opened_for_all() -> Any:
    """`llvmlite.binding`, with every target ready. Call with `lock` held."""
    llvm = opened()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm
