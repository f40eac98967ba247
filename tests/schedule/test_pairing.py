"""Products of bfloat16 in pairs: what is paired, and what comes out."""

from dataclasses import replace

import numpy as np
import pytest

import lamina as lm
from lamina import dtypes
from lamina.graph.node import leaf, topological
from lamina.ops.table import TABLE
from lamina.schedule.pairing import pair_terms
from lamina.schedule.summation import Rules
from lamina.targets import TARGETS

RNG = np.random.default_rng(0)
PAIRED = replace(TARGETS["avx512"], has_halves=True)


def names(node, target=PAIRED):
    return [n.op.name for n in topological(pair_terms([node], target, Rules()))]


def product(m, n, k, dtype=dtypes.bfloat16, turned=True):
    """x [m, k] times y, [n, k] or [k, n]."""
    x, y = leaf(None, (m, k), dtype), leaf(None, (n, k) if turned else (k, n), dtype)
    maps = ((0, 1),), ((2, 1),)
    other = (((1, 1),), ((2, 1),)) if turned else (((2, 1),), ((1, 1),))
    return TABLE["contract"](x, y, sizes=(m, n, k), n_out=2, maps=(maps, other))


def test_operands_with_the_sum_in_their_last_axis_are_read_as_words():
    assert names(product(4, 6, 8)) == ["buffer", "as_words", "buffer", "as_words", "contract_pairs"]


def test_an_operand_is_copied_only_where_that_pays():
    assert "contract_pairs" not in names(product(16, 16, 16, turned=False))
    assert "pair" in names(product(512, 512, 512, turned=False))


def test_other_dtypes_and_targets_are_left_alone():
    assert "contract" in names(product(4, 6, 8, dtypes.float32))
    assert "contract" in names(product(4, 6, 8), TARGETS["avx512"])


def rounded(shape):
    """A bfloat16 tensor, and what it holds as float64."""
    x = lm.tensor(RNG.normal(size=shape).astype(np.float32)).astype("bfloat16")
    return x, np.asarray(x.astype("float32")).astype(np.float64)


@pytest.mark.parametrize("m, n, k", [(1, 1, 2), (3, 5, 7), (64, 33, 128), (130, 257, 301)])
def test_products(m, n, k):
    (x, left), (y, right) = rounded((m, k)), rounded((n, k))
    found = np.asarray(lm.linear(x, y).astype("float32"))
    np.testing.assert_allclose(found, left @ right.T, rtol=1e-2, atol=2e-2)


@pytest.mark.parametrize("size", [512, 515])
@pytest.mark.parametrize("form", ["ab", "atb"])
def test_products_of_copied_operands(size, form):
    (x, left), (y, right) = rounded((size, size)), rounded((size, size))
    if form == "atb":
        x, left = x.T, left.T
    found = np.asarray((x @ y).astype("float32"))
    np.testing.assert_allclose(found, left @ right, rtol=1e-2, atol=0.3)


@pytest.mark.parametrize("channels, stride, padding", [(16, 1, 1), (7, 2, 0), (64, 2, 1)])
def test_convolutions_and_their_gradients(channels, stride, padding):
    (x, left), (w, right) = rounded((2, 12, 10, channels)), rounded((24, channels, 3, 3))

    def f(x, w):
        return lm.conv(x, w, stride=stride, padding=padding).astype("float32").square().sum()

    dx, dw = lm.grad(f, argnums=(0, 1))(x, w)
    wide = [lm.tensor(a.astype(np.float32)) for a in (left, right)]
    for got, want in zip((dx, dw), lm.grad(f, argnums=(0, 1))(*wide), strict=True):
        want = np.asarray(want)
        np.testing.assert_allclose(np.asarray(got.astype("float32")), want, rtol=0.05,
                                   atol=0.02 * np.abs(want).max())


def test_sizes_that_vary():
    f = lm.compile(lambda x, y: lm.linear(x, y).astype("float32"))
    for k in (8, 9, 31, 64):
        (x, left), (y, right) = rounded((5, k)), rounded((6, k))
        np.testing.assert_allclose(np.asarray(f(x, y)), left @ right.T, rtol=1e-3, atol=1e-3)
