"""Values of 16 bits inside a kernel: a cast rounds them also where they are not stored."""

import numpy as np
import pytest

import lamina as lm

X = np.random.default_rng(0).normal(size=100).astype(np.float32)


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_a_cast_rounds_where_it_is_fused(name):
    x = lm.tensor(X)
    stored = x.astype(name).numpy()  # in memory of its own
    fused = (x.astype(name).astype("float32") * 1.0).numpy()
    assert (stored != X).any()
    np.testing.assert_array_equal(fused, stored)


def test_a_cast_to_itself_and_back_is_what_it_was():
    x = lm.tensor(X).astype("bfloat16")
    np.testing.assert_array_equal(x.astype("float32").astype("bfloat16").numpy(), x.numpy())
