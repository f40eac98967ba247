"""Random draws under vmap: those of a loop over the examples, and where that cannot be, others."""

import sys

import numpy as np
import pytest

import lamina as lm
from lamina import nn
from lamina.config import override

XS = np.linspace(-1.0, 1.0, 12).reshape(4, 3)


def loop(f):
    """What vmap is to equal."""
    return lambda xs: lm.stack([f(x) for x in xs])


def two_draws(x):
    return x + lm.uniform(3) + lm.normal((), dtype=lm.float64)


def scanned(x):
    return lm.scan(lambda c, v: (c + lm.uniform(()) * v, lm.normal(2)), lm.uniform(3) + x, x)[0]


def in_both_branches(x):
    return lm.cond(x.sum() > 0, lambda: lm.uniform(3), lambda: -lm.normal(3))


DRAWS = {
    "uniform": lambda x: lm.uniform(3) + x,
    "that is all": lambda x: lm.uniform(3),
    "normal": lambda x: lm.normal(3) * x,
    "bernoulli": lambda x: lm.where(lm.bernoulli(0.5, 3), x, 0.0),
    "randint": lambda x: lm.randint(0, 1000, 3) + x,
    "permutation": lambda x: lm.permutation(50),
    "dropout": lambda x: lm.dropout(x, 0.5),
    "two draws": two_draws,
    "checkpoint": lm.checkpoint(two_draws),
    "compile": lm.compile(two_draws),
    "scan": scanned,
    "cond": in_both_branches,
    "cond in scan": lambda x: lm.scan(lambda c, v: (c + in_both_branches(v), None), x, x)[0],
    "grad": lm.grad(lambda x: (lm.dropout(x, 0.5) ** 2).sum()),
    "vmap": lambda x: lm.vmap(lambda v: v + lm.uniform(2))(x),
    "vmap of vmap": lambda x: lm.vmap(lm.vmap(lambda v: v * lm.uniform(())))(lm.outer(x, x)),
    "vmap in scan": lambda x: lm.scan(lambda c, _: (lm.vmap(two_draws)(c), None), lm.outer(x, x),
                                      length=2)[0],
}


@pytest.fixture(params=["cpu", "interpret"])
def device(request):
    with override(device=request.param):
        yield request.param


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("name", DRAWS)
def test_draws_are_those_of_a_loop(name, seed, device):
    f, xs, found = DRAWS[name], lm.tensor(XS), []
    for transform in (lm.vmap, loop, lambda f: lm.compile(lm.vmap(f))):
        lm.seed(seed)
        found.append([transform(f)(xs).numpy(), lm.uniform(4).numpy()])  # and so is what follows
    for ys, after in found[1:]:
        np.testing.assert_allclose(ys, found[0][0], rtol=1e-6)
        np.testing.assert_array_equal(after, found[0][1])
    assert len(np.unique(found[0][0][:, 0])) > 1


def test_other_seeds_and_later_calls_give_other_draws():
    f = lm.compile(lm.vmap(lambda x: lm.uniform(8) + x))
    x = lm.zeros((3, 8))
    found = []
    for seed in (0, 1):
        lm.seed(seed)
        found += [f(x).numpy(), f(x).numpy()]
    assert len(np.unique(found)) > 4 * 3 * 8 - 3


def test_example_gradients_of_a_network_with_dropout():
    lm.seed(3)
    model = nn.Sequential(nn.Linear(3, 16), nn.Dropout(0.5), nn.Tanh(), nn.Linear(16, 1))
    weight = model[0].weight

    def loss(w, x):
        old = weight.node
        weight.node = w.node
        try:
            return model(x).sum()
        finally:
            weight.node = old

    xs, seen = lm.tensor(XS, dtype=lm.float32), []
    for transform in (lambda f: lm.vmap(f, in_axes=(None, 0)),
                      lambda f: lambda w, xs: lm.stack([f(w, x) for x in xs])):
        lm.seed(5)
        seen.append(transform(lm.grad(loss))(weight.detach(), xs).numpy())
    np.testing.assert_allclose(*seen, rtol=1e-5, atol=1e-7)
    kept = seen[0][:, :, 0] != 0
    assert 0 < kept.mean() < 1 and len({tuple(row) for row in kept}) == 4


def draws_if(x):
    """One draw more where x is positive: nobody knows beforehand where the next example begins."""
    return lm.cond(x > 0, lambda: lm.uniform(()) + lm.uniform(()), lambda: lm.uniform(()))


def draws_until(x):
    return lm.while_loop(lambda c: c < 0.7, lambda c: lm.uniform(()), x * 0.0)


@pytest.mark.parametrize("f", [draws_if, draws_until], ids=["cond", "while_loop"])
def test_where_the_number_of_draws_is_not_known_each_example_has_its_own(f, device):
    x, found = lm.tensor(np.linspace(-1, 1, 40, dtype=np.float32)), []
    for transform in (lm.vmap, lm.vmap, lambda f: lm.compile(lm.vmap(f)),
                      lambda f: lambda x: lm.vmap(lm.vmap(f))(x.reshape(5, 8)).reshape(40)):
        lm.seed(2)
        found.append(transform(f)(x).numpy())
        assert len(np.unique(found[-1])) == 40
        assert not np.isin(lm.uniform(40).numpy(), found[-1]).any()
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_a_seed_that_the_function_sets_is_the_same_for_all():
    def f(x):
        lm.seed(9)
        return x + lm.uniform(3)

    xs = lm.tensor(XS)
    np.testing.assert_array_equal(lm.vmap(f)(xs).numpy(), loop(f)(xs).numpy())


def test_second_derivatives_see_the_draws_of_the_value():
    def f(x):
        return (lm.dropout(x, 0.5) ** 3).sum()

    lm.seed(1)
    found = lm.hessian(f)(lm.tensor(XS[0])).numpy()
    lm.seed(1)
    once = lm.dropout(lm.tensor(XS[0]), 0.5).numpy()
    np.testing.assert_allclose(found, np.diag(6 * once * (once != 0) * 4))


def test_a_stream_whose_first_draw_is_compiled_goes_on(monkeypatch):
    creation = sys.modules["lamina.tensor.creation"]
    monkeypatch.setattr(creation, "generator", creation.Generator(4))
    f = lm.compile(lambda: lm.uniform(3))
    assert len(np.unique([f().numpy(), f().numpy(), lm.uniform(3).numpy()])) == 9
