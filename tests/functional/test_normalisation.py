"""layer_norm and batch_norm against their formulas."""

import numpy as np
import pytest

import lamina as lm
from lamina import functional as F
from lamina.errors import ShapeError

CLOSE = {"rtol": 1e-5, "atol": 1e-5}  # sums of up to 60 numbers near one
RNG = np.random.default_rng(0)
X = RNG.normal(1.0, 2.0, size=(4, 3, 5, 6)).astype(np.float32)


@pytest.mark.parametrize("shape", [(6,), (5, 6)])
def test_layer_norm(shape):
    w, b = RNG.normal(size=(2, *shape)).astype(np.float32)
    axes = tuple(range(-len(shape), 0))
    x = X.astype(np.float64)
    normal = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    got = F.layer_norm(lm.tensor(X), shape, lm.tensor(w), lm.tensor(b)).numpy()
    np.testing.assert_allclose(got, normal * w + b, **CLOSE)
    plain = F.layer_norm(lm.tensor(X), shape).numpy()
    np.testing.assert_allclose(plain, normal, **CLOSE)


def test_layer_norm_names_the_sizes():
    with pytest.raises(ShapeError, match=r"try: LayerNorm\(6\)"):
        F.layer_norm(lm.tensor(X), (5,))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_batch_norm(data_format):
    channel = 3 if data_format == "channels_last" else 1
    size = X.shape[channel]
    axes = tuple(i for i in range(4) if i != channel)
    across = [-1 if i == channel else 1 for i in range(4)]
    w, b = RNG.normal(size=(2, size)).astype(np.float32)
    mean, var = lm.zeros((size,)), lm.ones((size,))
    arguments = {"weight": lm.tensor(w), "bias": lm.tensor(b), "data_format": data_format}
    x = X.astype(np.float64)
    m, v = x.mean(axes), x.var(axes)

    def formula(m, v):
        normal = (x - m.reshape(across)) / np.sqrt(v.reshape(across) + 1e-5)
        return normal * w.reshape(across) + b.reshape(across)

    got = F.batch_norm(lm.tensor(X), mean, var, training=True, momentum=0.25, **arguments)
    np.testing.assert_allclose(got.numpy(), formula(m, v), **CLOSE)
    unbiased = x.var(axes, ddof=1)
    np.testing.assert_allclose(mean.numpy(), 0.25 * m, **CLOSE)
    np.testing.assert_allclose(var.numpy(), 0.75 + 0.25 * unbiased, **CLOSE)
    got = F.batch_norm(lm.tensor(X), mean, var, **arguments).numpy()
    np.testing.assert_allclose(got, formula(0.25 * m, 0.75 + 0.25 * unbiased), **CLOSE)


def test_batch_norm_needs_two_values():
    with pytest.raises(ShapeError, match="drop_last=True"):
        F.batch_norm(lm.zeros((1, 3)), lm.zeros((3,)), lm.ones((3,)), training=True)
