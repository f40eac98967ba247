"""Scatters of many updates into few places in parts: which, and that the sums are right."""

import numpy as np
import pytest

import lamina as lm
from lamina.config import override
from lamina.graph.node import leaf
from lamina.ops.indexing import add_at, scatter_add
from lamina.runtime import families
from lamina.schedule.scatter import cut
from lamina.schedule.split import split_scatter
from lamina.schedule.summation import PARTS, Rules
from lamina.shapes import as_var, variable
from tests.kernel.device import both, held, numbers

# result, update, places, axes, dims
SPLIT = [
    ((256,), (1 << 16,), (1 << 16,), (0,), (-1,)),
    ((256,), (50_001,), (50_001,), (0,), (-1,)),  # the last part is shorter
    ((30, 8), (9000, 8), (9000, 1), (0,), (-1, 1)),
    ((2, 70), (40, 30, 70), (40, 30, 1), (0,), (-1, 2)),
    ((3, 20), (3, 20_000), (3, 20_000), (1,), (0, -1)),
    ((3, 20), (3, 20_000), (1, 20_000), (1,), (0, -1)),  # the same places in all rows
]
WHOLE = [
    ((256,), (1000,), (1000,), (0,), (-1,)),  # little work
    ((1 << 17,), (1 << 16,), (1 << 16,), (0,), (-1,)),  # more sums than updates
    ((64, 20), (64, 20_000), (64, 20_000), (1,), (0, -1)),  # rows enough for the threads
]


def nodes(out, update, places, axes, dims):
    g, at = leaf(None, update, lm.float32), leaf(None, places, lm.int64)
    yield scatter_add(g, at, axes=axes, dims=dims, shape=out)
    yield add_at(leaf(None, out, lm.float32), g, at, axes=axes, dims=dims)


@pytest.mark.parametrize("case", SPLIT)
def test_in_parts(case):
    for node in nodes(*case):
        found = split_scatter(node, Rules())
        sums = found.inputs[1] if node.op is add_at else found
        partial = sums.inputs[0].inputs[0]
        assert partial.op is scatter_add and found.shape == node.shape
        assert cut(partial).chunks >= PARTS


@pytest.mark.parametrize("case", WHOLE)
def test_as_a_whole(case):
    assert [split_scatter(node, Rules()) for node in nodes(*case)] == [None, None]


def test_a_size_for_the_run_time_is_cut_as_its_sample_is():
    n = variable("s0")
    node = next(nodes((256,), (n,), (n,), (0,), (-1,)))
    rules = Rules({as_var(n): 1 << 16})
    assert split_scatter(node, rules) is not None
    assert rules.hold({as_var(n): 1 << 17}) and not rules.hold({as_var(n): 1000})


@pytest.mark.parametrize("dtype", [lm.float32, lm.float16, lm.int64, lm.uint8])
@pytest.mark.parametrize("case", SPLIT)
def test_values(case, dtype):
    out, update, places, axes, dims = case
    rng = np.random.default_rng(3)
    at = held(rng.integers(0, out[axes[0]], places))
    values = rng.integers(0, 2, update).astype(dtype.compute.storage)  # sums that all dtypes hold
    if dtype is lm.float16:
        values *= rng.random(update) < 0.2
    attrs = {"axes": axes, "dims": dims}
    found, expected = both(scatter_add, [held(values, dtype), at], {**attrs, "shape": out})
    np.testing.assert_array_equal(found, expected)
    if dtype is not lm.float16:
        x = held(numbers(rng, out, dtype), dtype)
        found, expected = both(add_at, [x, held(values, dtype), at], attrs)
        np.testing.assert_array_equal(found, expected)


def test_bits_depend_neither_on_threads_nor_on_sizes_that_came_before():
    rng = np.random.default_rng(0)
    at = lm.tensor(rng.integers(0, 100, 70_000))
    values = lm.tensor(rng.normal(size=70_000).astype(np.float32))

    def histogram(n):
        return lm.scatter_add(lm.zeros(100), at[:n], values[:n]).numpy()

    families.forget_programs()
    found = histogram(70_000)
    for threads in (1, 2, 4):
        with override(threads=threads):
            np.testing.assert_array_equal(histogram(70_000), found)
    families.forget_programs()
    for n in (500, 40_000, 69_999):
        histogram(n)
    np.testing.assert_array_equal(histogram(70_000), found)
    wanted = np.zeros(100)
    np.add.at(wanted, np.asarray(at), np.asarray(values, np.float64))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-3)  # some 700 terms each
