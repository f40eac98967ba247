"""Networks that say which noise is in noisy data, told how much there is.

In: `[batch, ...]`, and the time of each example, `[batch]`. Out: the shape of the data.
"""

from __future__ import annotations

from math import log

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_counts
from lamina.functional.operands import check_tensors, describe
from lamina.generative.arguments import check_rows
from lamina.nn import LayerNorm, Linear, Module, SiLU, init
from lamina.tensor import Tensor, arange, concat, exp


def time_embedding(t: Tensor, dim: int, longest: float = 10000.0) -> Tensor:
    """sin and cos of t at dim / 2 frequencies from 1 to 1 / longest: `[batch]` to `[batch, dim]`.

    Vaswani et al. 2017, section 3.5, as Ho et al. 2020 take it.

    >>> import lamina as lm
    >>> time_embedding(lm.tensor([0.0]), 4).tolist()
    [[0.0, 0.0, 1.0, 1.0]]
    """
    check_tensors("time_embedding", t=t)
    check_counts("time_embedding", 2, dim=dim)
    if dim % 2 or t.ndim != 1:
        raise (ArgumentError if dim % 2 else ShapeError)(
            "time_embedding", operands=[("t", describe(t)), ("dim", str(dim))],
            rule="t is [batch], and dim is even")
    frequencies = exp(arange(dim // 2).astype("float32") * (-log(longest) / (dim // 2)))
    angles = t.astype("float32")[:, None] * frequencies
    return concat([angles.sin(), angles.cos()], 1)


class MLPDenoiser(Module):
    """Residual blocks over the features, each moved by the time: `[batch, features]`, `[batch]`.

    >>> import lamina as lm
    >>> lm.generative.MLPDenoiser(2)(lm.zeros((5, 2)), lm.zeros(5)).shape
    (5, 2)
    """

    def __init__(self, features: int, hidden: int = 128, blocks: int = 3) -> None:
        check_counts("MLPDenoiser", 1, features=features, hidden=hidden, blocks=blocks)
        if hidden % 2:
            raise ArgumentError("MLPDenoiser", operands=[("hidden", str(hidden))], got=hidden,
                                rule="hidden is even: the time has a sine and a cosine each")
        self.features = features
        self.hidden = hidden
        self.time = Linear(hidden, hidden)
        self.first = Linear(features, hidden)
        self.blocks = [_Block(hidden) for _ in range(blocks)]
        self.last = Linear(hidden, features)
        self.last.weight.assign(init.zeros(self.last.weight.shape))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """x: `[batch, features]`; t: `[batch]`."""
        check_rows("MLPDenoiser", x, self.features, "x")
        now = self.time(time_embedding(t, self.hidden).astype(x.dtype)).silu()
        h = self.first(x)
        for block in self.blocks:
            h = block(h, now)
        return self.last(h.silu())


class _Block(Module):
    """h + two linear layers of it and the time."""

    def __init__(self, hidden: int) -> None:
        self.norm = LayerNorm(hidden)
        self.inside = Linear(hidden, hidden)
        self.time = Linear(hidden, hidden)
        self.act = SiLU()
        self.outside = Linear(hidden, hidden)

    def forward(self, h: Tensor, now: Tensor) -> Tensor:
        """h, now: `[batch, hidden]`."""
        return h + self.outside(self.act(self.inside(self.norm(h)) + self.time(now)))
