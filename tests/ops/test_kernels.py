"""Every operation of the table, by its own samples, on the kernels of this machine: values of each
dtype against the oracle, first and second gradients against numeric slopes, vmap against a loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from lamina import dtypes
from lamina.dtypes import DType
from lamina.graph.node import Node, Op, Sample, leaf, topological
from lamina.ops.elementwise import multiply
from lamina.ops.movement import reshape
from lamina.ops.reduction import sum_
from lamina.ops.table import TABLE
from lamina.runtime.buffers import from_array
from lamina.runtime.execute import array_of, compute
from lamina.runtime.interpret import interpret, widened
from lamina.tensor import vmap
from lamina.tensor.array import Tensor
from lamina.transforms.grad import gradients
from tests.ops.oracle import cases, draw, label

OPS = tuple(TABLE.values())
STEP = 1e-6  # of the numeric slopes, in float64: the error is some 1e-9
# Sums are added in another order; halves are rounded where a value passes through memory.
ULPS = {dtypes.float64: 64, dtypes.float32: 64, dtypes.float16: 4, dtypes.bfloat16: 4}
EPSILON = {d: 2.0**-7 if d is dtypes.bfloat16 else float(np.finfo(d.storage).eps)
           for d in dtypes.FLOATS}


def held(values: np.ndarray, dtype: DType, tracked: bool = False) -> Node:
    """A leaf with a value, given as stored elements."""
    return leaf(from_array(values), values.shape, dtype, tracked)


def on_device(roots: Sequence[Node]) -> list[np.ndarray]:
    """Values by the kernels; the graph stays as it is, since all of it is held twice here."""
    roots, held_too = list(roots), topological(roots)
    found = compute(list(held_too), roots)
    return [widened(b.array(n.shape, n.dtype.storage), n.dtype)
            for n, b in zip(roots, found)]


# ---- values --------------------------------------------------------------------------------------
@pytest.mark.parametrize("op", OPS, ids=label)
def test_kernels_compute_what_the_oracle_does(op: Op):
    for sample in op.samples:
        for dtype in op.takes:
            leaves = [held(v, n.dtype) for n, v in draw(op, sample, dtype)]
            node = op(*leaves, **sample.attrs)
            expected, = interpret([node], {n: array_of(n) for n in leaves})
            found, = on_device([node])
            tolerance = max((ULPS[d] * EPSILON[d] for d in (node.dtype, *(n.dtype for n in leaves))
                             if d.is_float), default=0.0) if node.dtype.is_float else 0.0
            np.testing.assert_allclose(found, widened(expected, node.dtype), tolerance, tolerance,
                                       err_msg=f"{dtype.name} {sample}")


# ---- gradients -----------------------------------------------------------------------------------
def total(y: Node, seed: int) -> Node:
    """A number that depends on every element of y, each with its own weight."""
    weights = held(np.random.default_rng(seed).uniform(0.5, 1.5, y.shape), y.dtype)
    return reshape(sum_(multiply(y, weights), axes=tuple(range(y.ndim))), shape=())


def differentiable(op: Op) -> bool:
    return dtypes.float64 in op.takes and (op.vjp is not None or op.body is not None)


def slopes(roots: Sequence[Node], x: Node, direction: np.ndarray) -> np.ndarray:
    """Of each root along a direction of x, by central differences."""
    kept, values = x.value, array_of(x)
    ends = []
    for step in (STEP, -STEP):
        x.value = from_array(values + step * direction)
        ends.append(np.array(on_device(roots)))
    x.value = kept
    return (ends[0] - ends[1]) / (2 * STEP)


@pytest.mark.parametrize(("op", "sample"), cases(OPS, differentiable), ids=label)
def test_gradients_of_first_and_second_order_are_slopes(op: Op, sample: Sample):
    leaves = [held(v, n.dtype, n.tracked) for n, v in draw(op, sample, dtypes.float64)]
    wrt = [n for n in leaves if n.dtype.is_float]
    y = op(*leaves, **sample.attrs)
    if y.dtype is not dtypes.float64:
        pytest.skip("the result is too coarse for numeric slopes")
    first = total(y, 1)
    numbers = [first, *(total(dx, 2) for dx in gradients(first, wrt))]
    found = iter(on_device([dx for number in numbers for dx in gradients(number, wrt)]))
    by_number = [[next(found) for _ in wrt] for _ in numbers]
    rng = np.random.default_rng(3)
    for i, x in enumerate(wrt):
        for _ in range(2):
            direction = rng.uniform(-1, 1, x.shape)
            expected = slopes(numbers, x, direction)
            along = [np.sum(direction * g[i]) for g in by_number]
            np.testing.assert_allclose(along, expected, rtol=1e-6, atol=1e-7)


# ---- batches -------------------------------------------------------------------------------------
@pytest.mark.parametrize(("op", "sample"),
                         cases(OPS, lambda op: op.kind.batch is not None or op.body is not None),
                         ids=label)
def test_vmap_is_a_loop(op: Op, sample: Sample):
    dtype = dtypes.float64 if dtypes.float64 in op.takes else op.takes[0]
    pairs = draw(op, sample, dtype)
    if not pairs:
        pytest.skip("nothing to batch")

    def apply(*xs: Tensor) -> Tensor:
        return Tensor(op(*[x.node for x in xs], **sample.attrs))

    turns = [[Tensor(held(np.roll(v, i), n.dtype)) for n, v in pairs] for i in range(3)]
    stacks = [Tensor(held(np.stack([np.roll(v, i) for i in range(3)]), n.dtype)) for n, v in pairs]
    for mapped in which(len(pairs)):
        args = [s if m else t for s, t, m in zip(stacks, turns[0], mapped)]
        found = vmap(apply, in_axes=tuple(0 if m else None for m in mapped))(*args).node
        loop = [apply(*[t if m else t0 for t, t0, m in zip(turn, turns[0], mapped)]).node
                for turn in turns]
        value, *expected = on_device([found, *loop])
        np.testing.assert_allclose(value, np.stack(expected), rtol=1e-12, atol=1e-12)


def which(n: int) -> Iterator[tuple[bool, ...]]:
    """All inputs mapped, and each alone."""
    yield (True,) * n
    if n > 1:
        yield from (tuple(i == j for j in range(n)) for i in range(n))

