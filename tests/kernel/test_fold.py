"""Sums of the lanes of several vectors: fewer vectors than lanes, as many, and more."""

import numpy as np
import pytest

from lamina import dtypes
from lamina.kernel.builder import Builder
from lamina.kernel.fold import fold
from tests.codegen.harness import NATIVE, run


@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_each_vector_becomes_its_sum(count: int, lanes: int):
    b = Builder("fold", NATIVE)
    x, y = b.buffer("x", dtypes.float64), b.buffer("y", dtypes.float64, written=True)
    with b.loop(b.lo, b.hi):
        b.store(y, 0, fold(b, [b.load(x, i * lanes, lanes) for i in range(count)]))
    values = np.random.default_rng(0).integers(-9, 9, (count, lanes)).astype(np.float64)
    found = np.zeros(count)
    run(b.finish(), [values, found], [], 1)
    np.testing.assert_array_equal(found, values.sum(1))


def test_a_sum_has_the_same_bits_in_any_company():
    b = Builder("fold", NATIVE)
    x, y = b.buffer("x", dtypes.float32), b.buffer("y", dtypes.float32, written=True)
    with b.loop(b.lo, b.hi):
        rows = [b.load(x, i * 8, 8) for i in range(4)]
        b.store(y, 0, fold(b, rows))
        b.store(y, 4, fold(b, rows[:2]))
        b.store(y, 6, fold(b, rows[:1]))
    values = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
    found = np.zeros(7, np.float32)
    run(b.finish(), [values, found], [], 1)
    np.testing.assert_array_equal(found[4:], found[[0, 1, 0]])
