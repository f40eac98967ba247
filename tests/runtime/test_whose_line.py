"""Errors that show only when values are computed: the module, the operation, the user's line."""

import numpy as np
import pytest

import lamina as lm
from lamina import functional as F
from lamina import nn
from lamina.config import override
from lamina.errors import IndexingError, NumericError

X = np.array([1.0, -1.0, 2.0], np.float32)


def bad(x):
    y = x * 2
    return lm.log(y)  # the line


ZERO = np.float32(0)
INSIDE = {
    "alone": lambda x: bad(x),
    "scan": lambda x: lm.scan(lambda c, v: (c + bad(v), c), ZERO, x)[0],
    "scan in scan": lambda x: lm.scan(
        lambda c, _: (lm.scan(lambda d, v: (d + bad(v), None), c, x)[0], None), ZERO, length=2)[0],
    "cond": lambda x: lm.cond(x.sum() > 0, bad, lambda x: x, x),
    "while_loop": lambda x: lm.while_loop(lambda c: c.sum() < 9, lambda c: bad(c) + 3, x),
    "checkpoint": lambda x: lm.checkpoint(bad)(x),
    "custom_op": lambda x: lm.custom_op(bad, lambda g, y, x: g)(x),
    "compile": lambda x: lm.compile(bad)(x),
    "vmap": lambda x: lm.vmap(bad)(x),
    "vmap of scan": lambda x: lm.vmap(INSIDE["scan"])(lm.stack([x, x])),
    "masked later": lambda x: lm.checkpoint(lambda x: lm.where(x > 0, bad(x), 0.0))(x),
}


@pytest.mark.parametrize("name", INSIDE)
def test_a_nan_is_named_where_it_arises(name):
    with override(check=True), pytest.raises(NumericError) as caught:
        lm.eval(INSIDE[name](lm.tensor(X)))
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("NumericError in log, at test_whose_line.py")
    assert lines[0].endswith("return lm.log(y)  # the line")
    assert lines[1].startswith("  x  float32") and lines[2] == "  rule: no NaN comes out of numbers"


def test_a_nan_from_python_is_that_of_the_callback():
    spec = lm.ShapeDtype((3,), lm.float32)
    with override(check=True), pytest.raises(NumericError, match="in host_callback"):
        lm.scan(lambda c, _: (lm.host_callback(lambda x: x * np.nan, spec, c), None),
                lm.tensor(X), length=2)[0].numpy()


class Reader(nn.Module):
    def __init__(self):
        self.embedding = nn.Embedding(6, 4)
        self.layers = [nn.Linear(4, 3), Root()]

    def forward(self, tokens):
        h = self.embedding(tokens + 0)
        for layer in self.layers:
            h = layer(h)
        return h


class Root(nn.Module):
    def forward(self, x):
        return lm.sqrt(x - 1000)


TOKENS = np.array([[0, 6], [1, 2]])
CALLS = {
    "alone": lambda f, x: f(x),
    "compile": lambda f, x: lm.compile(f)(x),
    "vmap": lambda f, x: lm.vmap(f)(x),
    "checkpoint": lambda f, x: lm.checkpoint(f)(x),
    "scan": lambda f, x: lm.scan(lambda c, row: (c, f(row)), 0, x)[1],
    "gradient": lambda f, x: lm.grad(lambda w: (f(x) * w).sum())(lm.tensor(2.0)),
}


@pytest.mark.parametrize("device", ["cpu", "interpret"])
@pytest.mark.parametrize("call", CALLS)
def test_an_index_outside_names_the_module(call, device):
    model = Reader()
    with override(device=device), pytest.raises(IndexingError) as caught:
        CALLS[call](model, lm.tensor(TOKENS)).numpy()
    assert str(caught.value).startswith(
        "IndexingError in model.embedding (Embedding 6 x 4): gather, at test_whose_line.py")
    assert "h = self.embedding(tokens + 0)\n" in str(caught.value)
    assert caught.value.path == "model.embedding (Embedding 6 x 4)"


@pytest.mark.parametrize("call", CALLS)
def test_a_nan_names_the_module(call):
    model = Reader()
    with override(check=True), pytest.raises(NumericError) as caught:
        CALLS[call](model, lm.tensor(TOKENS % 6)).numpy()
    assert str(caught.value).startswith(
        "NumericError in model.layers[1] (Root): sqrt, at test_whose_line.py")


def test_a_loss_outside_the_model_names_no_module_and_one_inside_does():
    class Whole(nn.Module):
        def __init__(self):
            self.head = nn.Linear(4, 3)

        def forward(self, x, labels):
            return F.cross_entropy(self.head(x), labels)

    x, labels = lm.ones((2, 4)), lm.tensor([0, 2]) + 1
    with pytest.raises(IndexingError, match="^IndexingError in cross_entropy, at"):
        F.cross_entropy(nn.Linear(4, 3)(x), labels).item()
    with pytest.raises(IndexingError, match="^IndexingError in model: cross_entropy, at"):
        Whole()(x, labels).item()


def test_the_module_is_the_one_of_the_operation_not_of_who_reads_the_value():
    class Outer(nn.Module):
        def forward(self, x):
            return x.numpy()

    with pytest.raises(IndexingError) as caught:
        Outer()(nn.Embedding(3, 2)(lm.tensor([2]) + 1))
    assert caught.value.path == "Embedding 3 x 2"
