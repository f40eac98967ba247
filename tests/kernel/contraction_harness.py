"""Contractions to test with, their NumPy reference, and a kernel around each."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np

from lamina import dtypes
from lamina.codegen.compile import compile_object
from lamina.codegen.load import load
from lamina.codegen.printer import print_kernel
from lamina.dtypes import DType
from lamina.kernel.builder import Builder
from lamina.kernel.contraction import emit
from lamina.kernel.loops import Kernel, Value
from lamina.schedule.contraction import Access, Contraction, Pack, Tile, matmul, packed
from lamina.shapes import Dim, Sym, Var, evaluate, strides_of, variables
from lamina.targets import Target
from tests.codegen.emulated import EMULATED, run_emulated

_CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
Values = Mapping[Var, int]


# -- contractions -----------------------------------------------------------------------------
def product(m: Dim, n: Dim, k: Dim, left: str = "N", right: str = "N",
            dtype: DType = dtypes.float32, batch: int = 1) -> Contraction:
    """A matrix product; "T" for an operand that lies transposed in memory."""
    a = (1, m) if left == "T" else (k, 1)
    b = (1, k) if right == "T" else (n, 1)
    strides = (0, 0) if batch == 1 else (m * k, k * n)
    return matmul(m, n, k, dtype, a, b, batch, strides)


def conv(n: Dim, size: int, ic: int, oc: int, kernel: int, stride: int = 1, pad: int = 0,
         dilation: int = 1, dtype: DType = dtypes.float32) -> Contraction:
    """x [n, size + 2 pad, size + 2 pad, ic] with weights [oc, ic, kernel, kernel]."""
    wide = size + 2 * pad
    out = (wide - dilation * (kernel - 1) - 1) // stride + 1
    row = wide * ic
    a = Access((("n", wide * row), ("oh", stride * row), ("ow", stride * ic),
                ("kh", dilation * row), ("kw", dilation * ic), ("ic", 1)))
    b = Access((("kh", kernel), ("kw", 1), ("ic", kernel**2), ("oc", ic * kernel**2)))
    return Contraction((("n", n), ("oh", out), ("ow", out), ("oc", oc)),
                       (("kh", kernel), ("kw", kernel), ("ic", ic)), a, b, dtype, dtype.compute)


def conv_weight_gradient(n: int, size: int, ic: int, oc: int, kernel: int, stride: int = 1,
                         pad: int = 0, dtype: DType = dtypes.float32) -> Contraction:
    """dw [kh, kw, ic, oc] of x [n, size + 2 pad, size + 2 pad, ic] and dy [n, oh, ow, oc]."""
    wide = size + 2 * pad
    out = (wide - kernel) // stride + 1
    row = wide * ic
    a = Access((("n", wide * row), ("oh", stride * row), ("ow", stride * ic),
                ("kh", row), ("kw", ic), ("ic", 1)))
    b = Access((("n", out * out * oc), ("oh", out * oc), ("ow", oc), ("oc", 1)))
    return Contraction((("kh", kernel), ("kw", kernel), ("ic", ic), ("oc", oc)),
                       (("n", n), ("oh", out), ("ow", out)), a, b, dtype, dtype.compute)


def conv_data_gradient(n: int, size: int, ic: int, oc: int, kernel: int,
                       dtype: DType = dtypes.float32) -> Contraction:
    """dx [n, h, w, ic] of padded dy and weights [oc, ic, kernel, kernel], flipped; stride 1."""
    wide = size + kernel - 1
    row = wide * oc
    a = Access((("n", wide * row), ("h", row), ("w", oc), ("kh", row), ("kw", oc), ("oc", 1)))
    b = Access((("kh", -kernel), ("kw", -1), ("oc", ic * kernel**2), ("ic", kernel**2)),
               base=kernel**2 - 1)
    return Contraction((("n", n), ("h", size), ("w", size), ("ic", ic)),
                       (("kh", kernel), ("kw", kernel), ("oc", oc)), a, b, dtype, dtype.compute)


def depthwise(n: int, size: int, channels: int, kernel: int, dtype: DType = dtypes.float32
              ) -> Contraction:
    """x [n, size, size, channels] with weights [kernel, kernel, channels], each channel alone."""
    out, row = size - kernel + 1, size * channels
    a = Access((("n", size * row), ("oh", row), ("ow", channels), ("kh", row), ("kw", channels),
                ("c", 1)))
    b = Access((("kh", kernel * channels), ("kw", channels), ("c", 1)))
    return Contraction((("n", n), ("oh", out), ("ow", out), ("c", channels)),
                       (("kh", kernel), ("kw", kernel)), a, b, dtype, dtype.compute)


# -- reference --------------------------------------------------------------------------------
def operand_size(c: Contraction, access: Access, values: Values) -> int:
    """Elements of a buffer that holds all that is read."""
    reach = sum(max(0, (evaluate(n, values) - 1) * evaluate(access.stride(v), values))
                for v, n in c.out_vars + c.reduce_vars)
    return evaluate(access.base, values) + reach + 1


def read(c: Contraction, access: Access, data: np.ndarray, values: Values) -> np.ndarray:
    """All that the contraction reads of an operand, one axis for each variable."""
    names = c.out_vars + c.reduce_vars
    offsets = np.full([1] * len(names), evaluate(access.base, values))
    for axis, (var, size) in enumerate(names):
        if access.carries(var):
            steps = np.arange(evaluate(size, values)) * evaluate(access.stride(var), values)
            offsets = offsets + steps.reshape([-1 if i == axis else 1 for i in range(len(names))])
    return data[offsets]


def reference(c: Contraction, a: np.ndarray, b: np.ndarray, values: Values) -> np.ndarray:
    """The contraction in float64, or in wrapping integers."""
    wide = np.float64 if c.acc.is_float else c.acc.storage
    left = read(c, c.a, a.astype(wide), values)
    right = read(c, c.b, b.astype(wide), values)
    axes = tuple(range(len(c.out_vars), len(c.out_vars) + len(c.reduce_vars)))
    sizes = [evaluate(n, values) for _, n in c.out_vars + c.reduce_vars]
    letters = "abcdefghij"[: len(sizes)]
    left, right = np.broadcast_to(left, sizes), np.broadcast_to(right, sizes)
    return np.einsum(f"{letters},{letters}->{letters[:axes[0]]}", left, right)


def pack(request: Pack, data: np.ndarray, values: Values) -> np.ndarray:
    """What the scheduler's copy makes of an operand."""
    shape = [evaluate(n, values) for _, n in request.layout]
    index = dict(zip([v for v, _ in request.layout], np.indices(shape, sparse=True), strict=True))
    at = index[request.var] + index[request.var + "/"] * request.width
    inside = at < evaluate(request.size, values)
    index[request.var] = np.where(inside, at, 0)
    del index[request.var + "/"]
    offsets = evaluate(request.source.base, values) + sum(
        i * evaluate(request.source.stride(v), values) for v, i in index.items())
    return np.where(inside, data[offsets], data.dtype.type(0)).reshape(-1)


# -- kernels ----------------------------------------------------------------------------------
def resolver(b: Builder, symbols: Mapping[Var, Value]) -> Callable[[Dim], Value]:
    """Sizes to values of a kernel."""
    def resolve(x: Dim) -> Value:
        if isinstance(x, int):
            return b.index(x)
        total = b.index(0)
        for atoms, factor in x.terms.items():
            term = b.index(factor)
            for atom in atoms:
                term = b.mul(term, symbols[atom] if isinstance(atom, Var) else quotient(atom))
            total = b.add(total, term)
        return total

    def quotient(atom: object) -> Value:
        left, right = resolve(atom.left), resolve(atom.right)  # type: ignore[attr-defined]
        return b.div(left, right) if atom.op == "//" else b.rem(left, right)  # type: ignore

    return resolve


def symbols_of(c: Contraction) -> list[Var]:
    """The run-time sizes of a contraction, in a fixed order."""
    panels = tuple(x.panel.stride for x in (c.a, c.b) if x.panel)
    found = variables((c.out_vars, c.reduce_vars, c.a.strides, c.b.strides, panels))
    return sorted(found, key=repr)


def kernel(c: Contraction, tile: Tile, target: Target, out: DType | None = None) -> Kernel:
    """The contraction, stored to a row-major output."""
    b = Builder("contraction", target)
    left, right = b.buffer("a", c.dtype), b.buffer("b", c.dtype)
    result = b.buffer("out", out or c.acc, written=True, noalias=True)
    resolve = resolver(b, {s: b.integer() for s in symbols_of(c)})
    names = [v for v, _ in c.out_vars]
    strides = dict(zip(names, strides_of([n for _, n in c.out_vars]), strict=True))

    def store(index: dict[str, Value], var: str, value: Value, mask: Value | None) -> None:
        at = b.index(0)
        for v, i in index.items():
            at = b.add(at, b.mul(i, resolve(strides[v])))
        if strides[var] == 1 or value.lanes == 1:
            b.store(result, at, value, mask)
            return
        steps = b.mul(b.iota(value.lanes), b.splat(resolve(strides[var]), value.lanes))
        b.scatter(result, b.add(b.splat(at, value.lanes), steps), value, mask)

    emit(b, c, tile, left, right, store, resolve)
    return b.finish()


class Compiled:
    """A contraction ready to run on this machine, or on one that it emulates."""

    def __init__(self, c: Contraction, tile: Tile, target: Target) -> None:
        self.c, self.tile, self.symbols, self.target = c, tile, symbols_of(c), target
        self.kernel = kernel(c, tile, target)
        if target not in EMULATED:
            code = compile_object(print_kernel(self.kernel, target), target)
            (address,) = load([("contraction", code)])
            self.call = _CALL(address)

    def bind(self, arrays: list[np.ndarray], values: Values) -> Callable[[int, int], None]:
        """The kernel on these arrays: a function of the range of tasks."""
        if self.target in EMULATED:
            integers = [values[s] for s in self.symbols]
            return lambda lo, hi: run_emulated(self.kernel, arrays, integers, hi, self.target, lo)
        buffers = np.array([x.ctypes.data for x in arrays], np.int64)
        table = np.array([x for i in range(len(arrays)) for x in (i, 0)]
                         + [values[s] for s in self.symbols], np.int64)

        def run(lo: int, hi: int, keep: object = (buffers, table, arrays)) -> None:
            self.call(buffers.ctypes.data, table.ctypes.data, lo, hi)

        return run

    def tasks(self, values: Values) -> int:
        """How many tasks there are."""
        return evaluate(self.tile.tasks(self.c), values)


def samples(dtype: DType, count: int, seed: int) -> np.ndarray:
    """Numbers of a dtype in its storage."""
    rng = np.random.default_rng(seed)
    if dtype is dtypes.bfloat16:
        return dtypes.narrow_bfloat16(rng.standard_normal(count))
    if dtype.is_float:
        return rng.standard_normal(count).astype(dtype.storage)
    info = np.iinfo(dtype.storage)
    return rng.integers(max(info.min, -99), min(info.max, 99), count).astype(dtype.storage)


def widened(data: np.ndarray, dtype: DType) -> np.ndarray:
    """Stored values as numbers."""
    return dtypes.widen_bfloat16(data) if dtype is dtypes.bfloat16 else data


def symbol(x: Dim) -> Var:
    """The variable behind a symbolic size."""
    if not isinstance(x, Sym):
        raise TypeError(x)
    (found,) = variables(x)
    return found


def run(c: Contraction, tile: Tile, target: Target, values: Values, pieces: int = 1
        ) -> tuple[np.ndarray, np.ndarray]:
    """(result, reference), the tasks run in so many pieces, the last first."""
    a, b = (samples(c.dtype, operand_size(c, x, values), i) for i, x in enumerate((c.a, c.b)))
    expected = reference(c, widened(a, c.dtype), widened(b, c.dtype), values)
    operands = {"a": a, "b": b}
    for request in tile.packs:
        operands[request.operand] = pack(request, operands[request.operand], values)
    compiled = Compiled(packed(c, tile), tile, target)
    guard = 64
    out = np.full(expected.size + 2 * guard, 77, c.acc.storage)
    inside = out[guard:-guard]
    launch = compiled.bind([operands["a"], operands["b"], inside], values)
    tasks = compiled.tasks(values)
    cuts = [tasks * i // pieces for i in range(pieces + 1)]
    for lo, hi in reversed(list(pairwise(cuts))):
        launch(lo, hi)
    assert (out[:guard] == 77).all() and (out[-guard:] == 77).all(), "written outside the output"
    return inside.reshape(expected.shape), expected


def check(c: Contraction, tile: Tile, target: Target, values: Values | None = None,
          pieces: int = 1) -> None:
    """Assert that a kernel computes its contraction.

    Tolerance: partial sums of k products of numbers of size 1 grow to sqrt(k), and as many
    roundings of that size add up at random: about k ulps of 1, times 4 for the worst element.
    """
    got, expected = run(c, tile, target, values or {}, pieces)
    if not c.acc.is_float:
        np.testing.assert_array_equal(got, expected)
        return
    turns = np.prod([evaluate(n, values or {}) for _, n in c.reduce_vars])
    bound = np.finfo(c.acc.storage).eps * (16.0 + 4 * float(turns))
    assert np.abs(got - expected).max(initial=0) <= bound
