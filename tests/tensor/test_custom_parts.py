"""Parts that a user writes in a few lines (those of `benchmarks/custom.py`) beside the built-in."""

import inspect

import numpy as np
import pytest

import lamina as lm
from benchmarks import custom
from lamina.graph.node import is_leaf, leaf, topological
from lamina.graph.rewrite import substitute
from lamina.schedule.plan import make_plan
from lamina.targets import TARGETS

PAIRS = {"swish": (custom._swish, custom._silu), "gelu": (custom._gelu, custom._built_in_gelu),
         "layer norm": (custom._norm, custom._built_in_norm)}
SIZE = 6
MOST_LINES = 15
EACH = pytest.mark.parametrize("name", PAIRS)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def found(part, shape):
    """The part's output, and the gradients by its input and its parameters; not computed yet."""
    f, parameters = part(shape[-1])
    x = lm.nn.Parameter(draw(*shape))
    y = f(x)
    return [y, *lm.gradients((y * lm.tensor(draw(*shape, seed=1))).sum(), [x, *parameters])]


@EACH
def test_values_and_gradients_are_those_of_the_built_in_part(name):
    ours, built_in = (found(part, (5, SIZE)) for part in PAIRS[name])
    for a, b in zip(ours, built_in, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-5, atol=2e-6)


@EACH
def test_gradients_are_the_numeric_slopes(name):
    f, parameters = PAIRS[name][0](SIZE)
    if parameters:
        f.double()
    lm.testing.check_gradients(f, lm.tensor(draw(3, SIZE)))


@EACH
def test_a_compiled_part_gives_the_same(name):
    f, _ = PAIRS[name][0](SIZE)
    both = lm.value_and_grad(lambda x: (f(x) ** 2).sum())
    x = lm.tensor(draw(4, SIZE))
    for a, b in zip(both(x), lm.compile(both)(x), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)


def test_a_wrong_gradient_is_found():
    op = lm.custom_op(lambda x: x * lm.sigmoid(x), lambda g, y, x: g * lm.sigmoid(x))
    with pytest.raises(lm.errors.GradientError, match="the gradient is the numeric slope"):
        lm.testing.check_gradients(op, lm.tensor(draw(3)))


@EACH
def test_parts_are_short(name):
    lines = [line for line in inspect.getsource(PAIRS[name][0]).splitlines()[1:] if line.strip()]
    assert len(lines) < MOST_LINES


@EACH
def test_as_few_kernels_as_the_built_in_part(name):
    ours, built_in = (kernels(found(part, (64, 128))) for part in PAIRS[name])
    assert ours <= built_in


def kernels(tensors):
    roots = [t.node for t in tensors]
    hollow = {n: leaf(None, n.shape, n.dtype) for n in topological(roots) if is_leaf(n)}
    return len(make_plan(substitute(roots, hollow), TARGETS["avx512"]).steps)
