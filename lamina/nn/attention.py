"""Multi-head attention (Vaswani et al. 2017, section 3.2.2), grouped, crossed and cached.

In and out: `[batch, time, embed_dim]`, batch first unless told otherwise.
"""

from __future__ import annotations

from lamina import functional as F
from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_counts, check_probability
from lamina.functional.attention import attention_weights
from lamina.functional.operands import check_tensors, describe
from lamina.nn import init
from lamina.nn.attention_masks import causal_mask, check_masks, combined_mask, seen_mask
from lamina.nn.cache import KVCache
from lamina.nn.linear import Linear
from lamina.nn.module import Module, check_modules
from lamina.nn.parameter import Parameter
from lamina.tensor import (
    Tensor,
    broadcast_to,
    concat,
    pad,
    permute_dims,
    repeat,
    reshape,
    zeros,
)


class MultiheadAttention(Module):
    """concat(head_1 ... head_h) W_o, head_i = softmax(q_i k_i^T / sqrt(d)) v_i.

    Weights have PyTorch's names and layouts: in_proj_weight holds the projections of query, key and
    value one above the other, `[embed_dim + 2 kv_dim, embed_dim]`; with kdim or vdim they are
    q_proj_weight, k_proj_weight and v_proj_weight. in_proj_bias is one in both cases.
    kdim, vdim: features of key and value, embed_dim by default.
    num_kv_heads: fewer heads for key and value than for queries, each shared by a group (Ainslie et
    al. 2023); kv_dim = num_kv_heads embed_dim / num_heads.
    add_bias_kv: one trained key and value more; add_zero_attn: one of zeros.
    rotary: turns queries and keys, such as `RotaryPositions(embed_dim // num_heads)`.

    >>> import lamina as lm
    >>> y, weights = lm.nn.MultiheadAttention(16, 4, num_kv_heads=2)(lm.zeros((2, 5, 16)))
    >>> y.shape, weights.shape
    ((2, 5, 16), (2, 5, 5))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = True,
        num_kv_heads: int | None = None,
        rotary: Module | None = None,
    ) -> None:
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.num_kv_heads = num_heads if num_kv_heads is None else num_kv_heads
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.dropout = dropout
        self.batch_first = batch_first
        self.add_zero_attn = add_zero_attn
        self._check_arguments()
        self.head_dim = embed_dim // num_heads
        self.kv_dim = self.head_dim * self.num_kv_heads
        rows = embed_dim + 2 * self.kv_dim
        is_one = self.kdim == self.vdim == embed_dim
        self.in_proj_weight = _xavier(rows, embed_dim) if is_one else None
        self.q_proj_weight = None if is_one else _xavier(embed_dim, embed_dim)
        self.k_proj_weight = None if is_one else _xavier(self.kv_dim, self.kdim)
        self.v_proj_weight = None if is_one else _xavier(self.kv_dim, self.vdim)
        self.in_proj_bias = Parameter(zeros((rows,))) if bias else None
        self.bias_k = _xavier(1, 1, self.kv_dim) if add_bias_kv else None
        self.bias_v = _xavier(1, 1, self.kv_dim) if add_bias_kv else None
        self.out_proj = Linear(embed_dim, embed_dim, bias)
        if self.out_proj.bias is not None:
            self.out_proj.bias = Parameter(zeros((embed_dim,)))
        check_modules("MultiheadAttention", optional=True, rotary=rotary)
        self.rotary = rotary

    def _check_arguments(self) -> None:
        name = "MultiheadAttention"
        check_counts(name, 1, embed_dim=self.embed_dim, num_heads=self.num_heads,
                     num_kv_heads=self.num_kv_heads, kdim=self.kdim, vdim=self.vdim)
        check_probability(name, self.dropout, "dropout")
        for small, large in (("num_heads", "embed_dim"), ("num_kv_heads", "num_heads")):
            if getattr(self, large) % getattr(self, small):
                raise ArgumentError(
                    name, operands=[(key, str(getattr(self, key))) for key in (large, small)],
                    rule=f"{small} divides {large}")

    def forward(
        self,
        query: Tensor,
        key: Tensor | None = None,
        value: Tensor | None = None,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
        cache: KVCache | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """The outputs `[batch, queries, embed_dim]`, and the weights if they are needed, else None.

        query: `[batch, queries, embed_dim]`; key, value: `[batch, keys, kdim or vdim]`, the query
        by default. Without a batch axis none comes back.
        key_padding_mask: `[batch, keys]`; attn_mask: `[queries, keys]`, or with axes for batch and
        heads in front. Both are bool, True for a key that is not seen, or floats that are added.
        (True means the opposite in `scaled_dot_product_attention`; both are as in PyTorch.)
        is_causal: query i sees keys 0 to i, besides what the masks say.
        cache: keys and values of earlier times; these are put behind them, and kept. Masks have
        an entry for each key of all times then.
        The weights are `[batch, queries, keys]`, the mean over heads, or with
        average_attn_weights=False `[batch, heads, queries, keys]`.
        """
        key = query if key is None else key
        value = key if value is None else value
        check_tensors("MultiheadAttention", query=query, key=key, value=value)
        batched = query.ndim == 3
        q, k, v = (self._split(x) for x in self._project(*self._arranged(query, key, value)))
        before = 0 if cache is None else cache.length
        if self.rotary is not None:
            q, k = self.rotary(q, offset=before), self.rotary(k, offset=before)
        if cache is not None:
            k, v = cache.append(k, v)
        check_masks(attn_mask, key_padding_mask, (*q.shape[:3], k.shape[2]))
        mask = combined_mask(seen_mask(attn_mask, q.shape[:2]), key_padding_mask)
        if is_causal and (mask is not None or before or self.bias_k is not None):
            if q.shape[2] > 1 or mask is not None or not before:
                mask = causal_mask(mask, before, q.shape[2], k.shape[2])
            is_causal = False
        k, v, mask = self._extended(k, v, mask)
        if self.num_kv_heads < self.num_heads:
            k, v = (repeat(x, self.num_heads // self.num_kv_heads, 1) for x in (k, v))
        rate = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, mask, rate, is_causal)
        result = self._back(self.out_proj(self._join(mixed)), batched)
        if not need_weights:
            return result, None
        weights = attention_weights(q, k, mask, is_causal)
        weights = weights.mean(axis=1) if average_attn_weights else weights
        return result, (weights if batched else weights[0])

    def _arranged(self, *inputs: Tensor) -> list[Tensor]:
        """Query, key and value as `[batch, time, features]`; raises ShapeError unless they fit."""
        fits = all(x.ndim == inputs[0].ndim in (2, 3) for x in inputs)
        if fits:
            moved = {id(x): self._forth(x) for x in inputs}  # the same tensor stays the same
            q, k, v = (moved[id(x)] for x in inputs)
            sizes = (q.shape[2], k.shape[2], v.shape[2])
            if (sizes == (self.embed_dim, self.kdim, self.vdim) and k.shape[:2] == v.shape[:2]
                    and q.shape[0] == k.shape[0]):
                return [q, k, v]
        axes = ("batch", "time", "features") if self.batch_first else ("time", "batch", "features")
        raise ShapeError(
            "MultiheadAttention",
            operands=[(name, describe(x, axes[-x.ndim:]))
                      for name, x in zip(("query", "key", "value"), inputs, strict=True)],
            rule=f"features are {self.embed_dim}, {self.kdim} and {self.vdim}; all have one batch, "
            "key and value one time")

    def _forth(self, x: Tensor) -> Tensor:
        if x.ndim == 2:
            return x[None]
        return x if self.batch_first else permute_dims(x, (1, 0, 2))

    def _back(self, x: Tensor, batched: bool) -> Tensor:
        if not batched:
            return x[0]
        return x if self.batch_first else permute_dims(x, (1, 0, 2))

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        """Query, key and value times their weights; one product where they are the same tensor."""
        first, second = self.embed_dim, self.embed_dim + self.kv_dim
        parts = (slice(0, first), slice(first, second), slice(second, None))
        weight, bias = self.in_proj_weight, self.in_proj_bias
        if weight is not None and query is key and key is value:
            joined = F.linear(query, weight, bias)
            return [joined[..., part] for part in parts]
        separate = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        weights = separate if weight is None else [weight[part] for part in parts]
        biases = [None if bias is None else bias[part] for part in parts]
        return [F.linear(x, w, b) for x, w, b in
                zip((query, key, value), weights, biases, strict=True) if w is not None]

    def _extended(self, k: Tensor, v: Tensor, mask: Tensor | None
                  ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Keys and values with those of add_bias_kv and add_zero_attn behind, always seen."""
        added = [self.bias_k is not None, self.add_zero_attn]
        shape = (k.shape[0], 1, self.kv_dim)
        if self.bias_k is not None and self.bias_v is not None:
            k, v = (concat([x, self._split(broadcast_to(bias, shape))], 2)
                    for x, bias in ((k, self.bias_k), (v, self.bias_v)))
        if self.add_zero_attn:
            k, v = (pad(x, [(0, 0), (0, 0), (0, 1), (0, 0)]) for x in (k, v))
        if mask is not None and any(added):
            seen = 0.0 if mask.dtype.is_float else True
            mask = pad(mask, [(0, 0)] * (mask.ndim - 1) + [(0, sum(added))], seen)
        return k, v, mask

    def _split(self, x: Tensor) -> Tensor:
        """`[batch, time, heads head_dim]` to `[batch, heads, time, head_dim]`."""
        batch, time, size = x.shape
        parts = reshape(x, (batch, time, size // self.head_dim, self.head_dim))
        return permute_dims(parts, (0, 2, 1, 3))

    def _join(self, x: Tensor) -> Tensor:
        """The inverse of `_split`."""
        batch, _, time, _ = x.shape
        return reshape(permute_dims(x, (0, 2, 1, 3)), (batch, time, self.embed_dim))

    def extra_repr(self) -> str:
        """Size and number of heads."""
        groups = "" if self.num_kv_heads == self.num_heads else f" over {self.num_kv_heads}"
        return f"{self.embed_dim}, heads {self.num_heads}{groups}"


def _xavier(*shape: int) -> Parameter:
    return Parameter(init.xavier_uniform(shape))
