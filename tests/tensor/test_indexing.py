"""Indexing and shaping of tensors where NumPy's or PyTorch's rule is easily missed."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import CapacityError, DTypeError
from lamina.graph.node import constant
from lamina.ops.table import TABLE


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "bfloat16", "float32"])
def test_triangles_keep_their_dtype(dtype):
    x = lm.ones((3, 4), dtype=dtype)
    for ours, numpy in ((lm.tril, np.tril), (lm.triu, np.triu)):
        found = ours(x, 1)
        assert found.dtype is x.dtype
        np.testing.assert_array_equal(found.numpy(), numpy(np.ones((3, 4)), 1))


@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0)])
def test_one_bool_masks_the_whole(flag, shape):
    array = np.ones(shape, np.float32)
    for key in flag, (flag,), np.bool_(flag), np.array(flag), lm.tensor(flag):
        x, y = lm.tensor(array), array.copy()
        known = bool(key) if isinstance(key, lm.Tensor) else key
        np.testing.assert_array_equal(x[key].numpy(), y[known])
        x[key], y[known] = 5, 5
        np.testing.assert_array_equal(x.numpy(), y)


def test_nothing_is_split_into_one_piece():
    assert [p.shape for p in lm.split(lm.zeros((0, 3)), 2)] == [(0, 3)]


def test_integers_beyond_a_dtype():
    for value, dtype in ((300, lm.uint8), (-1, lm.uint32), ([0, 1 << 31], lm.int32)):
        with pytest.raises(DTypeError, match="holds"):
            lm.tensor(value, dtype=dtype)
    assert lm.tensor(np.array([300]), dtype=lm.uint8).tolist() == [44]  # as NumPy's astype


def test_more_elements_than_any_machine_has():
    for make in (lambda: lm.zeros((1 << 40, 1 << 40)), lambda: lm.arange(1 << 62),
                 lambda: lm.repeat(lm.ones(8), 1 << 61), lambda: lm.arange(1e30),
                 lambda: lm.linspace(0, 1, 1 << 50)):
        with pytest.raises(CapacityError):
            make()


def test_arrays_that_numpy_cannot_read():
    class Foreign:
        def __array__(self, dtype=None, copy=None):
            raise TypeError("lives elsewhere")

    with pytest.raises(DTypeError, match="lives elsewhere"):
        lm.tensor(Foreign())


def test_the_place_of_a_maximum_over_columns_is_int32_in_its_own_kernel():
    x = np.random.default_rng(0).normal(size=(3, 7, 20)).astype(np.float32)
    node = TABLE["argmax"](lm.tensor(x).node, axes=(1,))
    found = lm.Tensor(TABLE["floor_divide"](node, constant(2, node.dtype))).numpy()
    np.testing.assert_array_equal(found, x.argmax(1)[:, None] // 2)
    assert found.dtype == np.int32
