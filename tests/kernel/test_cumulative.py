"""Running totals by the kernels: every dtype and axis; bits do not depend on the neighbours."""

import numpy as np
import pytest

from lamina import dtypes
from lamina.dtypes import DType
from lamina.graph.node import Op
from lamina.ops.ordering import cummax, cummin, cumprod, cumsum
from tests.kernel.device import both, held, numbers

OPS = (cumsum, cumprod, cummax, cummin)
SHAPES = ((7,), (1,), (3, 4), (5, 1), (2, 9, 3), (5, 70), (4, 3, 130), (257, 3), (0, 3), (3, 0))
# Sums in one order, so float32 and float64 are equal; products of halves are rounded at each store.
NUMBERS = (*dtypes.INTEGERS, *dtypes.FLOATS)


def name(case: object) -> str | None:
    return case.name if isinstance(case, (DType, Op)) else None


@pytest.mark.parametrize("dtype", NUMBERS, ids=name)
@pytest.mark.parametrize("op", OPS, ids=name)
def test_totals_are_numpys(op: Op, dtype: DType):
    rng = np.random.default_rng(1)
    for shape in SHAPES:
        for axis in range(len(shape)):
            x = numbers(rng, shape, dtype)
            if op is cumprod:
                x = np.clip(x, -1, 1) if dtype.kind != "u" else np.minimum(x, 2)
            found, expected = both(op, [held(x, dtype)], {"axis": axis})
            np.testing.assert_array_equal(found, expected, err_msg=f"{shape} {axis}")


@pytest.mark.parametrize("axis", [0, 1])
def test_sums_are_added_in_the_order_of_the_elements(axis: int):
    x = np.random.default_rng(2).normal(size=(333, 444)).astype(np.float32)
    found, _ = both(cumsum, [held(x)], {"axis": axis})
    np.testing.assert_array_equal(found, np.cumsum(x, axis))


def test_a_nan_stays():
    x = np.array([1, np.nan, 3, 0], np.float32)
    for op in (cummax, cummin):
        found, expected = both(op, [held(x)], {"axis": 0})
        np.testing.assert_array_equal(found, expected)
