"""Every instruction, every dtype, every target: it compiles, and calls nothing."""

from __future__ import annotations

import pytest

from lamina import dtypes
from lamina.codegen.compile import compile_text
from lamina.codegen.printer import print_kernel
from lamina.codegen.types import MAX_LANES
from lamina.dtypes import DType
from lamina.kernel.builder import Builder
from lamina.kernel.loops import OPS, Instr, Kernel, Loop
from lamina.targets import TARGETS, Target
from tests.codegen.harness import calls_in
from tests.codegen.ptxas import ptxas, rejected
from tests.codegen.test_arithmetic import REGISTER, everything

EACH = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


def widths(target: Target, d: DType) -> list[int]:
    """Scalars, less than a register, several registers."""
    if target.vector_bytes == 0:
        return [1]
    return [1, 2, min(4 * target.lanes(d.itemsize), MAX_LANES)]


def compiles(kernel: Kernel, target: Target) -> None:
    text = compile_text(print_kernel(kernel, target), target)
    assert calls_in(text, target) == []
    if target.triple.startswith("nvptx") and ptxas():
        assert rejected([(kernel.name, text)]) == []


def memory_kernel(target: Target, d: DType, lanes: int) -> Kernel:
    """All memory instructions of a dtype, masked and not, and `narrow`."""
    b = Builder(f"memory_{d.name}_{lanes}", target)
    x, y, n = b.buffer("x", d, noalias=True), b.buffer("y", d, True), b.integer()
    tile = b.scratch(d, 4 * lanes)
    with b.loop(b.lo, b.hi) as turn:
        at = turn.var * lanes
        b.prefetch(x, at)
        lane = b.splat(at, lanes) + b.iota(lanes)
        for mask in (None, b.compare("lt", lane, n)):
            value = b.load(x, at, lanes, mask)
            b.store(tile, 0, value, mask)
            b.store(y, at, value, mask)
            for index in (dtypes.int64, dtypes.int32):
                where = b.cast(lane, index)
                b.scatter(y, where, b.gather(x, where, mask), mask)
                b.scatter(tile, where & 3, b.gather(tile, where & 3, mask), mask)
        if d.is_float:
            for half in (dtypes.float16, dtypes.bfloat16):
                value = b.cast(value, dtypes.float32)
                b.store(y, at, b.narrow(value, half))
        last = b.extract(value, lanes - 1)
        with b.when(b.compare("ne", turn.var, 3)):
            b.store(y, turn.var, last)
        b.store(y, at, b.shuffle(b.splat(last, lanes), value, [2 * lanes - 1] * lanes))
    return b.finish()


def cast_kernel(target: Target, source: DType, lanes: int) -> Kernel:
    """All casts and bitcasts from a dtype."""
    b = Builder(f"cast_{source.name}_{lanes}", target)
    x = b.buffer("x", source)
    value = b.load(x, 0, lanes)
    for d in REGISTER:
        if d is not source:
            b.store(b.buffer(d.name, d, True), 0, b.cast(value, d))
        if d.bits == source.bits and "b" not in (d.kind, source.kind):
            b.store(b.buffer("as" + d.name, d, True), 0, b.bitcast(value, d))
    return b.finish()


@pytest.mark.parametrize("d", REGISTER, ids=lambda d: d.name)
@EACH
def test_arithmetic_compiles(target, d):
    for lanes in widths(target, d):
        compiles(everything(target, d, lanes)[0], target)


@pytest.mark.parametrize("d", REGISTER, ids=lambda d: d.name)
@EACH
def test_casts_compile(target, d):
    for lanes in widths(target, d):
        compiles(cast_kernel(target, d, lanes), target)


@pytest.mark.parametrize("d", dtypes.ALL, ids=lambda d: d.name)
@EACH
def test_memory_compiles(target, d):
    for lanes in widths(target, d):
        compiles(memory_kernel(target, d, lanes), target)


def used(body: list) -> set[str]:
    names = set()
    for stmt in body:
        names |= {stmt.op} if isinstance(stmt, Instr) else used(stmt.body)
    return names


def test_nothing_is_left_out():
    """The kernels above hold every instruction of the language."""
    target = TARGETS["avx2"]
    kernels = [memory_kernel(target, dtypes.float32, 8), cast_kernel(target, dtypes.float32, 8)]
    kernels += [everything(target, d, 8)[0] for d in REGISTER]
    assert set().union(*(used(k.body) for k in kernels)) == OPS
    assert any(isinstance(stmt, Loop) for k in kernels for stmt in k.body)


@EACH
def test_no_multiply_add_is_fused_behind_our_back(target):
    b = Builder("separate", target)
    x, y = b.buffer("x", dtypes.float32), b.buffer("y", dtypes.float32, True)
    lanes = target.lanes(4)
    value = b.load(x, 0, lanes)
    b.store(y, 0, value * value + value)
    text = compile_text(print_kernel(b.finish(), target), target)
    assert "fma" not in text and "vfmadd" not in text and "fmla" not in text
