"""Convolutions, pools, attention and losses of the table against PyTorch, gradients too."""

from typing import Any

import numpy as np
import pytest

from lamina import dtypes
from lamina.graph.node import Node, leaf
from lamina.ops.attention import attention
from lamina.ops.composite import cross_entropy
from lamina.ops.convolution import conv, conv_transpose
from lamina.ops.normalisation import layer_norm
from lamina.ops.pooling import avg_pool, max_pool
from lamina.transforms.grad import gradients
from tests.ops.oracle import evaluate

torch = pytest.importorskip("torch")
F = torch.nn.functional
RNG = np.random.default_rng(0)


def array(*shape: int) -> np.ndarray:
    return RNG.uniform(-1, 1, shape)


def node(value: np.ndarray) -> Node:
    return leaf(value, value.shape, dtypes.as_dtype(value.dtype), tracked=True)


def first(x: Any) -> Any:
    """Channels first."""
    return x.movedim(-1, 1)


def compare(ours: Any, theirs: Any, *inputs: np.ndarray) -> None:
    """Value, body and gradients of the same function of the inputs."""
    nodes = [node(x) for x in inputs]
    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    y, expected = ours(*nodes), theirs(*tensors)
    g = array(*expected.shape)
    expected.backward(torch.tensor(g))
    body = y.op.body(*y.inputs, **y.attrs)
    cotangent = leaf(g, g.shape, dtypes.float64)
    values = evaluate([y, body, *gradients(y, nodes, cotangent)])
    for value in values[:2]:
        np.testing.assert_allclose(value, expected.detach().numpy(), atol=1e-12)
    for value, tensor in zip(values[2:], tensors):
        np.testing.assert_allclose(value, tensor.grad.numpy(), atol=1e-12)


CONVOLUTIONS = [  # space, kernel, stride, padding, dilation, groups
    ((7,), (3,), 1, 0, 1, 1), ((7,), (3,), 2, 1, 1, 1), ((8,), (3,), 2, 1, 2, 1),
    ((9,), (2,), 3, 0, 1, 2), ((6, 7), (3, 3), 1, 1, 1, 1), ((6, 7), (3, 3), 2, 1, 1, 1),
    ((7, 6), (1, 1), 2, 0, 1, 1), ((6, 7), (3, 2), 1, 2, 2, 1), ((6, 6), (3, 3), 1, 1, 1, 4),
    ((7, 7), (3, 3), 2, 1, 1, 4), ((7, 7), (7, 7), 2, 3, 1, 1), ((4, 5, 4), (3, 2, 1), 2, 1, 1, 2),
    ((5, 5), (1, 1), 1, 1, 1, 1), ((5, 5), (2, 2), 3, 2, 1, 1),
]
over_convolutions = pytest.mark.parametrize(
    ("space", "kernel", "stride", "padding", "dilation", "groups"), CONVOLUTIONS)


@over_convolutions
def test_convolution(space: tuple, kernel: tuple, stride: int, padding: int, dilation: int,
                     groups: int):
    rank = len(space)
    theirs = getattr(F, f"conv{rank}d")
    compare(
        lambda x, w: conv(x, w, stride=(stride,) * rank, padding=((padding, padding),) * rank,
                          dilation=(dilation,) * rank, groups=groups),
        lambda x, w: theirs(first(x), w, None, stride, padding, dilation, groups).movedim(1, -1),
        array(2, *space, 4), array(8, 4 // groups, *kernel))


@over_convolutions
@pytest.mark.parametrize("more", [0, 1])
def test_transposed_convolution(space: tuple, kernel: tuple, stride: int, padding: int,
                                dilation: int, groups: int, more: int):
    rank = len(space)
    if more >= max(stride, dilation):
        pytest.skip("PyTorch allows less than one stride")
    theirs = getattr(F, f"conv_transpose{rank}d")
    compare(
        lambda x, w: conv_transpose(
            x, w, stride=(stride,) * rank, padding=((padding, padding),) * rank,
            output_padding=(more,) * rank, dilation=(dilation,) * rank, groups=groups),
        lambda x, w: theirs(first(x), w, None, stride, padding, more, groups, dilation
                            ).movedim(1, -1),
        array(2, *space, 4), array(4, 8 // groups, *kernel))


POOLS = [((8,), (2,), (2,), 0), ((7, 9), (2, 2), (2, 2), 0), ((7, 7), (3, 3), (2, 2), 1),
         ((6, 6), (3, 3), (1, 1), 1), ((7, 8), (3, 2), (3, 2), 1),
         ((5, 6, 4), (2, 2, 2), (2, 2, 2), 0)]


@pytest.mark.parametrize(("space", "window", "stride", "padding"), POOLS)
@pytest.mark.parametrize(("ours", "name"), [(max_pool, "max_pool"), (avg_pool, "avg_pool")])
def test_pools(ours: Any, name: str, space: tuple, window: tuple, stride: tuple, padding: int):
    rank = len(space)
    settings = {"window": window, "stride": stride, "padding": ((padding, padding),) * rank,
                "dilation": (1,) * rank}
    theirs = getattr(F, f"{name}{rank}d")
    compare(lambda x: ours(x, **settings),
            lambda x: theirs(first(x), window, stride, padding).movedim(1, -1), array(2, *space, 3))


@pytest.mark.parametrize("causal", [False, True])
def test_attention(causal: bool):
    compare(lambda q, k, v: attention(q, k, v, causal=causal, scale=0.5),
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=0.5),
            array(2, 3, 5, 4), array(2, 3, 5, 4), array(2, 3, 5, 6))


def test_attention_with_a_mask():
    mask = RNG.uniform(size=(5, 7)) < 0.7
    mask[:, 0] = True
    compare(lambda q, k, v: attention(q, k, v, node(mask), causal=False, scale=0.5),
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v, torch.tensor(mask), scale=0.5),
            array(2, 5, 4), array(2, 7, 4), array(2, 7, 4))


def test_cross_entropy():
    labels = RNG.integers(0, 10, (6,))
    compare(lambda x: cross_entropy(x, leaf(labels, (6,), dtypes.int64)),
            lambda x: F.cross_entropy(x, torch.tensor(labels), reduction="none"), array(6, 10) * 9)


def test_layer_norm():
    compare(lambda x, w, b: layer_norm(x, w, b, axes=(2,), eps=1e-5),
            lambda x, w, b: F.layer_norm(x, (6,), w, b, 1e-5), array(3, 4, 6), array(6), array(6))
