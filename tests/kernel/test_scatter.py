"""Scatters by the kernels: every way that places can address, all dtypes, places outside."""

import numpy as np
import pytest

from lamina import dtypes
from lamina.dtypes import DType
from lamina.errors import IndexingError
from lamina.graph.node import leaf
from lamina.ops.indexing import scatter, scatter_add
from lamina.schedule.scatter import BLOCK, NARROW_BLOCK, RANGES, WIDE, cut
from tests.kernel.device import both, held, numbers, on_device

# result, update, places, the axes that they address, dims
CASES = [
    ((5, 3), (4, 3), [(4, 1)], (0,), (-1, 1)),
    ((50, 70), (40, 70), [(40, 1)], (0,), (-1, 1)),
    ((50, BLOCK + 300), (9, BLOCK + 300), [(9, 1)], (0,), (-1, 1)),
    ((50, 128), (6, 7, 128), [(6, 7, 1)], (0,), (-1, 2)),
    ((3, 50, 33), (3, 7, 33), [(1, 7, 1)], (1,), (0, -1, 2)),
    ((3, 50, NARROW_BLOCK + 9), (3, 7, NARROW_BLOCK + 9), [(3, 7, NARROW_BLOCK + 9)], (1,),
     (0, -1, 2)),
    ((3, 50), (3, 9), [(3, 9)], (1,), (0, -1)),
    ((30,), (90,), [(90,)], (0,), (-1,)),
    ((30, 20), (90,), [(90,), (90,)], (0, 1), (-1, -1)),
    ((5, 3, 4), (2, 3, 3), [(2, 1, 1), (1, 3, 1)], (0, 2), (-1, 2, -1)),
    ((5, 3, 40), (2, 40), [(2, 1), (2, 1)], (0, 1), (-1, -1, 1)),
    ((5, 200), (4, 3), [(4, 1)], (0,), (-1, 1)),  # an update of some columns
    ((5, 200), (1, 200), [(1, 1)], (0,), (-1, 1)),
    ((1, 200), (4, 200), [(4, 1)], (0,), (-1, 1)),
    ((5, 200), (0, 200), [(0, 1)], (0,), (-1, 1)),
    ((5, 0), (2, 0), [(2, 1)], (0,), (-1, 1)),
    ((4,), (3, 4), [], (), (1,)),
    ((64, 5, 20), (8, 6, 5, 20), [(8, 6, 1, 1)], (0,), (-1, 2, 3)),
]


def by_name(case: object) -> str | None:
    return case.name if isinstance(case, DType) else None


@pytest.mark.parametrize("dtype", [*dtypes.INTEGERS, *dtypes.FLOATS], ids=by_name)
@pytest.mark.parametrize("case", CASES)
def test_updates_go_where_the_places_say(case, dtype: DType):
    out, update, places, axes, dims = case
    rng = np.random.default_rng(3)
    found_places = [held(rng.integers(0, out[a], s)) for a, s in zip(axes, places)]
    values = held(numbers(rng, update, dtype), dtype)
    attrs = {"axes": axes, "dims": dims}
    found, expected = both(scatter_add, [values, *found_places], {**attrs, "shape": out})
    np.testing.assert_array_equal(found, expected)
    x = held(numbers(rng, out, dtype), dtype)
    found, expected = both(scatter, [x, values, *found_places], attrs)
    np.testing.assert_array_equal(found, expected)


def test_everything_can_be_added_to_one_number():
    found, _ = both(scatter_add, [held(np.ones((3, 4), np.float32))],
                    {"axes": (), "dims": (), "shape": ()})
    assert found == 12


@pytest.mark.parametrize("index", [np.int8, np.uint8, np.int32, np.uint32, np.int64])
def test_places_of_every_dtype(index: type):
    places = np.array([[3], [0], [3]], index)
    found, expected = both(scatter_add, [held(np.ones((3, 20), np.float32)), held(places)],
                           {"axes": (0,), "dims": (-1, 1), "shape": (4, 20)})
    np.testing.assert_array_equal(found, expected)


def test_bools_are_set():
    leaves = [held(np.zeros((5, 40), bool)), held(np.ones((3, 40), bool)),
              held(np.array([[1], [3], [1]]))]
    found, expected = both(scatter, leaves, {"axes": (0,), "dims": (-1, 1)})
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("place", [-1, 50])
@pytest.mark.parametrize("width", [3, 128])
def test_a_place_outside_is_an_error(place: int, width: int):
    node = scatter_add(held(np.ones((2, width), np.float32)), held(np.array([[3], [place]])),
                       axes=(0,), dims=(-1, 1), shape=(50, width))
    with pytest.raises(IndexingError):
        on_device([node])


@pytest.mark.parametrize("dtype", [dtypes.float16, dtypes.bfloat16], ids=by_name)
def test_sums_of_halves_are_rounded_once(dtype: DType):
    ones = held(np.ones((3000, 1), np.float32), dtype)  # 2048 + 1 is 2048 in float16
    node = scatter_add(ones, held(np.zeros((3000, 1), np.int64)), axes=(0,), dims=(-1, 1),
                       shape=(2, 1))
    found, = on_device([node])
    np.testing.assert_array_equal(found, [[3008 if dtype is dtypes.bfloat16 else 3000], [0]])


def test_few_wide_rows_are_cut_for_the_threads():
    def chunks(out: tuple[int, ...], update: tuple[int, ...], *index: int):
        g, at = leaf(None, update, dtypes.float32), leaf(None, index, dtypes.int64)
        dims = tuple(-1 if d == 0 else d for d in range(len(out)))
        return cut(scatter_add(g, at, axes=(0,), dims=dims, shape=out)).chunks

    assert chunks((5000, 768), (9, 768), 9, 1) == RANGES
    assert chunks((3, 768), (9, 768), 9, 1) == 3
    assert chunks((5000, 20 * BLOCK), (9, 20 * BLOCK), 9, 1) == 20
    assert chunks((5000, WIDE - 1), (9, WIDE - 1), 9, 1) == 1
