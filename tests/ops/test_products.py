"""Derivatives of products, which are products of fewer elements, where some elements are zero."""

import itertools

import numpy as np
import pytest

import lamina as lm
from lamina.testing import check_gradients

ZEROS = [[2.0, 3.0, 0.5, -1.5], [2.0, 0.0, 3.0, -1.0], [0.0, 0.0, 3.0, 2.0], [0.0, 0.0, 0.0, 2.0],
         [0.0], [5.0]]


@pytest.mark.parametrize("x", ZEROS)
def test_higher_derivatives_of_a_product(x: list):
    found = lm.tensor(x, dtype=lm.float64)
    hessian = lm.hessian(lambda x: x.prod())(found).numpy()
    third = lm.grad(lambda x: lm.hessian(lambda x: x.prod())(x).sum())(found).numpy()
    n = len(x)
    for i, j in itertools.product(range(n), repeat=2):
        rest = [v for k, v in enumerate(x) if k not in (i, j)]
        assert hessian[i, j] == pytest.approx(float(i != j) * np.prod(rest), rel=1e-14)
    triples = [sum(np.prod([v for k, v in enumerate(x) if k not in (i, j, m)])
                   for j, m in itertools.permutations([k for k in range(n) if k != i], 2))
               for i in range(n)]
    np.testing.assert_allclose(third, triples, rtol=1e-13, atol=0)


@pytest.mark.parametrize("x", ZEROS)
def test_second_derivatives_of_running_products(x: list):
    weights = np.linspace(0.5, 2.0, len(x))
    hessian = lm.hessian(lambda x: (x.cumprod(0) * lm.tensor(weights)).sum())(
        lm.tensor(x, dtype=lm.float64)).numpy()
    for i, j in itertools.product(range(len(x)), repeat=2):
        expected = sum(float(i != j) * weights[m] * np.prod(
            [v for k, v in enumerate(x[:m + 1]) if k not in (i, j)])
            for m in range(max(i, j), len(x)))
        assert hessian[i, j] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("axis", [0, 2, (0, 2), (0, 1, 2)])
def test_derivatives_of_products_along_axes(axis):
    x = np.random.default_rng(3).uniform(-2, 2, (3, 2, 4))
    x[x < -1] = 0
    check_gradients(lambda x: x.prod(axis), lm.tensor(x))


def test_derivatives_of_running_products_along_an_axis():
    x = np.random.default_rng(4).uniform(-2, 2, (2, 11))
    x[x < -1] = 0
    check_gradients(lambda x: x.cumprod(1), lm.tensor(x))
    check_gradients(lambda x: x.cumprod(0), lm.tensor(x))


def test_second_derivatives_of_a_long_running_product():
    x = np.ones(30000)
    found = lm.grad(lambda x: lm.grad(lambda x: x.cumprod(0)[-1])(x).sum())(lm.tensor(x))
    np.testing.assert_array_equal(found, x * (len(x) - 1))


def test_derivatives_of_the_product_of_nothing():
    assert lm.grad(lambda x: x.prod())(lm.zeros((0,))).shape == (0,)
    assert lm.grad(lambda x: x.cumprod(0).sum())(lm.zeros((0,))).shape == (0,)
    assert lm.grad(lambda x: x.prod(1).sum())(lm.zeros((3, 0))).shape == (3, 0)
