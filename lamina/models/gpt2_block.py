"""The block of GPT-2 (Radford et al. 2018, figure 1; norms in front: Radford et al. 2019, 2.3)."""

from lamina import functional as F
from lamina import nn
from lamina.nn import KVCache, LayerNorm, Parameter, init
from lamina.nn.attention_masks import causal_mask
from lamina.tensor import Tensor, permute_dims, reshape, unstack
from lamina.tensor.precision import kept_narrow


class Conv1D(nn.Module):
    """x weight + bias with a weight `[in, out]`: a linear layer as GPT-2's weights are stored."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.weight = Parameter(init.normal((inputs, outputs), std=0.02))
        self.bias = Parameter(init.zeros((outputs,)))

    def forward(self, x: Tensor) -> Tensor:
        """x: `[..., in]`."""
        product = x @ self.weight
        return product + kept_narrow(self.bias, product)


class Attention(nn.Module):
    """Heads side by side; each time sees itself and those before it, also those in the cache."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        self.c_attn, self.c_proj = Conv1D(width, 3 * width), Conv1D(width, width)
        self.heads, self.dropout = heads, dropout

    def forward(self, x: Tensor, cache: KVCache) -> Tensor:
        """x: `[batch, time, width]`."""
        batch, time, width = x.shape
        parts = reshape(self.c_attn(x), (batch, time, 3, self.heads, width // self.heads))
        q, k, v = unstack(permute_dims(parts, (2, 0, 3, 1, 4)))
        before, rate = cache.length, self.dropout if self.training else 0.0
        k, v = cache.append(k, v)
        mask = causal_mask(None, before, time, before + time) if before else None
        y = F.scaled_dot_product_attention(q, k, v, mask, rate, is_causal=not before)
        return self.c_proj(reshape(permute_dims(y, (0, 2, 1, 3)), x.shape))


class Block(nn.Module):
    """Attention, then two layers, each behind a layer norm and added to what came in."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        self.ln_1, self.attn = LayerNorm(width), Attention(width, heads, dropout)
        self.ln_2, self.dropout = LayerNorm(width), nn.Dropout(dropout)
        self.mlp = {"c_fc": Conv1D(width, 4 * width), "c_proj": Conv1D(4 * width, width)}

    def forward(self, x: Tensor, cache: KVCache) -> Tensor:
        """x: `[batch, time, width]`."""
        x = x + self.dropout(self.attn(self.ln_1(x), cache))
        hidden = F.gelu(self.mlp["c_fc"](self.ln_2(x)), "tanh")
        return x + self.dropout(self.mlp["c_proj"](hidden))
