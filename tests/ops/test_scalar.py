"""Scalar bodies: compiled for this machine and measured in ulps against wider arithmetic, and
compiled for every target.

float32 is compared with NumPy in float64, float64 with `np.longdouble` where that is wider. Bounds
are those of the docstrings; the `sse2` runs show that they hold without fused multiply-add.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from lamina import dtypes
from lamina.codegen.compile import compile_text
from lamina.codegen.printer import print_kernel
from lamina.dtypes import DType
from lamina.kernel.builder import Builder
from lamina.kernel.loops import Kernel
from lamina.ops import rows, scalar
from lamina.ops.elementwise import OPS
from lamina.targets import TARGETS
from tests.codegen.harness import RUN_IDS, RUNNABLE, calls_in, run, wrap

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of infinities and NaN
COUNT = 1 << 12
WIDE = {dtypes.float32: np.float64, dtypes.float64: np.longdouble}
EXACT_WIDE = np.finfo(np.longdouble).nmant > 52
FLOATS = (dtypes.float32, dtypes.float64)
each_float = pytest.mark.parametrize("d", FLOATS, ids=lambda d: d.name)
each_machine = pytest.mark.parametrize("target", RUNNABLE, ids=RUN_IDS)


def erf(x):
    return np.vectorize(math.erf, otypes=[np.float64])(x).astype(x.dtype)


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


# name: (reference, bound in ulps)
UNARY = {
    "exp": (np.exp, 1.2), "exp2": (np.exp2, 1.3), "expm1": (np.expm1, 2.5),
    "sinh": (np.sinh, 3.0), "cosh": (np.cosh, 1.6), "tanh": (np.tanh, 3.0),
    "sigmoid": (rows.sigmoid, 2.5), "softplus": (softplus, 2.0),
    "log": (np.log, 1.0), "log2": (np.log2, 2.1), "log10": (np.log10, 1.1),
    "log1p": (np.log1p, 1.6), "asinh": (np.arcsinh, 2.0), "acosh": (np.arccosh, 2.0),
    "atanh": (np.arctanh, 2.5), "sin": (np.sin, 1.6), "cos": (np.cos, 1.6), "tan": (np.tan, 3.5),
    "asin": (np.arcsin, 2.5), "acos": (np.arccos, 1.5), "atan": (np.arctan, 2.1),
    "erf": (erf, 2.0), "sign": (np.sign, 0.0),
}
BINARY = {
    "power": (np.power, 1.25), "atan2": (np.arctan2, 2.0), "hypot": (np.hypot, 1.25),
    "copysign": (np.copysign, 0.0), "maximum": (np.maximum, 0.0), "minimum": (np.minimum, 0.0),
}


def specials(dtype: np.dtype) -> np.ndarray:
    """Zeros, infinities, NaN, the ends of the range, thresholds of the bodies."""
    i = np.finfo(dtype)
    size = np.array([0, i.smallest_subnormal, i.tiny / 4, i.tiny, i.eps, i.eps / 2, 1e-3, 0.25,
                     0.5, 0.7071067811865476, 1, 1 + i.eps, 1.4142135623730951, 1.5, 2, 2.5, 3,
                     3.9, 4, 6, 7, 10, 18, 20, 38, 87.4, 88.72283, 88.73, 89.4, 89.5, 103.9, 104,
                     127, 128, 149, 150, 709.78, 709.79, 710.4, 745.1, 746, 1023, 1024, 1074, 1e10,
                     2**20, i.max / 2, i.max, np.inf, np.nan], np.float64).astype(dtype)
    return np.concatenate([size, -size])


def inputs(dtype: np.dtype, seed: int = 0) -> np.ndarray:
    """Every bit pattern alike, several ranges, multiples of pi / 2, and the special numbers."""
    rng = np.random.default_rng(seed)
    word = np.dtype(f"u{dtype.itemsize}")
    parts = [specials(dtype), rng.integers(0, np.iinfo(word).max, COUNT, word).view(dtype),
             (np.arange(-300, 300) * (np.pi / 2)).astype(dtype)]
    parts += [(rng.uniform(-1, 1, COUNT // 2) * s).astype(dtype)
              for s in (1e-3, 0.5, 1, 2, 5, 20, 100, 800, 1e5)]
    return padded(np.concatenate(parts))


def pairs(dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Every special number with every other, and random numbers of ordinary and of any size."""
    rng = np.random.default_rng(5)
    word = np.dtype(f"u{dtype.itemsize}")
    x, y = np.meshgrid(specials(dtype), specials(dtype))
    bits = rng.integers(0, np.iinfo(word).max, (2, COUNT), word).view(dtype)
    first = [x.ravel(), bits[0], rng.normal(0, 3, COUNT), np.exp(rng.normal(0, 3, COUNT))]
    second = [y.ravel(), bits[1], rng.normal(0, 3, COUNT), rng.normal(0, 20, COUNT)]
    return tuple(padded(np.concatenate(v).astype(dtype)) for v in (first, second))


def padded(x: np.ndarray) -> np.ndarray:
    return np.concatenate([x, np.zeros(-len(x) % 64, x.dtype)])


def kernel_of(emit, d: DType, arity: int, target, lanes: int) -> tuple[Kernel, DType]:
    """A kernel that stores emit(b, x, ...) for `arity` buffers, and the dtype of its result."""
    b = Builder("body", target)
    buffers = [b.buffer(f"x{i}", d) for i in range(arity)]
    with b.loop(b.lo, b.hi) as turn:
        at = turn.var * lanes
        result = emit(b, *[b.load(x, at, lanes) for x in buffers])
        b.store(b.buffer("out", result.dtype, True), at, result)
    return b.finish(), result.dtype


def computed(emit, arrays, target) -> np.ndarray:
    """What the body makes of the arrays on this machine."""
    d = dtypes.as_dtype(arrays[0].dtype)
    lanes = target.lanes(d.itemsize)
    kernel, result = kernel_of(emit, d, len(arrays), target, lanes)
    out = np.empty(len(arrays[0]), result.storage)
    run(kernel, [*arrays, out], [], len(out) // lanes, target)
    return out


def errors(got: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Distances in ulps of the result; infinite where infinities, NaN or signs of zero differ."""
    rounded = exact.astype(got.dtype)
    finite = np.isfinite(rounded) & np.isfinite(got)
    ulp = np.where(finite, np.spacing(np.abs(rounded)), 1).astype(exact.dtype)
    distance = np.abs(np.where(finite, got.astype(exact.dtype) - exact, 0)) / ulp
    same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    signed = (got == 0) & (rounded == 0) & (np.signbit(got) != np.signbit(rounded))
    return np.where(~finite & ~same | signed, np.inf, distance)


def check(emit, reference, bound: float, arrays, target, signed_zeros: bool = True) -> None:
    """Compare a body with its reference; the reference is asked in wider arithmetic."""
    d = dtypes.as_dtype(arrays[0].dtype)
    exact = np.asarray(reference(*[a.astype(WIDE[d]) for a in arrays]), WIDE[d])
    got = computed(emit, arrays, target)
    if not signed_zeros:
        got = got + got.dtype.type(0)
        exact = exact + WIDE[d](0)
    found = errors(got, exact)
    slack = 0.0 if d is dtypes.float32 or EXACT_WIDE else 1.0
    worst = int(np.argmax(found))
    assert found[worst] <= bound + slack, (
        f"{found[worst]} ulp at {[a[worst] for a in arrays]}: {got[worst]}, not {exact[worst]}")


@each_float
@each_machine
@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_number(name, target, d):
    reference, bound = UNARY[name]
    check(getattr(scalar, name), reference, bound, [inputs(d.storage)], target)


@each_float
@each_machine
@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_numbers(name, target, d):
    reference, bound = BINARY[name]
    check(getattr(scalar, name), reference, bound, pairs(d.storage), target,
          signed_zeros=name not in ("maximum", "minimum"))


@each_float
@each_machine
def test_logaddexp_is_right_beside_its_terms(target, d):
    x, y = pairs(d.storage)
    exact = np.logaddexp(x.astype(WIDE[d]), y.astype(WIDE[d]))
    got = computed(scalar.logaddexp, [x, y], target)
    finite = np.isfinite(exact.astype(d.storage)) & np.isfinite(got)
    largest = np.maximum(np.abs(np.fmax(x, y)), np.abs(exact).astype(d.storage))[finite]
    gap = np.abs(x - y)[finite]
    of_gap = np.spacing(np.minimum(gap, 800)) * np.exp(-gap)  # the difference was rounded
    assert (np.abs(got - exact)[finite] <= 2 * np.spacing(largest) + of_gap).all()
    np.testing.assert_array_equal(got[~finite], exact.astype(d.storage)[~finite])


@each_float
@each_machine
def test_erfinv(target, d):
    mpmath = pytest.importorskip("mpmath")
    x = np.concatenate([np.linspace(-1, 1, 801), 1 - np.geomspace(1e-16, 0.1, 200),
                        np.geomspace(1e-30, 1, 100), specials(np.dtype("f8"))]).astype(d.storage)
    x = padded(x)
    with mpmath.workdps(40):
        inner = (x != 0) & (np.abs(x) < 1)
        exact = np.where(np.abs(x) == 1, x * np.inf, np.where(x == 0, x, np.nan)).astype(WIDE[d])
        exact[inner] = [WIDE[d](mpmath.nstr(mpmath.erfinv(float(v)), 25)) for v in x[inner]]
    found = errors(computed(scalar.erfinv, [x], target), exact)
    assert found.max() <= 3 + (0 if d is dtypes.float32 or EXACT_WIDE else 1)


@each_float
@each_machine
def test_division(target, d):
    """Ordinary quotients equal NumPy's in the same dtype; float32 is exact for any quotient."""
    rng = np.random.default_rng(2)
    v = specials(d.storage)
    ordinary = v[~np.isfinite(v) | (v == 0) | (np.abs(v) < 1e10) & (np.abs(v) > 1e-10)]
    x, y = (v.ravel() for v in np.meshgrid(ordinary, ordinary))
    x = padded(np.concatenate([x, rng.normal(0, 100, COUNT).astype(d.storage)]))
    y = padded(np.concatenate([y, rng.normal(0, 3, COUNT).astype(d.storage)]))
    for name in ("remainder", "floor_divide"):
        got = computed(getattr(scalar, name), [x, y], target)
        np.testing.assert_array_equal(got, getattr(np, name)(x, y), name)
    if d is dtypes.float32:
        check(scalar.remainder, np.remainder, 0.5, pairs(d.storage), target)


@each_float
@each_machine
def test_neighbours(target, d):
    x, y = pairs(d.storage)
    got = computed(scalar.nextafter, [x, y], target)
    np.testing.assert_array_equal(got, np.nextafter(x, y))


@each_float
def test_questions_about_floats(d):
    x = inputs(d.storage)
    for name in ("isnan", "isinf", "isfinite", "signbit"):
        got = computed(getattr(scalar, name), [x], RUNNABLE[0])
        np.testing.assert_array_equal(got, getattr(np, name)(x), name)


def integers(d: DType, seed: int) -> np.ndarray:
    """Small and large integers, and the ends of the range."""
    rng = np.random.default_rng(seed)
    info = np.iinfo(d.storage)
    small = rng.integers(-9 if d.kind == "i" else 0, 10, COUNT)
    large = rng.integers(info.min, info.max, COUNT, d.storage, endpoint=True)
    mixed = np.where(rng.random(COUNT) < 0.5, small.astype(d.storage), large)
    ends = np.array([0, 1, info.min, info.max, 2, info.bits - 1, info.bits], d.storage)
    mixed[: len(ends)] = rng.permutation(ends)
    return mixed


@pytest.mark.parametrize("d", dtypes.INTEGERS, ids=lambda d: d.name)
def test_integers(d):
    """Division, shifts and powers: zero divisors, INT_MIN / -1, counts beyond the width."""
    x, y = integers(d, 1), integers(d, 2)
    x[0], y[0] = np.iinfo(d.storage).min, wrap([-1], d.storage)[0]
    y[1] = 0
    for name, reference in (("floor_divide", np.floor_divide), ("remainder", np.remainder),
                            ("left_shift", np.left_shift), ("right_shift", np.right_shift),
                            ("integer_power", rows.integer_power)):
        got = computed(getattr(scalar, name), [x, y], RUNNABLE[0])
        np.testing.assert_array_equal(got, reference(x, y), name)


def test_threefry():
    """The known answers of the authors' distribution (Random123, kat_vectors), and the oracle."""
    known = {(0, 0, 0): 0x6B200159}
    for (counter, *key), word in known.items():
        got = rows.threefry(*[np.array([v], np.uint32) for v in (counter, *key)])
        assert int(got[0]) == word
    words = [integers(dtypes.uint32, seed) for seed in (1, 2, 3)]
    np.testing.assert_array_equal(computed(scalar.threefry, words, RUNNABLE[0]),
                                  rows.threefry(*words))


def test_random_bits_become_numbers_below_one():
    words = np.array([0, 255, 256, 0xFFFFFFFF] * 16, np.uint32)
    got = computed(scalar.bits_to_unit, [words], RUNNABLE[0])
    np.testing.assert_array_equal(got[:4], np.float32([0, 0, 2.0**-24, 1 - 2.0**-24]))


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_every_row_compiles_for_every_target(target):
    """Each op of the table in each register dtype that it takes, without a call."""
    for op in OPS:
        arity = len(op.samples[0].inputs)
        attrs = op.samples[0].attrs
        own = op.samples[0].dtypes
        for d in dict.fromkeys(d.compute for d in op.takes):
            b = Builder(op.name, target)
            lanes = target.lanes(d.itemsize)
            values = [b.load(b.buffer(f"x{i}", dtypes.BY_NAME[own[i]] if own and own[i] else d), 0,
                             lanes) for i in range(arity)]
            result = op.emit(b, *values, **attrs)
            b.store(b.buffer("out", result.dtype, True), 0, result)
            text = compile_text(print_kernel(b.finish(), target), target)
            assert not calls_in(text, target), (op.name, d.name)
