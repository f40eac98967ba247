"""What the turns of a scan share is done once, and its gradient computes no product again."""

import numpy as np
import pytest

import lamina as lm
from lamina.graph.node import is_leaf, leaf, topological
from lamina.graph.rewrite import substitute
from lamina.schedule.plan import make_plan
from lamina.schedule.steps import ControlStep
from lamina.targets import TARGETS

RANDOM = np.random.default_rng(3)


def floats(*shape):
    return lm.tensor(RANDOM.standard_normal(shape).astype(np.float32) * 0.1)


def plan_of(*tensors):
    roots = [t.node for t in tensors]
    hollow = {n: leaf(None, n.shape, n.dtype) for n in topological(roots) if is_leaf(n)}
    return make_plan(substitute(roots, hollow), TARGETS["avx2"])


def scans(plan):
    return [s for s in plan.steps if isinstance(s, ControlStep)]


def kinds(step):
    return kernels(s for inner in step.plans for s in inner.steps)


def kernels(steps):
    return [s.spec.kind for s in steps if not isinstance(s, ControlStep)]


def recurrent(w, turned=False):
    def turn(h, x):
        h = lm.tanh(x + (h @ w if turned else h @ w.T))
        return h, h

    return lambda h, xs: lm.scan(turn, h, xs)[1]


@pytest.mark.parametrize("turned", [False, True])
def test_a_shared_weight_is_packed_before_the_loop(turned):
    w = floats(64, 64)
    plan = plan_of(recurrent(w, turned)(floats(32, 64), floats(5, 32, 64)))
    scan, = scans(plan)
    assert kinds(scan) == ["tiled"]
    assert kernels(plan.steps) == ["pack"]


def test_a_weight_that_changes_is_packed_in_each_turn():
    def turn(w, x):
        return w * 0.5, x @ w.T

    scan, = scans(plan_of(lm.scan(turn, floats(64, 64), floats(5, 32, 64))[1]))
    assert "pack" in kinds(scan)


def test_an_inner_loop_packs_in_front_of_both():
    w = floats(64, 64)

    def outer(h, xs):
        return recurrent(w)(h, xs)[-1], None

    plan = plan_of(lm.scan(outer, floats(32, 64), floats(3, 5, 32, 64))[0])
    scan, = scans(plan)
    assert "pack" not in kinds(scan)
    inner, = (s for p in scan.plans for s in p.steps if isinstance(s, ControlStep))
    assert "pack" not in kinds(inner)
    assert kernels(plan.steps) == ["pack"]


def test_a_while_loop_packs_in_front():
    w = floats(64, 64)
    plan = plan_of(lm.while_loop(lambda h: h.sum() < 1e3, lambda h: h @ w.T + 1.0,
                                 floats(32, 64)))
    loop, = scans(plan)
    assert "pack" not in kinds(loop)


def loss(h, xs, w):
    return (recurrent(w)(h, xs) ** 2).sum()


def test_the_gradient_reads_the_products_of_the_scan():
    given = floats(32, 64), floats(5, 32, 64), floats(64, 64)
    plan = plan_of(*lm.grad(loss, argnums=(0, 1, 2))(*given))
    forward, backward = scans(plan)
    assert sum(k == "tiled" for k in kinds(forward)) == 1
    assert sum(k == "tiled" for k in kinds(backward)) == 1  # of the cotangents alone


def test_gradients_of_the_whole_are_those_of_each_turn():
    h, xs, w = floats(4, 16), floats(7, 4, 16), floats(16, 16)

    def unrolled(h, xs, w):
        total = 0.0
        for t in range(7):
            h = lm.tanh(xs[t] + h @ w.T)
            total = total + (h ** 2).sum()
        return total

    found, expected = (lm.grad(f, argnums=(0, 1, 2))(h, xs, w) for f in (loss, unrolled))
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=2e-5, atol=1e-6)


def test_a_product_of_two_constants_and_a_short_one_are_not_stacked():
    """Three terms cost less than a trip through memory."""
    w = floats(3, 3)
    plan = plan_of(*lm.grad(loss, argnums=(0, 1))(floats(4, 3), floats(5, 4, 3), w))
    forward, _ = scans(plan)
    assert len(forward.outputs) <= 2


def test_a_product_larger_than_all_that_a_turn_reads_is_computed_again():
    """A scan saves memory: [64, 64] scores of [64, 8] rows stay out of it."""
    def attended(c, xs):
        def turn(c, x):
            scores = (c @ lm.concat([c, c], axis=-1)[:, :8].T).softmax()
            return lm.tanh(x + scores @ c), None

        return (lm.scan(turn, c, xs)[0] ** 2).sum()

    plan = plan_of(*lm.grad(attended, argnums=(0, 1))(floats(64, 16)[:, :8], floats(5, 64, 8)))
    forward, _ = scans(plan)
    assert all(n.shape[1:] != (64, 64) for _, n in forward.outputs)
