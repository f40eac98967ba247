"""linear, embedding, dropout, flatten, activations."""

import math

import numpy as np
import pytest

import lamina as lm
from lamina import functional as F
from lamina.errors import ArgumentError, DTypeError, IndexingError, ShapeError

X = np.linspace(-4, 4, 41, dtype=np.float32)


def draw(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5)])
def test_linear(shape):
    x, w, b = draw(*shape), draw(4, 5), draw(4)
    got = F.linear(lm.tensor(x), lm.tensor(w), lm.tensor(b)).numpy()
    np.testing.assert_allclose(got, x @ w.T + b, rtol=1e-5, atol=1e-5)  # five products


def test_linear_names_the_features():
    with pytest.raises(ShapeError) as caught:
        F.linear(lm.zeros((32, 128)), lm.zeros((10, 256)))
    assert str(caught.value).splitlines()[1:] == [
        "  input   float32 [batch=32, features=128]",
        "  weight  float32 [out=10, features=256]",
        "  rule: the last axis of the input must equal the last axis of the weight",
        "  try: Linear(128, 10)",
    ]
    with pytest.raises(ShapeError, match="Flatten"):
        F.linear(lm.zeros((32, 16, 16)), lm.zeros((10, 256)))
    with pytest.raises(DTypeError, match=r"try: input\.astype\(lm\.float32\)"):
        F.linear(lm.tensor(np.ones((32, 256))), lm.zeros((10, 256)))
    with pytest.raises(DTypeError, match="input is a Tensor"):
        F.linear(np.ones((32, 256)), lm.zeros((10, 256)))


def test_embedding():
    table, rows = draw(7, 3), np.array([[0, 6], [2, 2]])
    np.testing.assert_array_equal(F.embedding(lm.tensor(rows), lm.tensor(table)).numpy(),
                                  table[rows])
    with pytest.raises(DTypeError, match="row numbers"):
        F.embedding(lm.zeros((2,)), lm.tensor(table))
    with pytest.raises(IndexingError):
        F.embedding(lm.tensor([0, 7]), lm.tensor(table)).numpy()


def test_embedding_adds_up_gradients_but_not_of_padding():
    table = lm.nn.Parameter(draw(4, 3))
    F.embedding(lm.tensor([1, 1, 0, 2]), table, padding_idx=0).sum().backward()
    np.testing.assert_array_equal(table.grad.numpy(), np.array([0, 2, 1, 0])[:, None] * np.ones(3))


def test_dropout():
    lm.seed(0)
    x = lm.tensor(np.ones((100, 100), np.float32))
    y = F.dropout(x, 0.25).numpy()
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((y == 0).mean() - 0.25) < 0.02  # five standard deviations of 10,000 draws
    assert (F.dropout(x, 0.25).numpy() != y).any()
    assert F.dropout(x, 0.25, training=False) is x
    assert F.dropout(x, 0.0) is x
    assert not F.dropout(x, 1.0).numpy().any()
    with pytest.raises(ArgumentError, match="probability"):
        F.dropout(x, 1.5)


@pytest.mark.parametrize(("start", "end", "shape"), [
    (0, -1, (120,)), (1, -1, (2, 60)), (1, 2, (2, 12, 5)), (2, 3, (2, 3, 20)), (0, 1, (6, 4, 5)),
    (1, 1, (2, 3, 4, 5)),
])
def test_flatten(start, end, shape):
    x = draw(2, 3, 4, 5)
    np.testing.assert_array_equal(F.flatten(lm.tensor(x), start, end).numpy(), x.reshape(shape))


def test_flatten_refuses_axes_that_are_not_there():
    with pytest.raises(ShapeError, match=r"input\[None\]"):
        F.flatten(lm.zeros((5,)), 1)


def gelu(x):
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


@pytest.mark.parametrize(("function", "formula"), [
    (F.relu, lambda x: np.maximum(x, 0)),
    (lambda x: F.leaky_relu(x, 0.1), lambda x: np.where(x > 0, x, 0.1 * x)),
    (F.gelu, gelu),
    (lambda x: F.gelu(x, "tanh"), gelu_tanh),
    (F.silu, lambda x: x / (1 + np.exp(-x))),
    (F.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    (F.tanh, np.tanh),
    (F.softplus, lambda x: np.log1p(np.exp(x))),
    (F.softmax, lambda x: np.exp(x) / np.exp(x).sum()),
    (F.log_softmax, lambda x: x - np.log(np.exp(x).sum())),
])
def test_activations(function, formula):
    np.testing.assert_allclose(function(lm.tensor(X)).numpy(), formula(X.astype(np.float64)),
                               rtol=3e-6, atol=1e-6)  # about 20 float32 roundings


def test_softplus_does_not_overflow():
    np.testing.assert_array_equal(F.softplus(lm.tensor([-200.0, 200.0])).numpy(), [0.0, 200.0])


@pytest.mark.parametrize("axis", ["a", 1.5, None])
def test_flatten_takes_integers(axis):
    with pytest.raises(ArgumentError, match="start_dim is an int"):
        F.flatten(lm.ones((2, 3)), axis)
