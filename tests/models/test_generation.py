"""Text, token by token: what caches hold, how tokens are drawn, and a text learned by heart."""

from itertools import pairwise

import numpy as np
import pytest

import lamina as lm
from lamina.models import GPT2, generate

TEXT = "the cat sat on the mat."
LETTERS = sorted(set(TEXT))


@pytest.fixture
def model() -> GPT2:
    lm.seed(0)
    return GPT2(vocab_size=20, n_positions=16, n_embd=16, n_layer=2, n_head=2).eval()


def tokens(*shape: int) -> lm.Tensor:
    return lm.tensor(np.random.default_rng(0).integers(0, 20, shape))


@pytest.mark.parametrize("cuts", [(0, 1, 2, 3, 9), (0, 4, 9), (0, 9)])
def test_caches_stand_for_the_times_before(model: GPT2, cuts):
    text, caches = tokens(2, 9), model.caches()
    parts = [model(text[:, a:b], caches) for a, b in pairwise(cuts)]
    np.testing.assert_allclose(lm.concat(parts, 1).numpy(), model(text).numpy(), 1e-4, 1e-6)
    assert [cache.length for cache in caches] == [9, 9]


def test_no_time_sees_a_later_one(model: GPT2):
    text = tokens(1, 9)
    np.testing.assert_allclose(model(text[:, :4]).numpy(), model(text)[:, :4].numpy(), 1e-4, 1e-6)


def test_the_same_seed_draws_the_same_text(model: GPT2):
    first, again, other = (generate(model, tokens(2, 3), 8, seed=s).numpy() for s in (1, 1, 2))
    assert first.shape == (2, 11)
    assert (first == again).all() and (first != other).any()
    assert (first[:, :3] == tokens(2, 3).numpy()).all()


def test_without_temperature_or_choice_the_best_is_taken(model: GPT2):
    text = tokens(2, 3)
    best = generate(model, text, 4, temperature=0.0).numpy()
    assert (generate(model, text, 4, top_k=1, seed=3).numpy() == best).all()
    scores = model(lm.tensor(best)).numpy()
    assert (scores[:, 2:-1].argmax(-1) == best[:, 3:]).all()


def test_tokens_are_drawn_by_the_softmax_of_their_scores():
    class Fixed:
        def caches(self):
            return []

        def __call__(self, tokens, caches):
            return lm.zeros((*tokens.shape, 4)) + lm.tensor([0.1, 0.2, 0.3, 0.4]).log()

    start = lm.zeros((4000, 1), dtype=lm.int64)
    drawn = generate(Fixed(), start, 1, seed=0).numpy()[:, 1]
    shares = np.bincount(drawn, minlength=4) / 4000
    np.testing.assert_allclose(shares, [0.1, 0.2, 0.3, 0.4], atol=0.03)  # 4 deviations
    drawn = generate(Fixed(), start, 1, temperature=0.5, top_k=2, seed=0).numpy()[:, 1]
    shares = np.bincount(drawn, minlength=4) / 4000
    np.testing.assert_allclose(shares, [0, 0, 0.36, 0.64], atol=0.03)  # squares of 0.3 and 0.4


def test_a_text_that_was_learned_by_heart_comes_back():
    lm.seed(0)
    text = lm.tensor([[LETTERS.index(letter) for letter in TEXT]])
    model = GPT2(len(LETTERS), len(TEXT), n_embd=32, n_layer=2, n_head=2, dropout=0.0)
    optimizer = lm.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(80):
        loss = lm.functional.cross_entropy(model(text[:, :-1]), text[:, 1:])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    written = generate(model.eval(), text[:, :4], len(TEXT) - 4, temperature=0.0)
    assert "".join(LETTERS[i] for i in written[0].tolist()) == TEXT


def test_the_table_of_tokens_is_the_last_layer(model: GPT2):
    assert model.lm_head.weight is model.transformer["wte"].weight
    state = model.state_dict()
    del state["lm_head.weight"]  # as files of shared tensors leave it out
    model.load_state_dict(state, strict=False)
    assert model.lm_head.weight is model.transformer["wte"].weight
