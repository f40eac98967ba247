"""Attention and transformers: generation with a cache, groups, positions, and the errors."""

import numpy as np
import pytest

import lamina as lm
from lamina import nn
from lamina.errors import ArgumentError, DTypeError, ShapeError

CLOSE = {"rtol": 1e-5, "atol": 1e-6}


@pytest.mark.parametrize("options", [{}, {"num_kv_heads": 2},
                                     {"num_kv_heads": 1, "rotary": nn.RotaryPositions(4)}])
@pytest.mark.parametrize("pieces", [[1] * 6, [3, 1, 2], [6]])
def test_piece_by_piece_is_the_same_as_at_once(options, pieces):
    layer, x, cache = nn.MultiheadAttention(16, 4, **options), lm.normal((2, 6, 16)), nn.KVCache()
    whole, _ = layer(x, is_causal=True)
    parts = [layer(part, is_causal=True, cache=cache)[0] for part in x.split(pieces, 1)]
    np.testing.assert_allclose(lm.concat(parts, 1).numpy(), whole.numpy(), **CLOSE)
    assert cache.length == 6 and cache.key.shape == (2, layer.num_kv_heads, 6, 4)


def test_a_cache_with_padding():
    layer, x, cache = nn.MultiheadAttention(8, 2), lm.normal((2, 4, 8)), nn.KVCache()
    padded = lm.tensor([[False] * 4, [True] + [False] * 3])
    whole, _ = layer(x, key_padding_mask=padded, is_causal=True)
    parts = [layer(x[:, t:t + 1], key_padding_mask=padded[:, :t + 1], is_causal=True,
                   cache=cache)[0] for t in range(4)]
    np.testing.assert_allclose(lm.concat(parts, 1).numpy()[:, 1:], whole.numpy()[:, 1:], **CLOSE)


def test_generation_by_a_transformer():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2, nn.LayerNorm(8)).eval()
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 2).eval()
    x, y = lm.normal((2, 3, 8)), lm.normal((2, 4, 8))
    memory = encoder(x, is_causal=True)
    whole = decoder(y, memory, tgt_is_causal=True)
    first, second = encoder.make_caches(), decoder.make_caches()
    rest = [encoder(x[:, t:t + 1], is_causal=True, caches=first) for t in range(3)]
    np.testing.assert_allclose(lm.concat(rest, 1).numpy(), memory.numpy(), **CLOSE)
    parts = [decoder(y[:, t:t + 1], memory, tgt_is_causal=True, caches=second) for t in range(4)]
    np.testing.assert_allclose(lm.concat(parts, 1).numpy(), whole.numpy(), **CLOSE)
    with pytest.raises(ArgumentError, match="one cache for each layer"):
        decoder(y, memory, caches=second[:1])


def test_a_cache_serves_one_sequence():
    layer, cache = nn.MultiheadAttention(8, 2), nn.KVCache()
    layer(lm.ones((2, 1, 8)), cache=cache)
    with pytest.raises(ShapeError, match=r"(?s)KVCache.*try: cache=nn\.KVCache\(\)"):
        layer(lm.ones((3, 1, 8)), cache=cache)


def test_a_cache_in_a_compiled_function():
    layer, x = nn.MultiheadAttention(8, 2), lm.normal((2, 4, 8))
    whole, _ = layer(x, is_causal=True)

    @lm.compile
    def step(x, key, value):
        cache = nn.KVCache(key, value)
        y, _ = layer(x, need_weights=False, is_causal=True, cache=cache)
        return y, cache.key, cache.value

    key = value = lm.zeros((2, 2, 0, 4))
    parts = []
    for t in range(4):
        y, key, value = step(x[:, t:t + 1], key, value)
        parts.append(y)
    np.testing.assert_allclose(lm.concat(parts, 1).numpy(), whole.numpy(), **CLOSE)
    cache = nn.KVCache()
    with pytest.raises(ArgumentError, match="a cache is filled where it was made"):
        lm.compile(lambda x: layer(x, cache=cache)[0])(x)


def test_groups_are_heads_that_share_keys():
    grouped, full = nn.MultiheadAttention(8, 4, num_kv_heads=2), nn.MultiheadAttention(8, 4)
    state = grouped.state_dict()
    q, k, v = np.split(state["in_proj_weight"].numpy(), [8, 12])
    k, v = (w.reshape(2, 2, 8).repeat(2, axis=0).reshape(8, 8) for w in (k, v))
    state["in_proj_weight"] = np.concatenate([q, k, v])
    state["in_proj_bias"] = np.zeros(24)
    full.load_state_dict(state)
    x = lm.normal((2, 5, 8))
    np.testing.assert_allclose(grouped(x)[0].numpy(), full(x)[0].numpy(), **CLOSE)


def test_dropout_of_weights_is_only_in_training():
    layer, x = nn.MultiheadAttention(8, 2, dropout=0.5), lm.normal((2, 5, 8))
    assert (layer(x)[0].numpy() != layer(x)[0].numpy()).any()
    layer.eval()
    np.testing.assert_array_equal(layer(x)[0].numpy(), layer(x)[0].numpy())


@pytest.mark.parametrize("interleaved", [True, False])
def test_rotary_products_depend_on_the_distance(interleaved):
    rotary = nn.RotaryPositions(8, interleaved=interleaved)
    q, k = lm.normal((1, 4, 8)), lm.normal((1, 4, 8))
    here, there = ((rotary(q, offset) @ rotary(k, offset).mT).numpy() for offset in (0, 100))
    np.testing.assert_allclose(here, there, rtol=1e-3, atol=1e-4)
    assert (rotary(q, 1).numpy() != rotary(q).numpy()).any()


@pytest.mark.parametrize("make", [lambda: nn.SinusoidalPositions(8, 12),
                                  lambda: nn.LearnedPositions(12, 8),
                                  lambda: nn.RotaryPositions(8, 12)])
def test_positions_go_on_from_an_offset(make):
    layer, x = make(), lm.normal((2, 6, 8))
    rest = layer(x[:, 4:], offset=4)
    np.testing.assert_array_equal(layer(x)[:, 4:].numpy(), rest.numpy())
    with pytest.raises(ShapeError, match=r"(?s)at most max_len.*try: max_len=13"):
        layer(x, offset=7)
    with pytest.raises(ShapeError, match=r"input is \[..., time, dim\]"):
        layer(x[..., :6])
    with pytest.raises(DTypeError, match="input is a float"):
        layer(lm.ones((2, 6, 8), dtype=lm.int64))
    with pytest.raises(ArgumentError, match="offset is an int of at least 0"):
        layer(x, offset=-1)


def test_positions_are_not_saved_unless_trained():
    assert not nn.SinusoidalPositions(8).state_dict() and not nn.RotaryPositions(8).state_dict()
    assert list(nn.LearnedPositions(3, 8).state_dict()) == ["weight"]


@pytest.mark.parametrize(("make", "rule"), [
    (lambda: nn.MultiheadAttention(6, 4), "num_heads divides embed_dim"),
    (lambda: nn.MultiheadAttention(8, 4, num_kv_heads=3), "num_kv_heads divides num_heads"),
    (lambda: nn.MultiheadAttention(8, 4, kdim=0), "kdim is an int of at least 1"),
    (lambda: nn.MultiheadAttention(8, 4, dropout=2), "p is a probability"),
    (lambda: nn.RotaryPositions(7), "dim is even"),
    (lambda: nn.SinusoidalPositions(7), "dim is even"),
    (lambda: nn.SinusoidalPositions(8, 0), "max_len is an int of at least 1"),
    (lambda: nn.LearnedPositions(0, 8), "max_len is an int of at least 1"),
    (lambda: nn.TransformerEncoderLayer(8, 2, 0), "dim_feedforward is an int"),
    (lambda: nn.TransformerDecoderLayer(8, 2, activation="tanh"), "a function or one of relu"),
    (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2), 0), "num_layers is an int"),
    (lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2), -1), "num_layers is an int"),
])
def test_arguments(make, rule):
    with pytest.raises(ArgumentError, match=rule):
        make()


def test_inputs_of_attention():
    layer, x = nn.MultiheadAttention(8, 2, kdim=6), lm.ones((2, 3, 8))
    with pytest.raises(ShapeError, match=r"(?s)key .*features=8.*features are 8, 6 and 8"):
        layer(x)
    with pytest.raises(ShapeError, match="key and value one time"):
        layer(x, lm.ones((2, 4, 6)), lm.ones((2, 5, 8)))
    with pytest.raises(DTypeError, match="key is a Tensor"):
        layer(x, np.ones((2, 4, 6)))


@pytest.mark.parametrize(("masks", "error", "message"), [
    ({"attn_mask": lm.ones((5, 5), dtype=lm.bool)}, ShapeError,
     r"attn_mask is \[3, 3\] or \[4, 3, 3\] or \[2, 2, 3, 3\]"),
    ({"key_padding_mask": lm.ones((2, 5))}, ShapeError, r"key_padding_mask is \[2, 3\] or \[3\]"),
    ({"key_padding_mask": lm.ones((2, 3), dtype=lm.int64)}, DTypeError,
     r"True where a key is not seen(?s:.)*try: key_padding_mask == 0"),
    ({"attn_mask": np.ones((3, 3), bool)}, DTypeError, "attn_mask is a Tensor"),
])
def test_masks_that_do_not_fit(masks, error, message):
    with pytest.raises(error, match=message):
        nn.MultiheadAttention(8, 2)(lm.ones((2, 3, 8)), **masks)


def test_a_mask_of_later_keys():
    mask = nn.Transformer.generate_square_subsequent_mask(3).numpy()
    np.testing.assert_array_equal(mask, np.triu(np.full((3, 3), -np.inf), 1))
