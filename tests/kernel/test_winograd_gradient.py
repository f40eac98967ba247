"""Gradients of filters by Winograd's way, on every target that runs here, against float64."""

from unittest import mock

import numpy as np
import pytest

import lamina as lm
from lamina import dtypes
from lamina.config import override, settings
from lamina.kernel.builder import Builder
from lamina.kernel.winograd_gradient import emit_gradient
from lamina.runtime import families
from lamina.schedule import winograd_gradient
from lamina.schedule.contraction import PART, Access, Contraction, in_parts
from lamina.schedule.summation import Rules
from lamina.schedule.winograd_gradient import FORMS, SIDE, fewer, plan_winograd_gradient
from lamina.targets import TARGETS
from tests.codegen.emulated import EMULATED, run_emulated
from tests.codegen.harness import RUNNABLE, run

MACHINES = [*RUNNABLE, *EMULATED]
RANDOM = np.random.default_rng(11)


def reference(x, g):
    """x [n, h + k - 1, w + k - 1, c], g [n, h, w, f] -> [f, c, k, k], in float64."""
    h, w = g.shape[1:3]
    k = x.shape[1] - h + 1
    view = np.stack([x[:, i:i + h, j:j + w] for i in range(k) for j in range(k)], -1)
    found = np.einsum("nhwck,nhwf->fck", view.astype(float), g.astype(float))
    return found.reshape(*found.shape[:2], k, k)


def drawn(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def gradient(k, n, h, w, ic, oc, dtype=dtypes.float32):
    """The contraction of such a gradient."""
    row = (w + k - 1) * ic
    image = (h + k - 1) * row
    x = Access((("ic", 1), ("kh", row), ("kw", ic), ("n", image), ("oh", row), ("ow", ic)))
    g = Access((("oc", 1), ("n", h * w * oc), ("oh", w * oc), ("ow", oc)))
    return Contraction((("oc", oc), ("ic", ic), ("kh", k), ("kw", k)),
                       (("n", n), ("oh", h), ("ow", w)), x, g, dtype, dtype.compute)


@pytest.mark.parametrize("k", FORMS)
def test_the_matrices_give_the_gradient_of_a_tile(k):
    m, form = SIDE + 1 - k, FORMS[k]
    d, g = RANDOM.standard_normal((SIDE, SIDE)), RANDOM.standard_normal((m, m))
    b, g_, a = map(np.array, (form.inputs, form.filters, form.results))
    expected = [[(d[i:i + m, j:j + m] * g).sum() for j in range(k)] for i in range(k)]
    np.testing.assert_allclose(a @ ((g_ @ g @ g_.T) * (b @ d @ b.T)) @ a.T, expected, rtol=1e-12)


@pytest.mark.parametrize("target", MACHINES, ids=lambda t: t.name)
@pytest.mark.parametrize("k", FORMS)
@pytest.mark.parametrize(("n", "h", "w", "ic", "oc", "parts"), [
    (2, 8, 8, 32, 32, False), (3, 5, 7, 33, 19, False), (5, 4, 6, 16, 40, True)])
def test_kernels(k, n, h, w, ic, oc, parts, target):
    c = gradient(k, n, h, w, ic, oc)
    c = in_parts(c, "n") if parts else c
    with mock.patch.object(winograd_gradient, "fewer", lambda *sizes: True):
        plan = plan_winograd_gradient(c, target, Rules())
    x, g, margin = np.zeros((n, h + k - 1, w + k - 1, ic), "f"), drawn(n, h, w, oc), k // 2
    x[:, margin:-margin, margin:-margin] = drawn(n, h, w, ic)
    count = c.size(PART) if parts else 1
    out = np.full((count, oc, ic, k, k), np.nan, "f")
    b = Builder("gradient", target)
    inputs = b.buffer("x", dtypes.float32), b.buffer("g", dtypes.float32)
    y = b.buffer("y", dtypes.float32, True)

    def epilogue(index, var, value, mask):
        at = index.get(PART, b.index(0))
        for name, extent in (("oc", oc), ("ic", ic), ("kh", k), ("kw", k)):
            at = b.add(b.mul(at, extent), index[name])
        b.store(y, at, value, mask)

    emit_gradient(b, c, plan, *inputs, epilogue, b.index)
    start = run if target in RUNNABLE else run_emulated
    start(b.finish(), [x, g, out], [], plan.tasks(c), target)
    np.testing.assert_allclose(out.sum(0), reference(x, g), rtol=0, atol=3e-4)


@pytest.mark.parametrize(("k", "n", "h", "w", "ic", "oc"), [
    (3, 32, 8, 8, 64, 64), (3, 8, 7, 7, 96, 80), (3, 1, 28, 28, 64, 128), (3, 20, 16, 12, 64, 64),
    (5, 8, 14, 12, 64, 64)])
def test_whole_gradients(k, n, h, w, ic, oc):
    x, g, weight = drawn(n, h, w, ic), drawn(n, h, w, oc), drawn(oc, ic, k, k)

    def found():
        families.forget_programs()
        with override(cache="off"):  # a plan from there asks nobody
            return lm.grad(lambda w: (lm.conv(lm.tensor(x), w, padding=k // 2)
                                      * lm.tensor(g)).sum())(lm.tensor(weight)).numpy()

    expected = reference(np.pad(x, ((0, 0), (k // 2,) * 2, (k // 2,) * 2, (0, 0))), g)
    with mock.patch.object(winograd_gradient, "fewer", wraps=fewer) as asked:
        quick = found()
    assert asked.called, "the contraction is seen as such a gradient"
    with override(winograd=False):
        direct = found()
    scale = np.abs(expected).max()
    assert np.abs(direct - expected).max() < 1e-5 * scale
    assert np.abs(quick - expected).max() < 2e-5 * scale


def test_an_update_rides_on_the_gradient():
    x, weight = lm.tensor(drawn(4, 8, 8, 128)), lm.tensor(drawn(128, 128, 3, 3))

    def step(weight):
        slope = lm.grad(lambda w: (lm.conv(x, w, padding=1) ** 2).sum())(weight)
        return weight - 0.01 * slope

    text = lm.explain(step(weight))
    assert "Winograd F(3 x 3, 4 x 4)" in text


def test_which_gradients():
    target = TARGETS["avx2"]
    c = gradient(3, 32, 32, 32, 64, 64)
    plan = plan_winograd_gradient(in_parts(c, "n"), target, Rules())
    assert (plan.part, plan.batch, plan.outs, plan.vector) == (PART, "n", "oc", "ic")
    assert plan.space == ("oh", "ow") and plan.kernel == ("kh", "kw")
    for other in (gradient(3, 32, 32, 32, 64, 64, dtypes.float64), in_parts(c, "oh"),
                  gradient(3, 32, 32, 32, 8, 64), gradient(3, 1, 4, 4, 32, 32),
                  gradient(7, 8, 9, 9, 64, 64)):
        assert plan_winograd_gradient(other, target, Rules()) is None
    for name in ("wasm32", "sm_90"):
        assert plan_winograd_gradient(c, TARGETS[name], Rules()) is None
    with override(winograd=False):
        assert plan_winograd_gradient(in_parts(c, "n"), target, Rules()) is None
    assert settings.winograd


def test_a_few_tasks_or_tiles_are_summed_directly():
    assert fewer(3, 16, 2, 32, 32, 64, 64)
    assert fewer(3, 1, 32, 4, 4, 512, 512)
    assert not fewer(3, 1, 2, 8, 8, 32, 32), "one task"
    assert not fewer(3, 1, 32, 2, 2, 512, 512), "most of each tile is empty"
