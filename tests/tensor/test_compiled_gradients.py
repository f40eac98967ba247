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


# ---- which recording -----------------------------------------------------------------------------
def test_numbers_of_different_types_are_different_arguments():
    f = lm.compile(lambda x, n: x + n)
    x = lm.tensor([1, 2])
    assert f(x, 1).dtype is lm.int64 and f(x, 1.0).dtype is lm.float32
    g = lm.compile(lambda x, n: x / n)
    one = lm.ones(2)
    assert g(one, 0.0).numpy()[0] == np.inf and g(one, -0.0).numpy()[0] == -np.inf


def test_arrays_among_the_arguments_are_never_mistaken():
    f = lm.compile(lambda s, x: x * lm.tensor(s))
    for i in range(20):
        s = np.full(3, float(i), np.float32)
        np.testing.assert_array_equal(f(s, lm.ones(3)).numpy(), s)


def test_the_mode_of_modules_selects_the_recording():
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.9))
    compiled, x = lm.compile(model), lm.ones((2, 4))
    for _ in range(2):
        model.train()
        compiled(x)
        model.eval()
        np.testing.assert_array_equal(compiled(x).numpy(), model(x).numpy())
    assert compiled.recordings == 2


def test_what_is_frozen_stays_as_it_is():
    model = nn.Linear(3, 2)
    optimizer = lm.optim.SGD(model.parameters(), lr=0.1)

    @lm.compile
    def step(x):
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    step(lm.ones((4, 3)))
    model.bias.requires_grad = False
    before = model.bias.numpy().copy()
    step(lm.ones((4, 3)))
    np.testing.assert_array_equal(model.bias.numpy(), before)


def test_a_captured_tensor_that_was_pending_is_read_at_each_call():
    c = lm.ones(4) * 2
    f = lm.compile(lambda a: a + c)
    f(lm.ones(4))
    c.assign(lm.zeros(4))
    np.testing.assert_array_equal(f(lm.ones(4)).numpy(), np.ones(4))


def test_a_number_in_an_f_string():
    assert f"{lm.tensor(1.23456):.3f}" == "1.235"


def test_a_chain_of_a_thousand_operations():
    x = lm.tensor([1.0])
    for _ in range(1000):
        x = lm.sin(x) + 0.5
    assert x.numpy() == pytest.approx(1.4973, abs=1e-4)
