"""The blocks of the transformer (Vaswani et al. 2017, section 3.1), with PyTorch's state names.

In and out: `[batch, time, d_model]`, batch first unless told otherwise. Masks are those of
`MultiheadAttention`.
"""

from __future__ import annotations

from collections.abc import Callable

from lamina import functional as F
from lamina.errors import ArgumentError
from lamina.functional.arguments import check_counts
from lamina.functional.operands import check_tensors
from lamina.nn.attention import MultiheadAttention
from lamina.nn.cache import KVCache
from lamina.nn.dropout import Dropout
from lamina.nn.linear import Linear
from lamina.nn.module import Module
from lamina.nn.normalisation import LayerNorm
from lamina.tensor import Tensor

Activation = str | Callable[[Tensor], Tensor]
_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}


class TransformerEncoderLayer(Module):
    """Self-attention, then two linear layers, each with a residual, dropout and layer norm.

    x = norm1(x + attend(x));  x = norm2(x + linear2(activation(linear1(x))))
    norm_first: x + attend(norm1(x)) and so on instead (Xiong et al. 2020).

    >>> import lamina as lm
    >>> lm.nn.TransformerEncoderLayer(16, 4, 32)(lm.zeros((2, 5, 16))).shape
    (2, 5, 16)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = True,
        norm_first: bool = False,
        bias: bool = True,
    ) -> None:
        check_counts("TransformerEncoderLayer", 1, d_model=d_model, nhead=nhead,
                     dim_feedforward=dim_feedforward)
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first)
        self.linear1 = Linear(d_model, dim_feedforward, bias)
        self.linear2 = Linear(dim_feedforward, d_model, bias)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.dropout = Dropout(dropout)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = activation_of("TransformerEncoderLayer", activation)
        self.norm_first = norm_first

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
        cache: KVCache | None = None,
    ) -> Tensor:
        """src: `[batch, time, d_model]`; cache: earlier times, see `MultiheadAttention`."""
        def attend(x: Tensor) -> Tensor:
            mixed, _ = self.self_attn(x, x, x, src_key_padding_mask, need_weights=False,
                                      attn_mask=src_mask, is_causal=is_causal, cache=cache)
            return self.dropout1(mixed)

        if self.norm_first:
            src = src + attend(self.norm1(src))
            return src + self._feed_forward(self.norm2(src))
        src = self.norm1(src + attend(src))
        return self.norm2(src + self._feed_forward(src))

    def _feed_forward(self, x: Tensor) -> Tensor:
        hidden = self.dropout(self.activation(self.linear1(x)))
        return self.dropout2(self.linear2(hidden))


class TransformerDecoderLayer(Module):
    """Self-attention, attention to the encoder's output, then two linear layers.

    x = norm1(x + attend(x));  x = norm2(x + attend(x, memory));
    x = norm3(x + linear2(activation(linear1(x)))); norm_first as in the encoder's layer.

    >>> import lamina as lm
    >>> layer = lm.nn.TransformerDecoderLayer(16, 4, 32)
    >>> layer(lm.zeros((2, 3, 16)), lm.zeros((2, 5, 16)), tgt_is_causal=True).shape
    (2, 3, 16)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = True,
        norm_first: bool = False,
        bias: bool = True,
    ) -> None:
        check_counts("TransformerDecoderLayer", 1, d_model=d_model, nhead=nhead,
                     dim_feedforward=dim_feedforward)
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, bias,
                                                 batch_first=batch_first)
        self.linear1 = Linear(d_model, dim_feedforward, bias)
        self.linear2 = Linear(dim_feedforward, d_model, bias)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.dropout = Dropout(dropout)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = activation_of("TransformerDecoderLayer", activation)
        self.norm_first = norm_first

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
        cache: KVCache | None = None,
    ) -> Tensor:
        """tgt: `[batch, time, d_model]`; memory: `[batch, source time, d_model]`."""
        check_tensors("TransformerDecoderLayer", tgt=tgt, memory=memory)

        def attend(x: Tensor) -> Tensor:
            mixed, _ = self.self_attn(x, x, x, tgt_key_padding_mask, need_weights=False,
                                      attn_mask=tgt_mask, is_causal=tgt_is_causal, cache=cache)
            return self.dropout1(mixed)

        def look(x: Tensor) -> Tensor:
            mixed, _ = self.multihead_attn(x, memory, memory, memory_key_padding_mask,
                                           need_weights=False, attn_mask=memory_mask,
                                           is_causal=memory_is_causal)
            return self.dropout2(mixed)

        if self.norm_first:
            tgt = tgt + attend(self.norm1(tgt))
            tgt = tgt + look(self.norm2(tgt))
            return tgt + self._feed_forward(self.norm3(tgt))
        tgt = self.norm1(tgt + attend(tgt))
        tgt = self.norm2(tgt + look(tgt))
        return self.norm3(tgt + self._feed_forward(tgt))

    def _feed_forward(self, x: Tensor) -> Tensor:
        hidden = self.dropout(self.activation(self.linear1(x)))
        return self.dropout3(self.linear2(hidden))


def activation_of(op: str, activation: Activation) -> Callable[[Tensor], Tensor]:
    """A function by its name, or itself."""
    if callable(activation):
        return activation
    if activation not in _ACTIVATIONS:
        raise ArgumentError(op, operands=[("activation", f"{activation!r:.60}")],
                            rule="activation is a function or one of " + ", ".join(_ACTIVATIONS),
                            got=activation)
    return _ACTIVATIONS[activation]
