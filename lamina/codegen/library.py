"""The one place that imports llvmlite, on first use, and the one lock around it.

In: nothing. Out: the initialised `llvmlite.binding` module. LLVM's C interface is not safe to call
from two threads at once through llvmlite, so every caller holds `lock`.
"""

from __future__ import annotations

import os
import threading
from functools import cache
from typing import Any

lock = threading.RLock()

# A child process must not find the lock held by a thread that it does not have.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
    )


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


@cache
def version() -> str:
    """Which llvmlite and which LLVM make the code. Call with `lock` held."""
    import llvmlite

    return f"llvmlite {llvmlite.__version__} LLVM {opened().llvm_version_info}"
