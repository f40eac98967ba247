"""Layers: shapes, starting values, modes and errors. Values are tested in tests/functional."""

import math

import numpy as np
import pytest

import lamina as lm
from lamina import nn
from lamina.errors import ArgumentError, ShapeError


@pytest.fixture(autouse=True)
def seed():
    lm.seed(0)


@pytest.mark.parametrize(("layer", "weight", "shape", "result"), [
    (nn.Linear(6, 4), (4, 6), (2, 6), (2, 4)),
    (nn.Conv1d(3, 4, 3), (4, 3, 3), (2, 8, 3), (2, 6, 4)),
    (nn.Conv2d(3, 4, (3, 1), padding=1), (4, 3, 3, 1), (2, 8, 8, 3), (2, 8, 10, 4)),
    (nn.Conv3d(4, 6, 2, stride=2, groups=2), (6, 2, 2, 2, 2), (2, 4, 4, 4, 4), (2, 2, 2, 2, 6)),
    (nn.ConvTranspose1d(4, 6, 3, stride=2, output_padding=1), (4, 6, 3), (2, 5, 4), (2, 12, 6)),
    (nn.ConvTranspose2d(4, 6, 2, groups=2), (4, 3, 2, 2), (2, 5, 5, 4), (2, 6, 6, 6)),
    (nn.ConvTranspose3d(2, 3, 2), (2, 3, 2, 2, 2), (1, 2, 2, 2, 2), (1, 3, 3, 3, 3)),
    (nn.Embedding(10, 4), (10, 4), None, (2, 4)),
])
def test_weights_have_pytorch_layouts(layer, weight, shape, result):
    assert layer.weight.shape == weight
    x = lm.tensor([1, 2]) if shape is None else lm.ones(shape)
    assert layer(x).shape == result
    assert np.isfinite(layer(x).numpy()).all()


def test_channels_first_takes_the_same_weights():
    last = nn.Conv2d(3, 4, 3, padding=1)
    first = nn.Conv2d(3, 4, 3, padding=1, data_format="channels_first")
    first.load_state_dict(last.state_dict())
    x = np.random.default_rng(0).normal(size=(2, 5, 6, 3)).astype(np.float32)
    got = first(lm.tensor(np.moveaxis(x, -1, 1))).numpy()
    np.testing.assert_allclose(np.moveaxis(got, 1, -1), last(lm.tensor(x)).numpy(), rtol=1e-6,
                               atol=1e-6)  # the same sums, maybe in another order


@pytest.mark.parametrize(("layer", "fan_in"), [
    (nn.Linear(400, 100), 400), (nn.Conv2d(16, 32, 5), 400), (nn.Conv2d(32, 32, 5, groups=2), 400),
    (nn.ConvTranspose2d(32, 16, 5), 400),
])
def test_starting_values_are_uniform_in_the_fan_in(layer, fan_in):
    bound = 1 / math.sqrt(fan_in)
    for value in (layer.weight.numpy(), layer.bias.numpy()):
        assert np.abs(value).max() <= bound
    values = layer.weight.numpy()
    assert abs(values.std() / (bound / math.sqrt(3)) - 1) < 0.03  # over 10,000 draws
    assert abs(values.mean()) < 0.05 * bound


def test_seeds_fix_the_starting_values():
    lm.seed(3)
    first = nn.Linear(5, 5).weight.numpy()
    second = nn.Linear(5, 5).weight.numpy()
    lm.seed(3)
    np.testing.assert_array_equal(nn.Linear(5, 5).weight.numpy(), first)
    assert (first != second).any()


def test_embedding_padding_is_zero():
    layer = nn.Embedding(5, 3, padding_idx=-1)
    assert layer.padding_idx == 4
    assert not layer.weight.numpy()[4].any()
    assert layer.weight.numpy()[:4].all()


def test_dropout_only_while_training():
    layer = nn.Dropout(0.5)
    x = lm.ones((100,))
    assert (layer(x).numpy() == 0).any()
    np.testing.assert_array_equal(layer.eval()(x).numpy(), np.ones(100, np.float32))
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        nn.Dropout(-0.1)


def test_batch_norm_follows_the_batches():
    layer = nn.BatchNorm2d(3)
    x = np.random.default_rng(0).normal(2, 3, size=(8, 4, 4, 3)).astype(np.float32)
    y = layer(lm.tensor(x)).numpy()
    np.testing.assert_allclose(y.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(axis=(0, 1, 2)), 1, atol=1e-4)
    assert layer.num_batches_tracked.item() == 1
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.1 * x.mean(axis=(0, 1, 2)), rtol=1e-5)
    before = layer.eval().running_mean.numpy()
    layer(lm.tensor(x)).numpy()
    np.testing.assert_array_equal(layer.running_mean.numpy(), before)


def test_batch_norm_without_momentum_averages():
    layer = nn.BatchNorm1d(2, momentum=None)
    batches = np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32)
    for batch in batches:
        layer(lm.tensor(batch)).numpy()
    np.testing.assert_allclose(layer.running_mean.numpy(), batches.mean(axis=(0, 1)), atol=1e-6)


def test_batch_norm_without_statistics_uses_the_batch():
    layer = nn.BatchNorm1d(2, track_running_stats=False, affine=False).eval()
    assert not list(layer.state_dict())
    y = layer(lm.tensor([[1.0, 4.0], [3.0, 8.0]])).numpy()
    np.testing.assert_allclose(y, [[-1, -1], [1, 1]], atol=1e-5)


def test_batch_norm_names_the_other_format():
    with pytest.raises(ShapeError, match='try: data_format="channels_first"'):
        nn.BatchNorm2d(3)(lm.zeros((2, 3, 8, 8)))
    with pytest.raises(ShapeError, match="has 4 axes"):
        nn.BatchNorm2d(3)(lm.zeros((2, 3)))


def test_layer_norm():
    assert nn.LayerNorm(4).normalized_shape == (4,)
    assert nn.LayerNorm([3, 4]).weight.shape == (3, 4)
    assert nn.LayerNorm(4, elementwise_affine=False).weight is None
    assert nn.LayerNorm(4, bias=False).bias is None


def test_attention_by_hand():
    layer = nn.MultiheadAttention(6, 2)
    x = np.random.default_rng(0).normal(size=(2, 4, 6)).astype(np.float32)
    w, b = layer.in_proj_weight.numpy(), layer.in_proj_bias.numpy()
    q, k, v = np.split(x @ w.T + b, 3, axis=-1)
    heads, all_weights = [], []
    for part in (slice(0, 3), slice(3, 6)):
        scores = q[..., part] @ np.swapaxes(k[..., part], 1, 2) / math.sqrt(3)
        weights = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
        heads.append(weights @ v[..., part])
        all_weights.append(weights)
    expected = np.concatenate(heads, axis=-1) @ layer.out_proj.weight.numpy().T
    t = lm.tensor(x)
    got, none = layer(t, t, t, need_weights=False)
    assert none is None
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-4, atol=1e-5)
    other, weights = layer(t, lm.tensor(x), t, need_weights=True)
    np.testing.assert_allclose(other.numpy(), got.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(weights.numpy(), np.mean(all_weights, axis=0), rtol=1e-4, atol=1e-5)


def test_attention_masks():
    layer = nn.MultiheadAttention(6, 2)
    x = np.random.default_rng(0).normal(size=(2, 4, 6)).astype(np.float32)
    changed = x.copy()
    changed[:, 3] = 9.0

    def outputs(array, **masks):
        t = lm.tensor(array)
        return layer(t, t, t, **masks)[0].numpy()

    padding = lm.tensor(np.array([[False, False, False, True]] * 2))
    after = lm.tensor(~np.tri(4, dtype=bool))
    added = lm.tensor(np.where(np.tri(4, dtype=bool), 0, -np.inf).astype(np.float32))
    for masks in ({"key_padding_mask": padding}, {"is_causal": True}, {"attn_mask": after},
                  {"attn_mask": added}, {"attn_mask": after, "key_padding_mask": padding},
                  {"attn_mask": added, "key_padding_mask": padding}):
        np.testing.assert_array_equal(outputs(x, **masks)[:, :3], outputs(changed, **masks)[:, :3])
    assert (outputs(x)[:, :3] != outputs(changed)[:, :3]).any()
    with pytest.raises(ArgumentError, match="divides"):
        nn.MultiheadAttention(6, 4)


@pytest.mark.parametrize("norm_first", [False, True])
def test_transformer_layer(norm_first):
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, activation="gelu",
                                       norm_first=norm_first)
    x = lm.tensor(np.random.default_rng(0).normal(size=(2, 5, 8)).astype(np.float32))
    y = layer(x, is_causal=True)
    assert y.shape == x.shape
    y.sum().backward()
    assert all(p.grad is not None for p in layer.parameters())
    if not norm_first:
        np.testing.assert_allclose(y.numpy().mean(axis=-1), 0, atol=1e-6)
    with pytest.raises(ArgumentError, match="relu, gelu"):
        nn.TransformerEncoderLayer(8, 2, activation="tanh")


def test_layers_without_parameters():
    x = lm.tensor(np.linspace(-1, 1, 24, dtype=np.float32).reshape(1, 4, 6))
    assert nn.Identity(3, anything=True)(x) is x
    assert nn.Flatten()(x).shape == (1, 24)
    assert nn.Flatten(0)(x).shape == (24,)
    assert nn.MaxPool1d(2)(x).shape == nn.AvgPool1d(2)(x).shape == (1, 2, 6)
    assert nn.MaxPool2d(2, 1)(x[..., None]).shape == (1, 3, 5, 1)
    assert nn.AvgPool3d((1, 2, 3))(x[None, ..., None]).shape == (1, 1, 2, 2, 1)
    np.testing.assert_array_equal(nn.LeakyReLU(0.5)(lm.tensor([-2.0, 2.0])).numpy(), [-1.0, 2.0])
    for layer in (nn.ReLU(), nn.GELU(), nn.SiLU(), nn.Tanh(), nn.Sigmoid(), nn.Softmax(),
                  nn.LogSoftmax(1), nn.GELU("tanh")):
        assert layer(x).shape == x.shape


@pytest.mark.parametrize("make", [
    lambda: nn.Conv2d(3, 4, 3, groups=2),
    lambda: nn.Conv2d(3, 4, (3, 3, 3)),
    lambda: nn.Conv2d(3, 4, 0),
    lambda: nn.Conv2d(3, 4, 3, data_format="NCHW"),
    lambda: nn.MaxPool2d(2, data_format="nhwc"),
])
def test_wrong_arguments_are_refused_at_once(make):
    with pytest.raises(ArgumentError):
        make()


def test_embedding_shortens_the_rows_it_reads():
    layer = nn.Embedding(4, 3, max_norm=1.0)
    layer.weight.assign(lm.full((4, 3), 2.0))
    step = lm.compile(lambda rows: layer(rows).sum())
    step(lm.tensor([1, 3, 1])).item()
    lengths = np.linalg.norm(layer.weight.numpy(), axis=1)
    np.testing.assert_allclose(lengths, [math.sqrt(12), 1, math.sqrt(12), 1], rtol=1e-6)
    layer(lm.tensor([0])).sum().backward()
    np.testing.assert_array_equal(layer.weight.grad.numpy()[:, 0], [1, 0, 0, 0])


def test_instance_norm_learns_its_channels():
    layer = nn.InstanceNorm2d(affine=True)
    assert layer(lm.ones((2, 4, 4, 3))).shape == (2, 4, 4, 3)
    assert layer.weight.shape == (3,)


def test_output_padding_is_less_than_a_step():
    with pytest.raises(ArgumentError, match="less than the stride or the dilation"):
        nn.ConvTranspose2d(2, 3, 3, stride=2, output_padding=2)
    assert nn.ConvTranspose1d(2, 3, 3, dilation=2, output_padding=1)(lm.zeros((1, 5, 2))).ndim == 3
