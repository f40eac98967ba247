"""Zeros, ties, infinities, empty arrays: where formulas need care."""

import numpy as np
import pytest

from lamina import dtypes
from lamina.errors import DTypeError, IndexingError, ShapeError
from lamina.graph.node import Node, leaf
from lamina.ops.attention import attention
from lamina.ops.composite import cross_entropy, log_softmax, logsumexp, softmax
from lamina.ops.contraction import contract, linear, matmul
from lamina.ops.convolution import conv, conv_transpose
from lamina.ops.elementwise import multiply
from lamina.ops.indexing import gather, scatter, take
from lamina.ops.movement import reshape
from lamina.ops.normalisation import var
from lamina.ops.ordering import argsort, cummax, cumprod, sort, topk
from lamina.ops.pooling import avg_pool, max_pool
from lamina.ops.reduction import argmax, argmin, max_, prod, sum_
from lamina.transforms.grad import gradients
from tests.ops.oracle import evaluate

INF, NAN = np.inf, np.nan


def node(values: object, dtype: object = np.float64) -> Node:
    value = np.asarray(values, dtype)
    return leaf(value, value.shape, dtypes.as_dtype(value.dtype), tracked=True)


def value(*roots: Node) -> list:
    return [v.tolist() for v in evaluate(roots)]


def slopes(y: Node, x: Node) -> list:
    return value(*gradients(y, [x]))[0]


# ---- zeros in products ---------------------------------------------------------------------------
@pytest.mark.parametrize(("x", "expected"), [
    ([2.0, 3.0, 4.0], [12.0, 8.0, 6.0]),
    ([2.0, 0.0, 4.0], [0.0, 8.0, 0.0]),
    ([0.0, 0.0, 4.0], [0.0, 0.0, 0.0]),
])
def test_gradient_of_a_product(x: list, expected: list):
    x = node(x)
    assert slopes(prod(x, axes=(0,)), x) == expected


@pytest.mark.parametrize("x", [[2, 3, 4], [2, 0, 4], [0, 3, 0, 5], [1, 0, 0, 2]])
def test_gradient_of_running_products(x: list):
    array = np.asarray(x, float)
    jacobian = np.zeros((len(x), len(x)))
    for i in range(len(x)):
        others = array.copy()
        others[i] = 1.0
        jacobian[i, i:] = np.cumprod(others)[i:]
    x = node(x)
    np.testing.assert_allclose(slopes(cumprod(x, axis=0), x), jacobian.sum(1), atol=1e-12)


# ---- ties and NaN --------------------------------------------------------------------------------
def test_ties_of_a_maximum_share_the_gradient():
    x = node([1.0, 5.0, 5.0])
    assert slopes(max_(x, axes=(0,)), x) == [0.0, 0.5, 0.5]


def test_the_latest_running_maximum_gets_the_gradient():
    x = node([1.0, 5.0, 5.0, 2.0])
    assert slopes(cummax(x, axis=0), x) == [1.0, 1.0, 2.0, 0.0]


def test_the_first_maximum_of_a_window_gets_the_gradient():
    x = node(np.ones((1, 4, 4, 1)))
    window = {"window": (2, 2), "stride": (2, 2), "padding": ((0, 0),) * 2, "dilation": (1, 1)}
    expected = np.zeros((4, 4))
    expected[::2, ::2] = 1
    assert np.array_equal(np.asarray(slopes(max_pool(x, **window), x))[0, :, :, 0], expected)
    window["stride"] = (1, 1)
    expected = np.zeros((4, 4))
    expected[:3, :3] = 1
    assert np.array_equal(np.asarray(slopes(max_pool(x, **window), x))[0, :, :, 0], expected)


def test_argmax_takes_the_first_and_nan_wins():
    assert value(argmax(node([1.0, 7.0, 7.0]), axes=(0,))) == [[1]]
    assert value(argmax(node([1.0, NAN, 7.0, NAN]), axes=(0,))) == [[1]]
    assert value(argmin(node([1.0, NAN, 7.0]), axes=(0,))) == [[1]]


def test_sorting_is_stable_and_nan_is_the_largest():
    x = node([2.0, NAN, 1.0, 2.0, INF, -INF])
    assert value(argsort(x, axis=0, descending=False)) == [[5, 2, 0, 3, 4, 1]]
    assert value(argsort(x, axis=0, descending=True)) == [[1, 4, 0, 3, 2, 5]]


def test_sort_takes_its_gradient_back():
    x = node([3.0, 1.0, 2.0])
    weights = node([10.0, 20.0, 30.0])
    assert slopes(multiply(sort(x, axis=0, descending=False), weights), x) == [30.0, 10.0, 20.0]


@pytest.mark.parametrize("largest", [True, False])
def test_topk(largest: bool):
    x = np.random.default_rng(0).permutation(12).reshape(3, 4)
    values, places = value(*topk(node(x), 2, 1, largest))
    expected = np.sort(x, 1)[:, ::-1][:, :2] if largest else np.sort(x, 1)[:, :2]
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(np.take_along_axis(x, np.asarray(places), 1), expected)


# ---- infinities ----------------------------------------------------------------------------------
def test_logsumexp_of_infinities():
    assert value(logsumexp(node([-INF, -INF]), axes=(0,))) == [[-INF]]
    assert value(logsumexp(node([INF, 1.0]), axes=(0,))) == [[INF]]
    large = value(logsumexp(node([1000.0, 1000.0]), axes=(0,)))
    assert large[0] == pytest.approx([1000 + np.log(2)])


def test_bodies_do_not_overflow():
    x = node([1000.0, 0.0, -INF])
    for op, expected in ((softmax, [1, 0, 0]), (log_softmax, [0, -1000, -INF])):
        assert value(op.body(x, axis=0)) == [expected]
    body = logsumexp.body(node([-INF, -INF]), axes=(0,))
    assert value(body) == [[-INF]]


def test_cross_entropy_of_logits_that_are_excluded():
    logits = node([[0.0, 0.0, -INF]])
    labels = leaf(np.array([1]), (1,), dtypes.int64)
    for loss in (cross_entropy(logits, labels), cross_entropy.body(logits, labels)):
        assert value(loss)[0] == pytest.approx([np.log(2)])


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_outside_the_classes_is_found(label: int):
    labels = leaf(np.array([0, label]), (2,), dtypes.int64)
    for loss in (cross_entropy, cross_entropy.body):
        with pytest.raises(IndexError):
            evaluate([loss(node(np.zeros((2, 3))), labels)])


def test_variance_of_too_few_is_not_a_number():
    result, = evaluate([var(node([[1.0]]), axes=(1,), correction=1.0)])
    assert np.isnan(result).all()


# ---- scatter -------------------------------------------------------------------------------------
def test_of_values_for_one_place_the_last_counts_and_gets_the_gradient():
    x, values = node([1.0, 2.0, 3.0]), node([10.0, 20.0, 30.0])
    places = leaf(np.array([1, 1, 0]), (3,), dtypes.int64)
    y = scatter(x, values, places, axes=(0,), dims=(-1,))
    assert value(y) == [[30.0, 20.0, 3.0]]
    assert slopes(y, x) == [0.0, 0.0, 1.0]
    assert slopes(y, values) == [0.0, 1.0, 1.0]


# ---- the same array twice ------------------------------------------------------------------------
def test_an_input_that_occurs_twice_gets_its_gradient_once_from_each():
    q = node(np.random.default_rng(0).uniform(-1, 1, (1, 3, 4)))
    parts = [node(q.value) for _ in range(3)]
    settings = {"causal": False, "scale": 0.5}
    whole = evaluate(gradients(attention(q, q, q, **settings), [q]))[0]
    each = evaluate(gradients(attention(*parts, **settings), parts))
    np.testing.assert_allclose(whole, sum(each), atol=1e-12)


# ---- empty and zero-dimensional ------------------------------------------------------------------
def test_empty_arrays():
    empty = node(np.zeros((0, 3)))
    assert value(sum_(empty, axes=(0,)), prod(empty, axes=(0,))) == [[[0.0] * 3], [[1.0] * 3]]
    assert evaluate([softmax(empty, axis=1)])[0].shape == (0, 3)
    assert value(matmul(node(np.zeros((2, 0))), node(np.zeros((0, 3))))) == [[[0.0] * 3] * 2]
    assert evaluate([matmul(node(np.zeros((0, 2))), node(np.zeros((2, 3))))])[0].shape == (0, 3)
    image = node(np.zeros((0, 5, 5, 2)))
    weight = node(np.zeros((3, 2, 3, 3)))
    places = {"stride": (2, 2), "padding": ((1, 1), (1, 1)), "dilation": (1, 1)}
    y = conv(image, weight, **places, groups=1)
    assert evaluate([y])[0].shape == (0, 3, 3, 3)
    assert not np.any(slopes(y, weight))
    for pool in (max_pool, avg_pool):
        y = pool(image, window=(2, 2), **places)
        assert evaluate([y, *gradients(y, [image])])[1].shape == image.shape
    none = leaf(np.zeros(0, np.int64), (0,), dtypes.int64)
    y = take(node([[1.0, 2.0]]), none, 0)
    assert evaluate([y])[0].shape == (0, 2)
    assert evaluate([cross_entropy(empty, none)])[0].shape == (0,)


@pytest.mark.parametrize("op", [max_, argmax])
def test_an_extreme_of_nothing_is_an_error(op: object):
    with pytest.raises(ShapeError, match="of no elements is not defined"):
        op(node(np.zeros((0, 3))), axes=(0,))


def test_zero_dimensional_arrays():
    x = node(3.0)
    assert value(sum_(x, axes=()), prod(x, axes=()), max_(x, axes=())) == [3.0, 3.0, 3.0]
    assert value(gather(x, axes=(), dims=(), shape=())) == [3.0]
    assert slopes(reshape(x, shape=(1, 1)), x) == 1.0


# ---- errors --------------------------------------------------------------------------------------
IMAGE = ((1, 5, 5, 2),)
WINDOW = {"stride": (1, 1), "padding": ((0, 0),) * 2, "dilation": (1, 1)}


@pytest.mark.parametrize(("op", "shapes", "attrs", "message"), [
    (matmul, [(2, 3), (4, 5)], {}, "3 is not 4"),
    (matmul, [(), (3,)], {}, "no axis to sum over"),
    (matmul, [(2, 3, 3), (4, 3, 3)], {}, "the axes before the last two are equal, or 1"),
    (linear, [(2, 3), (5, 4)], {}, "the last axis of x is as long as the last of w"),
    (linear, [(2, 3), (5, 3), (4,)], {}, "ShapeError in linear"),
    (conv, [*IMAGE, (3, 4, 3, 3)], {**WINDOW, "groups": 1}, "4 channels are not 2"),
    (conv, [*IMAGE, (3, 2, 6, 3)], {**WINDOW, "groups": 1}, "fits into the padded input"),
    (conv, [*IMAGE, (3, 2, 3)], {**WINDOW, "groups": 1}, "as many axes"),
    (conv_transpose, [*IMAGE, (2, 3, 1, 1)],
     {**WINDOW, "padding": ((3, 3), (0, 0)), "groups": 1, "output_padding": (0, 0)},
     "at least one"),
    (max_pool, IMAGE, {**WINDOW, "window": (6, 2)}, "the window reaches 6"),
    (max_pool, IMAGE, {**WINDOW, "window": (2,)}, "one window size for each axis of space"),
    (softmax, [(2, 3)], {"axis": 2}, "ShapeError in softmax"),
    (cross_entropy, [(2, 3), (2,)], {}, "labels are integers"),
    (contract, [(3,), (3,)], {"sizes": (2, 2), "n_out": 1,
                              "maps": ((((0, 1), (1, 2)),), (((0, 2),),))}, "axis of 3"),
])
def test_what_does_not_fit_is_a_shape_error_of_the_op(op: object, shapes: list, attrs: dict,
                                                      message: str):
    with pytest.raises(ShapeError, match="rule: ") as caught:
        op(*[node(np.zeros(s)) for s in shapes], **attrs)
    assert message in str(caught.value)


def test_an_index_that_is_not_an_integer_is_an_error():
    with pytest.raises((IndexingError, DTypeError)):
        gather(node([1.0]), node([0.0]), axes=(0,), dims=(-1,), shape=(1,))
