"""Winograd convolutions, on every target that runs here, against sums in float64."""

from dataclasses import replace

import numpy as np
import pytest

import lamina as lm
from lamina import dtypes
from lamina import functional as F
from lamina.config import settings
from lamina.kernel.builder import Builder
from lamina.kernel.winograd import emit_filters, emit_winograd
from lamina.runtime import families
from lamina.schedule import winograd
from lamina.schedule.summation import Rules
from lamina.schedule.tile_costs import SMALL_COLUMNS, small_rows
from lamina.schedule.winograd import (
    FORMS,
    OUTS,
    Winograd,
    fewest,
    plan_winograd,
    task,
)
from lamina.shapes import as_var, evaluate, variable
from lamina.targets import TARGETS
from tests.codegen.emulated import EMULATED, run_emulated
from tests.codegen.harness import RUNNABLE, run
from tests.kernel.contraction_harness import conv

MACHINES = [*RUNNABLE, *EMULATED]
EPSILON = 2.0**-23
RANDOM = np.random.default_rng(5)


def reference(x, w):
    """x [n, h, w, c] with w [f, c, k, k], in float64, without margins."""
    view = np.lib.stride_tricks.sliding_window_view(x.astype(float), w.shape[2:], axis=(1, 2))
    return np.einsum("nhwcij,fcij->nhwf", view, w.astype(float))


def drawn(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(("m", "k"), FORMS)
def test_matrices_give_the_convolution(m, k):
    found, side = FORMS[m, k], m + k - 1
    d, g = RANDOM.standard_normal((side, side)), RANDOM.standard_normal((k, k))
    b, g_, a = map(np.array, (found.inputs, found.filters, found.results))
    expected = [[(d[i:i + k, j:j + k] * g).sum() for j in range(m)] for i in range(m)]
    np.testing.assert_allclose(a @ ((g_ @ g @ g_.T) * (b @ d @ b.T)) @ a.T, expected, rtol=1e-12)


def planned(m, k, size, n, ic, oc, target, sizes=(24, 64)):
    """A plan, whatever it costs."""
    c = conv(n, size, ic, oc, k, pad=k // 2)
    keep = [v for v in c.out_vars if v[1] != 1]
    c = type(c)(tuple(keep), c.reduce_vars, c.a, c.b, c.dtype, c.acc)
    return c, Winograd(m, k, "n" if n > 1 else "", ("oh", "ow"), ("kh", "kw"), "ic", "oc",
                       target.lanes(4), small_rows(target), SMALL_COLUMNS, *sizes, oc > 70)


@pytest.mark.parametrize("target", MACHINES, ids=lambda t: t.name)
@pytest.mark.parametrize(("m", "k"), FORMS)
@pytest.mark.parametrize(("n", "size", "ic", "oc", "task"), [
    (1, 8, 16, 16, (24, 64)), (2, 7, 19, 21, (24, 64)), (1, 5, 70, 64, (4, 64)),
    (3, 4, 64, 130, (10, 32))])
def test_kernels(n, size, ic, oc, task, m, k, target):
    c, plan = planned(m, k, size, n, ic, oc, target, task)
    margin = k // 2
    x = np.zeros((n, size + 2 * margin, size + 2 * margin, ic), "f")
    w = drawn(oc, ic, k, k)
    x[:, margin:-margin, margin:-margin] = drawn(n, size, size, ic)
    shape = plan.filters(c)
    u, y = np.full(shape, np.nan, "f"), np.full((n, size, size, oc), np.nan, "f")
    start = run if target in RUNNABLE else run_emulated

    b = Builder("filters", target)
    emit_filters(b, c, plan, b.buffer("w", dtypes.float32), b.buffer("u", dtypes.float32, True),
                 b.index)
    start(b.finish(), [w, u], [], shape[0] * -(-ic // winograd.FILTERS_OF_CHUNK), target)

    b = Builder("winograd", target)
    inputs = b.buffer("x", dtypes.float32), b.buffer("u", dtypes.float32)
    out = b.buffer("y", dtypes.float32, True)

    def epilogue(index, var, value, mask):
        at = index.get("n", b.index(0))
        for name, extent in (("oh", size), ("ow", size), ("oc", oc)):
            at = b.add(b.mul(at, extent), index[name])
        b.store(out, at, value, mask)

    emit_winograd(b, c, plan, *inputs, epilogue, b.index)
    start(b.finish(), [x, u, y], [], plan.tasks(c), target)
    expected = reference(x, w)
    bound = 128 * EPSILON * np.sqrt(k * k * ic)  # of results up to 5 sqrt(k k ic), without FMA, too
    np.testing.assert_allclose(y, expected, atol=bound, rtol=0)


# ---- which convolutions --------------------------------------------------------------------------
def test_only_what_is_3_by_3_with_stride_1_and_many_channels():
    target = TARGETS["avx2"]
    assert plan_winograd(conv(8, 32, 64, 64, 3, pad=1), target, Rules()).m == 4
    assert plan_winograd(conv(8, 32, 64, 64, 5, pad=2), target, Rules()).m == 2
    for other in (conv(8, 32, 64, 64, 3, stride=2, pad=1), conv(8, 32, 64, 64, 1),
                  conv(8, 32, 64, 64, 7, pad=3), conv(8, 32, 3, 64, 3, pad=1),
                  conv(8, 32, 64, 64, 3, dilation=2), conv(8, 32, 64, 64, 3, pad=1,
                                                           dtype=dtypes.float64)):
        assert plan_winograd(other, target, Rules()) is None
    assert plan_winograd(conv(8, 32, 64, 64, 3, pad=1), TARGETS["wasm32"], Rules()) is None
    assert plan_winograd(conv(8, 32, 64, 64, 3, pad=1), TARGETS["sm_90"], Rules()) is None


def test_one_tile_of_many_channels_is_summed_directly():
    assert fewest(1, 4, 4, 512, 512, 3) == 0
    assert fewest(1, 12, 12, 256, 256, 3) == 2
    assert fewest(32, 32, 32, 64, 64, 3) == 4


def test_one_small_image_is_shared_by_the_threads():
    c = conv(1, 14, 32, 64, 3, pad=1)
    plan = plan_winograd(c, replace(TARGETS["avx512"], threads=2), Rules())
    assert plan.tasks(c) == 2
    assert plan.tiles % plan.rows == 0 and plan.tiles * plan.rows <= 24 * 12


def test_tasks_of_unknown_sizes_come_in_two_sorts():
    sorts = {task(n, 64, 128, False, 6, 32, 2) for n in range(1, 400)}
    assert sorts == {(8, 64), (24, 64)}


def test_tasks_cover_all_tiles_of_any_batch():
    n = variable("n")
    c = conv(n, 10, 32, 2 * OUTS + 1, 3, pad=1)
    plan = plan_winograd(c, TARGETS["avx2"], Rules())
    assert evaluate(plan.tasks(c), {as_var(n): 24}) == 24 * 9 * 3 // 24


# ---- the whole way -------------------------------------------------------------------------------
@pytest.mark.parametrize("k", [3, 5])
def test_a_block_and_its_gradients(k, target):
    """Bias, batch norm's factor, relu and a sum ride along; both gradients come by the same way."""
    x, w, b = drawn(2, 9, 9, 32), drawn(48, 32, k, k) / 17, drawn(48)
    skip, seed = drawn(2, 9, 9, 48), drawn(2, 9, 9, 48)

    def f(x, w, b):
        return (F.conv2d(x, w, b, padding=k // 2).relu() + lm.tensor(skip, dtype=x.dtype))

    def both(dtype):
        given = [lm.tensor(v, dtype=dtype) for v in (x, w, b)]
        grads = lm.grad(lambda *a: (f(*a) * lm.tensor(seed, dtype=dtype)).sum(),
                        argnums=(0, 1, 2))(*given)
        return [f(*given).numpy(), *(g.numpy() for g in grads)]

    for found, expected in zip(both(lm.float32), both(lm.float64), strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max(), rtol=0)


def test_any_size_gives_the_same_bits(target):
    w = lm.tensor(drawn(32, 32, 3, 3))
    images = [drawn(n, h, s, 32) for n, h, s in ((1, 12, 12), (2, 9, 14), (3, 16, 7))]

    def conv2d(x):
        return F.conv2d(x, w, padding=1)

    exact = []
    for x in images:
        families.forget_programs()
        exact.append(conv2d(lm.tensor(x)).numpy())
    families.forget_programs()
    for x, expected in zip(images, exact, strict=True):
        assert np.array_equal(conv2d(lm.tensor(x)).numpy(), expected)


def test_it_can_be_turned_off(monkeypatch):
    x, w = lm.tensor(drawn(1, 16, 16, 32)), lm.tensor(drawn(32, 32, 3, 3))
    fast = F.conv2d(x, w, padding=1).numpy()
    monkeypatch.setattr(settings, "winograd", False)
    families.forget_programs()
    direct = F.conv2d(x, w, padding=1).numpy()
    families.forget_programs()
    assert not np.array_equal(fast, direct)
    np.testing.assert_allclose(fast, direct, atol=1e-4, rtol=0)
