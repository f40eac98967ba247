"""Loops that are merged: chains of views, whose every index must survive the merging."""

import numpy as np
import pytest

import lamina as lm
from lamina import functional as F
from lamina.config import override
from lamina.shapes import reshape_index, variable


def test_an_index_passes_a_reshape_whose_axes_of_size_1_moved():
    i, j = variable("i", 2), variable("j", 3)
    assert reshape_index((i, 0, j), (2, 1, 3), (1, 2, 1, 3, 1)) == (0, i, 0, j, 0)


def test_a_reshape_of_nothing_has_some_index():
    assert reshape_index((0, 0), (2, 0), (0, 3, 0)) == (0, 0, 0)


def test_a_loop_is_not_merged_where_a_reshape_was_simplified_by_its_size():
    """The last loop's index went through `% 2`, which the merged loop's index does not survive."""
    x = np.arange(4.0).reshape(4, 1)
    y = lm.tensor(x).reshape(1, 2, 2).reshape(2, 1, 2) * 2 + 1
    y = lm.permute_dims(y.reshape(2, 2), (0, 1)).reshape(2, 2) * 2
    assert y.tolist() == [[2, 6], [10, 14]]


@pytest.mark.parametrize(("shape", "window", "padding"), [
    ((2, 1, 1, 2, 1), (3, 1, 1), (1, 0, 0)),
    ((2, 4, 2, 2, 1), (3, 1, 1), (1, 0, 0)),
    ((2, 4, 4, 2, 6), (3, 4, 1), (1, 2, 0)),
])
def test_gradients_of_pooling_over_windows_with_sides_of_1(shape, window, padding):
    def gradient():
        x = lm.tensor(np.arange(float(np.prod(shape))).reshape(shape), requires_grad=True)
        y = F.avg_pool3d(x, window, padding=padding)
        (y * lm.arange(y.size).reshape(y.shape)).sum().backward()
        return x.grad.numpy()

    with override(device="interpret"):
        wanted = gradient()
    np.testing.assert_allclose(gradient(), wanted, rtol=1e-12)


def factors(n, rng):
    """A random shape of n elements, some of its axes of size 1."""
    shape = []
    while n > 1:
        shape.append(int(rng.choice([d for d in range(2, n + 1) if n % d == 0])))
        n //= shape[-1]
    for _ in range(rng.integers(0, 3)):
        shape.insert(rng.integers(0, len(shape) + 1), 1)
    return tuple(shape)


def reshaped(x, y, rng):
    return (x, y) if y.size == 0 else (lambda s: (x.reshape(s), y.reshape(s)))(factors(y.size, rng))


def permuted(x, y, rng):
    axes = tuple(map(int, rng.permutation(y.ndim)))
    return lm.permute_dims(x, axes), y.transpose(axes)


def sliced(x, y, rng):
    steps = rng.choice([1, 1, 2, -1, -2], y.ndim)
    key = tuple(slice(int(rng.integers(0, d + 1)) if s > 0 else None, None, int(s))
                for d, s in zip(y.shape, steps, strict=True))
    return x[key], y[key]


def expanded(x, y, rng):
    axis, n = int(rng.integers(0, y.ndim + 1)), int(rng.integers(1, 4))
    shape = (*y.shape[:axis], n, *y.shape[axis:])
    return (lm.broadcast_to(lm.expand_dims(x, axis), shape),
            np.broadcast_to(np.expand_dims(y, axis), shape))


def padded(x, y, rng):
    widths = [tuple(map(int, rng.integers(0, 2, 2))) for _ in y.shape]
    return lm.pad(x, widths, 7.0), np.pad(y, widths, constant_values=7.0) if widths else y


def computed(x, y, rng):
    return x * 2 + 1, y * 2 + 1


STEPS = (reshaped, reshaped, permuted, sliced, expanded, padded, computed)


@pytest.mark.parametrize("seed", range(60))
def test_random_chains_of_views(seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(-50, 50, rng.integers(1, 5, rng.integers(1, 5))).astype(np.float64)
    x = lm.tensor(y)
    for _ in range(rng.integers(3, 9)):
        step = STEPS[rng.integers(0, len(STEPS))]
        if y.size < 400 or step is not expanded:
            x, y = step(x, y, rng)
    np.testing.assert_array_equal(x.numpy(), y)
