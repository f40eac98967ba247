"""The block of BERT (Devlin et al. 2019, section 3): the encoder's of Vaswani et al. 2017."""

from typing import Any

from lamina import functional as F
from lamina import nn
from lamina.nn import LayerNorm, Linear
from lamina.tensor import Tensor, permute_dims, reshape


class Output(nn.Module):
    """A linear layer and dropout, added to what came in, and a layer norm behind them."""

    def __init__(self, inputs: int, width: int, dropout: float) -> None:
        self.dense, self.LayerNorm = Linear(inputs, width), LayerNorm(width, 1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        """x: `[batch, time, inputs]`; residual: `[batch, time, width]`."""
        return self.LayerNorm(residual + self.dropout(self.dense(x)))


class Block(nn.Module):
    """Attention of all to all, then two linear layers."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        self.heads, self.dropout = heads, dropout
        self.attention: dict[str, Any] = {
            "self": {name: Linear(width, width) for name in ("query", "key", "value")},
            "output": Output(width, width, dropout)}
        self.intermediate = {"dense": Linear(width, 4 * width)}
        self.output = Output(4 * width, width, dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x: `[batch, time, width]`; mask: `[batch, 1, 1, time]`, True for what is seen."""
        split = (*x.shape[:2], self.heads, x.shape[2] // self.heads)
        q, k, v = (permute_dims(reshape(project(x), split), (0, 2, 1, 3))
                   for project in self.attention["self"].values())
        rate = self.dropout if self.training else 0.0
        y = permute_dims(F.scaled_dot_product_attention(q, k, v, mask, rate), (0, 2, 1, 3))
        x = self.attention["output"](reshape(y, x.shape), x)
        return self.output(F.gelu(self.intermediate["dense"](x)), x)
