"""Which recording of a compiled function a call replays."""

import numpy as np
import pytest

import lamina as lm
from lamina import nn
from lamina.errors import ArgumentError


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


def test_only_what_can_be_called_is_compiled():
    with pytest.raises(ArgumentError, match="what is compiled can be called"):
        lm.compile(3)
