"""Convolution and pooling against loops in NumPy, in 1, 2 and 3 dimensions, and their errors."""

import itertools

import numpy as np
import pytest

import lamina as lm
from lamina import functional as F
from lamina.config import override
from lamina.errors import ArgumentError, DTypeError, IndexingError, ShapeError

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
CONV_TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVG_POOL = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
SPACE = {1: (9,), 2: (7, 6), 3: (5, 4, 4)}
CLOSE = {"rtol": 1e-5, "atol": 1e-5}  # sums of up to 100 products of numbers near one


def draw(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def padded(x, padding, value=0.0):
    widths = [(0, 0), *[(padding, padding)] * (x.ndim - 2), (0, 0)]
    return np.pad(x, widths, constant_values=value)


def positions(x, kernel, stride, dilation=1):
    """Output position -> window `[batch, *kernel, channels]` of a padded image."""
    counts = [(n - dilation * (k - 1) - 1) // stride + 1
              for n, k in zip(x.shape[1:-1], kernel, strict=True)]
    for where in itertools.product(*map(range, counts)):
        window = tuple(slice(i * stride, i * stride + dilation * (k - 1) + 1, dilation)
                       for i, k in zip(where, kernel, strict=True))
        yield where, x[(slice(None), *window)], counts


def conv_loop(x, w, stride, padding, dilation, groups):
    x = padded(x, padding).astype(np.float64)
    per_group, out = x.shape[-1] // groups, w.shape[0] // groups
    kernel = np.moveaxis(w.astype(np.float64), 1, -1)  # [out, *k, in / groups]
    result = None
    for where, window, counts in positions(x, w.shape[2:], stride, dilation):
        if result is None:
            result = np.empty((len(x), *counts, w.shape[0]))
        for g in range(groups):
            part = window[..., g * per_group:(g + 1) * per_group].reshape(len(x), -1)
            rows = kernel[g * out:(g + 1) * out].reshape(out, -1)
            result[(slice(None), *where, slice(g * out, (g + 1) * out))] = part @ rows.T
    return result


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"),
                         [(1, 0, 1, 1), (2, 1, 1, 1), (1, 1, 2, 1), (1, 1, 1, 2), (2, 0, 1, 4)])
def test_conv(rank, stride, padding, dilation, groups):
    x, w, b = draw(2, *SPACE[rank], 4), draw(8, 4 // groups, *[2] * rank), draw(8)
    expected = conv_loop(x, w, stride, padding, dilation, groups) + b
    got = CONV[rank](lm.tensor(x), lm.tensor(w), lm.tensor(b), stride, padding, dilation, groups)
    np.testing.assert_allclose(got.numpy(), expected, **CLOSE)
    first = CONV[rank](lm.tensor(np.moveaxis(x, -1, 1)), lm.tensor(w), lm.tensor(b), stride,
                       padding, dilation, groups, data_format="channels_first")
    np.testing.assert_allclose(np.moveaxis(first.numpy(), 1, -1), expected, **CLOSE)


@pytest.mark.parametrize("kernel", [3, 4])
def test_same_padding_keeps_the_size(kernel):
    x, w = draw(1, 7, 6, 2), draw(3, 2, kernel, kernel)
    got = F.conv2d(lm.tensor(x), lm.tensor(w), padding="same").numpy()
    before, after = (kernel - 1) // 2, kernel - 1 - (kernel - 1) // 2
    wide = np.pad(x, ((0, 0), (before, after), (before, after), (0, 0)))
    assert got.shape == (1, 7, 6, 3)
    np.testing.assert_allclose(got, conv_loop(wide, w, 1, 0, 1, 1), **CLOSE)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(("stride", "padding", "extra", "groups"),
                         [(1, 0, 0, 1), (2, 1, 1, 1), (3, 0, 2, 2)])
def test_conv_transpose_is_the_gradient_of_conv(rank, stride, padding, extra, groups):
    y, w = draw(2, *SPACE[rank], 4), draw(4, 6 // groups, *[3] * rank)
    got = CONV_TRANSPOSE[rank](lm.tensor(y), lm.tensor(w), None, stride, padding, extra,
                               groups).numpy()
    sizes = tuple((n - 1) * stride - 2 * padding + 3 + extra for n in SPACE[rank])
    assert got.shape == (2, *sizes, 6)
    x = draw(*got.shape)  # <conv(x), y> = <x, conv_transpose(y)>
    left = (conv_loop(x, w, stride, padding, 1, groups) * y).sum()
    np.testing.assert_allclose((x * got.astype(np.float64)).sum(), left, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, None, 0), (3, 2, 1), (2, 1, 0)])
def test_pooling(rank, kernel, stride, padding):
    x = draw(2, *SPACE[rank], 3)
    axes = tuple(range(1, rank + 1))
    for pool, outside, reduce in ((MAX_POOL, -np.inf, np.max), (AVG_POOL, 0.0, np.mean)):
        wide = padded(x, padding, outside)
        expected = None
        for where, window, counts in positions(wide, [kernel] * rank, stride or kernel):
            expected = np.empty((2, *counts, 3)) if expected is None else expected
            expected[(slice(None), *where)] = reduce(window, axis=axes)
        got = pool[rank](lm.tensor(x), kernel, stride, padding).numpy()
        np.testing.assert_allclose(got, expected, **CLOSE)


def test_errors_of_conv():
    w = lm.zeros((8, 3, 3, 3))
    with pytest.raises(ShapeError) as caught:
        F.conv2d(lm.zeros((2, 3, 16, 16)), w)
    assert str(caught.value).splitlines()[1:] == [
        "  input   float32 [batch=2, height=3, width=16, channels=16]",
        "  weight  float32 [out=8, in/groups=3, kheight=3, kwidth=3]",
        "  rule: the weight takes 3 channels, the input has 16",
        '  try: data_format="channels_first"',
    ]
    with pytest.raises(ShapeError, match=r"try: input\[None\]"):
        F.conv2d(lm.zeros((16, 16, 3)), w)
    with pytest.raises(ShapeError, match=r"try: input\[\.\.\., None\]"):
        F.conv2d(lm.zeros((2, 16, 16)), lm.zeros((8, 1, 3, 3)))
    with pytest.raises(ShapeError):
        F.conv2d(lm.zeros((2, 2, 2, 3)), w).numpy()
    with pytest.raises(DTypeError, match=r"input is a float\n  try: input\.astype"):
        F.conv2d(lm.tensor(np.zeros((2, 16, 16, 3), np.uint8)), w)
    with pytest.raises(ArgumentError, match="stride"):
        F.conv2d(lm.zeros((2, 16, 16, 3)), w, stride=0)
    with pytest.raises(ArgumentError, match="padding"):
        F.conv2d(lm.zeros((2, 16, 16, 3)), w, padding="full")
    with pytest.raises(ArgumentError, match='data_format="channels_first"'):
        F.conv2d(lm.zeros((2, 16, 16, 3)), w, data_format="NCHW")


@pytest.mark.parametrize("transposed", [False, True])
def test_groups_of_any_size_share_a_program(transposed):
    """That there are twice as many channels as in a group is nothing a variable size can tell."""
    def run(batch, each, out):
        x = lm.tensor(draw(batch, 9, 2 * each), requires_grad=True)
        w = draw(2 * each, out, 3) if transposed else draw(2 * out, each, 3)
        w = lm.tensor(w, requires_grad=True)
        y = (CONV_TRANSPOSE if transposed else CONV)[1](x, w, stride=2, groups=2)
        (y * lm.arange(y.size).reshape(y.shape)).sum().backward()
        return y.numpy(), x.grad.numpy(), w.grad.numpy()

    for sizes in (2, 3, 4), (3, 5, 2), (1, 2, 3):
        with override(device="interpret"):
            wanted = run(*sizes)
        for found, right in zip(run(*sizes), wanted, strict=True):
            np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-3)


def test_errors_of_pooling():
    with pytest.raises(ShapeError, match="padding is at most half"):
        F.max_pool2d(lm.zeros((1, 4, 4, 1)), 2, padding=2)
    with pytest.raises(ShapeError, match="the window fits"):
        F.avg_pool1d(lm.zeros((1, 4, 1)), 5)


# ---- indices of maxima ---------------------------------------------------------------------------
def test_unpooling_puts_maxima_back_and_its_gradient_reads_them():
    x = np.random.default_rng(0).normal(size=(2, 5, 7, 3)).astype(np.float32)
    values, places = F.max_pool2d(lm.tensor(x), 2, return_indices=True)
    back = F.max_unpool2d(values, places, 2, output_size=(5, 7)).numpy()
    assert back.shape == x.shape and places.dtype is lm.int64
    kept = back != 0
    np.testing.assert_array_equal(back[kept], x[kept])
    assert kept.sum() == values.numpy().size
    assert F.max_unpool2d(values, places, 2).shape == (2, 4, 6, 3)
    lm.testing.check_gradients(lambda v: F.max_unpool2d(v, places, 2, output_size=(5, 7)) ** 2,
                               values)


def test_overlapping_windows_name_one_place_and_each_value_gets_its_gradient():
    x = lm.nn.Parameter(np.array([[[0.0], [3.0], [1.0]]], np.float32))
    values, places = F.max_pool1d(x, 2, 1, return_indices=True)
    assert places.tolist() == [[[1], [1]]]
    back = F.max_unpool1d(values, places, 2, 1)
    assert back.tolist() == [[[0.0], [3.0], [0.0]]]
    back.sum().backward()
    assert x.grad.tolist() == [[[0.0], [2.0], [0.0]]]


def test_padding_is_never_the_place_of_a_maximum():
    x = lm.full((1, 3, 3, 1), -np.inf)
    _, places = F.max_pool2d(x, 3, 2, 1, return_indices=True)
    assert places.numpy().min() >= 0 and places.numpy().max() <= 8


def test_wrong_indices():
    values, places = F.max_pool1d(lm.zeros((1, 4, 1)), 2, return_indices=True)
    with pytest.raises(ShapeError, match="one for each element"):
        F.max_unpool1d(values, places[:, :1], 2)
    with pytest.raises(IndexingError):
        F.max_unpool1d(values, places + 9, 2).numpy()
