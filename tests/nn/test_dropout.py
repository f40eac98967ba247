"""The dropout family: what is zeroed together, how much, and what stays of mean and variance."""

import numpy as np
import pytest

import lamina as lm
from lamina import nn
from lamina.errors import ArgumentError, ShapeError


@pytest.fixture(autouse=True)
def seed():
    lm.seed(0)


RANKS = {nn.Dropout1d: (6,), nn.Dropout2d: (2, 3), nn.Dropout3d: (2, 2, 2)}


@pytest.mark.parametrize("layer", RANKS)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_channels_are_zeroed_as_one(layer, data_format):
    space, last = RANKS[layer], data_format == "channels_last"
    x = lm.ones((20, *space, 30) if last else (20, 30, *space))
    y = layer(0.25, data_format)(x).numpy()
    y = y.reshape(20, -1, 30) if last else np.moveaxis(y.reshape(20, 30, -1), 1, -1)
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1], y.shape))
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((y[:, 0] == 0).mean() - 0.25) < 0.09  # five deviations of 600 draws
    assert (layer(0.25, data_format).eval()(x).numpy() == 1).all()
    assert not layer(1.0, data_format)(x).numpy().any()


def test_alpha_dropout_keeps_mean_and_variance():
    x = lm.normal((300, 300))
    y = nn.AlphaDropout(0.3)(x).numpy()
    assert abs(y.mean()) < 0.02
    assert abs(y.std() - 1) < 0.02
    values, counts = np.unique(y, return_counts=True)
    assert abs(counts.max() / y.size - 0.3) < 0.01
    limit, p = -1.0507009873554805 * 1.6732632423543772, 0.3
    a = ((1 - p) * (1 + p * limit**2)) ** -0.5
    np.testing.assert_allclose(values[counts.argmax()], a * limit - a * p * limit, rtol=1e-5)
    assert nn.AlphaDropout(0.3).eval()(x) is x


def test_alpha_dropout_leaves_no_gradient_where_it_drops():
    x = nn.Parameter(np.ones(1000, np.float32))
    y = nn.AlphaDropout(0.4)(x)
    y.sum().backward()
    dropped = y.numpy() < 0
    assert abs(dropped.mean() - 0.4) < 0.08
    np.testing.assert_array_equal(x.grad.numpy() == 0, dropped)


@pytest.mark.parametrize("mode", ["row", "batch"])
def test_stochastic_depth(mode):
    x = lm.ones((400, 3, 2))
    layer = nn.StochasticDepth(0.25, mode)
    y = layer(x).numpy()
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1, :1], y.shape))
    assert set(np.unique(y)) <= {np.float32(0), np.float32(1 / 0.75)}
    if mode == "row":
        assert abs((y[:, 0, 0] == 0).mean() - 0.25) < 0.11
    else:
        assert len(np.unique(y)) == 1
        zeros = [not layer(x).numpy().any() for _ in range(60)]
        assert 3 <= sum(zeros) <= 30
    assert layer.eval()(x) is x
    assert nn.DropPath is nn.StochasticDepth


def test_draws_of_compiled_functions_are_new_each_time():
    layer = nn.Dropout2d(0.5)
    step = lm.compile(lambda x: layer(x))
    x = lm.ones((4, 2, 2, 16))
    assert (step(x).numpy() != step(x).numpy()).any()


def test_random_relu_draws_slopes_between_the_bounds():
    layer, x = nn.RReLU(0.1, 0.3), lm.full((1000,), -2.0)
    slopes = layer(x).numpy() / -2
    assert slopes.min() >= 0.1
    assert slopes.max() <= 0.3
    assert abs(slopes.mean() - 0.2) < 0.01
    np.testing.assert_allclose(layer.eval()(x).numpy(), -0.4, rtol=1e-6)


@pytest.mark.parametrize("layer", [nn.Dropout, *RANKS, nn.AlphaDropout, nn.StochasticDepth])
def test_probabilities(layer):
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        layer(1.5)


def test_errors():
    with pytest.raises(ShapeError) as caught:
        nn.Dropout2d()(lm.zeros((3, 4)))
    assert str(caught.value).splitlines()[1:] == [
        "  input  float32 [3, 4]",
        "  rule: input is [batch, height, width, channels]",
    ]
    with pytest.raises(ArgumentError, match="mode is one of row, batch"):
        nn.StochasticDepth(0.5, "column")
    with pytest.raises(ArgumentError, match="lower is at most upper"):
        nn.RReLU(0.5, 0.1)(lm.zeros(3))
