"""Products of 8-bit integers, added up in 32 bits: exact, whatever the signs and the sizes."""

from itertools import product

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ShapeError

RNG = np.random.default_rng(0)
KINDS = (np.int8, np.uint8)


def numbers(dtype, *shape):
    info = np.iinfo(dtype)
    return RNG.integers(info.min, info.max + 1, shape).astype(dtype)


@pytest.mark.parametrize("left, right", list(product(KINDS, KINDS)))
@pytest.mark.parametrize("m, k, n", [(1, 4, 1), (3, 5, 7), (33, 64, 50), (64, 130, 16), (2, 1, 3)])
def test_a_product_is_exact(left, right, m, k, n):
    x, y = numbers(left, m, k), numbers(right, k, n)
    expected = x.astype(np.int64) @ y.astype(np.int64)
    found = lm.matmul(lm.tensor(x), lm.tensor(y), dtype=lm.int32)
    assert found.dtype is lm.int32
    np.testing.assert_array_equal(found.numpy(), expected)
    turned = lm.linear(lm.tensor(x), lm.tensor(np.ascontiguousarray(y.T)), dtype="int32")
    np.testing.assert_array_equal(turned.numpy(), expected)


def test_batches_broadcast_and_a_bias_is_added():
    x, y = numbers(np.int8, 2, 1, 5, 9), numbers(np.int8, 3, 9, 4)
    found = lm.matmul(lm.tensor(x), lm.tensor(y), dtype=lm.int32).numpy()
    np.testing.assert_array_equal(found, x.astype(np.int32) @ y.astype(np.int32))
    w, b = numbers(np.int8, 6, 9), numbers(np.int8, 6)
    found = lm.linear(lm.tensor(x), lm.tensor(w), lm.tensor(b), dtype=lm.int32).numpy()
    np.testing.assert_array_equal(found, x.astype(np.int32) @ w.astype(np.int32).T + b)
    found = lm.linear(lm.tensor(x[0, 0, 0]), lm.tensor(w), dtype=lm.int32).numpy()
    np.testing.assert_array_equal(found, x[0, 0, 0].astype(np.int32) @ w.astype(np.int32).T)


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("channels, kernel, stride, padding, dilation", [
    (3, 3, 1, 1, 1), (16, 3, 2, 1, 1), (7, 1, 1, 0, 1), (5, 5, 1, 2, 2)])
def test_a_convolution_is_exact(dtype, channels, kernel, stride, padding, dilation):
    x, w = numbers(dtype, 2, 11, 12, channels), numbers(np.int8, 9, channels, kernel, kernel)
    how = {"stride": stride, "padding": padding, "dilation": dilation}
    expected = lm.conv(lm.tensor(x.astype(np.int64)), lm.tensor(w.astype(np.int64)), **how)
    found = lm.conv(lm.tensor(x), lm.tensor(w), **how, dtype=lm.int32)
    assert found.dtype is lm.int32
    np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_other_types_and_groups_are_converted_first():
    x = numbers(np.int8, 2, 6, 6, 4)
    w = numbers(np.int8, 8, 2, 3, 3)
    found = lm.conv(lm.tensor(x), lm.tensor(w), groups=2, dtype=lm.int32).numpy()
    np.testing.assert_array_equal(found, lm.conv(
        lm.tensor(x.astype(np.int32)), lm.tensor(w.astype(np.int32)), groups=2).numpy())
    a = numbers(np.int8, 3, 4)
    assert lm.matmul(lm.tensor(a), lm.tensor(a.T.copy()), dtype=lm.float32).dtype is lm.float32
    assert lm.matmul(lm.tensor(a[0]), lm.tensor(a[0]), dtype=lm.int32).item() == int(
        (a[0].astype(int) ** 2).sum())


def test_sizes_that_do_not_fit_are_told():
    x = lm.tensor(numbers(np.int8, 3, 8))
    with pytest.raises(ShapeError, match="y.T"):
        lm.matmul(x, x, dtype=lm.int32)
    with pytest.raises(ShapeError):
        lm.conv(lm.tensor(numbers(np.int8, 1, 4, 4, 3)), lm.tensor(numbers(np.int8, 2, 4, 3, 3)),
                dtype=lm.int32)


def test_operands_that_were_moved_or_computed():
    x, w = numbers(np.int8, 6, 4, 8), numbers(np.int8, 5, 32)
    wide = x.astype(np.int32)
    t = lm.tensor(x)
    for moved, expected in ((t.reshape(6, 32), wide.reshape(6, 32)),
                            (t.permute(1, 0, 2)[:, :4].reshape(4, 32),
                             wide.transpose(1, 0, 2)[:, :4].reshape(4, 32)),
                            (lm.maximum(t, lm.zeros_like(t)).reshape(6, 32),
                             np.maximum(wide, 0).reshape(6, 32))):
        found = lm.linear(moved, lm.tensor(w), dtype=lm.int32).numpy()
        np.testing.assert_array_equal(found, expected @ w.astype(np.int32).T)
    call = lm.compile(lambda x: lm.linear((x * 100.0).astype(lm.int8), lm.tensor(w),
                                          dtype=lm.int32) * 0.5)
    y = RNG.uniform(-1, 1, (3, 32)).astype(np.float32)
    expected = np.trunc(y * np.float32(100)).astype(np.int32) @ w.astype(np.int32).T * 0.5
    np.testing.assert_allclose(call(lm.tensor(y)).numpy(), expected)


def test_any_number_of_rows():
    w = numbers(np.int8, 9, 20)
    for rows in (1, 2, 3, 5, 7, 30):
        x = numbers(np.int8, rows, 20)
        found = lm.linear(lm.tensor(x), lm.tensor(w), dtype=lm.int32).numpy()
        np.testing.assert_array_equal(found, x.astype(np.int32) @ w.astype(np.int32).T)
