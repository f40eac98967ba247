"""Loads, stores, gathers, scatters, stack memory and blocks, for every dtype, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import dtypes
from lamina.codegen.printer import print_kernel
from lamina.kernel.builder import Builder
from tests.codegen.harness import NATIVE, RUN_IDS, RUNNABLE, run, samples

ALL = pytest.mark.parametrize("d", dtypes.ALL, ids=lambda d: d.name)
LANES = pytest.mark.parametrize("lanes", [1, 8, 32])
TARGETS = pytest.mark.parametrize("target", RUNNABLE, ids=RUN_IDS)
INDEX = pytest.mark.parametrize("index", [dtypes.int32, dtypes.int64], ids=lambda d: d.name)


def clean(d, count, seed):
    """Samples without NaN, whose payload a half type need not keep."""
    values = samples(d, count, seed)
    if d is dtypes.bfloat16:
        return np.where(values & 0x7FFF > 0x7F80, 0, values).astype("u2")
    return np.nan_to_num(values) if d.is_float else values


def blank(d, count):
    return np.full(count, 1, d.storage)


@ALL
@LANES
@TARGETS
def test_masked_copy(target, d, lanes):
    """A copy of 77 elements by whole vectors: nothing behind the end is read or written."""
    b = Builder("copy", target)
    x, y, n = b.buffer("x", d), b.buffer("y", d, True), b.integer()
    with b.loop(b.lo, b.hi) as turn:
        at = turn.var * lanes
        mask = b.compare("lt", b.splat(at, lanes) + b.iota(lanes), n)
        b.store(y, at, b.load(x, at, lanes, mask=mask), mask=mask)
    source, goal = clean(d, 77, 1), blank(d, 128)
    run(b.finish(), [source, goal], [77], -(-77 // lanes), target)
    assert np.array_equal(goal[:77], source)
    assert np.array_equal(goal[77:], blank(d, 51))


@ALL
@TARGETS
def test_masked_lanes_read_zero(target, d):
    b = Builder("zero", target)
    x, y = b.buffer("x", d), b.buffer("y", d, True)
    odd = b.compare("eq", b.iota(16) & 1, 1)
    b.store(y, 0, b.load(x, 0, 16, mask=odd))
    out = blank(d, 16)
    source = blank(d, 16)
    run(b.finish(), [source, out], [], 1, target)
    assert np.array_equal(out, source * (np.arange(16) % 2).astype(d.storage))


@ALL
@LANES
@TARGETS
def test_registers_whose_lanes_are_known_to_be_off_are_not_touched(target, d, lanes):
    """LLVM 22 reads all of such a register where a vector is more than one of them (AVX2)."""
    b = Builder("half", target)
    x, y, n = b.buffer("x", d), b.buffer("y", d, True), b.integer()
    half, more = lanes // 2, lanes // 2 + 1  # a constant both, which LLVM might know too much of
    inside = b.and_(b.splat(b.compare("lt", 0, n), lanes), b.compare("lt", b.iota(lanes), half))
    value = b.load(x, 0, lanes, mask=inside)
    b.store(y, 0, value, mask=b.compare("lt", b.iota(lanes), more))
    source, goal = clean(d, 64, 1), blank(d, 64)
    run(b.finish(), [source, goal], [1], 1, target)
    assert np.array_equal(goal[:half], source[:half]) and not goal[half:more].any()
    assert np.array_equal(goal[more:], blank(d, 64)[more:])


@ALL
@LANES
@INDEX
@TARGETS
def test_gather_scatter(target, d, lanes, index):
    b = Builder("gather", target)
    x, at, y = b.buffer("x", d), b.buffer("at", index), b.buffer("y", d, True)
    z, n = b.buffer("z", d, True), b.integer()
    with b.loop(b.lo, b.hi) as turn:
        lane = b.splat(turn.var * lanes, lanes) + b.iota(lanes)
        mask = b.compare("lt", lane, n)
        where = b.load(at, turn.var * lanes, lanes)
        b.store(y, turn.var * lanes, b.gather(x, where))
        b.scatter(z, where, b.gather(x, b.cast(lane, index), mask), mask)
    count = 128
    source = clean(d, count, 3)
    where = np.random.default_rng(1).permutation(count).astype(index.storage)
    gathered, scattered, expected = blank(d, count), blank(d, count), blank(d, count)
    run(b.finish(), [source, where, gathered, scattered], [99], count // lanes, target)
    assert np.array_equal(gathered, source[where])
    expected[where[:99]] = source[:99]
    assert np.array_equal(scattered, expected)


@pytest.mark.parametrize("masked", [False, True])
@TARGETS
def test_the_last_lane_wins(target, masked):
    b = Builder("clash", target)
    y = b.buffer("y", dtypes.int32, True)
    mask = b.compare("lt", b.iota(16), 12) if masked else None
    b.scatter(y, b.iota(16) & 1, b.iota(16, dtypes.int32), mask)
    out = np.zeros(2, "i4")
    run(b.finish(), [out], [], 1, target)
    assert out.tolist() == ([10, 11] if masked else [14, 15])


@TARGETS
def test_a_line_that_is_asked_for_may_lie_anywhere(target):
    b = Builder("ask", target)
    x, y = b.buffer("x", dtypes.float32), b.buffer("y", dtypes.float32, True)
    with b.loop(b.lo, b.hi) as turn:
        b.prefetch(x, b.add(turn.var, 1 << 40))
        b.store(y, turn.var, b.load(x, turn.var))
    source, out = samples(dtypes.float32, 4, 1), blank(dtypes.float32, 4)
    run(b.finish(), [source, out], [], 4, target)
    assert np.array_equal(out, source, equal_nan=True)
    assert "call void @llvm.prefetch" in print_kernel(b.finish(), target)


@TARGETS
def test_masked_gather_touches_nothing_else(target):
    b = Builder("wild", target)
    x, y = b.buffer("x", dtypes.float32), b.buffer("y", dtypes.float32, True)
    on = b.compare("lt", b.iota(16), 4)
    wild = b.select(on, b.iota(16), b.const(1 << 50, dtypes.int64))
    b.store(y, 0, b.gather(x, wild, on))
    b.scatter(y, wild, b.const(7.0, dtypes.float32, 16), b.compare("lt", b.iota(16), 2))
    out = np.ones(16, "f4")
    run(b.finish(), [np.arange(1, 17, dtype="f4"), out], [], 1, target)
    assert out.tolist() == [7, 7, 3, 4] + [0] * 12


@ALL
def test_scratch_memory(d):
    b = Builder("stack", NATIVE)
    x, y = b.buffer("x", d), b.buffer("y", d, True)
    tile = b.scratch(d, 64)
    with b.loop(b.lo, b.hi) as turn:
        with b.loop(0, 8) as i:
            b.store(tile, 56 - i.var * 8, b.load(x, turn.var * 64 + i.var * 8, 8), align=8)
        with b.loop(0, 64, 16) as i:
            b.store(y, turn.var * 64 + i.var, b.load(tile, i.var, 16))
    source, out = clean(d, 128, 9), blank(d, 128)
    run(b.finish(), [source, out], [], 2)
    assert np.array_equal(out, source.reshape(2, 8, 8)[:, ::-1].reshape(-1))


def test_a_bool_is_any_byte_that_is_not_zero():
    b = Builder("bytes", NATIVE)
    x, y = b.buffer("x", dtypes.bool_), b.buffer("y", dtypes.bool_, True)
    b.store(y, 0, b.load(x, 0, 16))
    out = np.zeros(16, "u1")
    run(b.finish(), [np.arange(16, dtype="u1"), out], [], 1)
    assert out.tolist() == [0] + [1] * 15


@pytest.mark.parametrize("noalias", [False, True])
@pytest.mark.parametrize("n", [0, 1, 5])
def test_blocks(n, noalias):
    """Nested loops with carried values, empty loops, conditions, buffer offsets."""
    b = Builder("blocks", NATIVE)
    x = b.buffer("x", dtypes.float32, noalias=noalias)
    y = b.buffer("y", dtypes.float32, True, noalias=noalias)
    rows, columns = b.integer(), b.integer()
    with b.loop(b.lo, b.hi) as c:
        zero = b.const(0.0, dtypes.float32)
        with b.loop(0, rows, carry=[zero, b.index(0)]) as i:
            with b.loop(0, columns, 2, carry=[i.carry[0]]) as j:
                with b.when(b.compare("eq", j.var, 0)):
                    b.store(y, i.var, j.carry[0])
                j.next(j.carry[0] + b.load(x, i.var * columns + j.var))
            i.next(j.results[0], i.carry[1] + 1)
        b.store(y, rows, i.results[0])
        b.store(y, rows + 1, b.cast(i.results[1] + c.var, dtypes.float32))
    table, out = np.arange(4 * n, dtype="f4").reshape(4, n), np.full(6, -1, "f4")
    run(b.finish(), [table, out], [4, n], 1)
    sums = table[:, ::2].sum(1)
    before = np.concatenate([[0], np.cumsum(sums)]) if n else np.array([-1, -1, -1, -1, 0])
    assert out.tolist() == [*before[:4], sums.sum(), 4]
