"""Contractions take over the order of axes of their only reader."""

import numpy as np
import pytest

import lamina as lm
from lamina import dtypes
from lamina.graph.node import leaf, topological
from lamina.ops.table import TABLE
from lamina.schedule.summation import Rules
from lamina.schedule.transpose import NARROW, transpose_contractions
from lamina.transforms.simplify import simplify


def ops(roots):
    return [n.op.name for n in topological(roots) if n.op.name != "buffer"]


def product(m, n):
    a, b = leaf(None, (m, 12), dtypes.float32), leaf(None, (12, n), dtypes.float32)
    return TABLE["matmul"](a, b)


def turned(x):
    return TABLE["permute"](x, axes=(1, 0))


def test_a_transposed_product_is_one_contraction():
    roots = transpose_contractions(simplify([turned(product(20, 30))]), Rules())
    assert ops(roots) == ["contract"]
    assert roots[0].shape == (30, 20)


def test_a_product_with_another_reader_keeps_its_order():
    x = product(20, 30)
    roots = transpose_contractions(simplify([turned(x), TABLE["exp"](x)]), Rules())
    assert sorted(ops(roots)) == ["contract", "exp", "view"]


def test_a_narrow_innermost_axis_stays_where_it_is():
    roots = transpose_contractions(simplify([turned(product(NARROW - 1, 30))]), Rules())
    assert ops(roots) == ["contract", "view"]


@pytest.mark.parametrize("axes", [(0, 2, 1), (1, 0, 2), (2, 0, 1), (2, 1, 0)])
def test_values(axes):
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(9, 10, 11)), draw.normal(size=(9, 11, 12))
    found = lm.permute_dims(lm.tensor(a) @ lm.tensor(b), axes).numpy()
    np.testing.assert_allclose(found, (a @ b).transpose(axes), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("part", [np.s_[:10, :9], np.s_[:, :9], np.s_[:10], np.s_[::2, 1:]])
def test_a_part_of_a_product(part):
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(20, 30)), draw.normal(size=(30, 40))
    for f in (lambda a, b: (a @ b)[part] + 0, lambda a, b: (a @ b).T[part] * 2):
        found = f(lm.tensor(a), lm.tensor(b)).numpy()
        np.testing.assert_allclose(found, f(a, b), rtol=1e-12, atol=1e-12)
