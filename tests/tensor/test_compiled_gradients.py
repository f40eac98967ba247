"""Gradients flow through calls of compiled functions, which compute their values at once."""

import numpy as np
import pytest

import lamina as lm
from lamina import nn

X = np.array([0.3, -0.7, 1.1, 0.5])


def plain(x):
    return x**2 - x.exp() * 0.1


USES = {
    "alone": lambda f, x: f(x).sum(),
    "in a product": lambda f, x: (f(x) * x).sum(),
    "twice": lambda f, x: f(f(x)).sum(),
    "of something pending": lambda f, x: f(x * 2).sum(),
}


@pytest.mark.parametrize("name", USES)
def test_gradients_of_all_kinds(name):
    use, x = USES[name], lm.tensor(X)
    f = lm.compile(plain)
    for transform in (lm.grad, lm.hessian):
        for _ in range(3):
            found = transform(lambda x: use(f, x))(x).numpy()
            expected = transform(lambda x: use(plain, x))(x).numpy()
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    moved = [lm.jvp(lambda x, g=g: use(g, x), (x,), (lm.ones_like(x),))[1].numpy()
             for g in (f, plain)]
    np.testing.assert_allclose(*moved, rtol=1e-12)


def test_forward_mode_through_a_checkpoint():
    found = lm.jvp(lm.checkpoint(plain), (lm.tensor(X),), (lm.tensor(X),))[1].numpy()
    np.testing.assert_allclose(found, (2 * X - np.exp(X) * 0.1) * X, rtol=1e-12)


def test_parameters_inside_a_compiled_model():
    model = nn.Linear(4, 2)
    compiled = lm.compile(model)
    for _ in range(3):
        (compiled(lm.ones((5, 4))).sum() + model.weight.sum()).backward()
        np.testing.assert_array_equal(model.weight.grad.numpy(), np.full((2, 4), 6.0))
        model.weight.grad = None


def test_the_gradient_sees_what_the_call_has_drawn():
    lm.seed(0)
    model = nn.Sequential(nn.Linear(4, 50), nn.Dropout(0.5))
    weight = next(iter(model.parameters()))
    compiled = lm.compile(model)
    for _ in range(3):
        y = compiled(lm.ones((1, 4)))
        y.sum().backward()
        np.testing.assert_array_equal(y.numpy()[0] != 0, weight.grad.numpy()[:, 0] != 0)
        weight.grad = None


def test_without_gradients_nothing_is_kept():
    model = nn.Linear(4, 2)
    compiled = lm.compile(model)
    with lm.no_grad():
        assert not compiled(lm.ones((5, 4))).node.tracked
