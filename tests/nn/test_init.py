"""Starting values: bounds, deviations and patterns, and their errors."""

import math

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, ShapeError
from lamina.nn import init


@pytest.fixture(autouse=True)
def seed():
    lm.seed(0)


SHAPE = (300, 200)
CONV = (60, 20, 5, 5)


@pytest.mark.parametrize(("draw", "bound"), [
    (lambda: init.uniform(SHAPE, -2.0, 2.0), 2.0),
    (lambda: init.xavier_uniform(SHAPE), math.sqrt(6 / 500)),
    (lambda: init.xavier_uniform(CONV, 2.0), 2 * math.sqrt(6 / (500 + 1500))),
    (lambda: init.kaiming_uniform(SHAPE), math.sqrt(6 / 200)),
    (lambda: init.kaiming_uniform(CONV, math.sqrt(5)), 1 / math.sqrt(500)),
    (lambda: init.kaiming_uniform(CONV, mode="fan_out", nonlinearity="relu"), math.sqrt(6 / 1500)),
    (lambda: init.kaiming_uniform(SHAPE, nonlinearity="linear"), math.sqrt(3 / 200)),
])
def test_uniform_draws(draw, bound):
    values = draw().numpy()
    assert values.dtype == np.float32
    assert np.abs(values).max() <= bound
    assert abs(values.std() / (bound / math.sqrt(3)) - 1) < 0.02  # 30,000 draws or more
    assert abs(values.mean()) < 0.02 * bound


@pytest.mark.parametrize(("draw", "mean", "deviation"), [
    (lambda: init.normal(SHAPE, 3.0, 0.5), 3.0, 0.5),
    (lambda: init.xavier_normal(SHAPE), 0.0, math.sqrt(2 / 500)),
    (lambda: init.kaiming_normal(SHAPE), 0.0, math.sqrt(2 / 200)),
    (lambda: init.kaiming_normal(CONV, 0.5, "fan_out"), 0.0, math.sqrt(2 / 1.25 / 1500)),
    (lambda: init.kaiming_normal(CONV, nonlinearity="tanh"), 0.0, 5 / 3 / math.sqrt(500)),
])
def test_normal_draws(draw, mean, deviation):
    values = draw().numpy()
    assert abs(values.mean() - mean) < 0.03 * deviation  # five deviations of the mean
    assert abs(values.std() / deviation - 1) < 0.03
    assert abs((np.abs(values - mean) < deviation).mean() - 0.6827) < 0.015


def test_truncated_normal():
    values = init.trunc_normal(SHAPE, 1.0, 2.0, -1.0, 2.0).numpy()
    assert values.min() >= -1
    assert values.max() <= 2
    low, high = -1.0, 0.5  # the bounds, in deviations from the mean
    density = [math.exp(-z * z / 2) / math.sqrt(2 * math.pi) for z in (low, high)]
    share = 0.5 * (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2)))
    expected = 1.0 + 2.0 * (density[0] - density[1]) / share
    assert abs(values.mean() - expected) < 0.03
    assert abs(init.trunc_normal(SHAPE).numpy().std() - 0.8796) < 0.02  # of [-2, 2]


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (3, 4, 2, 2)])
def test_orthogonal(shape):
    value = init.orthogonal(shape, 2.0).numpy()
    assert value.shape == shape
    matrix = value.reshape(shape[0], -1)
    small = matrix @ matrix.T if shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-5)
    assert (init.orthogonal(shape).numpy() != value / 2).any()


def test_plain_values():
    assert init.constant((2, 3), 1.5).tolist() == [[1.5] * 3] * 2
    assert init.zeros((2,)).tolist() == [0, 0]
    assert init.ones((2,)).tolist() == [1, 1]
    assert init.eye((2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("groups", [1, 2])
def test_dirac_passes_channels_unchanged(groups):
    weight = init.dirac((4, 4 // groups, 3, 3), groups)
    x = lm.uniform((2, 5, 6, 4))
    got = lm.functional.conv2d(x, weight, padding="same", groups=groups)
    np.testing.assert_array_equal(got.numpy(), x.numpy())


def test_sparse():
    value = init.sparse((10, 50), 0.25, 2.0).numpy()
    np.testing.assert_array_equal((value == 0).sum(axis=0), np.full(50, 3))  # rounded up
    assert len({tuple(column) for column in (value == 0).T.tolist()}) > 20
    assert abs(value[value != 0].std() - 2) < 0.4


def test_fans_and_the_bias_that_follows_them():
    assert (init.fan_in((6, 4)), init.fan_out((6, 4))) == (4, 6)
    assert (init.fan_in((6, 4, 3, 3)), init.fan_out((6, 4, 3, 3))) == (36, 54)
    bias = init.bias_uniform(1000, (1000, 4, 3, 3)).numpy()
    assert bias.shape == (1000,)
    assert 0.95 / 6 < abs(bias).max() <= 1 / 6
    assert abs(bias.mean()) < 0.02


def test_gains():
    assert init.calculate_gain("tanh") == 5 / 3
    assert init.calculate_gain("relu") == math.sqrt(2)
    assert init.calculate_gain("leaky_relu") == math.sqrt(2 / (1 + 0.01**2))
    assert init.calculate_gain("leaky_relu", 0.5) == math.sqrt(2 / 1.25)
    assert init.calculate_gain("conv2d") == 1
    with pytest.raises(ArgumentError, match="nonlinearity is one of linear"):
        init.calculate_gain("swish")


def test_errors():
    with pytest.raises(ShapeError) as caught:
        init.xavier_uniform((3,))
    assert str(caught.value).splitlines()[1:] == [
        "  shape  [3]",
        "  rule: the parameter has 2 or more axes",
    ]
    with pytest.raises(ArgumentError, match="mode is one of fan_in, fan_out"):
        init.kaiming_normal((3, 4), mode="fan_avg")
    with pytest.raises(ShapeError, match="has 2 axes"):
        init.eye((3, 4, 5))
    with pytest.raises(ShapeError, match="has 3 to 5 axes"):
        init.dirac((3, 4))
    with pytest.raises(ArgumentError, match="groups divides"):
        init.dirac((3, 4, 3), groups=2)
    with pytest.raises(ArgumentError, match="std is not negative"):
        init.normal((3,), std=-1.0)
    with pytest.raises(ArgumentError, match="a is below b"):
        init.trunc_normal((3,), a=1.0, b=0.0)
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        init.sparse((3, 4), 1.5)
