"""Multi-head attention (Vaswani et al. 2017, section 3.2.2).

In and out: `[batch, time, embed_dim]`, batch first.
"""

from __future__ import annotations

from lamina import functional as F
from lamina.errors import ArgumentError
from lamina.functional.arguments import check_counts, check_probability
from lamina.functional.attention import attention_weights
from lamina.nn import init
from lamina.nn.linear import Linear
from lamina.nn.module import Module
from lamina.nn.parameter import Parameter
from lamina.tensor import Tensor, logical_not, permute_dims, reshape, where, zeros


class MultiheadAttention(Module):
    """Attention in `num_heads` subspaces at once.

    Weights have PyTorch's names and layouts: in_proj_weight `[3 embed_dim, embed_dim]` holds the
    projections of query, key and value one above the other.
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True
    ) -> None:
        check_counts("MultiheadAttention", 1, embed_dim=embed_dim, num_heads=num_heads)
        check_probability("MultiheadAttention", dropout)
        if embed_dim % num_heads:
            raise ArgumentError(
                "MultiheadAttention",
                operands=[("embed_dim", str(embed_dim)), ("num_heads", str(num_heads))],
                rule="num_heads divides embed_dim",
            )
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.in_proj_weight = Parameter(init.xavier_uniform((3 * embed_dim, embed_dim)))
        self.in_proj_bias = Parameter(zeros((3 * embed_dim,))) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias)
        if self.out_proj.bias is not None:
            self.out_proj.bias = Parameter(zeros((embed_dim,)))

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = False,
        attn_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The outputs `[batch, queries, embed_dim]`, and the weights if asked for, else None.

        query: `[batch, queries, embed_dim]`; key, value: `[batch, keys, embed_dim]`.
        key_padding_mask: bool `[batch, keys]`, True for a key that nobody sees.
        attn_mask: `[queries, keys]`, or with axes for batch and heads in front; bool, True for a
        key that the query does not see; or a float that is added. (True means the opposite in
        `scaled_dot_product_attention`; both are as in PyTorch.)
        The weights are `[batch, queries, keys]`, the mean over heads.
        """
        q, k, v = (self._split(x) for x in self._project(query, key, value))
        mask = _combined(attn_mask, key_padding_mask)
        rate = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, mask, rate, is_causal)
        result = self.out_proj(self._join(mixed))
        if not need_weights:
            return result, None
        return result, attention_weights(q, k, mask, is_causal).mean(axis=1)

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, ...]:
        """Query, key and value times their weights; one product where they are the same tensor."""
        size = self.embed_dim
        if query is key and key is value:
            joined = F.linear(query, self.in_proj_weight, self.in_proj_bias)
            return tuple(joined[..., i * size:(i + 1) * size] for i in range(3))
        inputs = (query, key, value)
        return tuple(self._project_one(x, i * size) for i, x in enumerate(inputs))

    def _project_one(self, input: Tensor, start: int) -> Tensor:
        rows = slice(start, start + self.embed_dim)
        bias = None if self.in_proj_bias is None else self.in_proj_bias[rows]
        return F.linear(input, self.in_proj_weight[rows], bias)

    def _split(self, x: Tensor) -> Tensor:
        """`[batch, time, embed_dim]` to `[batch, heads, time, embed_dim / heads]`."""
        batch, time, size = x.shape
        parts = reshape(x, (batch, time, self.num_heads, size // self.num_heads))
        return permute_dims(parts, (0, 2, 1, 3))

    def _join(self, x: Tensor) -> Tensor:
        """The inverse of `_split`."""
        batch, _, time, _ = x.shape
        return reshape(permute_dims(x, (0, 2, 1, 3)), (batch, time, self.embed_dim))

    def extra_repr(self) -> str:
        """Size and number of heads."""
        return f"{self.embed_dim}, heads {self.num_heads}"


def _combined(attn_mask: Tensor | None, key_padding_mask: Tensor | None) -> Tensor | None:
    """Both masks as one for `scaled_dot_product_attention`, where True means that a key is seen."""
    seen = attn_mask
    if attn_mask is not None and not attn_mask.dtype.is_float:
        seen = logical_not(attn_mask)
    if key_padding_mask is None:
        return seen
    kept = logical_not(key_padding_mask)[:, None, None, :]
    if seen is None:
        return kept
    return where(kept, seen, float("-inf")) if seen.dtype.is_float else seen & kept
