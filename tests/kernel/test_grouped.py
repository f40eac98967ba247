"""Convolutions of narrow groups of channels, on every target that runs here, against NumPy."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

import lamina as lm
from lamina import dtypes
from lamina import functional as F
from lamina.config import override
from lamina.graph.node import leaf, topological
from lamina.kernel.builder import Builder
from lamina.kernel.grouped import emit_grouped
from lamina.kernel.grouped_gradient import emit_grouped_gradient
from lamina.ops.convolution import conv
from lamina.runtime import families
from lamina.schedule import tiling
from lamina.schedule.grouped import Grouped
from lamina.schedule.grouped_gradient import OUTPUTS, GroupedGradient
from lamina.schedule.layout import lay_out
from lamina.schedule.summation import Rules
from lamina.targets import TARGETS
from lamina.transforms.simplify import simplify
from tests.codegen.emulated import EMULATED, run_emulated
from tests.codegen.harness import RUNNABLE, run

MACHINES = [t for t in (*RUNNABLE, *EMULATED) if t.lanes(4) > 1]
RANDOM = np.random.default_rng(7)

#        image [n, *space], channels in and out, groups, kernel, stride, padding, dilation
SHAPES = (
    ((2, 9, 14), 32, 32, 32, (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),
    ((1, 7, 9), 21, 21, 21, (3, 3), (2, 2), ((1, 1), (0, 1)), (1, 1)),
    ((2, 8, 31), 35, 35, 35, (5, 5), (1, 2), ((2, 2), (2, 2)), (1, 1)),
    ((1, 11, 12), 16, 16, 16, (3, 2), (1, 1), ((2, 2), (1, 1)), (2, 3)),
    ((1, 5, 7), 32, 32, 8, (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),
    ((2, 6, 5), 12, 12, 6, (3, 3), (2, 1), ((0, 0), (1, 1)), (1, 1)),
    ((1, 5, 5), 12, 16, 4, (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),
    ((1, 4, 6), 10, 20, 10, (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),
    ((2, 4, 4), 8, 8, 2, (1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1)),
    ((3, 1, 1), 16, 16, 8, (1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1)),
    ((1, 3, 3), 16, 16, 16, (3, 3), (1, 1), ((3, 3), (3, 3)), (1, 1)),
    ((2, 20), 24, 24, 24, (7,), (1,), ((3, 3),), (1,)),
    ((1, 5, 4, 6), 16, 16, 16, (3, 3, 3), (1, 1, 1), ((1, 1), (1, 1), (1, 1)), (1, 1, 1)),
)


def drawn(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def expected_here(target, ci, co, groups):
    """Whether such groups have kernels of their own."""
    into, out, lanes = ci // groups, co // groups, target.lanes(4)
    return into <= out and lanes % out == 0 and (into == 1 or out < lanes)


def planned(target, image, ci, co, groups, kernel, **how):
    """The tiled node of a convolution."""
    x = leaf(None, (*image, ci), dtypes.float32)
    w = leaf(None, (co, ci // groups, *kernel), dtypes.float32)
    node = conv.opened(x, w, groups=groups, **how)
    roots = lay_out(simplify([node]), target, Rules())
    return next(n for n in topological(roots) if n.op.name == "tiled")


@pytest.mark.parametrize("target", MACHINES, ids=lambda t: t.name)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_kernels(shape, target):
    image, ci, co, groups, kernel, stride, padding, dilation = shape
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    node = planned(target, image, ci, co, kernel=kernel, **how)
    c, plan = node.attrs["contraction"], node.attrs["tile"]
    assert isinstance(plan, Grouped) == expected_here(target, ci, co, groups)
    if not isinstance(plan, Grouped):
        return
    x, w = drawn(*image, ci), drawn(co, ci // groups, *kernel)
    packed = np.zeros((-(-co // plan.lanes) * plan.lanes, *w.shape[1:]), "f")
    packed[:co] = w
    packed = np.moveaxis(packed.reshape(-1, plan.lanes, *w.shape[1:]), (1, 2), (-1, -2))
    b = Builder("grouped", target)
    inputs = b.buffer("x", dtypes.float32), b.buffer("u", dtypes.float32)
    out = b.buffer("y", dtypes.float32, True)
    seen = [name for name, _ in c.out_vars]

    def epilogue(index, var, value, mask):
        at = b.index(0)
        for name in seen:
            at = b.add(b.mul(at, c.size(name)), index[name])
        b.store(out, at, value, mask)

    emit_grouped(b, c, plan, *inputs, epilogue, b.index)
    y = np.full(node.shape, np.nan, "f")
    start = run if target in RUNNABLE else run_emulated
    start(b.finish(), [x, np.ascontiguousarray(packed), y], [], plan.tasks(c), target)
    expected = conv.numpy(x.astype(float), w.astype(float), **how)
    np.testing.assert_allclose(y, expected, atol=2e-5 * np.abs(expected).max(), rtol=0)


def slopes(x, g, shape, groups, stride, padding, dilation):
    """The gradient of filters of this shape, in float64."""
    x, g = np.pad(x.astype(float), ((0, 0), *padding, (0, 0))), g.astype(float)
    out = np.zeros(shape)
    into, each, space = shape[1], shape[0] // groups, g.shape[1:-1]
    for k in product(*(range(n) for n in shape[2:])):
        cut = (slice(i * d, i * d + (n - 1) * s + 1, s)
               for i, d, n, s in zip(k, dilation, space, stride, strict=True))
        seen = x[(slice(None), *cut)].reshape(-1, groups, into)
        out[(..., *k)] = np.einsum("pgi,pgo->goi", seen, g.reshape(-1, groups, each)).reshape(
            shape[:2])
    return out


@pytest.mark.parametrize("target", MACHINES, ids=lambda t: t.name)
@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gradients_of_filters(shape, parts, target, monkeypatch):
    monkeypatch.setattr(tiling, "product_in_parts", lambda *sizes: parts)
    image, ci, co, groups, kernel, stride, padding, dilation = shape
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    x, w = (leaf(None, s, dtypes.float32) for s in ((*image, ci), (co, ci // groups, *kernel)))
    y = conv.opened(x, w, **how)
    given = leaf(None, y.shape, dtypes.float32)
    _, slope = conv.vjp(given, y, x, w, **how)
    found = topological(lay_out(simplify([slope]), target, Rules()))
    node = next(n for n in found if n.op.name == "tiled")
    c, plan = node.attrs["contraction"], node.attrs["tile"]
    fits = kernel[-1] * (ci // groups) <= target.registers - OUTPUTS - 3
    assert isinstance(plan, GroupedGradient) == (fits and expected_here(target, ci, co, groups))
    if not isinstance(plan, GroupedGradient):
        return
    assert node.inputs[0].shape == x.shape, "the padding is not copied"
    b = Builder("gradient", target)
    inputs = b.buffer("x", dtypes.float32), b.buffer("g", dtypes.float32)
    out = b.buffer("y", dtypes.float32, True)

    def epilogue(index, var, value, mask):
        at = b.index(0)
        for name, _ in c.out_vars:
            at = b.add(b.mul(at, c.size(name)), index[name])
        b.store(out, at, value, mask)

    emit_grouped_gradient(b, c, plan, *inputs, epilogue, b.index)
    x, g, result = drawn(*x.shape), drawn(*y.shape), np.full(node.shape, np.nan, "f")
    start = run if target in RUNNABLE else run_emulated
    start(b.finish(), [x, g, result], [], plan.tasks(c), target)
    expected = slopes(x, g, w.shape, **how)
    whole = result.sum(0) if plan.cut else result
    np.testing.assert_allclose(whole.reshape(w.shape), expected,
                               atol=1e-5 * np.abs(expected).max(), rtol=0)
    assert bool(plan.cut) == parts


# ---- which convolutions --------------------------------------------------------------------------
@pytest.mark.parametrize(("ci", "co", "groups", "dtype"), [
    (32, 32, 1, "float32"), (64, 64, 2, "float32"), (64, 64, 4, "float32"),
    (32, 32, 32, "float16"), (64, 16, 16, "float32")])
def test_others_keep_their_tiles(ci, co, groups, dtype):
    x = leaf(None, (2, 8, 8, ci), getattr(dtypes, dtype))
    w = leaf(None, (co, ci // groups, 3, 3), getattr(dtypes, dtype))
    node = conv.opened(x, w, stride=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1),
                       groups=groups)
    roots = lay_out(simplify([node]), TARGETS["avx512"], Rules())
    assert not any(isinstance(n.attrs["tile"], Grouped)
                   for n in topological(roots) if n.op.name == "tiled")


def test_padding_is_not_copied():
    node = planned(TARGETS["avx2"], (2, 8, 8), 32, 32, 32, (3, 3), stride=(1, 1),
                   padding=((1, 1), (1, 1)), dilation=(1, 1))
    assert node.inputs[0].shape == (2, 8, 8, 32)


def test_one_row_of_many_channels_is_shared_by_the_threads():
    target = replace(TARGETS["avx512"], threads=4)
    node = planned(target, (1, 40), 4096, 4096, 4096, (9,), stride=(1,), padding=((4, 4),),
                   dilation=(1,))
    assert node.attrs["tile"].tasks(node.attrs["contraction"]) >= 4


# ---- the whole way -------------------------------------------------------------------------------
@pytest.mark.parametrize(("channels", "groups", "stride"), [
    (32, 32, 1), (32, 8, 1), (24, 24, 2), (20, 10, 2)])
def test_a_block_and_its_gradients(channels, groups, stride, target):
    """Bias, relu and a sum ride along, and what comes before is computed once."""
    x, w, b = drawn(2, 9, 10, channels), drawn(channels, channels // groups, 3, 3), drawn(channels)

    def f(x, w, b):
        y = F.conv2d(lm.tanh(x), w, b, padding=1, stride=stride, groups=groups)
        return y.relu() * 2 + 1

    def both(dtype):
        given = [lm.tensor(v, dtype=dtype) for v in (x, w, b)]
        seed = lm.tensor(np.cos(np.arange(f(*given).size)).reshape(f(*given).shape), dtype=dtype)
        grads = lm.grad(lambda *a: (f(*a) * seed).sum(), argnums=(0, 1, 2))(*given)
        return [f(*given).numpy(), *(g.numpy() for g in grads)]

    with override(cache="off"):
        for found, expected in zip(both(lm.float32), both(lm.float64), strict=True):
            np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max(), rtol=0)


def test_channels_first_are_turned(target):
    """Channels that are no neighbours in memory are copied to be."""
    x, w = drawn(2, 16, 6, 7), drawn(16, 1, 3, 3)
    found = F.conv2d(lm.tensor(x).permute(0, 2, 3, 1), lm.tensor(w), padding=1, groups=16).numpy()
    expected = conv.numpy(x.transpose(0, 2, 3, 1).astype(float), w.astype(float), stride=(1, 1),
                          padding=((1, 1), (1, 1)), dilation=(1, 1), groups=16)
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("source", [(2, 30, 8, 4), (60, 8, 4), (2, 5, 6, 32), (1, 60, 32)])
@pytest.mark.parametrize("k", [1, 3])
def test_images_in_other_shapes(source, k):
    """A reshape below a convolution is not taken for the one that parts its channels."""
    x, w = drawn(*source), drawn(32, 4, k, k)
    seed = drawn(2, 7 - k, 6 - k, 32)

    def f(x, w):
        y = F.conv2d(x.reshape(2, 6, 5, 32), w, groups=8)
        return (y * lm.tensor(seed)).sum()

    families.forget_programs()
    found = [g.numpy() for g in lm.grad(f, argnums=(0, 1))(lm.tensor(x), lm.tensor(w))]
    y = F.conv2d(lm.tensor(x).reshape(2, 6, 5, 32), lm.tensor(w), groups=8).numpy()
    how = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 8}
    image = x.reshape(2, 6, 5, 32)
    np.testing.assert_allclose(y, conv.numpy(image.astype(float), w.astype(float), **how),
                               atol=1e-4, rtol=0)
    np.testing.assert_allclose(found[1], slopes(image, seed, w.shape, **how), atol=1e-3, rtol=0)
    assert found[0].shape == source


def test_any_size_gives_the_same_bits(target):
    w = lm.tensor(drawn(24, 1, 3, 3))
    images = [drawn(n, h, s, 24) for n, h, s in ((1, 12, 12), (2, 9, 14), (3, 16, 7), (1, 3, 1))]

    def depthwise(x):
        return F.conv2d(x, w, padding=1, groups=24)

    exact = []
    for x in images:
        families.forget_programs()
        exact.append(depthwise(lm.tensor(x)).numpy())
    families.forget_programs()
    for x, expected in zip(images, exact, strict=True):
        assert np.array_equal(depthwise(lm.tensor(x)).numpy(), expected)


def test_threads_give_the_same_bits():
    x, w = lm.tensor(drawn(2, 30, 30, 40)), lm.tensor(drawn(40, 1, 5, 5))
    found = []
    for threads in (1, 2, 4):
        families.forget_programs()
        with override(threads=threads, cache="off"):
            found.append(F.conv2d(x, w, padding=2, groups=40).numpy())
    families.forget_programs()
    assert all(np.array_equal(found[0], y) for y in found)
