"""Control flow, checkpoints and users' operations inside each other, under every transform.

Each function is written once, over the building blocks of Lamina or the same in plain Python.
"""

from types import SimpleNamespace

import numpy as np
import pytest

import lamina as lm
from lamina.config import override
from lamina.errors import GradientError
from lamina.runtime import families

W = lm.tensor([[0.3, -0.2, 0.5], [0.1, 0.4, -0.3], [0.7, 0.2, 0.1]], dtype=lm.float64)
POINTS = np.array([[0.7, -0.4, 0.9], [-0.6, 0.35, -0.8]])


def scan(f, carry, xs, reverse=False):
    ys = [None] * len(xs)
    for i in reversed(range(len(xs))) if reverse else range(len(xs)):
        carry, ys[i] = f(carry, xs[i])
    return carry, lm.stack(ys)


def while_loop(test, body, carry, max_steps):
    for _ in range(max_steps):
        going, new = test(carry), body(carry)
        carry = lm.where(going, new, carry)
    return carry


def each(f):
    return lambda xs: lm.stack([f(x) for x in xs])


PLAIN = SimpleNamespace(
    scan=scan, while_loop=while_loop, vmap=each, checkpoint=lambda f: f, compile=lambda f: f,
    cond=lambda pred, f, g, *xs: lm.where(pred, f(*xs), g(*xs)),
    cube=lambda x: x**3, scaled=lambda x, w: x * w, both=lambda x, y: (x * y, x + y))
LAMINA = SimpleNamespace(
    scan=lm.scan, while_loop=lm.while_loop, vmap=lm.vmap, checkpoint=lm.checkpoint,
    compile=lm.compile, cond=lm.cond,
    cube=lm.custom_op(lambda x: x**3, lambda g, y, x: g * 3 * x * x),
    scaled=lambda x, w: lm.custom_op(lambda x: x * w, lambda g, y, x: g * w)(x),
    both=lm.custom_op(lambda x, y: (x * y, x + y),
                      lambda g, _, x, y: (g[0] * y + g[1], g[0] * x + g[1])))


def scan_of_custom_op(on, x):
    c, ys = on.scan(lambda c, v: (c.sin() + on.cube(v) * c, on.cube(c)), x.sum(), x)
    return c * ys.sum()


def scan_of_custom_op_with_two_results(on, x):
    def f(c, v):
        product, total = on.both(c, v)
        return product.tanh() + total * 0.3, product
    c, ys = on.scan(f, x[0], x)
    return c + (ys**2).sum()


def scan_of_custom_op_that_captures(on, x):
    w = lm.tensor([2.0, 0.5, -1.0], dtype=lm.float64)
    return on.scan(lambda c, v: (on.scaled(c, w) + v, c.sum()), x, x)[1].prod()


def scan_of_cond(on, x):
    return on.scan(lambda c, v: (on.cond(c.sum() > 0.2, lambda a: a.sin() * v,
                                         lambda a: (a * v).exp() * x, c), c.sum()), x, x)[0].sum()


def cond_of_scan(on, x):
    return on.cond(x.sum() > 0, lambda a: on.scan(lambda c, v: (c * v + a.sum(), c), a[0], a)[1]
                   .sum(), lambda a: on.checkpoint(on.cube)(a).sum(), x)


def checkpoint_in_scan_in_checkpoint(on, x):
    return on.checkpoint(lambda a: on.scan(lambda c, v: (
        on.checkpoint(lambda q: (W @ q).tanh() * q)(c) + v, c[0]), a, a)[1])(x).sum()


def reversed_scan_of_scan(on, x):
    def outer(c, v):
        d, y = on.scan(lambda e, w: (e * w + v, e.sin()), c, x)
        return d.tanh(), y.sum()
    c, ys = on.scan(outer, x[1], x, reverse=True)
    return c * ys.sum()


def scan_of_while_loop(on, x):
    def f(c, v):
        d = on.while_loop(lambda q: q.sum() < 1.0, lambda q: on.cube(q) * 0.1 + q * 1.3 + v * v, c,
                          max_steps=4)
        return d * 0.5, d
    c, ys = on.scan(f, x, x)
    return (c * ys.sum()).sum()


def vmap_of_cond_of_scan(on, x):
    return on.vmap(lambda v: on.cond(v > 0.3, lambda q: on.scan(lambda c, w: (c * w + q, c), q, x)[
        0], on.cube, v))(x).sum()


def scan_of_gradients(on, x):
    def f(c, v):
        g = lm.grad(lambda q: (on.cube(q) * v).sum() + on.checkpoint(lambda q: q.cos())(q).sum())(c)
        return c - 0.1 * g, c.sum()
    return on.scan(f, x, x)[1].sum()


def compiled_inside(on, x):
    g = on.compile(lambda a: (W @ a).sin() * a)
    return on.scan(lambda c, v: (g(c) + v, c), x, x)[0].sum() + g(g(x)).sum()


FUNCTIONS = [scan_of_custom_op, scan_of_custom_op_with_two_results, scan_of_custom_op_that_captures,
             scan_of_cond, cond_of_scan, checkpoint_in_scan_in_checkpoint, reversed_scan_of_scan,
             scan_of_while_loop, vmap_of_cond_of_scan, scan_of_gradients, compiled_inside]
TRANSFORMS = {  # (on, f) -> a function of [points, 3]
    "value": lambda on, f: each(f),
    "grad": lambda on, f: each(lm.grad(f)),
    "hessian": lambda on, f: each(lm.hessian(f)),
    "jvp": lambda on, f: each(lambda x: lm.jvp(f, [x], [x.sin()])[1]),
    "jvp of grad": lambda on, f: each(lambda x: lm.jvp(lm.grad(f), [x], [x.sin()])[1]),
    "grad of jvp": lambda on, f: each(lm.grad(lambda x: lm.jvp(f, [x], [W[0]])[1])),
    "vmap of grad": lambda on, f: on.vmap(lm.grad(f)),
    "vmap of jvp": lambda on, f: on.vmap(lambda x: lm.jvp(f, [x], [x.cos()])[1]),
    "compile of vmap of grad": lambda on, f: on.compile(on.vmap(lm.grad(f))),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_combinations_are_plain_python(function, transform):
    xs = lm.tensor(POINTS)
    device = "cpu" if transform == "compile of vmap of grad" else "interpret"
    with override(device=device):
        found = TRANSFORMS[transform](LAMINA, lambda x: function(LAMINA, x))(xs).numpy()
    with override(device="interpret"):
        expected = TRANSFORMS[transform](PLAIN, lambda x: function(PLAIN, x))(xs).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)


# ---- custom_op -----------------------------------------------------------------------------------
NOISY = lm.custom_op(lambda x: x * 1.0, lambda g, y, x: g * lm.uniform(3, dtype=lm.float64))


@pytest.mark.parametrize("transform", [
    lambda f: lm.vmap(lm.grad(lambda x: f(x).sum())),
    lambda f: lm.compile(each(lm.grad(lambda x: f(x).sum()))),
    lambda f: lm.grad(lambda xs: lm.vmap(f)(xs).sum()),
    lambda f: lm.grad(lambda xs: lm.scan(lambda c, x: (c, f(x)), 0, xs)[1].sum())],
    ids=["vmap of grad", "compile", "grad of vmap", "grad of scan"])
def test_draws_in_a_gradient_of_the_user(transform):
    lm.seed(4)
    expected = each(lm.grad(lambda x: NOISY(x).sum()))(lm.tensor(POINTS)).numpy()
    after = lm.uniform(3).numpy()
    lm.seed(4)
    np.testing.assert_array_equal(transform(NOISY)(lm.tensor(POINTS)).numpy(), expected)
    np.testing.assert_array_equal(lm.uniform(3).numpy(), after)
    assert len(np.unique(expected)) == expected.size


def test_a_custom_op_may_capture_what_is_mapped_or_carried():
    def f(xs, ws):
        return lm.vmap(lambda x, w: LAMINA.scaled(x, w))(xs, ws).sum()

    xs, ws = lm.tensor(POINTS), lm.tensor(POINTS + 2)
    np.testing.assert_array_equal(lm.grad(f)(xs, ws).numpy(), ws.numpy())
    total = lm.grad(lambda x: lm.scan(lambda c, w: (LAMINA.scaled(c, w), None), x, ws)[0].sum())
    np.testing.assert_allclose(total(xs[0]).numpy(), ws.numpy().prod(axis=0), rtol=1e-15)


def test_without_gradients_nobody_asks_for_them():
    op = lm.custom_op(lambda x: x * 2, lambda g, y, x: pytest.fail("is called"))
    assert op(lm.ones(2)).tolist() == [2, 2]
    with lm.no_grad():
        assert op(lm.nn.Parameter([1.0])).tolist() == [2]


def test_backward_of_a_custom_op_assigns_to_no_tensor():
    seen = lm.zeros(2)
    op = lm.custom_op(lambda x: x * 2, lambda g, y, x: (seen.assign(g), g)[1])
    with pytest.raises(GradientError, match="assigns to no tensor"):
        op(lm.tensor([1.0, 2.0], requires_grad=True))
    assert seen.tolist() == [0, 0]


def test_the_sizes_of_a_custom_op_vary_without_a_program_for_each():
    op = lm.custom_op(lambda x: x * 3.0, lambda g, y, x: g * 3.0)

    def programs_for(n):
        w = lm.nn.Parameter([1.0])
        op(w * lm.ones(n)).sum().backward()
        assert w.grad.tolist() == [3.0 * n]
        return families.count()

    programs_for(5)
    assert len({programs_for(n) for n in (6, 7, 8, 9)}) == 1


def test_axes_of_one_within_a_reshape_of_a_merged_loop():
    """[3, 2] and [3, 1, 1, 2] are one loop of 6: no place of it is lost in the axes of size 1."""
    x = np.arange(1, 7, dtype=np.float32).reshape(3, 1, 1, 2)
    ones = lm.broadcast_to(lm.reshape(lm.tensor(1.0), (1, 1)), (3, 2)).reshape((3, 1, 1, 2))
    got = ((ones / lm.tensor(x)).reshape((3, 2)) * 2.0).numpy()
    np.testing.assert_allclose(got, (2.0 / x).reshape(3, 2), rtol=1e-6)
