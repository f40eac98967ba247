"""GPT-2 (Radford et al. 2019, "Language models are unsupervised multitask learners").

With the names of transformers' GPT2LMHeadModel. Files from elsewhere may lack the prefix
`transformer.` and `lm_head.weight`, which is the same as `wte.weight`, or hold masks (`attn.bias`):
rename, and load with strict=False.
"""

from collections.abc import Sequence
from math import sqrt
from typing import Any

from lamina import nn
from lamina.models.gpt2_block import Block
from lamina.models.start import normal_start
from lamina.nn import Embedding, KVCache, init
from lamina.tensor import Tensor, arange


class GPT2(nn.Module):
    """A score for each token to be the next one, at every time. `generate` continues a text.

    >>> import lamina as lm
    >>> model = GPT2(vocab_size=100, n_positions=32, n_embd=16, n_layer=2, n_head=2)
    >>> model(lm.tensor([[1, 2, 3]])).shape
    (1, 3, 100)
    """

    def __init__(self, vocab_size: int = 50257, n_positions: int = 1024, n_embd: int = 768,
                 n_layer: int = 12, n_head: int = 12, dropout: float = 0.1) -> None:
        self.transformer: dict[str, Any] = {
            "wte": Embedding(vocab_size, n_embd), "wpe": Embedding(n_positions, n_embd),
            "drop": nn.Dropout(dropout),
            "h": [Block(n_embd, n_head, dropout) for _ in range(n_layer)],
            "ln_f": nn.LayerNorm(n_embd)}
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)
        self.lm_head.weight = self.transformer["wte"].weight
        normal_start(self)
        for name, weight in self.named_parameters():
            if name.endswith("c_proj.weight"):  # section 2.3: what residuals add up
                weight.assign(init.normal(weight.shape, std=0.02 / sqrt(2 * n_layer)))

    def forward(self, tokens: Tensor, caches: Sequence[KVCache] = ()) -> Tensor:
        """tokens: integers `[batch, time]`; caches: what stands before them, of `caches()`."""
        caches, parts = caches or self.caches(), self.transformer
        places = arange(caches[0].length, caches[0].length + tokens.shape[1])
        x = parts["drop"](parts["wte"](tokens) + parts["wpe"](places))
        for block, cache in zip(parts["h"], caches, strict=True):
            x = block(x, cache)
        return self.lm_head(parts["ln_f"](x))

    def caches(self) -> list[KVCache]:
        """Empty caches, one for each block."""
        return [KVCache() for _ in self.transformer["h"]]
