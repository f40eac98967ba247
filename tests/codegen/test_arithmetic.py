"""Every arithmetic instruction, every dtype, several vector lengths, against NumPy."""

from __future__ import annotations

import operator

import numpy as np
import pytest

from lamina import dtypes
from lamina.dtypes import DType
from lamina.kernel.builder import Builder
from lamina.kernel.loops import Kernel, Value
from tests.codegen.harness import (
    NATIVE,
    RUN_IDS,
    RUNNABLE,
    divide,
    fused,
    pack,
    remainder,
    run,
    same,
    samples,
    saturate,
    unpack,
)

REGISTER = [d for d in dtypes.ALL if d.bits != 16 or not d.is_float]
COUNT = 256
ROUND = {"floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "rint": np.rint}
COMPARE = {"eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le,
           "gt": operator.gt, "ge": operator.ge}


def double(x):
    return x.astype(np.uint64).astype(object) if x.dtype.itemsize == 8 else x.astype(np.uint64)


def high(x, y):
    bits = 8 * x.dtype.itemsize
    return np.array([int(a) * int(b) >> bits for a, b in zip(x, y, strict=True)], x.dtype)


def shifted(op, x, y):
    return op(x, (y.astype(np.int64) % (8 * x.dtype.itemsize)).astype(x.dtype))


def binary_cases(d: DType):
    """op: NumPy reference, for the ops that the dtype has."""
    cases = {"min": lambda x, y: np.where(y < x, y, x), "max": lambda x, y: np.where(y > x, y, x)}
    if d.kind != "b":
        cases |= {"add": operator.add, "sub": operator.sub, "mul": operator.mul}
    if d.is_float:
        cases |= {"div": operator.truediv}
    else:
        cases |= {"and_": operator.and_, "or_": operator.or_, "xor": operator.xor}
    if d.is_integer:
        cases |= {"div": divide, "rem": remainder,
                  "shl": lambda x, y: shifted(operator.lshift, x, y),
                  "shr": lambda x, y: shifted(operator.rshift, x, y)}
    if d.kind == "u":
        cases |= {"mulhi": high}
    return cases


def unary_cases(d: DType):
    cases = {}
    if d.kind != "b":
        cases |= {"neg": operator.neg, "abs": np.abs}
    if d.is_float:
        cases |= ROUND | {"sqrt": np.sqrt}
    else:
        cases |= {"not_": operator.invert}
    return cases


def everything(target, d: DType, lanes: int) -> tuple[Kernel, list[tuple[str, object]]]:
    """One kernel with all instructions of a dtype, one output each, and their references."""
    b = Builder(f"all_{d.name}_{lanes}", target)
    x, y, z = (b.buffer(n, d) for n in "xyz")
    checks: list[tuple[str, object]] = []
    results: list[Value] = []
    with b.loop(b.lo, b.hi) as turn:
        at = turn.var * lanes
        p, q, r = (b.load(v, at, lanes) for v in (x, y, z))

        def add(name, value, reference):
            checks.append((name, reference))
            results.append(value)

        for op, reference in binary_cases(d).items():
            add(op, getattr(b, op)(p, q), lambda x, y, z, f=reference: f(x, y))
        for op, reference in unary_cases(d).items():
            add(op, getattr(b, op)(p), lambda x, y, z, f=reference: f(x))
        for op, reference in COMPARE.items():
            add(op, b.compare(op, p, q), lambda x, y, z, f=reference: f(x, y))
        chosen = b.compare("lt", q, r)
        add("select", b.select(chosen, p, q), lambda x, y, z: np.where(y < z, x, y))
        if d.is_float:
            add("fma", b.fma(p, q, r), fused if target.has_fma else lambda x, y, z: x * y + z)
        if d is dtypes.int32:
            add("add_bytes", b.add_bytes(p, q, r), four_bytes)
            tame = [b.or_(b.and_(v, FRACTIONS), NEAR_ONE) for v in (p, q, r)]
            total = b.add_halves(*tame[:2], b.bitcast(tame[2], dtypes.float32))
            add("add_halves", b.mul(b.cast(b.mul(total, 64.0), dtypes.int32), 1), two_halves)
        if d.is_integer:
            by = d.storage.type(7)
            add("by7", b.div(p, 7), lambda x, y, z: divide(x, np.full_like(x, by)))
            add("rem7", b.rem(p, 7), lambda x, y, z: remainder(x, np.full_like(x, by)))
        for i, value in enumerate(results):
            b.store(b.buffer(f"out{i}", value.dtype, True), at, value)
    return b.finish(), checks


def four_bytes(x, y, z):
    """z and the products of the unsigned bytes of x with the signed bytes of y."""
    left, right = x.view(np.uint8).reshape(-1, 4), y.view(np.int8).reshape(-1, 4)
    return z + (left.astype(np.int32) * right).sum(1, dtype=np.int32)


FRACTIONS, NEAR_ONE = 0x007C007C, 0x3F803F80  # of bfloat16 between 1 and 2, with few digits


def two_halves(x, y, z):
    """z and the products of the two bfloat16 in x and y, times 64: exact, and an integer."""
    x, y, z = ((v & np.int32(FRACTIONS)) | np.int32(NEAR_ONE) for v in (x, y, z))
    low, high = ((v << 16).view(np.float32).astype(np.float64) for v in (x, y)), (
        (v & np.int32(-1 << 16)).view(np.float32).astype(np.float64) for v in (x, y))
    total = np.prod(list(low), 0) + np.prod(list(high), 0) + z.view(np.float32)
    return (total * 64).astype(np.int32)


def close(got, expected):
    """Within the last bit: the reference itself is rounded twice."""
    fine = (got == expected) | (np.isnan(got) & np.isnan(expected))
    fine |= np.abs(got - expected) <= np.spacing(np.abs(expected))
    assert fine.all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("lanes", [1, 4, 64])
@pytest.mark.parametrize("d", REGISTER, ids=lambda d: d.name)
@pytest.mark.parametrize("target", RUNNABLE, ids=RUN_IDS)
def test_equals_numpy(target, d, lanes):
    kernel, checks = everything(target, d, lanes)
    inputs = [samples(d, COUNT, seed) for seed in (1, 2, 3)]
    outputs = [np.empty(COUNT, b.dtype.storage) for b in kernel.buffers[3:]]
    run(kernel, [*inputs, *outputs], [], COUNT // lanes, target)
    for (name, reference), got in zip(checks, outputs, strict=True):
        expected = reference(*inputs).astype(got.dtype)
        try:
            (close if name == "fma" and target.has_fma else same)(got, expected)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("lanes", [1, 8, 32])
@pytest.mark.parametrize("source", REGISTER, ids=lambda d: d.name)
@pytest.mark.parametrize("target", RUNNABLE, ids=RUN_IDS)
def test_casts(target, source, lanes):
    b = Builder("casts", target)
    x = b.buffer("x", source)
    goals = [d for d in REGISTER if d is not source]
    with b.loop(b.lo, b.hi) as turn:
        value = b.load(x, turn.var * lanes, lanes)
        for d in goals:
            b.store(b.buffer(d.name, d, True), turn.var * lanes, b.cast(value, d))
    stored = samples(source, COUNT, 5)
    outputs = [np.empty(COUNT, d.storage) for d in goals]
    run(b.finish(), [stored, *outputs], [], COUNT // lanes, target)
    for d, got in zip(goals, outputs, strict=True):
        if source.is_float and d.is_integer:
            expected = saturate(stored, d.storage)
        else:
            expected = stored != 0 if d.kind == "b" else stored.astype(d.storage)
        same(got, expected)


@pytest.mark.parametrize("half", [dtypes.float16, dtypes.bfloat16], ids=lambda d: d.name)
@pytest.mark.parametrize("lanes", [1, 4, 32])
@pytest.mark.parametrize("target", RUNNABLE, ids=RUN_IDS)
def test_half_types_all_bits(target, lanes, half):
    """Every pattern of 16 bits widens exactly, and narrows back; random floats round to even."""
    b = Builder("half", target)
    x, wide, back = b.buffer("x", half), b.buffer("wide", dtypes.float32, True), b.buffer(
        "back", half, True)
    y, narrowed, kept = (b.buffer("y", dtypes.float32), b.buffer("n", half, True),
                         b.buffer("kept", dtypes.float32, True))
    with b.loop(b.lo, b.hi) as turn:
        at = turn.var * lanes
        value = b.load(x, at, lanes)
        b.store(wide, at, value)
        b.store(back, at, value)
        other = b.load(y, at, lanes)
        b.store(narrowed, at, other)
        b.store(kept, at, b.narrow(other, half))
    bits = np.arange(1 << 16, dtype=np.uint16).view(half.storage)
    floats = np.random.default_rng(0).integers(0, 1 << 32, 1 << 16, np.uint32).view(np.float32)
    ties = (np.arange(1 << 15, dtype=np.uint32) << 16 | 0x1000).view(np.float32)
    floats = np.concatenate([floats[: 1 << 14], ties, samples(dtypes.float32, 1 << 14, 3) / 3e4])
    out = [np.empty(1 << 16, kind) for kind in ("f4", bits.dtype, bits.dtype, "f4")]
    run(b.finish(), [bits, out[0], out[1], floats, out[2], out[3]], [], (1 << 16) // lanes, target)
    expected = unpack(bits, half)
    same(out[0], expected)
    same(unpack(out[1], half), expected)
    with np.errstate(all="ignore"):
        rounded = unpack(pack(floats, half), half)
    same(unpack(out[2], half), rounded)
    same(out[3], rounded)


def test_bitcasts():
    b = Builder("bits", NATIVE)
    x, y, back = (b.buffer("x", dtypes.float32), b.buffer("y", dtypes.uint32, True),
                  b.buffer("z", dtypes.float32, True))
    bits = b.bitcast(b.load(x, 0, 16), dtypes.uint32)
    b.store(y, 0, bits)
    b.store(back, 0, b.bitcast(bits, dtypes.float32))
    values, out, again = np.linspace(-3, 3, 16, dtype="f4"), np.zeros(16, "u4"), np.zeros(16, "f4")
    run(b.finish(), [values, out, again], [], 1)
    same(out, values.view("u4"))
    same(again, values)


@pytest.mark.parametrize("d", [d for d in REGISTER if d.kind != "b"], ids=lambda d: d.name)
def test_lanes(d):
    """splat, iota, extract, shuffle and the reduction tree."""
    b = Builder("lanes", NATIVE)
    x, out, lone = b.buffer("x", d), b.buffer("out", d, True), b.buffer("lone", d, True)
    value = b.load(x, 0, 8)
    b.store(out, 0, b.shuffle(value, b.iota(8, d), [0, 9, 2, 11, 7, 6, 15, 4]))
    b.store(out, 8, b.splat(b.extract(value, 3), 8))
    b.store(out, 16, b.shuffle(b.extract(value, 1), b.extract(value, 2), [1, 0, 0, 1]))
    b.store(lone, 0, b.shuffle(value, value, [5]))
    for i, op in enumerate(("add", "mul", "min", "max")):
        b.store(lone, 1 + i, b.reduce(op, value))
    v = np.array([3, 1, 4, 1, 5, 9, 2, 6], d.storage)
    got, single = np.zeros(20, d.storage), np.zeros(5, d.storage)
    run(b.finish(), [v, got, single], [], 1)
    assert got.tolist() == [3, 1, 4, 3, 6, 2, 7, 5] + [1] * 8 + [4, 1, 1, 4]
    with np.errstate(over="ignore"):
        assert single.tolist() == [9, 31, np.multiply.reduce(v, dtype=d.storage), 1, 9]


def test_constants_are_exact():
    b = Builder("consts", NATIVE)
    wide, narrow, ints = (b.buffer("w", dtypes.float64, True), b.buffer("n", dtypes.float32, True),
                          b.buffer("i", dtypes.uint8, True))
    numbers = [0.1, -0.0, 1e300, 5e-324, float("inf"), -float("inf"), float("nan"), 1 / 3]
    for i, number in enumerate(numbers):
        b.store(wide, i, b.const(number, dtypes.float64))
        b.store(narrow, i, b.const(number, dtypes.float32))
        b.store(ints, i, b.const(-i, dtypes.uint8))
    out = np.zeros(8), np.zeros(8, "f4"), np.zeros(8, "u1")
    run(b.finish(), list(out), [], 1)
    same(out[0], np.array(numbers))
    with np.errstate(over="ignore"):
        same(out[1], np.array(numbers).astype("f4"))
    assert out[2].tolist() == [0, *range(255, 248, -1)]


def test_constants_hold_what_their_dtype_holds():
    """Folded casts of constants equal casts at run time."""
    b = Builder("folded", NATIVE)
    f32, f64, u8, i32 = dtypes.float32, dtypes.float64, dtypes.uint8, dtypes.int32
    assert b.cast(b.const(0.1, f32), f64).const == float(np.float32(0.1))
    assert b.cast(b.const(300, u8), i32).const == 44
    assert b.cast(b.const(-1, u8), f32).const == 255.0
    assert b.const(1e300, f32).const == np.inf and b.const(-1e300, f32).const == -np.inf
    casts = {float("nan"): 0, float("inf"): 255, -3.7: 0, 254.9: 254, 1e9: 255}
    assert [b.cast(b.const(v, f64), u8).const for v in casts] == list(casts.values())
    assert b.cast(b.const(-1e30, f64), i32).const == -(2**31)
    assert b.cast(b.const(float("nan"), f32), dtypes.bool_).const is True
    assert str(b.const(-0.0, f32).const) == "-0.0"
