"""einsum, tensordot and vecdot against NumPy."""

import numpy as np
import pytest

from lamina import dtypes
from lamina.errors import ShapeError
from lamina.graph.node import Node, leaf
from lamina.ops.einsum import einsum, tensordot, vecdot
from tests.ops.oracle import evaluate

RNG = np.random.default_rng(0)


def array(*shape: int) -> Node:
    return leaf(RNG.uniform(-1, 1, shape), shape, dtypes.float64)


@pytest.mark.parametrize(("spec", "shapes"), [
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("bij,bjk->bik", [(5, 2, 3), (5, 3, 4)]),
    ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 6, 5)]),
    ("ij,jk", [(2, 3), (3, 4)]),
    ("i,i", [(3,), (3,)]),
    ("i,j->ji", [(3,), (4,)]),
    ("ij->ji", [(2, 3)]),
    ("ij->", [(2, 3)]),
    ("ii->i", [(3, 3)]),
    ("ii", [(3, 3)]),
    ("iji->j", [(3, 4, 3)]),
    ("ijk,jil->kl", [(2, 3, 4), (3, 2, 5)]),
    ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]),
    ("a,ab,b->", [(2,), (2, 3), (3,)]),
    ("ij,kl->", [(2, 3), (4, 5)]),
    ("ijk,j->ik", [(2, 3, 4), (3,)]),
    ("...ij,...jk->...ik", [(5, 2, 3), (3, 4)]),
    ("...ij,...jk->...ik", [(6, 1, 2, 3), (5, 3, 4)]),
    ("...i->...", [(2, 3, 4)]),
    ("i...,i...->...", [(3, 2), (3, 2)]),
    ("...ij,...jk", [(5, 2, 3), (5, 3, 4)]),
    ("ij,jk->ik", [(2, 1), (3, 4)]),
    (" i j , j -> i ", [(2, 3), (3,)]),
    ("ii,i->i", [(3, 3), (3,)]),
])
def test_einsum(spec: str, shapes: list):
    nodes = [array(*s) for s in shapes]
    result, = evaluate([einsum(spec, *nodes)])
    np.testing.assert_allclose(result, np.einsum(spec, *[n.value for n in nodes]), atol=1e-12)


@pytest.mark.parametrize(("spec", "shapes"), [
    ("ij,jk->ik", [(2, 3)]),
    ("ij->ik", [(2, 3)]),
    ("ij->ii", [(2, 3)]),
    ("ij,jk->ik", [(2, 3), (4, 5)]),
    ("i->i", [(2, 3)]),
    ("ijk->i", [(2, 3)]),
    ("i1->i", [(2, 3)]),
    ("", [(2,)]),
])
def test_a_specification_that_does_not_fit_is_an_error(spec: str, shapes: list):
    with pytest.raises(ShapeError, match="rule:"):
        einsum(spec, *[array(*s) for s in shapes])


@pytest.mark.parametrize("axes", [((1,), (0,)), ((), ()), ((0, 1), (2, 0)), ((1, 0), (0, 2)),
                                  ((-1,), (-3,)), 0, 1])
def test_tensordot(axes: tuple):
    x, y = array(2, 3), array(3, 4, 2)
    result, = evaluate([tensordot(x, y, axes)])
    np.testing.assert_allclose(result, np.tensordot(x.value, y.value, axes), atol=1e-12)


def test_tensordot_of_unequal_axes_is_an_error():
    with pytest.raises(ShapeError):
        tensordot(array(2, 3), array(4, 3), ((1,), (0,)))


@pytest.mark.parametrize(("x", "y", "axis"), [((2, 3), (2, 3), -1), ((2, 3), (3,), -1),
                                             ((4, 3, 2), (1, 3, 2), -2), ((3,), (3,), -1)])
def test_vecdot(x: tuple, y: tuple, axis: int):
    a, b = array(*x), array(*y)
    result, = evaluate([vecdot(a, b, axis)])
    np.testing.assert_allclose(result, (a.value * b.value).sum(axis), atol=1e-12)


def test_vecdot_of_unequal_axes_is_an_error():
    with pytest.raises(ShapeError):
        vecdot(array(2, 3), array(2, 4))
