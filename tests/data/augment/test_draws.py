"""Draws: distributions, and that they depend on the key and on nothing else."""

import numpy as np
import pytest
from scipy import stats

import lamina as lm
from lamina.data.augment import draws
from tests.data.augment import reference as r

N = 20_000


def key(number=1):
    return lm.asarray(r.key(number))


@pytest.mark.parametrize("a, b", [(0.05, 0.05), (0.2, 0.2), (1.0, 1.0), (0.4, 3.0), (8.0, 2.5)])
def test_beta(a, b):
    found = draws.beta(key(), a, b, N).numpy()
    assert found.dtype == np.float32 and 0 <= found.min() and found.max() <= 1
    inside = found[(found > 1e-6) & (found < 1 - 1e-6)]  # float32 is coarse at 1
    low, high = stats.beta.cdf([1e-6, 1 - 1e-6], a, b)
    assert abs(len(inside) / N - (high - low)) < 0.015
    shares = (stats.beta.cdf(inside, a, b) - low) / (high - low)
    assert stats.kstest(shares, "uniform").pvalue > 0.005


@pytest.mark.parametrize("alpha", [0.1, 0.7, 1.0, 4.0])
def test_gamma(alpha):
    found = draws.log_gamma_draws(key(2), alpha, N).numpy().astype(np.float64)
    assert np.isfinite(found).all()
    assert stats.kstest(found, stats.loggamma(alpha).cdf).pvalue > 0.005


def test_the_first_that_is_accepted():
    accepted = lm.tensor([[False, True, True], [False, False, False], [True, False, False]])
    values = lm.tensor([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    assert draws.first_accepted(accepted, values, -1).tolist() == [2, -1, 7]


def test_parts_of_a_split_are_unlike():
    keys = np.stack([k.numpy() for number in range(50) for k in draws.split(key(number), 20)])
    assert len(np.unique(keys, axis=0)) == 1000
    first, second = (draws.uniform(k, (N,)).numpy() for k in draws.split(key(), 2))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    bits = np.unpackbits(keys.astype(">u4").view(np.uint8))
    assert abs(bits.mean() - 0.5) < 0.01


def test_whole_numbers_below():
    counts = lm.tensor(np.array([1, 2, 1000], np.int32))
    assert draws.whole_below(lm.tensor([1 - 2.0 ** -24] * 3), counts).tolist() == [0, 1, 999]
    assert draws.whole_below(lm.tensor([0.0] * 3), counts).tolist() == [0, 0, 0]
