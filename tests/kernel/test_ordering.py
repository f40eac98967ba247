"""Sorts by the kernels: every dtype, axis and direction, NaN and signed zeros, long rows."""

import numpy as np
import pytest

from lamina import dtypes
from lamina.dtypes import DType
from lamina.graph.node import constant
from lamina.ops.elementwise import multiply
from lamina.ops.ordering import argsort, sort
from lamina.schedule.workspace import SHORT
from tests.kernel.device import both, held, on_device

SHAPES = ((7,), (1,), (3, 4), (5, 1), (2, 9, 3), (300,), (SHORT + 1, 3), (0, 3), (3, 0))


def by_name(case: object) -> str | None:
    return case.name if isinstance(case, DType) else None


def values(shape: tuple[int, ...], dtype: DType) -> np.ndarray:
    """Many equal elements; NaN, both zeros and infinities where there are such."""
    rng = np.random.default_rng(len(shape) + sum(shape))
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.is_integer:
        info = np.iinfo(dtype.storage)
        x = rng.integers(max(-9, info.min), 9, shape).astype(dtype.storage)
        return np.where(rng.random(shape) < 0.1, rng.choice([info.min, info.max], shape), x)
    x = np.round(rng.normal(0, 3, shape))
    for special in (np.nan, -0.0, 0.0, np.inf, -np.inf):
        x = np.where(rng.random(shape) < 0.08, special, x)
    return x.astype(dtype.compute.storage)


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=by_name)
@pytest.mark.parametrize("descending", [False, True])
def test_the_order_is_numpys_stable_one(dtype: DType, descending: bool):
    for shape in SHAPES:  # sizes become run-time ones from the second shape of a rank on
        for axis in range(len(shape)):
            attrs = {"axis": axis, "descending": descending}
            found, expected = both(argsort, [held(values(shape, dtype), dtype)], attrs)
            np.testing.assert_array_equal(found, expected, err_msg=f"{shape} {axis}")


@pytest.mark.parametrize("size", [1, 2, 3, SHORT, SHORT + 1, 1000, 4096, 70_001])
def test_rows_of_all_lengths_are_sorted(size: int):
    x = np.random.default_rng(size).normal(size=(2, size)).astype(np.float32)
    found, expected = both(argsort, [held(x)], {"axis": 1, "descending": False})
    np.testing.assert_array_equal(found, expected)


def test_sort_moves_the_elements():
    x = values((4, 33), dtypes.float32)
    for descending in (False, True):
        found, expected = both(sort, [held(x)], {"axis": 1, "descending": descending})
        np.testing.assert_array_equal(found, expected)


def test_what_is_sorted_is_computed_in_the_same_kernel():
    x = np.random.default_rng(0).normal(size=(3, 300)).astype(np.float32)
    node = argsort(multiply(held(x), constant(-1.0, dtypes.float32)), axis=1, descending=False)
    found, = on_device([node])
    np.testing.assert_array_equal(found, np.argsort(-x, 1, kind="stable"))
