"""Channels last and first give the same, compiled or not, also for an empty batch."""

import numpy as np
import pytest

import lamina as lm
from lamina import nn

SPACE = {1: (9,), 2: (7, 8), 3: (5, 4, 6)}
LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def layers(rank):
    """(what makes it from a data format) for everything that takes 4 channels over space."""
    for name in ("Zero", "Reflection", "Replication", "Circular"):
        yield name, lambda f, n=name: getattr(nn, f"{n}Pad{rank}d")(1, f)
    yield "Constant", lambda f: getattr(nn, f"ConstantPad{rank}d")(tuple(range(2 * rank)), 2.0, f)
    yield "MaxPool", lambda f: getattr(nn, f"MaxPool{rank}d")(3, 2, 1, 2, ceil_mode=True,
                                                              data_format=f)
    yield "AvgPool", lambda f: getattr(nn, f"AvgPool{rank}d")(3, 2, 1, True, False, data_format=f)
    yield "AdaptiveAvgPool", lambda f: getattr(nn, f"AdaptiveAvgPool{rank}d")(3, f)
    yield "AdaptiveMaxPool", lambda f: getattr(nn, f"AdaptiveMaxPool{rank}d")(3, f)
    yield "InstanceNorm", lambda f: getattr(nn, f"InstanceNorm{rank}d")(4, data_format=f)
    yield "DepthwiseSeparableConv", lambda f: seeded(
        lambda: getattr(nn, f"DepthwiseSeparableConv{rank}d")(4, 6, 3, data_format=f))
    yield "GroupNorm", lambda f: nn.GroupNorm(2, 4, data_format=f)
    yield "LocalResponseNorm", lambda f: nn.LocalResponseNorm(3, 0.1, data_format=f)
    yield "PReLU", lambda f: nn.PReLU(4, data_format=f)
    yield "ChannelShuffle", lambda f: nn.ChannelShuffle(2, f)
    yield "Upsample", lambda f: nn.Upsample(scale_factor=1.5, mode=LINEAR[rank], data_format=f)
    yield "Upsample nearest", lambda f: nn.Upsample(11, data_format=f)
    yield "GlobalAvgPool", lambda f: nn.GlobalAvgPool(True, data_format=f)
    yield "GlobalMaxPool", lambda f: nn.GlobalMaxPool(True, data_format=f)
    if rank < 3:
        yield "LPPool", lambda f: getattr(nn, f"LPPool{rank}d")(2, 3, data_format=f)
    if rank == 2:
        yield "PixelShuffle", lambda f: nn.PixelShuffle(2, f)
        yield "bicubic", lambda f: nn.Upsample((9, 5), mode="bicubic", data_format=f)


def seeded(make):
    lm.seed(0)
    return make()


CASES = [pytest.param(make, rank, id=f"{name}-{rank}d") for rank in SPACE
         for name, make in layers(rank)]


@pytest.mark.parametrize(("make", "rank"), CASES)
def test_both_formats_and_compiled(make, rank):
    x = np.random.default_rng(rank).normal(size=(2, *SPACE[rank], 4)).astype(np.float32)
    last, first = make("channels_last"), make("channels_first")
    plain = last(lm.tensor(x)).numpy()
    moved = first(lm.tensor(np.moveaxis(x, -1, 1))).numpy()
    np.testing.assert_allclose(np.moveaxis(moved, 1, -1), plain, rtol=1e-5, atol=1e-5)
    compiled = lm.compile(lambda v: last(v))
    np.testing.assert_allclose(compiled(lm.tensor(x)).numpy(), plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("make", "rank"), CASES)
def test_empty_batches(make, rank):
    layer, x = make("channels_last"), nn.Parameter(np.zeros((0, *SPACE[rank], 4), np.float32))
    y = layer(x)
    assert y.shape[0] == 0
    y.sum().backward()
    assert x.grad.numpy().shape == x.shape


def test_pixels_are_unshuffled_in_both_formats():
    x = np.random.default_rng(0).normal(size=(2, 6, 4, 3)).astype(np.float32)
    last = nn.PixelUnshuffle(2)(lm.tensor(x))
    first = nn.PixelUnshuffle(2, "channels_first")(lm.tensor(np.moveaxis(x, -1, 1))).numpy()
    np.testing.assert_array_equal(np.moveaxis(first, 1, -1), last.numpy())
    np.testing.assert_array_equal(nn.PixelShuffle(2)(last).numpy(), x)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_without_rows_are_zeros(mode):
    layer = nn.EmbeddingBag(5, 3, mode)
    none = lm.zeros((0,), dtype=lm.int64)
    assert layer(none, lm.tensor([0, 0])).tolist() == [[0.0] * 3] * 2
    assert layer(lm.zeros((2, 0), dtype=lm.int64)).tolist() == [[0.0] * 3] * 2
    assert layer(lm.zeros((0, 4), dtype=lm.int64)).shape == (0, 3)
