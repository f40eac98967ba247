"""Python numbers and truth values beside arrays: what fits, what is refused, what bools mean."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import CapacityError, DTypeError


@pytest.mark.parametrize("name", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64"])
def test_comparisons_take_any_integer(name):
    numbers = np.array([0, 1, 7, 100], name)
    x = lm.tensor(numbers)
    for value in (-70_000, -1, 0, 255, 256, 1 << 40):
        for compare in ("__lt__", "__le__", "__eq__", "__ne__", "__ge__", "__gt__"):
            expected = getattr(numbers.astype(np.int64), compare)(value)
            np.testing.assert_array_equal(getattr(x, compare)(value).numpy(), expected)


@pytest.mark.parametrize("make", [
    lambda x: x + 300, lambda x: 300 * x, lambda x: lm.where(x > 0, x, -129),
    lambda x: lm.maximum(x, 128), lambda x: x & 255], ids=["add", "mul", "where", "max", "and"])
def test_an_integer_that_does_not_fit_is_refused(make):
    with pytest.raises(DTypeError, match="int8 holds -128 .. 127") as caught:
        make(lm.tensor([1, 2], dtype=lm.int8))
    assert caught.value.hint == ".astype(lm.int16)"


def test_no_dtype_is_offered_where_none_holds_both():
    with pytest.raises(DTypeError) as caught:
        lm.tensor([1], dtype=lm.uint64) + (-1)
    assert not caught.value.hint


def test_bounds_of_clip_that_no_value_passes():
    x = lm.tensor([0, 255], dtype=lm.uint8)
    assert x.clip(-5, 300).numpy().tolist() == [0, 255]
    assert x.clip(10, 300).numpy().tolist() == [10, 255]


def test_arithmetic_of_truth_values_is_logic():
    a, b = np.array([False, False, True, True]), np.array([False, True, False, True])
    for function in ("add", "multiply", "maximum", "minimum"):
        got = getattr(lm, function)(lm.tensor(a), lm.tensor(b))
        np.testing.assert_array_equal(got.numpy(), getattr(np, function)(a, b))
        assert got.dtype is lm.bool
    assert (lm.tensor(a) + 1).dtype is lm.int64


def test_seeds_beyond_32_bits_are_streams_of_their_own():
    def draws(seed):
        generator = lm.Generator(seed)
        return [lm.tensor(generator.key()).numpy().tolist() for _ in range(3)]

    seen = [tuple(key) for seed in (5, 5 + (1 << 32), 5 + (2 << 32), -1) for key in draws(seed)]
    assert len(set(seen)) == len(seen)


def test_masked_values_are_no_data():
    with pytest.raises(DTypeError, match="every element has a value"):
        lm.tensor(np.ma.array([1, 2], mask=[False, True]))
    assert lm.tensor(np.ma.array([1, 2])).numpy().tolist() == [1, 2]


def test_an_empty_shape_beyond_memory():
    with pytest.raises(CapacityError, match=r"less than 2\*\*63 bytes"):
        lm.zeros((0, 1 << 62, 1 << 62)).numpy()
