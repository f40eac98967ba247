"""`scatter`, `scatter_add` and `randint` against NumPy, and what they refuse."""

import numpy as np
import pytest

import lamina as lm
from lamina.config import override
from lamina.errors import ArgumentError, DTypeError, IndexingError, ShapeError

X = np.arange(12, dtype=np.float32).reshape(4, 3)
ROWS = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.float32)


@pytest.mark.parametrize("device", ["cpu", "interpret"])
@pytest.mark.parametrize(("indices", "axis", "values"), [
    ([3, 0, -3], 0, ROWS),
    ([2, 2, -2], 0, ROWS),
    ([2, 0], 1, np.ones((4, 2), np.float32)),
    ([2, 0], -1, np.array([7, 8], np.float32)),
    ([1, 1], 0, np.float32(5)),
    ([], 0, np.zeros((0, 3), np.float32)),
])
def test_slices_are_set_and_added(device, indices, axis, values):
    places = np.array(indices, np.int64)
    key = (places,) if axis == 0 else (slice(None), places)
    put, added = X.copy(), X.copy()
    put[key] = values
    np.add.at(added, key, values)
    with override(device=device):
        for function, wanted in ((lm.scatter, put), (lm.scatter_add, added)):
            found = function(lm.tensor(X), lm.tensor(places), lm.tensor(values), axis=axis)
            np.testing.assert_array_equal(found.numpy(), wanted)


def test_plain_lists_and_numbers():
    assert lm.scatter([1, 2, 3], [0, -1], 9).tolist() == [9, 2, 9]
    assert lm.scatter_add([1, 2, 3], [0, 0], [5, 6]).tolist() == [12, 2, 3]
    assert lm.scatter_add(lm.zeros(2), [1], [2]).dtype is lm.float32


@pytest.mark.parametrize("function", [lm.scatter, lm.scatter_add])
def test_gradients(function):
    indices = lm.tensor([3, 0, 3])
    lm.testing.check_gradients(lambda x, rows: function(x, indices, rows),
                               lm.tensor(X, dtype=lm.float64), lm.tensor(ROWS, dtype=lm.float64))


@pytest.mark.parametrize("name", ["scatter", "scatter_add"])
@pytest.mark.parametrize(("arguments", "error"), [
    ((X, [0, 4], 1.0), IndexingError),
    ((X, [-5], 1.0), IndexingError),
    ((X, [0.5], 1.0), IndexingError),
    ((X, [[0]], 1.0), ShapeError),
    ((X, [0, 1], ROWS), ShapeError),
    ((X, [0, 1], np.ones((1, 2, 3), np.float32)), ShapeError),
    ((X.astype(np.int64), [0], 1.5), DTypeError),
    ((X, [0], 1.0, 2), ValueError),
])
def test_what_is_refused(name, arguments, error):
    with pytest.raises(error, match=f"in {name}"):
        getattr(lm, name)(*arguments)


def test_an_index_outside_found_while_running():
    with pytest.raises(IndexingError):
        lm.scatter(lm.tensor(X), lm.tensor([3]) + 1, 1.0).numpy()


def test_a_sum_of_bools_is_refused():
    with pytest.raises(DTypeError, match=r"x\.astype"):
        lm.scatter_add([True, False], [0], [True])


@pytest.mark.parametrize("dtype", [lm.int64, lm.int8, lm.uint16])
def test_randint(dtype):
    lm.seed(3)
    low = 0 if dtype is lm.uint16 else -3
    drawn = lm.randint(low, 4, (2000,), dtype=dtype)
    assert drawn.dtype is dtype and set(drawn.tolist()) == set(range(low, 4))
    lm.seed(3)
    assert lm.randint(low, 4, (2000,), dtype=dtype).tolist() == drawn.tolist()
    assert lm.randint(5, 6, 2).tolist() == [5, 5]


@pytest.mark.parametrize(("arguments", "error"), [
    ((0, 0, 3), ArgumentError),
    ((0, (1 << 32) + 1, 3), ArgumentError),
    ((0, 257, 3, lm.uint8), ArgumentError),
    ((-1, 2, 3, lm.uint8), ArgumentError),
    ((1 << 63, (1 << 63) + 1, 3, lm.uint64), ArgumentError),
    ((0.5, 2, 3), ArgumentError),
    ((0, 2, 3, lm.float32), DTypeError),
    ((0, 2, 3, lm.bool), DTypeError),
])
def test_randint_refuses(arguments, error):
    with pytest.raises(error, match="in randint"):
        lm.randint(*arguments)


@pytest.mark.parametrize("draw", [lm.uniform, lm.normal])
@pytest.mark.parametrize("dtype", [lm.int32, lm.bool])
def test_draws_from_continuous_distributions_are_floats(draw, dtype):
    with pytest.raises(DTypeError, match=rf"in {draw.__name__}(?s:.)*floats"):
        draw((2,), dtype=dtype)


def test_activations_have_defaults():
    x = lm.tensor([-3.0, -0.5, 2.0])
    assert lm.leaky_relu(x).tolist() == lm.leaky_relu(x, slope=0.01).tolist()
    assert lm.elu(x).tolist() == lm.elu(x, alpha=1.0).tolist()
    assert x.hardtanh().tolist() == [-1.0, -0.5, 1.0]
    assert lm.hardtanh(x, high=0.5).tolist() == [-1.0, -0.5, 0.5]
    with pytest.raises(TypeError, match="slope"):
        lm.leaky_relu(x, alpha=1.0)
