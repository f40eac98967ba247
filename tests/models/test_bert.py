"""BERT: padding is not seen, and the two sentences differ."""

import numpy as np

import lamina as lm
from lamina.models import BERT


def test_padding_is_not_seen():
    model = small()
    padded, mask = lm.tensor([[3, 4, 5, 0, 0]]), lm.tensor([[1, 1, 1, 0, 0]])
    features, text = model(padded, mask)
    alone_features, alone_text = model(lm.tensor([[3, 4, 5]]))
    close(features[:, :3], alone_features)
    close(text, alone_text)
    assert abs(model(padded)[1].numpy() - alone_text.numpy()).max() > 1e-3


def test_token_types_are_0_unless_given():
    model, tokens = small(), lm.tensor([[3, 4, 5]])
    zeros, ones = lm.zeros((1, 3), dtype=lm.int64), lm.ones((1, 3), dtype=lm.int64)
    close(model(tokens, token_types=zeros)[1], model(tokens)[1])
    assert abs(model(tokens, token_types=ones)[1].numpy() - model(tokens)[1].numpy()).max() > 1e-3


def small() -> BERT:
    lm.seed(0)
    return BERT(vocab_size=9, hidden_size=16, num_hidden_layers=2, num_attention_heads=2).eval()


def close(got: lm.Tensor, expected: lm.Tensor) -> None:
    np.testing.assert_allclose(got.numpy(), expected.numpy(), 1e-4, 1e-5)
