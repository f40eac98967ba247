"""Element types: names, promotion by the array API standard, bfloat16 bits."""

import itertools
import pickle

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina import dtypes
from lamina.dtypes import (
    ALL,
    BY_NAME,
    as_dtype,
    bfloat16,
    bool_,
    float16,
    float32,
    float64,
    int8,
    int64,
    narrow_bfloat16,
    promote,
    scalar_dtype,
    uint8,
    uint64,
    widen_bfloat16,
)
from lamina.errors import DTypeError


@pytest.mark.parametrize("dtype", ALL, ids=repr)
def test_every_dtype_is_found_by_its_name_its_storage_and_itself(dtype):
    assert as_dtype(dtype) is dtype
    assert as_dtype(dtype.name) is dtype
    assert dtype.itemsize * 8 == dtype.bits
    if dtype is not bfloat16:
        assert as_dtype(dtype.storage) is dtype
        assert as_dtype(dtype.storage.type) is dtype
        assert as_dtype(dtype.storage.newbyteorder(">")) is dtype


def test_python_types_and_foreign_bfloat16():
    assert [as_dtype(t) for t in (bool, int, float)] == [bool_, int64, float32]
    assert as_dtype(np.dtype(ml_dtypes.bfloat16)) is bfloat16


@pytest.mark.parametrize("value", ["float8", "complex64", np.complex64, object, "U4", type(None)])
def test_what_is_no_dtype_is_refused(value):
    with pytest.raises(DTypeError, match="rule: one of bool, int8"):
        as_dtype(value)


def test_a_dtype_pickles_to_itself():
    for dtype in ALL:
        if dtype is not bool_:
            assert pickle.loads(pickle.dumps(dtype)) is dtype


NUMERIC = [d for d in ALL if d.kind != "b" and d is not bfloat16]


@pytest.mark.parametrize(("a", "b"), list(itertools.product(NUMERIC, NUMERIC)), ids=repr)
def test_promotion_of_one_kind_is_that_of_numpy(a, b):
    if {a.kind, b.kind} in ({"i"}, {"u"}, {"f"}):
        assert promote(a, b).storage == np.promote_types(a.storage, b.storage)
    elif "f" in (a.kind, b.kind):
        assert promote(a, b) is (a if a.is_float else b)


def test_promotion_is_symmetric_and_bool_gives_way():
    for a, b in itertools.product(ALL, ALL):
        assert dtypes.PROMOTION.get((a, b)) is dtypes.PROMOTION.get((b, a))
        assert promote(a, a) is a
    assert all(promote(bool_, d) is d for d in ALL)


def test_promotion_of_mixed_kinds():
    assert promote(uint8, int8).name == "int16"
    assert promote(float16, bfloat16) is float32
    assert promote(bfloat16, float64) is float64
    with pytest.raises(DTypeError, match="uint64 have no common dtype"):
        promote(int8, uint64)


def test_python_scalars_are_weak():
    assert scalar_dtype(2.5, float16) is float16
    assert scalar_dtype(2, float16) is float16
    assert scalar_dtype(2.5, int8) is float32
    assert scalar_dtype(2, bool_) is int64
    assert scalar_dtype(True, int8) is int8


def test_half_types_compute_in_float32():
    assert {d.name for d in ALL if d.compute is not d} == {"float16", "bfloat16"}
    assert float16.compute is bfloat16.compute is float32
    assert BY_NAME["float64"].compute is float64


@given(st.lists(st.floats(width=32), min_size=1, max_size=50))
def test_bfloat16_rounds_as_the_reference_does(values):
    array = np.array(values, np.float32)
    expected = array.astype(ml_dtypes.bfloat16)
    bits = narrow_bfloat16(array)
    is_nan = np.isnan(array)
    assert np.array_equal(bits[~is_nan], expected.view(np.uint16)[~is_nan])
    assert np.isnan(widen_bfloat16(bits)[is_nan]).all()


def test_bfloat16_ties_go_to_even():
    bits = np.arange(0x7F80, dtype=np.uint32) << 16
    for beside in (0x7FFF, 0x8000, 0x8001):
        values = (bits | beside).astype(np.uint32).view(np.float32)
        expected = values.astype(ml_dtypes.bfloat16).view(np.uint16)
        assert np.array_equal(narrow_bfloat16(values), expected)


def test_widening_is_exact_for_all_bits():
    bits = np.arange(1 << 16, dtype=np.uint16)
    expected = bits.view(ml_dtypes.bfloat16).astype(np.float32)
    assert np.array_equal(widen_bfloat16(bits), expected, equal_nan=True)
