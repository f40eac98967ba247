"""Draws: their distribution, their bounds, and that a key always gives the same."""

import numpy as np
import pytest

from lamina import dtypes
from lamina.dtypes import DType
from lamina.errors import ArgumentError, ShapeError
from lamina.graph.node import Node, Op, Sample, leaf
from lamina.ops import random
from lamina.ops.elementwise import threefry
from lamina.transforms.grad import gradients
from tests.ops.oracle import cases, draw, evaluate, label

MANY = (100_000,)


def key(a: int = 1, b: int = 2) -> Node:
    return leaf(np.array([a, b], np.uint32), (2,), dtypes.uint32)


def value(node: Node) -> np.ndarray:
    return evaluate([node])[0]


@pytest.mark.parametrize(("counter", "keys", "word"), [
    # Known answers of the Random123 library 1.14 (kat_vectors, threefry2x32 20)
    ((0, 0), (0, 0), 0x6B200159),
])
def test_bits_are_threefry(counter: tuple, keys: tuple, word: int):
    assert int(value(random.random_bits(key(*keys), shape=(1,)))[0]) == word
    assert int(threefry.numpy(np.uint32(counter[0]), *map(np.uint32, keys))) == word


@pytest.mark.parametrize(("op", "sample"), cases(random.OPS), ids=label)
def test_bodies_are_the_oracle(op: Op, sample: Sample):
    pairs = draw(op, sample, dtypes.uint32 if op.takes == (dtypes.uint32,) else dtypes.float32)
    nodes = [n for n, _ in pairs]
    whole, body = op(*nodes, **sample.attrs), op.body(*nodes, **sample.attrs)
    assert (whole.shape, whole.dtype) == (body.shape, body.dtype)
    np.testing.assert_allclose(*evaluate([whole, body], dict(pairs)), rtol=1e-6)


def test_the_first_draws_do_not_depend_on_the_shape():
    few, many = (value(random.random_bits(key(), shape=s)) for s in ((2, 3), (4, 5)))
    np.testing.assert_array_equal(few.ravel(), many.ravel()[:6])
    assert value(random.random_bits(key(), shape=())).shape == ()


def test_other_keys_give_other_draws():
    one, two, three = (value(random.random_bits(k, shape=MANY))
                       for k in (key(), key(1, 3), key(2, 2)))
    for other in (two, three):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.02
        assert np.mean(one == other) < 1e-3


@pytest.mark.parametrize("dtype", dtypes.FLOATS, ids=label)
def test_uniform_draws_stay_below_the_bound(dtype: DType):
    for low, high in ((0.0, 1.0), (-3.0, 5.0), (1.0, 1.0), (-2.0, -1.0), (-1.0, 0.0)):
        x = value(random.uniform(key(), MANY, low, high, dtype))
        assert x.min() >= low and (x.max() < high or low == high)
        assert x.mean() == pytest.approx((low + high) / 2, abs=0.05)
        assert x.var() == pytest.approx((high - low) ** 2 / 12, rel=0.05)


@pytest.mark.parametrize("dtype", dtypes.FLOATS, ids=label)
def test_normal_draws(dtype: DType):
    x = value(random.normal(key(), MANY, 2.0, 3.0, dtype)).astype(np.float64)
    assert np.isfinite(x).all()
    assert x.mean() == pytest.approx(2.0, abs=0.05) and x.std() == pytest.approx(3.0, rel=0.02)
    z = (x - 2) / 3
    assert (z**3).mean() == pytest.approx(0, abs=0.05)
    assert (z**4).mean() == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_bernoulli(p: float):
    assert value(random.bernoulli(key(), p, MANY)).mean() == pytest.approx(p, abs=0.01)


def test_randint():
    x = value(random.randint(key(), -2, 4, MANY, dtypes.int8))
    values, counts = np.unique(x, return_counts=True)
    assert x.dtype == np.int8 and values.tolist() == [-2, -1, 0, 1, 2, 3]
    assert abs(counts / MANY[0] - 1 / 6).max() < 0.01
    wide = value(random.randint(key(), 0, 1 << 32, MANY))
    assert wide.min() >= 0 and wide.max() > 4e9


def test_permutation():
    x = value(random.permutation(key(), 1000))
    np.testing.assert_array_equal(np.sort(x), np.arange(1000))
    assert not np.array_equal(x, np.arange(1000))
    assert value(random.permutation(key(), 0)).shape == (0,)


@pytest.mark.parametrize("p", [0.0, 0.4, 1.0])
def test_dropout_and_its_gradient_drop_the_same(p: float):
    x = leaf(np.ones(MANY, np.float32), MANY, dtypes.float32, tracked=True)
    y = random.dropout(x, key(), p=p)
    kept, g = evaluate([y, *gradients(y, [x])])
    np.testing.assert_array_equal(kept, g)
    assert (kept != 0).mean() == pytest.approx(1 - p, abs=0.01)
    assert kept.mean() == pytest.approx(1 if p < 1 else 0, abs=0.02)


@pytest.mark.parametrize("call", [
    lambda: random.uniform(key(), (2,), 1.0, 0.0),
    lambda: random.bernoulli(key(), 1.5, (2,)),
    lambda: random.bernoulli(key(), float("nan"), (2,)),
    lambda: random.randint(key(), 3, 3, (2,)),
    lambda: random.random_bits(leaf(None, (3,), dtypes.uint32), shape=(2,)),
])
def test_arguments_that_make_no_sense_are_errors(call: object):
    with pytest.raises((ArgumentError, ShapeError), match="rule:"):
        call()
