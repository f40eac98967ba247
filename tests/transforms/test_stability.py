"""Gradients of logarithms and quotients of exponentials where those overflow."""

import numpy as np
import pytest

import lamina as lm

X = np.array([1000.0, 0.0, -1000.0])
SIGMOID = np.array([1.0, 0.5, 0.0])
SOFTMAX = np.array([1.0, 0.0, 0.0])
# form: (the function, its gradient and its second derivative along ones at X)
FORMS = {
    "log(1 + exp x)": (lambda x: (1 + x.exp()).log(), SIGMOID, SIGMOID * (1 - SIGMOID)),
    "log1p(exp x)": (lambda x: x.exp().log1p(), SIGMOID, SIGMOID * (1 - SIGMOID)),
    "log(softmax x)": (lambda x: x.softmax().log(), 1 - 3 * SOFTMAX, 0 * X),
    "log(sum(exp x))": (lambda x: x.exp().sum().log(), SOFTMAX, 0 * X),
    "log(sigmoid x)": (lambda x: x.sigmoid().log(), 1 - SIGMOID, -SIGMOID * (1 - SIGMOID)),
    "exp x / (1 + exp x)": (lambda x: x.exp() / (1 + x.exp()), SIGMOID * (1 - SIGMOID), 0 * X),
    "1 / (1 + exp -x)": (lambda x: 1 / (1 + (-x).exp()), SIGMOID * (1 - SIGMOID), 0 * X),
    "exp x / sum(exp x)": (lambda x: x.exp() / x.exp().sum(), 0 * X, 0 * X),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", FORMS)
def test_gradients(name, compiled):
    f, first, second = FORMS[name]
    wrap = lm.compile if compiled else lambda g: g
    x = lm.tensor(X)
    slope = lm.grad(lambda x: f(x).sum())
    np.testing.assert_allclose(wrap(slope)(x).numpy(), first, atol=1e-6)
    twice = wrap(lm.grad(lambda x: slope(x).sum()))
    np.testing.assert_allclose(twice(x).numpy(), second, atol=1e-6)
    along = wrap(lambda x: lm.jvp(f, [x], [lm.ones(3, dtype=x.dtype)])[1].sum())
    np.testing.assert_allclose(along(x).item(), first.sum(), atol=1e-6)


@pytest.mark.parametrize("name", FORMS)
def test_gradient_of_what_was_looked_at(name):
    """The parts have values when backward starts."""
    f, first, _ = FORMS[name]
    x = lm.tensor(X, requires_grad=True)
    y = f(x)
    y.numpy()
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), first, atol=1e-6)


def test_inner_nodes_keep_their_gradients():
    x = lm.tensor([0.5, 1.0], requires_grad=True)
    power = x.exp()
    by_x, by_power = lm.gradients((1 + power).log().sum(), [x, power])
    e = np.exp([0.5, 1.0])
    np.testing.assert_allclose(by_power.numpy(), 1 / (1 + e), rtol=1e-6)
    np.testing.assert_allclose(by_x.numpy(), e / (1 + e), rtol=1e-6)
