"""BERT (Devlin et al. 2019, "Pre-training of deep bidirectional transformers", section 3).

With the names of transformers' BertModel. Older files also hold `embeddings.position_ids`, the
numbers 0 to 511, and the heads of pre-training, `cls`: load them with strict=False.
"""

from typing import Any

from lamina import nn
from lamina.models.bert_block import Block
from lamina.models.start import normal_start
from lamina.nn import Embedding, Linear
from lamina.tensor import Tensor, arange, tanh, zeros_like


class BERT(nn.Module):
    """Features of each token, `[batch, time, width]`, and of the text, `[batch, width]`.

    >>> import lamina as lm
    >>> model = BERT(vocab_size=100, hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    >>> features, text = model(lm.tensor([[1, 2, 3]]))
    >>> features.shape, text.shape
    ((1, 3, 16), (1, 16))
    """

    def __init__(self, vocab_size: int = 30522, hidden_size: int = 768,
                 num_hidden_layers: int = 12, num_attention_heads: int = 12,
                 max_position_embeddings: int = 512, type_vocab_size: int = 2, dropout: float = 0.1
                 ) -> None:
        width, heads, depth = hidden_size, num_attention_heads, num_hidden_layers
        self.embeddings: dict[str, Any] = {
            "word_embeddings": Embedding(vocab_size, width, padding_idx=0),
            "position_embeddings": Embedding(max_position_embeddings, width),
            "token_type_embeddings": Embedding(type_vocab_size, width),
            "LayerNorm": nn.LayerNorm(width, 1e-12), "dropout": nn.Dropout(dropout)}
        self.encoder = {"layer": [Block(width, heads, dropout) for _ in range(depth)]}
        self.pooler = {"dense": Linear(width, width)}
        normal_start(self)

    def forward(self, tokens: Tensor, attention_mask: Tensor | None = None,
                token_types: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """tokens: integers `[batch, time]`.

        attention_mask: `[batch, time]`, 1 or True for tokens, 0 for padding. token_types: integers
        `[batch, time]`, 0 for the first sentence and 1 for the second; 0 if they are not given.
        """
        parts = self.embeddings
        types = zeros_like(tokens) if token_types is None else token_types
        x = parts["word_embeddings"](tokens) + parts["token_type_embeddings"](types)
        x = parts["LayerNorm"](x + parts["position_embeddings"](arange(tokens.shape[1])))
        x = parts["dropout"](x)
        mask = None if attention_mask is None else attention_mask[:, None, None, :] != 0
        for block in self.encoder["layer"]:
            x = block(x, mask)
        return x, tanh(self.pooler["dense"](x[:, 0]))
