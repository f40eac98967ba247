"""Machine records: what the kernels need to know of a target, as data.

In: a name (or `native`). Out: a `Target`. Detection of the host's CPU is in codegen, which may
import LLVM; here are only the records.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """One machine. Sizes in bytes; `vector_bytes` 0 means scalar code (GPU threads)."""

    name: str
    triple: str
    cpu: str
    features: str
    vector_bytes: int
    registers: int
    has_fma: bool
    has_half: bool  # float16 <-> float32 conversion in hardware
    l1: int = 32 << 10
    l2: int = 512 << 10
    l3: int = 8 << 20
    threads: int = 4  # that share the work of a kernel
    kernel_convention: str = ""  # LLVM calling convention of a kernel
    has_bytes: bool = False  # an instruction that adds up products of four bytes
    has_halves: bool = False  # and one that adds up products of two bfloat16
    has_stack: bool = True  # room for some hundred kilobytes in a kernel's stack frame

    def lanes(self, itemsize: int) -> int:
        """Elements of `itemsize` bytes in one vector register (1 on scalar targets)."""
        return max(1, self.vector_bytes // itemsize)


_X86 = "x86_64-unknown-linux-gnu"

TARGETS = {
    t.name: t
    for t in (
        Target("sse2", _X86, "x86-64", "", 16, 16, False, False),
        Target("avx2", _X86, "x86-64-v3", "", 32, 16, True, True),
        Target("avx512", _X86, "x86-64-v4", "-prefer-256-bit", 64, 32, True, True,
               l1=48 << 10, l2=1 << 20, l3=16 << 20),
        Target("neon", "aarch64-unknown-linux-gnu", "generic", "+neon", 16, 32, True, True),
        Target("wasm32", "wasm32-unknown-unknown", "generic", "+simd128", 16, 16, False, False,
               has_stack=False),
        Target("sm_90", "nvptx64-nvidia-cuda", "sm_90", "+ptx80", 0, 255, True, True,
               kernel_convention="ptx_kernel", has_stack=False),
    )
}
