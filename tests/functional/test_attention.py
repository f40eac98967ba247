"""scaled_dot_product_attention against its formula."""

import numpy as np
import pytest

import lamina as lm
from lamina import functional as F
from lamina.errors import ArgumentError, ShapeError

RNG = np.random.default_rng(0)
Q, K, V = (RNG.normal(size=(2, 3, n, 4)).astype(np.float32) for n in (5, 6, 6))
SEEN = RNG.random((5, 6)) < 0.7
SEEN[:, 0] = True
ADDED = RNG.normal(size=(2, 1, 5, 6)).astype(np.float32)
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def formula(q, k, v, mask=0.0, scale=0.5):
    scores = q.astype(np.float64) @ np.swapaxes(k, -1, -2) * scale + mask
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True) @ v


@pytest.mark.parametrize(("options", "mask", "scale"), [
    ({}, 0.0, 0.5),
    ({"attn_mask": SEEN}, np.where(SEEN, 0.0, -np.inf), 0.5),
    ({"attn_mask": ADDED}, ADDED, 0.5),
    ({"is_causal": True}, np.where(np.tri(5, 6, dtype=bool), 0.0, -np.inf), 0.5),
    ({"scale": 2.0}, 0.0, 2.0),
])
def test_attention(options, mask, scale):
    if "attn_mask" in options:
        options = options | {"attn_mask": lm.tensor(options["attn_mask"])}
    got = F.scaled_dot_product_attention(lm.tensor(Q), lm.tensor(K), lm.tensor(V), **options)
    np.testing.assert_allclose(got.numpy(), formula(Q, K, V, mask, scale), **CLOSE)


def test_dropout_keeps_the_mean():
    lm.seed(0)
    ones = lm.ones((1, 200, 4))
    got = F.scaled_dot_product_attention(ones, ones, ones, dropout_p=0.5).numpy()
    assert got.std() > 0
    assert abs(got.mean() - 1) < 0.05  # 40,000 weights of 1 / 200, half of them doubled


def test_errors():
    with pytest.raises(ShapeError, match="same features"):
        F.scaled_dot_product_attention(lm.tensor(Q), lm.tensor(K[..., :3]), lm.tensor(V))
    with pytest.raises(ArgumentError, match="not both"):
        F.scaled_dot_product_attention(lm.tensor(Q), lm.tensor(K), lm.tensor(V),
                                       attn_mask=lm.tensor(SEEN), is_causal=True)


def test_a_query_that_sees_nothing_takes_nothing():
    x = lm.nn.Parameter(np.random.default_rng(0).normal(size=(1, 1, 2, 3)).astype(np.float32))
    mask = lm.tensor([[False, False], [True, False]])
    y = F.scaled_dot_product_attention(x, x, x, attn_mask=mask)
    (y * y).sum().backward()
    assert y.numpy()[0, 0, 0].tolist() == [0.0] * 3
    np.testing.assert_allclose(y.numpy()[0, 0, 1], x.numpy()[0, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(x.grad.numpy()[0, 0], [2 * x.numpy()[0, 0, 0], [0.0] * 3], atol=1e-6)
