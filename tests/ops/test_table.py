"""Every operation of the table, by its own samples, on the NumPy oracle: bodies compute what the
oracle does, gradients of first and second order are slopes, batching is a loop."""

import numpy as np
import pytest

from lamina import dtypes
from lamina.graph.node import Node, Op, Sample, constant, leaf
from lamina.ops.elementwise import multiply
from lamina.ops.movement import reshape
from lamina.ops.reduction import sum_
from lamina.ops.table import TABLE, collected
from lamina.transforms.batch import batch
from lamina.transforms.grad import gradients, push
from tests.ops.oracle import cases, draw, evaluate

OPS = tuple(TABLE.values())
STEP = 1e-6  # of the numeric slopes, in float64: the error is some 1e-9


def ids(case: object) -> str:
    return case.name if isinstance(case, Op) else ""


def differentiable(op: Op) -> bool:
    return dtypes.float64 in op.takes and (op.vjp is not None or op.body is not None)


def by_sample(wanted=lambda op: True):
    return pytest.mark.parametrize(("op", "sample"), cases(OPS, wanted), ids=ids)


def total(y: Node, seed: int) -> Node:
    """A number that depends on every element of y, each with its own weight."""
    weights = leaf(np.random.default_rng(seed).uniform(0.5, 1.5, y.shape), y.shape, y.dtype)
    return reshape(sum_(multiply(y, weights), axes=tuple(range(y.ndim))), shape=())


def numeric(f: Node, x: Node, feed: dict, direction: np.ndarray) -> float:
    """The slope of f along a direction of x, by central differences."""
    up = evaluate([f], {**feed, x: feed[x] + STEP * direction})[0]
    down = evaluate([f], {**feed, x: feed[x] - STEP * direction})[0]
    return float(up - down) / (2 * STEP)


def check_slopes(f: Node, wrt: list[Node], feed: dict) -> list[Node]:
    """Gradients of f, after they were compared with numeric slopes along random directions."""
    found = gradients(f, wrt)
    for x, dx, value in zip(wrt, found, evaluate(found, feed)):
        assert dx.shape == x.shape and dx.dtype is x.dtype
        rng = np.random.default_rng(3)
        for _ in range(3):
            direction = rng.uniform(-1, 1, x.shape)
            slope = numeric(f, x, feed, direction)
            assert np.sum(direction * value) == pytest.approx(slope, rel=1e-6, abs=1e-7)
    return found


def test_a_name_that_occurs_twice_is_refused():
    with pytest.raises(ValueError, match="two operations are called exp"):
        collected([TABLE["exp"], TABLE["exp"]])


def test_every_operation_is_described_and_has_samples():
    graphs = [op.name for op in OPS if op.kind.name in ("control", "host", "output")]
    # What holds graphs is tested in test_control.py, pairs in tests/schedule/test_pairing.py.
    alone = ("iota", "view", "contract_pairs", *graphs)
    bare = [op.name for op in OPS if not op.doc or not (op.samples or op.name in alone)]
    assert bare == []


@by_sample(lambda op: op.body is not None)
@pytest.mark.parametrize("name", ["float64", "float32", "int32"])
def test_a_body_computes_what_the_oracle_does(op: Op, sample: Sample, name: str):
    dtype = dtypes.BY_NAME[name]
    if dtype not in op.takes:
        pytest.skip("not a dtype of this op")
    pairs = draw(op, sample, dtype)
    nodes = [n for n, _ in pairs]
    whole = op(*nodes, **sample.attrs)
    body = op.body(*nodes, **sample.attrs)
    assert (body.shape, body.dtype) == (whole.shape, whole.dtype)
    expected, value = evaluate([whole, body], dict(pairs))
    eps = 0 if dtype.is_integer else np.finfo(dtype.storage).eps
    np.testing.assert_allclose(value, expected, rtol=64 * eps, atol=64 * eps)


@by_sample(differentiable)
def test_gradients_of_first_and_second_order_are_slopes(op: Op, sample: Sample):
    pairs = draw(op, sample, dtypes.float64)
    feed = dict(pairs)
    wrt = [n for n, _ in pairs if n.dtype.is_float]
    y = op(*[n for n, _ in pairs], **sample.attrs)
    if y.dtype is not dtypes.float64:
        pytest.skip("the result is too coarse for numeric slopes")
    found = check_slopes(total(y, 1), wrt, feed)
    for dx in found:
        check_slopes(total(dx, 2), wrt, feed)


@by_sample(differentiable)
def test_forward_mode_agrees_with_numeric_slopes(op: Op, sample: Sample):
    pairs = draw(op, sample, dtypes.float64)
    feed = dict(pairs)
    wrt = [n for n, _ in pairs if n.dtype.is_float]
    f = op(*[n for n, _ in pairs], **sample.attrs)
    if f.dtype is not dtypes.float64:
        pytest.skip("the result is too coarse for numeric slopes")
    f = total(f, 1)
    for x in wrt:
        direction = np.random.default_rng(4).uniform(-1, 1, x.shape)
        tangent = leaf(direction, x.shape, x.dtype)
        value, = evaluate(push([f], [x], [tangent]), feed)
        assert float(value) == pytest.approx(numeric(f, x, feed, direction), rel=1e-6, abs=1e-7)


@by_sample(lambda op: op.kind.batch is not None or op.body is not None)
def test_batching_is_a_loop(op: Op, sample: Sample):
    dtype = dtypes.float64 if dtypes.float64 in op.takes else op.takes[0]
    draws = [draw(op, Sample(sample.inputs, {**sample.attrs}, sample.dtypes), dtype)]
    draws += [[(n, np.roll(v, i)) for n, v in draws[0]] for i in (1, 2)]
    nodes = [n for n, _ in draws[0]]
    y = op(*nodes, **sample.attrs)
    for flags in _flag_sets(len(nodes)):
        stacked = {n: np.stack([d[i][1] for d in draws]) for i, n in enumerate(nodes) if flags[i]}
        leaves = {n: leaf(v, v.shape, n.dtype) for n, v in stacked.items()}
        (many, is_batched), = batch([y], leaves)
        assert is_batched and many.shape == (3, *y.shape)
        fixed = {n: v for (n, v), flag in zip(draws[0], flags) if not flag}
        value, = evaluate([many], fixed)
        loop = [evaluate([y], {**fixed, **{n: s[i] for n, s in stacked.items()}})[0]
                for i in range(3)]
        np.testing.assert_allclose(value, np.stack(loop), rtol=1e-12, atol=1e-12)


def _flag_sets(n: int) -> list[tuple[bool, ...]]:
    """All inputs batched, and each alone."""
    alone = [tuple(i == j for j in range(n)) for i in range(n)]
    return [(True,) * n, *(alone if n > 1 else [])] if n else []


def test_constants_take_part_in_gradients_without_getting_one():
    x = leaf(np.asarray([1.0, 2.0]), (2,), dtypes.float64, tracked=True)
    y = multiply(x, constant(3.0, dtypes.float64))
    np.testing.assert_array_equal(evaluate(gradients(total(y, 0), [x]))[0].shape, (2,))
