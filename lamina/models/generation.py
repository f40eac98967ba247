"""Text from a language model, token by token."""

from typing import Protocol

from lamina.functional.arguments import check_at_least, check_counts
from lamina.nn import KVCache
from lamina.tensor import Tensor, argmax, concat, evaluate, log, no_grad, topk, uniform, where
from lamina.tensor import seed as start_stream


class Continues(Protocol):
    """A model with `caches()` that scores the next token at every time, such as GPT2."""

    def __call__(self, tokens: Tensor, caches: list[KVCache]) -> Tensor:
        """tokens: `[batch, time]`, to `[batch, time, vocabulary]`."""

    def caches(self) -> list[KVCache]:
        """Empty caches of keys and values."""


def generate(model: Continues, tokens: Tensor, steps: int, temperature: float = 1.0,
             top_k: int | None = None, seed: int | None = None) -> Tensor:
    """`tokens` `[batch, time]` and `steps` more, each drawn by the scores of the model.

    model: in evaluation (`model.eval()`), or dropout is drawn too.
    temperature: what scores are divided by; 0 takes the best. top_k: only the k best are drawn.
    seed: where the global stream of random numbers starts; else it goes on.

    >>> import lamina as lm
    >>> model = lm.models.GPT2(vocab_size=9, n_positions=8, n_embd=8, n_layer=1, n_head=2).eval()
    >>> lm.models.generate(model, lm.tensor([[1, 2]]), steps=3, seed=0).shape
    (1, 5)
    """
    check_counts("generate", 0, steps=steps)
    check_at_least("generate", 0, temperature=temperature)
    if seed is not None:
        start_stream(seed)
    caches, new = model.caches(), tokens
    with no_grad():
        for _ in range(steps):
            new = _drawn(model(new, caches)[:, -1], temperature, top_k).astype(tokens.dtype)
            tokens = concat([tokens, new], 1)
            evaluate(tokens)  # and with it what the caches hold
    return tokens


def _drawn(scores: Tensor, temperature: float, top_k: int | None) -> Tensor:
    """A token for each row: the best of scores with Gumbel noise is a draw of their softmax."""
    if top_k is not None:
        least = topk(scores, top_k)[0][:, -1:]
        scores = where(scores < least, float("-inf"), scores)
    if temperature > 0:
        scores = scores / temperature - log(-log(uniform(scores.shape)))
    return argmax(scores, axis=-1, keepdims=True)
