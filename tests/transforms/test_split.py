"""Large reductions in parts: which, into what, and that the sum is the same."""

import numpy as np
import pytest

import lamina as lm
from lamina.graph.node import leaf, topological
from lamina.ops.table import TABLE
from lamina.schedule.split import split_reductions
from lamina.shapes import variable

sum_ = TABLE["sum"]


@pytest.mark.parametrize(("shape", "axes", "inner"), [
    ((1 << 15,), (0,), [(16, 16, 128), (16, 16, 1), (16, 1)]),  # parts of parts
    ((4096, 64), (0,), [(16, 256, 64), (16, 1, 64)]),
    ((64, 4096), (1,), [(64, 16, 256), (64, 16, 1)]),
    ((17_500, 2), (0,), [(14, 10, 125, 2), (14, 10, 1, 2), (14, 1, 2)]),  # 16 does not divide it
])
def test_in_parts(shape, axes, inner):
    root = split_reductions([sum_(leaf(None, shape, lm.float32), axes=axes)])[0]
    assert [n.inputs[0].shape for n in topological([root]) if n.op is sum_] == inner
    assert root.shape == tuple(1 if i in axes else d for i, d in enumerate(shape))


@pytest.mark.parametrize(("shape", "axes"), [
    ((1000,), (0,)),  # little work
    ((32, 1024, 64), (1,)),  # results enough for the threads
    ((65_537,), (0,)),  # a prime
    ((variable("s0"), 4096), (0,)),  # not known yet
])
def test_as_a_whole(shape, axes):
    node = sum_(leaf(None, shape, lm.float32), axes=axes)
    assert split_reductions([node])[0] is node


@pytest.mark.parametrize("name", ["sum", "max", "min", "prod"])
def test_values(name):
    x = 1 + np.sin(np.arange(1 << 16, dtype=np.float64)) / 1e4
    found = getattr(lm.tensor(x), name)().item()
    np.testing.assert_allclose(found, getattr(np, name)(x), rtol=1e-13)
