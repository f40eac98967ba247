"""The intrinsics and the foreign symbols that generated code may use: nothing else reaches LLVM.

In: an intrinsic's name and its overloaded types. Out: the mangled name and its declaration.
LLVM ends the process on an intrinsic that a target cannot lower, so a name comes into this table
only together with the test that compiles it for every target.
"""

from __future__ import annotations

import re

from lamina.codegen.types import mangle, vector
from lamina.errors import CompileError

# Signatures over T (the overloaded type), S (a second one), M (a mask of i1), P (a pointer) and
# V (a vector of pointers).
INTRINSICS = {
    "llvm.fabs": "T(T)",
    "llvm.sqrt": "T(T)",
    "llvm.floor": "T(T)",
    "llvm.ceil": "T(T)",
    "llvm.trunc": "T(T)",
    "llvm.rint": "T(T)",
    "llvm.fma": "T(T,T,T)",
    "llvm.abs": "T(T,i1)",
    "llvm.fptosi.sat": "T(S)",
    "llvm.fptoui.sat": "T(S)",
    "llvm.masked.load": "T(P,M,T)",
    "llvm.masked.store": "void(T,P,M)",
    "llvm.masked.gather": "T(V,M,T)",
    "llvm.masked.scatter": "void(T,V,M)",
}

# By lanes of int32: adds the products of four unsigned bytes and of four signed ones.
ADD_BYTES = {n: f"llvm.x86.avx512.vpdpbusd.{32 * n}" for n in (4, 8, 16)}

# By lanes of float32: adds the products of two bfloat16.
ADD_HALVES = {n: f"llvm.x86.avx512bf16.dpbf16ps.{32 * n}" for n in (4, 8, 16)}

# Intrinsics that are spelled out where they are used: by hints, the GPU entry, the thread pool.
PLAIN = {
    "llvm.prefetch.p0": "void(ptr,i32,i32,i32)",
    "llvm.nvvm.read.ptx.sreg.tid.x": "i32()",
    "llvm.nvvm.read.ptx.sreg.ntid.x": "i32()",
    "llvm.nvvm.read.ptx.sreg.ctaid.x": "i32()",
    "llvm.nvvm.read.ptx.sreg.nctaid.x": "i32()",
    "llvm.x86.sse2.pause": "void()",
    "llvm.aarch64.hint": "void(i32)",
    **{name: f"<{n} x i32>(<{n} x i32>,<{4 * n} x i8>,<{4 * n} x i8>)"
       for n, name in ADD_BYTES.items()},
    **{name: f"<{n} x float>(<{n} x float>,<{2 * n} x bfloat>,<{2 * n} x bfloat>)"
       for n, name in ADD_HALVES.items()},
}

# Functions of the process that generated code may call (the pool sleeps and wakes through them).
SYMBOLS = frozenset({"syscall", "sched_yield", "usleep", "clock_gettime"})

_DECLARE = re.compile(r"^\s*declare\s+[^@]*@([\w.$]+)\s*\(", re.MULTILINE)
_OVERLOAD = re.compile(r"(\.(v\d+)?(i\d+|f\d+|p\d+))*$")


def declare(name: str, element: str, lanes: int, source: str = "", space: int = 0
            ) -> tuple[str, str]:
    """The mangled name and the `declare` line of an intrinsic over `lanes` of `element`.

    source: the element type S of a conversion; space: the address space of P and V.
    """
    if name not in INTRINSICS:
        raise CompileError("codegen", operands=[("intrinsic", name)],
                           rule="only intrinsics of the table in codegen/intrinsics.py are used")
    result, arguments = INTRINSICS[name].rstrip(")").split("(")
    pointer = f"ptr addrspace({space})" if space else "ptr"
    types = {"T": vector(element, lanes), "S": vector(source, lanes), "M": vector("i1", lanes),
             "P": pointer, "V": f"<{lanes} x {pointer}>"}
    suffixes = [mangle(element, lanes)]
    if "S" in arguments:
        suffixes.append(mangle(source, lanes))
    if "P" in arguments:
        suffixes.append(f"p{space}")
    if "V" in arguments:
        suffixes.append(f"v{lanes}p{space}")
    mangled = ".".join([name, *suffixes])
    spelled = ", ".join(types.get(a, a) for a in arguments.split(","))
    return mangled, f"declare {types.get(result, result)} @{mangled}({spelled})"


def check_text(text: str) -> None:
    """Raise CompileError where LLVM text declares anything that the tables do not hold."""
    for name in _DECLARE.findall(text):
        if name in SYMBOLS or name in PLAIN or _OVERLOAD.sub("", name) in INTRINSICS:
            continue
        raise CompileError("codegen", operands=[("declared", name)],
                           rule="only names of the tables in codegen/intrinsics.py are declared")
    if re.search(r"\basm\b|\bfp128\b|\bx86_fp80\b", text):
        raise CompileError("codegen", rule="no inline assembly and no extended floats reach LLVM")
