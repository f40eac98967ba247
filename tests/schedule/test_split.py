"""Large reductions in parts: which, into what, and that the sum is the same."""

import numpy as np
import pytest

import lamina as lm
from lamina.graph.node import leaf, topological
from lamina.ops.table import TABLE
from lamina.schedule.split import split_sums
from lamina.schedule.summation import Rules
from lamina.shapes import as_var, variable

sum_ = TABLE["sum"]


@pytest.mark.parametrize(("shape", "axes", "inner"), [
    ((1 << 15,), (0,), [(16, 2048), (16, 1)]),
    ((4096, 64), (0,), [(16, 256, 64), (16, 1, 64)]),
    ((64, 4096), (1,), [(64, 16, 256), (64, 16, 1)]),
    ((17_501, 2), (0,), [(16, 1094, 2), (16, 1, 2)]),  # the last part is shorter
    ((4, 3, 5000), (0, 1, 2), [(4, 3, 16, 313), (1, 1, 16, 1)]),  # the first that is long enough
])
def test_in_parts(shape, axes, inner):
    root = split_sums([sum_(leaf(None, shape, lm.float32), axes=axes)], Rules())[0]
    assert [n.inputs[0].shape for n in topological([root]) if n.op is sum_] == inner
    assert root.shape == tuple(1 if i in axes else d for i, d in enumerate(shape))


@pytest.mark.parametrize(("shape", "axes"), [
    ((1000,), (0,)),  # little work
    ((32, 1024, 64), (1,)),  # results enough for the threads
])
def test_as_a_whole(shape, axes):
    node = sum_(leaf(None, shape, lm.float32), axes=axes)
    assert split_sums([node], Rules())[0] is node


@pytest.mark.parametrize(("sample", "parts"), [(50, False), (5000, True)])
def test_a_size_for_the_run_time_is_cut_as_its_sample_is(sample, parts):
    n = variable("s0")
    node = sum_(leaf(None, (n, 12), lm.float32), axes=(0, 1))
    rules = Rules({as_var(n): sample})
    assert (split_sums([node], rules)[0] is not node) == parts
    assert rules.hold({as_var(n): sample + 1})
    assert not rules.hold({as_var(n): 5000 if sample == 50 else 50})


@pytest.mark.parametrize("name", ["sum", "max", "min", "prod"])
@pytest.mark.parametrize("size", [1 << 16, 65_537])
def test_values(name, size):
    x = 1 + np.sin(np.arange(size, dtype=np.float64)) / 1e4
    found = getattr(lm.tensor(x), name)().item()
    np.testing.assert_allclose(found, getattr(np, name)(x), rtol=1e-13)
