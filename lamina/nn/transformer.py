"""Encoder, decoder and the whole transformer (Vaswani et al. 2017, figure 1).

In and out: `[batch, time, d_model]`, batch first unless told otherwise; embeddings, positions and
the last projection are left to the user, as in PyTorch. State names are PyTorch's.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

from lamina.errors import ArgumentError
from lamina.functional.arguments import check_counts
from lamina.nn import init
from lamina.nn.cache import KVCache
from lamina.nn.module import Module, check_modules
from lamina.nn.normalisation import LayerNorm
from lamina.nn.transformer_layers import (
    Activation,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
)
from lamina.tensor import Tensor, full, triu

Caches = Sequence[KVCache] | None


class TransformerEncoder(Module):
    """`num_layers` copies of a layer, one after the other, then a norm if there is one.

    >>> import lamina as lm
    >>> encoder = lm.nn.TransformerEncoder(lm.nn.TransformerEncoderLayer(16, 4, 32), 2)
    >>> encoder(lm.zeros((2, 5, 16))).shape
    (2, 5, 16)
    """

    def __init__(self, encoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        check_counts("TransformerEncoder", 1, num_layers=num_layers)
        check_modules("TransformerEncoder", encoder_layer=encoder_layer)
        check_modules("TransformerEncoder", optional=True, norm=norm)
        self.layers = [copy.deepcopy(encoder_layer) for _ in range(num_layers)]
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
        caches: Caches = None,
    ) -> Tensor:
        """src: `[batch, time, d_model]`; caches: one for each layer, see `make_caches`."""
        for layer, cache in zip(self.layers, _each("TransformerEncoder", caches, self.layers),
                                strict=True):
            src = layer(src, mask, src_key_padding_mask, is_causal, cache)
        return src if self.norm is None else self.norm(src)

    def make_caches(self) -> list[KVCache]:
        """An empty cache for each layer."""
        return [KVCache() for _ in self.layers]


class TransformerDecoder(Module):
    """`num_layers` copies of a decoder's layer, one after the other, then a norm.

    >>> import lamina as lm
    >>> decoder = lm.nn.TransformerDecoder(lm.nn.TransformerDecoderLayer(16, 4, 32), 2)
    >>> decoder(lm.zeros((2, 3, 16)), lm.zeros((2, 5, 16))).shape
    (2, 3, 16)
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        check_counts("TransformerDecoder", 1, num_layers=num_layers)
        check_modules("TransformerDecoder", decoder_layer=decoder_layer)
        check_modules("TransformerDecoder", optional=True, norm=norm)
        self.layers = [copy.deepcopy(decoder_layer) for _ in range(num_layers)]
        self.num_layers = num_layers
        self.norm = norm

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
        caches: Caches = None,
    ) -> Tensor:
        """tgt: `[batch, time, d_model]`; memory: `[batch, source time, d_model]`."""
        for layer, cache in zip(self.layers, _each("TransformerDecoder", caches, self.layers),
                                strict=True):
            tgt = layer(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask,
                        memory_key_padding_mask, tgt_is_causal, memory_is_causal, cache)
        return tgt if self.norm is None else self.norm(tgt)

    def make_caches(self) -> list[KVCache]:
        """An empty cache for each layer."""
        return [KVCache() for _ in self.layers]


class Transformer(Module):
    """Encoder and decoder together. The defaults are the paper's base model.

    Matrices start as Xavier's uniform draws, as in PyTorch.

    >>> import lamina as lm
    >>> model = lm.nn.Transformer(16, 4, 1, 1, 32)
    >>> model(lm.zeros((2, 5, 16)), lm.zeros((2, 3, 16)), tgt_is_causal=True).shape
    (2, 3, 16)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = True,
        norm_first: bool = False,
        bias: bool = True,
    ) -> None:
        check_modules("Transformer", optional=True, custom_encoder=custom_encoder,
                      custom_decoder=custom_decoder)
        options = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps,
                   batch_first, norm_first, bias)
        self.encoder = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(*options), num_encoder_layers,
            LayerNorm(d_model, layer_norm_eps, bias=bias))
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*options), num_decoder_layers,
            LayerNorm(d_model, layer_norm_eps, bias=bias))
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first
        for parameter in self.parameters():
            if parameter.ndim > 1:
                parameter.assign(init.xavier_uniform(parameter.shape))

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool = False,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """src: `[batch, source time, d_model]`; tgt and the result: `[batch, time, d_model]`."""
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        return self.decoder(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask,
                            memory_key_padding_mask, tgt_is_causal, memory_is_causal)

    @staticmethod
    def generate_square_subsequent_mask(sz: int) -> Tensor:
        """float32 `[sz, sz]`: -inf above the diagonal, where a query would see later keys."""
        return triu(full((sz, sz), float("-inf")), 1)


def _each(op: str, caches: Caches, layers: Sequence[Module]) -> Sequence[KVCache | None]:
    if caches is None:
        return [None] * len(layers)
    if len(caches) != len(layers):
        raise ArgumentError(op, operands=[("caches", str(len(caches))),
                                          ("layers", str(len(layers)))],
                            rule="one cache for each layer", hint="caches=model.make_caches()")
    return caches
