"""Build, compile and run one kernel on this machine; NumPy references of the instructions."""

from __future__ import annotations

import ctypes
import re
from fractions import Fraction

import numpy as np

from lamina import dtypes
from lamina.codegen.compile import compile_object
from lamina.codegen.host import native_target
from lamina.codegen.load import load
from lamina.codegen.printer import print_kernel
from lamina.kernel.loops import Kernel
from lamina.targets import TARGETS, Target

NATIVE = native_target()
_ORDER = ("sse2", "avx2", "avx512")
RUNNABLE = [NATIVE] + (
    [TARGETS[name] for name in _ORDER[: _ORDER.index(NATIVE.name) + 1]]
    if NATIVE.name in _ORDER
    else []
)
RUN_IDS = ["native"] + [t.name for t in RUNNABLE[1:]]

_CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


def run(
    kernel: Kernel,
    arrays: list[np.ndarray],
    integers: list[int],
    hi: int,
    target: Target = NATIVE,
    lo: int = 0,
) -> None:
    """Compile the kernel for `target` and run chunks lo..hi over the arrays, in place."""
    text = print_kernel(kernel, target)
    (address,) = load([(kernel.name, compile_object(text, target))])
    bufs = np.array([a.ctypes.data for a in arrays] or [0], np.int64)
    args = [x for i in range(len(arrays)) for x in (i, 0)] + integers
    table = np.array(args or [0], np.int64)
    _CALL(address)(bufs.ctypes.data, table.ctypes.data, lo, hi)


def calls_in(assembly: str, target: Target) -> list[str]:
    """Calls of functions in assembly: there must be none."""
    if target.triple.startswith("nvptx"):
        return re.findall(r"\bcall\b.*", assembly)
    word = r"\bbl\b" if target.triple.startswith("aarch64") else r"\bcallq?\b"
    return re.findall(rf"^\s*{word}\s.*", assembly, re.MULTILINE)


def same(got: np.ndarray, expected: np.ndarray) -> None:
    """Equal bits; all NaN count as equal."""
    assert got.dtype == expected.dtype and got.shape == expected.shape
    unsigned = np.dtype(f"u{got.dtype.itemsize}")
    wrong = got.view(unsigned) != expected.view(unsigned)
    if got.dtype.kind == "f":
        wrong &= ~(np.isnan(got) & np.isnan(expected))
    where = np.flatnonzero(wrong)
    assert not len(where), [(i, got[i], expected[i]) for i in where[:5]]


def samples(dtype: dtypes.DType, count: int, seed: int) -> np.ndarray:
    """Values of a dtype in its storage: specials first, then random ones."""
    rng = np.random.default_rng(seed)
    if dtype.kind == "b":
        return rng.integers(0, 2, count).astype(bool)
    if dtype.is_integer:
        info = np.iinfo(dtype.storage)
        special = [0, 1, info.max, info.min, info.max - 1, info.min + 1, 2, 3, 100]
        small = rng.integers(0 if dtype.kind == "u" else -9, 9, count)
        wide = rng.integers(info.min, info.max, count, dtype.storage, endpoint=True)
        out = np.where(rng.random(count) < 0.5, small.astype(dtype.storage), wide)
        special = np.array(special, dtype.storage)
    else:
        width = dtype.compute.storage
        info = np.finfo(width)
        special = np.array([0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 0.3, -0.3, -0.7, 0.99999994,
                            np.inf, -np.inf, np.nan, info.max, info.tiny, info.tiny / 4, 2.0**23,
                            2.0**23 - 0.5, 2.0**31, -(2.0**31), 2.0**63, -1.0, 65504, 65519.996,
                            65520, 6e-8, 2.9e-8, 3e-8, 6.1e-5, 254.5, 2.0**32, 127.5], width)
        out = np.concatenate([rng.normal(0, 3, count // 2), rng.normal(0, 1e4, count)])[:count]
        out = out.astype(width)
    out[: len(special)] = rng.permutation(special)[:count]
    return pack(out, dtype)


def pack(values: np.ndarray, dtype: dtypes.DType) -> np.ndarray:
    """Register values to storage."""
    with np.errstate(all="ignore"):
        if dtype is dtypes.bfloat16:
            return dtypes.narrow_bfloat16(values)
        return values.astype(dtype.storage)


def unpack(stored: np.ndarray, dtype: dtypes.DType) -> np.ndarray:
    """Storage to register values."""
    if dtype is dtypes.bfloat16:
        return dtypes.widen_bfloat16(stored)
    return stored.astype(dtype.compute.storage)


def divide(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Integer division as codegen promises it: truncating, by 0 as by 1, by -1 wrapping."""
    out = []
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        b = b or 1
        out.append(abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1))
    return wrap(out, x.dtype)


def remainder(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The remainder that goes with `divide`."""
    return wrap([abs(a) % abs(b or 1) * (-1 if a < 0 else 1)
                 for a, b in zip(x.tolist(), y.tolist(), strict=True)], x.dtype)


def wrap(values: list[int], dtype: np.dtype) -> np.ndarray:
    """Python integers modulo the width."""
    bits = 8 * dtype.itemsize
    return np.array([v % (1 << bits) for v in values], f"u{dtype.itemsize}").view(dtype)


def saturate(x: np.ndarray, goal: np.dtype) -> np.ndarray:
    """Float to integer: truncating, saturating, NaN to 0."""
    info = np.iinfo(goal)
    out = []
    for v in x.tolist():
        if v != v:
            out.append(0)
        elif v in (np.inf, -np.inf):
            out.append(info.max if v > 0 else info.min)
        else:
            out.append(min(max(int(v), info.min), info.max))
    return np.array(out, goal)


def fused(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """x * y + z rounded once (for float32 by way of float64, which errs in the last bit rarely)."""
    if x.dtype == np.float32:
        return (x.astype("f8") * y + z).astype("f4")
    out = [float(Fraction(a) * Fraction(b) + Fraction(c)) if np.isfinite([a, b, c]).all()
           else a * b + c for a, b, c in zip(x.tolist(), y.tolist(), z.tolist(), strict=True)]
    return np.array(out, x.dtype)
