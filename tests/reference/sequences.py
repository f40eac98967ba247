"""Layers for sequences beside PyTorch's: recurrent ones, attention, transformers, positions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import lamina as lm
from lamina import nn
from tests.reference.case import Case, draw
from tests.reference.layers import torch_nn

FIRST = {"batch_first": True}
X = draw(3, 5, 4)  # [batch, time, features]
LENGTHS = [5, 2, 3]


class Called(nn.Module):
    """A part that is called in some way: state names begin with `part.` on both sides."""

    def __init__(self, part: nn.Module, call: Callable[..., Any]) -> None:
        self.part = part
        self.call = call

    def forward(self, *inputs: Any) -> Any:
        return self.call(self.part, *inputs)


def their_called(part: Any, call: Callable[..., Any]) -> Any:
    """The same for a module of PyTorch's."""
    class TheirCalled(torch_nn().Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.part = part

        def forward(self, *inputs: Any) -> Any:
            return call(self.part, *inputs)

    return TheirCalled()


def _packed(part: Any, x: Any) -> Any:
    """PyTorch's way of giving lengths."""
    import torch

    rnn = torch.nn.utils.rnn
    packed = rnn.pack_padded_sequence(x, torch.tensor(LENGTHS), batch_first=True,
                                      enforce_sorted=False)
    y, state = part(packed)
    return rnn.pad_packed_sequence(y, batch_first=True)[0], state


def _quietly(function: Callable[[], Any]) -> Any:
    """Without PyTorch's warnings that something is slow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function()


def _same(name: str, *arguments: Any, inputs: Any = (X,), torch_only: Any = None, **options: Any
          ) -> Case:
    """A layer that both have under one name and build with the same arguments."""
    theirs = {**options, **(torch_only or {})}
    return Case(lambda: getattr(nn, name)(*arguments, **options),
                lambda: getattr(torch_nn(), name)(*arguments, **theirs), list(inputs))


def _lengths(name: str, **options: Any) -> Case:
    return Case(lambda: Called(getattr(nn, name)(4, 3, **options),
                               lambda part, x: part(x, lengths=LENGTHS)),
                lambda: their_called(getattr(torch_nn(), name)(4, 3, **FIRST, **options), _packed),
                [X])


def _with_states(name: str, states: int, **options: Any) -> Case:
    rows = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    starts = [draw(rows, 3, 3 if i or not options.get("proj_size") else options["proj_size"],
                   seed=i) for i in range(states)]

    def call(part: Any, x: Any, *hx: Any) -> Any:
        return _quietly(lambda: part(x, hx[0] if states == 1 else hx))

    return Case(lambda: Called(getattr(nn, name)(4, 3, **options), call),
                lambda: their_called(getattr(torch_nn(), name)(4, 3, **FIRST, **options), call),
                [X, *starts])


TIME_FIRST = np.ascontiguousarray(X.transpose(1, 0, 2))
DEEP = {"num_layers": 2, "bidirectional": True}

RECURRENT: dict[str, Case] = {
    "RNNCell": _same("RNNCell", 4, 3, inputs=(draw(2, 4), draw(2, 3))),
    "RNNCell relu": _same("RNNCell", 4, 3, nonlinearity="relu", bias=False, inputs=(draw(2, 4),)),
    "LSTMCell": _same("LSTMCell", 4, 3, inputs=(draw(2, 4),)),
    "LSTMCell, one example": _same("LSTMCell", 4, 3, inputs=(draw(4),)),
    "GRUCell": _same("GRUCell", 4, 3, inputs=(draw(2, 4), draw(2, 3))),
    "GRUCell without bias": _same("GRUCell", 4, 3, bias=False, inputs=(draw(2, 4),)),
    "RNN": _same("RNN", 4, 3, torch_only=FIRST),
    "RNN deep": _same("RNN", 4, 3, nonlinearity="relu", torch_only=FIRST, **DEEP),
    "RNN lengths": _lengths("RNN", **DEEP),
    "LSTM": _same("LSTM", 4, 3, torch_only=FIRST),
    "LSTM without bias": _same("LSTM", 4, 3, bias=False, num_layers=3, torch_only=FIRST),
    "LSTM deep": _with_states("LSTM", 2, **DEEP),
    "LSTM projected": _with_states("LSTM", 2, proj_size=2, **DEEP),
    "LSTM time first": _same("LSTM", 4, 3, batch_first=False, inputs=(TIME_FIRST,)),
    "LSTM one sequence": _same("LSTM", 4, 3, inputs=(X[0],), torch_only=FIRST),
    "LSTM lengths": _lengths("LSTM", **DEEP),
    "GRU": _same("GRU", 4, 3, torch_only=FIRST),
    "GRU deep": _with_states("GRU", 1, **DEEP),
    "GRU without bias": _same("GRU", 4, 3, bias=False, torch_only=FIRST),
    "GRU lengths": _lengths("GRU", **DEEP),
}



def _attention(*inputs: np.ndarray, masks: Callable[[Any], dict[str, Any]] | None = None,
               weights: bool = True, **options: Any) -> Case:
    """MultiheadAttention of 8 features in 2 heads; masks: options made of arrays."""
    def call(convert: Callable[[np.ndarray], Any]) -> Callable[..., Any]:
        def attend(part: Any, *given: Any) -> Any:
            query, key, value = given if len(given) == 3 else (given[0],) * 3
            found = masks(convert) if masks else {}
            return part(query, key, value, need_weights=weights, **found)

        return attend

    return Case(lambda: Called(nn.MultiheadAttention(8, 2, **options), call(lm.tensor)),
                lambda: their_called(torch_nn().MultiheadAttention(
                    8, 2, **{"batch_first": True, **options}), call(_torch_tensor)),
                list(inputs))


def _torch_tensor(array: np.ndarray) -> Any:
    import torch

    return torch.tensor(array)


class TheirGrouped:
    """Two heads of keys for four of queries, by PyTorch's functions."""

    def __new__(cls) -> Any:
        import torch
        from torch.nn import functional as TF

        class Grouped(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.in_proj_weight = torch.nn.Parameter(torch.randn(16, 8) / 3)
                self.in_proj_bias = torch.nn.Parameter(torch.randn(16))
                self.out_proj = torch.nn.Linear(8, 8)

            def forward(self, x: Any) -> Any:
                q, k, v = TF.linear(x, self.in_proj_weight, self.in_proj_bias).split([8, 4, 4], -1)
                q, k, v = (y.unflatten(-1, (-1, 2)).transpose(1, 2) for y in (q, k, v))
                y = TF.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
                return self.out_proj(y.transpose(1, 2).flatten(2))

        return Grouped()


def _causal_grouped() -> nn.Module:
    attention = nn.MultiheadAttention(8, 4, num_kv_heads=2)

    class Causal(nn.Module):
        def __init__(self) -> None:
            for name, value in vars(attention).items():
                setattr(self, name, value)

        def forward(self, x: Any) -> Any:
            return attention(x, is_causal=True, need_weights=False)[0]

    return Causal()


Q, K, V = draw(2, 3, 8), draw(2, 4, 8, seed=1), draw(2, 4, 8, seed=2)
LATER = ~np.tri(3, 4, dtype=bool)
PADDED = np.arange(4) >= np.array([[4], [2]])

ATTENTION: dict[str, Case] = {
    "MultiheadAttention": _attention(Q),
    "MultiheadAttention crossed": _attention(Q, K, V, bias=False),
    "MultiheadAttention of other sizes": _attention(Q, draw(2, 4, 5), draw(2, 4, 6), kdim=5,
                                                    vdim=6),
    "MultiheadAttention masks": _attention(
        Q, K, V, masks=lambda t: {"attn_mask": t(LATER), "key_padding_mask": t(PADDED),
                                  "average_attn_weights": False}),
    "MultiheadAttention mask of heads": _attention(
        Q, K, V, masks=lambda t: {"attn_mask": t(draw(4, 3, 4, seed=5))}),
    "MultiheadAttention causal": _attention(
        Q, masks=lambda t: {"attn_mask": t(~np.tri(3, dtype=bool)), "is_causal": True},
        weights=False),
    "MultiheadAttention kv": _attention(
        Q, K, V, add_bias_kv=True, add_zero_attn=True, masks=lambda t: {"attn_mask": t(LATER)}),
    "MultiheadAttention time first": _attention(
        *(np.ascontiguousarray(x.transpose(1, 0, 2)) for x in (Q, K, V)), batch_first=False),
    "MultiheadAttention one example": _attention(Q[0]),
    "MultiheadAttention grouped": Case(_causal_grouped, TheirGrouped, [Q]),
}


def _layer(name: str, *inputs: np.ndarray, masks: Callable[[Any], dict[str, Any]] | None = None,
           wrap: str = "", **options: Any) -> Case:
    """A transformer's block of 8 features, 2 heads and 12 hidden ones, or two under a norm."""
    def make(library: Any, **more: Any) -> Any:
        layer = getattr(library, name)(8, 2, 12, 0.0, **options, **more)
        if not wrap:
            return layer
        fast = {"enable_nested_tensor": False} if more and wrap == "TransformerEncoder" else {}
        return getattr(library, wrap)(layer, 2, library.LayerNorm(8), **fast)

    def call(convert: Callable[[np.ndarray], Any]) -> Callable[..., Any]:
        return lambda part, *given: part(*given, **(masks(convert) if masks else {}))

    return Case(lambda: Called(make(nn), call(lm.tensor)),
                lambda: their_called(make(torch_nn(), batch_first=True), call(_torch_tensor)),
                list(inputs))


def _transformer(**options: Any) -> Case:
    arguments = (8, 2, 1, 2, 12, 0.0)
    mask = np.triu(np.full((3, 3), -np.inf, np.float32), 1)
    return Case(lambda: Called(nn.Transformer(*arguments, **options),
                               lambda part, x, y: part(x, y, tgt_is_causal=True)),
                lambda: their_called(
                    _quietly(lambda: torch_nn().Transformer(
                        *arguments, **{"batch_first": True, **options})),
                    lambda part, x, y: part(x, y, tgt_mask=_torch_tensor(mask))),
                [K, Q])


SQUARE = ~np.tri(4, dtype=bool)
TRANSFORMER: dict[str, Case] = {
    "TransformerEncoderLayer": _layer("TransformerEncoderLayer", K),
    "TransformerEncoderLayer masks": _layer(
        "TransformerEncoderLayer", K, activation="gelu", norm_first=True, bias=False,
        masks=lambda t: {"src_mask": t(SQUARE), "src_key_padding_mask": t(PADDED)}),
    "TransformerDecoderLayer": _layer("TransformerDecoderLayer", Q, K, activation="gelu"),
    "TransformerDecoderLayer masks": _layer(
        "TransformerDecoderLayer", Q, K, norm_first=True,
        masks=lambda t: {"tgt_mask": t(~np.tri(3, dtype=bool)), "memory_mask": t(LATER),
                         "memory_key_padding_mask": t(PADDED)}),
    "TransformerEncoder": _layer("TransformerEncoderLayer", K, wrap="TransformerEncoder",
                                 masks=lambda t: {"mask": t(SQUARE)}),
    "TransformerDecoder": _layer("TransformerDecoderLayer", Q, K, wrap="TransformerDecoder"),
    "Transformer": _transformer(),
    "Transformer pre-norm": _transformer(norm_first=True, bias=False, activation="gelu"),
}


def _their_sinusoidal(x: Any) -> Any:
    import torch

    angles = torch.arange(x.shape[-2])[:, None] * torch.exp(
        torch.arange(0, x.shape[-1], 2, dtype=torch.float64) * (-np.log(1e4) / x.shape[-1]))
    table = torch.zeros(x.shape[-2:])
    table[:, 0::2], table[:, 1::2] = torch.sin(angles), torch.cos(angles)
    return x + table


def _their_rotary(x: Any, interleaved: bool = True) -> Any:
    """Complex numbers times exp(i angle)."""
    import torch

    half = x.shape[-1] // 2
    angles = torch.arange(x.shape[-2])[:, None] * 1e4 ** (-torch.arange(half) / half)
    turn = torch.polar(torch.ones_like(angles), angles)
    pairs = x.unflatten(-1, (half, 2)) if interleaved else x.unflatten(-1, (2, half)).mT
    turned = torch.view_as_real(torch.view_as_complex(pairs.contiguous()) * turn)
    return (turned if interleaved else turned.mT).flatten(-2)


def _their_learned() -> Any:
    """An embedding of 0 .. time - 1."""
    import torch

    class Learned(torch.nn.Embedding):
        def forward(self, x: Any) -> Any:
            return x + super().forward(torch.arange(x.shape[-2]))

    return Learned(9, 8)


POSITIONS: dict[str, Case] = {
    "SinusoidalPositions": Case(lambda: nn.SinusoidalPositions(8).forward,
                                lambda: _their_sinusoidal,
                                [draw(2, 30, 8)]),
    "RotaryPositions": Case(lambda: nn.RotaryPositions(8).forward, lambda: _their_rotary,
                            [draw(2, 3, 30, 8)]),
    "RotaryPositions of halves": Case(
        lambda: nn.RotaryPositions(8, interleaved=False).forward,
        lambda: lambda x: _their_rotary(x, interleaved=False), [draw(2, 3, 30, 8)]),
    "LearnedPositions": Case(lambda: nn.LearnedPositions(9, 8), _their_learned, [K]),
}

SEQUENCES: dict[str, Case] = {**RECURRENT, **ATTENTION, **TRANSFORMER, **POSITIONS}
