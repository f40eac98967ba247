"""What a product computes is written where it belongs inside its padding."""

import numpy as np
import pytest

import lamina as lm
from lamina import functional as F
from lamina.graph.node import is_leaf, leaf, topological
from lamina.graph.rewrite import substitute
from lamina.runtime import families
from lamina.schedule.plan import make_plan
from lamina.targets import TARGETS

RANDOM = np.random.default_rng(11)


def drawn(*shape):
    return RANDOM.standard_normal(shape) * 0.3


def kernels(tensor):
    roots = [tensor.node]
    hollow = {n: leaf(None, n.shape, n.dtype) for n in topological(roots) if is_leaf(n)}
    plan = make_plan(substitute(roots, hollow), TARGETS["avx2"])
    return [step.name for step in plan.steps], plan


def two_layers(x, w, v, **how):
    return F.conv2d(F.conv2d(x, w, padding=1).relu(), v, padding=1, **how)


def test_no_copy_between_two_convolutions():
    x, w, v = (lm.tensor(drawn(*s).astype("f")) for s in ((2, 9, 9, 8), (8, 8, 3, 3), (8, 8, 3, 3)))
    names, plan = kernels(two_layers(x, w, v))
    assert "margins_margins" in names and any("slice_set" in name for name in names)
    assert sum(name.startswith("map") for name in names) == 1  # the padding of x
    margins, = (s for s in plan.steps if s.spec.kind == "margins")
    first = next(s for s in plan.steps if "slice_set" in s.name)
    assert margins.level == first.level - 1 and first.writes == margins.writes


def test_what_is_read_elsewhere_too_is_written_twice_and_still_not_copied():
    x, w, v = (lm.tensor(drawn(*s).astype("f")) for s in ((2, 9, 9, 8), (8, 8, 3, 3), (8, 8, 3, 3)))
    y = F.conv2d(x, w, padding=1).relu()
    names, _ = kernels(F.conv2d(y, v, padding=1) + y)
    assert sum(name.startswith("map") for name in names) == 1


def test_margins_of_many_layers_have_memory_of_their_own():
    x = lm.tensor(drawn(1, 12, 12, 8).astype("f"))
    ws = [lm.tensor(drawn(8, 8, 3, 3).astype("f")) for _ in range(5)]
    y, expected = x, x.astype(lm.float64)
    for w in ws:
        y = F.conv2d(y, w, padding=1).tanh()
        expected = F.conv2d(expected, w.astype(lm.float64), padding=1).tanh()
    names, _ = kernels(y)
    assert names.count("margins_margins") == 4 and not any("stored" in n for n in names)
    np.testing.assert_allclose(y.numpy(), expected.numpy(), atol=1e-5)


CASES = {
    "two layers": lambda x, w, v: two_layers(x, w, v),
    "stride": lambda x, w, v: two_layers(x, w, v, stride=2),
    "residual": lambda x, w, v: (y := F.conv2d(x, w, padding=1).relu()) + F.conv2d(y, v, padding=1),
    "used twice": lambda x, w, v: (
        F.conv2d(y := F.conv2d(x, w, padding=1), v, padding=1)
        + F.conv2d(y, v * 2, padding=1)),
    "one value": lambda x, w, v: lm.pad(F.conv2d(x, w).exp(), [(0, 0), (3, 1), (0, 2), (0, 0)],
                                        value=7.0),
    "batch": lambda x, w, v: lm.pad(F.conv2d(x, w), [(1, 2), (0, 0), (0, 0), (0, 0)]),
    "pooled": lambda x, w, v: F.max_pool2d(F.conv2d(x, w), 3, stride=2, padding=1),
    "products": lambda x, w, v: lm.pad(x @ lm.ones((8, 8), dtype=x.dtype), [
        (0, 0), (1, 0), (0, 1), (0, 0)]),
    "updated": lambda x, w, v: (z := lm.pad(F.conv2d(x, w), [(0, 0), (1, 1), (1, 1), (0, 0)])
                                ) * 2 + z.sum(),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name):
    given = drawn(2, 7, 9, 8), drawn(8, 8, 3, 3), drawn(8, 8, 3, 3)
    f = CASES[name]

    def all_of(dtype):
        x = [lm.tensor(v, dtype=dtype) for v in given]
        if name == "updated":
            return [f(*x).numpy()]
        grads = lm.grad(lambda *a: (f(*a) ** 2).sum(), argnums=(0, 1, 2))(*x)
        return [f(*x).numpy(), *(g.numpy() for g in grads)]

    for found, expected in zip(all_of(lm.float32), all_of(lm.float64), strict=True):
        np.testing.assert_allclose(found, expected, atol=3e-5 * max(1, np.abs(expected).max()))


def test_any_size():
    families.forget_programs()
    w, v = (lm.tensor(drawn(8, 8, 3, 3).astype("f")) for _ in range(2))
    f = lm.compile(lambda x: two_layers(x, w, v))
    for n, h, s in ((1, 5, 6), (2, 8, 4), (3, 9, 9), (1, 3, 11)):
        x = drawn(n, h, s, 8)
        expected = two_layers(lm.tensor(x, dtype=lm.float64), w.astype(lm.float64),
                              v.astype(lm.float64)).numpy()
        np.testing.assert_allclose(f(lm.tensor(x, dtype=lm.float32)).numpy(), expected, atol=1e-4)


def test_sequences():
    x, w = drawn(2, 11, 8), drawn(8, 8, 3)

    def f(dtype):
        a, b = (lm.tensor(v, dtype=dtype) for v in (x, w))
        return F.conv1d(F.conv1d(a, b, padding=1).relu(), b, padding=(2,)).numpy()

    np.testing.assert_allclose(f(lm.float32), f(lm.float64), atol=1e-5)


OUT = {
    "all of it": lambda o, y: o.__setitem__(slice(None), y),
    "backwards": lambda o, y: o.__setitem__(slice(None, None, -1), y),
    "a part": lambda o, y: o.__setitem__(slice(2, None), y[2:]),
}


@pytest.mark.parametrize("name", OUT)
def test_products_set_into_an_array_that_is_read_on(name):
    """The values lie elsewhere than where they were computed, so readers wait for the whole."""
    x, w = drawn(8, 24).astype("f"), drawn(24, 16).astype("f")
    out = lm.zeros((8, 16))
    OUT[name](out, (lm.tensor(x) @ lm.tensor(w)).relu())
    expected = np.zeros((8, 16))
    OUT[name](expected, np.maximum(x.astype(float) @ w, 0))
    np.testing.assert_allclose((out * 2 + 1).numpy(), expected * 2 + 1, atol=1e-5)


def test_a_pad_of_nothing():
    x, w = drawn(8, 24).astype("f"), drawn(24, 16).astype("f")
    found = lm.pad(lm.tensor(x) @ lm.tensor(w), [(0, 0), (0, 0)]) + 1
    np.testing.assert_allclose(found.numpy(), x.astype(float) @ w + 1, atol=1e-5)


def test_long_chains_of_values_that_are_read_twice():
    """Each node is looked at once: 2**60 ways lead down this chain."""
    x = lm.tensor(drawn(4, 16).astype("f"))
    y = x
    for _ in range(60):
        y = y * 0.5 + y.tanh() * 0.1
    assert not any("margins" in name for name in kernels(lm.pad(y, [(1, 1), (0, 0)]))[0])
