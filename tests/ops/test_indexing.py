"""x[key], x[key] = v, take and their kin against NumPy."""

import numpy as np
import pytest

from lamina import dtypes
from lamina.errors import IndexingError, ShapeError
from lamina.graph.node import Node, leaf
from lamina.ops.indexing import (
    check_range,
    embedding,
    one_hot,
    take,
    take_along_axis,
)
from lamina.ops.subscript import index, index_set
from lamina.transforms.grad import gradients
from tests.ops.oracle import evaluate

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (4, 5, 6))
ROWS = np.array([[0, 3], [-1, 2]])
COLUMNS = np.array([3, -4])
MASK = RNG.uniform(size=(4, 5)) < 0.5
LINE = np.array([True, False, True, True])

KEYS = [
    1, -1, (1, 2), (1, 2, 3), (), ..., slice(None), slice(1, 3), slice(None, None, -1),
    slice(4, 0, -2), (slice(None), slice(1, 4)), (..., 2), (2, ...), (1, ..., 2), None,
    (None, 1, None), (..., None), (slice(None), None, slice(2, 1)), slice(10, 20),
    ROWS, COLUMNS, (ROWS, COLUMNS), (slice(None), ROWS), (slice(1, 3), COLUMNS),
    (ROWS, slice(1, 3)),
    (ROWS, slice(None), COLUMNS), (slice(None), ROWS, COLUMNS), (1, ROWS), (ROWS, 1),
    (1, slice(None), COLUMNS), (ROWS, None, COLUMNS), (None, ROWS), (..., COLUMNS),
    (slice(None), 2, COLUMNS), (None, slice(None, None, 2), COLUMNS, None),
    MASK, LINE, (LINE, 2), (MASK, slice(1, 3)), (slice(None), np.array([True, False] * 2 + [True])),
    (LINE, np.array([0, 1, 2])), np.zeros((4, 5), bool), np.int64(2), (np.array(2), 1),
    np.zeros((0,), np.int64), np.array([1, 2], np.int8), np.array([1, 2], np.uint8),
]


def node(value: np.ndarray) -> Node:
    return leaf(value, value.shape, dtypes.as_dtype(value.dtype), tracked=value.dtype.kind == "f")


def places(mask: Node) -> list[Node]:
    return [node(i) for i in np.nonzero(mask.value)]


def as_key(key: object) -> object:
    if isinstance(key, tuple):
        return tuple(as_key(k) for k in key)
    return node(key) if isinstance(key, np.ndarray) else key


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_index_reads_what_numpy_reads(key: object):
    result = index(node(X), as_key(key), places)
    np.testing.assert_array_equal(evaluate([result])[0], X[key])


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_index_set_writes_what_numpy_writes(key: object):
    expected = X.copy()
    values = RNG.uniform(2, 3, expected[key].shape)
    expected[key] = values
    result = index_set(node(X), as_key(key), node(values), places)
    np.testing.assert_array_equal(evaluate([result])[0], expected)


@pytest.mark.parametrize("key", [1, slice(1, 3), (ROWS, COLUMNS), (..., COLUMNS), MASK], ids=str)
def test_index_set_broadcasts_values(key: object):
    expected = X.copy()
    expected[key] = 7.0
    result = index_set(node(X), as_key(key), node(np.asarray(7.0)), places)
    np.testing.assert_array_equal(evaluate([result])[0], expected)


def test_the_gradient_of_index_adds_up_where_places_repeat():
    x = node(X)
    y = index(x, node(np.array([1, 1, -3])))
    g, = gradients(y, [x])
    assert np.array_equal(evaluate([g])[0][:, 0, 0], [0, 3, 0, 0])


@pytest.mark.parametrize("key", [4, -5, (0, 0, 0, 0), (..., ...), 1.5, "a", slice(1.5),
                                 slice(1, 2, 0), True, np.zeros(3, bool),
                                 np.zeros((4, 6), bool), np.array([1.0]),
                                 (np.zeros((2,), int), np.zeros((3,), int))], ids=str)
def test_a_key_that_does_not_fit_is_an_error(key: object):
    with pytest.raises((IndexingError, ShapeError), match="rule:"):
        index(node(X), as_key(key), places)


@pytest.mark.parametrize("places_", [[4], [-5], [0, 9]])
def test_a_computed_index_outside_is_found_when_it_runs(places_: list):
    with pytest.raises(IndexError):
        evaluate([index(node(X), node(np.array(places_)))])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_take(axis: int):
    result = take(node(X), node(ROWS), axis)
    np.testing.assert_array_equal(evaluate([result])[0], np.take(X, ROWS, axis))


def test_take_along_axis():
    order = np.argsort(X, 1)
    result = take_along_axis(node(X), node(order), 1)
    np.testing.assert_array_equal(evaluate([result])[0], np.sort(X, 1))
    one = take_along_axis(node(X), node(order[:1, :2]), 1)
    np.testing.assert_array_equal(evaluate([one])[0], np.take_along_axis(X, order[:1, :2], 1))
    wide = take_along_axis(node(X[:1]), node(order), 1)
    np.testing.assert_array_equal(evaluate([wide])[0], np.take_along_axis(X[:1], order, 1))


def test_one_hot():
    labels = np.array([[0, 2], [1, 2]], np.uint8)
    result, = evaluate([one_hot(node(labels), 3, dtypes.float32)])
    np.testing.assert_array_equal(result, np.eye(3)[labels])
    with pytest.raises(IndexError):
        evaluate([one_hot(node(labels), 2, dtypes.float32)])


def test_embedding_does_not_count_from_the_end():
    result, = evaluate([embedding(node(X[0]), node(np.array([[0, 4]])))])
    np.testing.assert_array_equal(result, X[0][[[0, 4]]])
    with pytest.raises(IndexError):
        evaluate([embedding(node(X[0]), node(np.array([-1])))])


def test_check_range():
    with pytest.raises(IndexError):
        evaluate([check_range(node(np.array([0, 3])), size=3)])
