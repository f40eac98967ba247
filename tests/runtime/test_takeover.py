"""Values that die give their memory to what replaces them; all others stay as they are."""

import numpy as np
import pytest

import lamina as lm
from lamina import nn
from lamina.errors import IndexingError
from lamina.runtime import single

N = 1000


def address(t):
    return t.node.value.address


@pytest.fixture
def x():
    """A parameter that nothing else refers to."""
    return nn.Parameter(np.arange(N, dtype=np.float32))


def update(p):
    p.assign(p * 0.5 + 1)
    lm.evaluate(p)


def test_an_update_is_computed_in_place(x):
    before = address(x)
    update(x)
    assert address(x) == before
    np.testing.assert_array_equal(x.numpy(), np.arange(N) * 0.5 + 1)


def test_an_optimizer_updates_its_moments_in_place():
    model = nn.Linear(N, 30)
    optimizer = lm.optim.Adam(model.parameters(), lr=1e-3)
    x = lm.ones((8, N))
    for _ in range(2):
        model(x).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    held = [model.weight, model.bias, *[t for t in optimizer.state_tensors().values() if t.ndim]]
    before = [address(t) for t in held]
    model(x).square().mean().backward()
    optimizer.step()
    assert [address(t) for t in held] == before


ROWS = np.random.default_rng(0).normal(size=(6, 50)).astype(np.float32)
REDUCTIONS = {  # what is computed from a value of a size, by a reduction's kernel
    "a row": (lambda x: lm.softmax(x, axis=-1), (6, 50)),
    "a row twice": (lambda x: (x - x.mean(axis=-1, keepdims=True)) / (1 + x.square()), (6, 50)),
    "what belongs to rows": (lambda x: x + lm.tensor(ROWS).sum(axis=1), (6,)),
    "what belongs to columns": (lambda x: x * 2 + lm.tensor(ROWS).sum(axis=0), (50,)),
    "columns of two kinds": (lambda x: (x.reshape(1, 50) + lm.tensor(ROWS).sum(
        axis=0, keepdims=True)).reshape(50), (50,)),
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_a_reduction_computes_in_place(name):
    function, shape = REDUCTIONS[name]
    start = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    expected = function(lm.tensor(start)).numpy()
    x = nn.Parameter(start)
    before = address(x)
    x.assign(function(x))
    lm.evaluate(x)
    np.testing.assert_array_equal(x.numpy(), expected)
    assert address(x) == before


def test_a_row_that_is_read_across_is_not_written_over():
    x = nn.Parameter(ROWS)
    x.assign(x - x[::-1] * x.sum(axis=1, keepdims=True))
    lm.evaluate(x)
    wanted = ROWS - ROWS[::-1] * ROWS.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(x.numpy(), wanted, rtol=1e-5, atol=1e-5)


HOLDERS = {
    "a NumPy view": lambda p: p.numpy(),
    "a detached tensor": lambda p: p.detach(),
    "a computed view": lambda p: p.reshape(10, -1),
    "a pending result": lambda p: p + 0,
    "its history": lambda p: p.square(),
    "a slice": lambda p: p[10:],
}


@pytest.mark.parametrize("name", HOLDERS)
def test_what_somebody_holds_keeps_its_value(x, name):
    held = HOLDERS[name](x)
    expected = HOLDERS[name](lm.tensor(np.arange(N, dtype=np.float32)))
    update(x)
    update(x)
    np.testing.assert_array_equal(np.asarray(held if isinstance(held, np.ndarray)
                                             else held.numpy()), np.asarray(
        expected if isinstance(expected, np.ndarray) else expected.numpy()))


def test_history_that_a_gradient_still_needs_is_kept(x):
    y = x.square().sum()
    lm.evaluate(y)
    update(x)
    y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * np.arange(N))


def test_numbers_that_vary_are_nobodys_memory():
    for i in range(5):
        x = lm.tensor(0.0)
        y = x * (i + 0.5) + (i + 1.5)
        del x
        assert y.item() == i + 1.5


def test_a_second_name_keeps_the_old_value():
    x = lm.tensor(np.arange(N, dtype=np.float32))
    old = x
    x = x + 1
    x.numpy()
    np.testing.assert_array_equal(old.numpy(), np.arange(N))


def test_a_temporary_gives_its_memory_away():
    x = lm.tensor(np.arange(single.SMALL, dtype=np.float32))  # too large for the short way
    before = address(x)
    y = x + 1
    del x
    lm.evaluate(y)
    assert address(y) == before


def test_after_a_failed_check_the_old_values_are_there(x):
    table = lm.tensor(np.ones((3, N), np.float32))
    rows = lm.tensor(np.array([3])) + 4
    x.assign(x * 2 + lm.take(table, rows, axis=0).sum(axis=0))
    with pytest.raises(IndexingError):
        lm.evaluate(x)
    np.testing.assert_array_equal(x.numpy(), np.arange(N))
