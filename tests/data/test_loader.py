"""Datasets and the loader: order, batches, transforms and errors."""

import numpy as np
import pytest

import lamina as lm
from lamina.data import Dataset, Loader
from lamina.errors import ArgumentError, ShapeError

X = np.arange(20, dtype=np.float32).reshape(10, 2)
Y = np.arange(10)


def rows(loader):
    """The second array of each batch, as lists."""
    return [batch[1].numpy().tolist() for batch in loader]


def test_batches_in_order():
    loader = Loader(X, Y, batch_size=4)
    assert len(loader) == 3
    assert rows(loader) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    x, y = next(iter(loader))
    assert (x.dtype, y.dtype) == (lm.float32, lm.int64)
    np.testing.assert_array_equal(x.numpy(), X[:4])


def test_drop_last():
    loader = Loader(X, Y, batch_size=4, drop_last=True)
    assert len(loader) == 2
    assert rows(loader) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_shuffling_keeps_rows_together_and_covers_all():
    loader = Loader(X, Y, batch_size=3, shuffle=True)
    seen = []
    for x, y in loader:
        np.testing.assert_array_equal(x.numpy(), X[y.numpy()])
        seen += y.numpy().tolist()
    assert sorted(seen) == list(range(10))
    assert seen != list(range(10))


def test_each_epoch_has_its_own_order_the_same_in_every_run():
    loader = Loader(X, Y, shuffle=True, seed=5)
    first, second = rows(loader), rows(loader)
    assert first != second
    again = Loader(X, Y, shuffle=True, seed=5)
    assert [rows(again), rows(again)] == [first, second]
    resumed = Loader(X, Y, shuffle=True, seed=5)
    resumed.epoch = 1
    assert rows(resumed) == second
    assert rows(Loader(X, Y, shuffle=True, seed=6)) != first


def test_two_iterations_at_once_do_not_disturb_each_other():
    loader = Loader(X, Y, batch_size=5, shuffle=True)
    one, two = iter(loader), iter(loader)
    batches = [next(one), next(two), next(one), next(two)]
    orders = [np.concatenate([batches[i][1].numpy(), batches[i + 2][1].numpy()]) for i in (0, 1)]
    assert all(sorted(order) == list(range(10)) for order in orders)


def test_transforms_see_whole_batches():
    shapes = []

    def transform(x, y):
        shapes.append(x.shape)
        return x / 2, y, y % 2

    for data in (Loader(X, Y, batch_size=5, transform=transform),
                 Loader(Dataset(X, Y, transform=transform), batch_size=5),
                 Loader(Dataset(X, Y), batch_size=5, transform=transform)):
        x, _, odd = next(iter(data))
        np.testing.assert_array_equal(x.numpy(), X[:5] / 2)
        np.testing.assert_array_equal(odd.numpy(), [0, 1, 0, 1, 0])
    assert set(shapes) == {(5, 2)}


def test_one_array_and_one_result():
    loader = Loader(X, batch_size=10, transform=lambda x: x.sum(axis=1))
    batch, = next(iter(loader))
    np.testing.assert_array_equal(batch.numpy(), X.sum(axis=1))


def test_dataset():
    data = Dataset(lm.tensor(X), [0.5] * 10)
    assert len(data) == 10
    assert data.arrays[1].dtype == np.float32
    x, half = data[3]
    np.testing.assert_array_equal(x, X[3])
    assert half == 0.5
    np.testing.assert_array_equal(data[[7, 1]][0], X[[7, 1]])
    np.testing.assert_array_equal(data[-2:][0], X[-2:])


def test_values_that_are_not_finite_are_found():
    assert Dataset(X, Y).find_not_finite() == ""
    bad = X.copy()
    bad[7, 1] = np.nan
    assert Dataset(Y, bad).find_not_finite() == "array 1, row 7: nan"
    assert Dataset(np.array([0.0, np.inf])).find_not_finite() == "array 0, row 1: inf"


def test_unequal_lengths():
    with pytest.raises(ShapeError) as caught:
        Loader(X, Y[:9])
    assert str(caught.value).splitlines()[1:] == [
        "  array 0  float32 [10, 2]",
        "  array 1  int64 [9]",
        "  rule: all arrays have the same first axis, the examples",
    ]
    with pytest.raises(ShapeError):
        Dataset(X, np.float32(1))


@pytest.mark.parametrize("make", [
    lambda: Loader(),
    lambda: Loader(X, batch_size=0),
    lambda: Loader(X, batch_size=2.5),
    lambda: Loader(X[:0]),
    lambda: Loader(X, batch_size=11, drop_last=True),
    lambda: Loader(Dataset(X, transform=abs), transform=abs),
])
def test_wrong_arguments(make):
    with pytest.raises(ArgumentError):
        make()
