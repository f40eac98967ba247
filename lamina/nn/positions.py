"""Where in a sequence something stands: sinusoidal, learned and rotary positions.

In: `[..., time, features]`. Out: the same shape. offset: the position of the first time, for
sequences that are continued.
"""

from __future__ import annotations

import numpy as np

from lamina import functional as F
from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_counts, check_positive, check_probability
from lamina.functional.operands import check_float, describe
from lamina.nn.module import Module
from lamina.nn.parameter import Parameter
from lamina.tensor import Tensor, concat, normal, reshape, stack, tensor


def _check_even(op: str, dim: int) -> None:
    check_counts(op, 1, dim=dim)
    if dim % 2:
        raise ArgumentError(op, operands=[("dim", str(dim))],
                            rule="dim is even: features go in pairs", got=dim)


def _check_input(op: str, input: Tensor, dim: int, max_len: int, offset: int) -> None:
    check_float(op, input=input)
    check_counts(op, 0, offset=offset)
    if input.ndim < 2 or input.shape[-1] != dim:
        raise ShapeError(op, operands=[("input", describe(input)), ("dim", str(dim))],
                         rule="input is [..., time, dim]", expected=dim, got=input.shape)
    if offset + input.shape[-2] > max_len:
        raise ShapeError(op, operands=[("input", describe(input)), ("offset", str(offset)),
                                       ("max_len", str(max_len))],
                         rule="offset and time together are at most max_len",
                         hint=f"max_len={offset + input.shape[-2]}", expected=max_len)


def _angles(max_len: int, dim: int, base: float) -> np.ndarray:
    """position / base^(2 i / dim), float64 `[max_len, dim / 2]`."""
    return np.arange(max_len)[:, None] / base ** (np.arange(0, dim, 2) / dim)


class SinusoidalPositions(Module):
    """x + PE, then dropout (Vaswani et al. 2017, section 3.5). Nothing is trained or saved.

    PE(t, 2i) = sin(t / 10000^(2i / dim));  PE(t, 2i + 1) = cos(t / 10000^(2i / dim))

    >>> import lamina as lm
    >>> lm.nn.SinusoidalPositions(4)(lm.zeros((1, 2, 4)))[0, 0].tolist()
    [0.0, 1.0, 0.0, 1.0]
    """

    def __init__(self, dim: int, max_len: int = 5000, dropout: float = 0.0,
                 base: float = 10000.0) -> None:
        _check_even("SinusoidalPositions", dim)
        check_counts("SinusoidalPositions", 1, max_len=max_len)
        check_probability("SinusoidalPositions", dropout, "dropout")
        check_positive("SinusoidalPositions", base=base)
        self.dim = dim
        self.max_len = max_len
        self.dropout = dropout
        angles = _angles(max_len, dim, base)
        table = np.stack([np.sin(angles), np.cos(angles)], -1).reshape(max_len, dim)
        self.table = tensor(table.astype(np.float32))

    def forward(self, input: Tensor, offset: int = 0) -> Tensor:
        """input: `[..., time, dim]`."""
        _check_input("SinusoidalPositions", input, self.dim, self.max_len, offset)
        rows = self.table[offset:offset + input.shape[-2]].astype(input.dtype)
        return F.dropout(input + rows, self.dropout, self.training)

    def extra_repr(self) -> str:
        """The number of features."""
        return str(self.dim)


class LearnedPositions(Module):
    """x + weight[t], a trained row for each position (Gehring et al. 2017; BERT, GPT-2).

    weight: `[max_len, dim]`, normal with standard deviation 0.02 at the start.

    >>> import lamina as lm
    >>> lm.nn.LearnedPositions(16, 8)(lm.zeros((2, 5, 8))).shape
    (2, 5, 8)
    """

    def __init__(self, max_len: int, dim: int) -> None:
        check_counts("LearnedPositions", 1, max_len=max_len, dim=dim)
        self.max_len = max_len
        self.dim = dim
        self.weight = Parameter(normal((max_len, dim), 0.0, 0.02))

    def forward(self, input: Tensor, offset: int = 0) -> Tensor:
        """input: `[..., time, dim]`."""
        _check_input("LearnedPositions", input, self.dim, self.max_len, offset)
        return input + self.weight[offset:offset + input.shape[-2]]

    def extra_repr(self) -> str:
        """`512 x 64`."""
        return f"{self.max_len} x {self.dim}"


class RotaryPositions(Module):
    """Pairs of features turned by angles that grow with the position (Su et al. 2021, eq. 34).

    (x_2i, x_2i+1) turned by t base^(-2i / dim): products of queries and keys then depend on the
    distance of their positions alone. Nothing is trained or saved.
    interleaved: pairs are neighbours, as in the paper; False: feature i goes with i + dim / 2, as
    in LLaMA's weights.

    >>> import lamina as lm
    >>> lm.nn.RotaryPositions(4)(lm.ones((1, 2, 4)))[0, 0].tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    def __init__(self, dim: int, max_len: int = 4096, base: float = 10000.0,
                 interleaved: bool = True) -> None:
        _check_even("RotaryPositions", dim)
        check_counts("RotaryPositions", 1, max_len=max_len)
        check_positive("RotaryPositions", base=base)
        self.dim = dim
        self.max_len = max_len
        self.interleaved = interleaved
        angles = _angles(max_len, dim, base)
        self.cos = tensor(np.cos(angles).astype(np.float32))
        self.sin = tensor(np.sin(angles).astype(np.float32))

    def forward(self, input: Tensor, offset: int = 0) -> Tensor:
        """input: `[..., time, dim]`, queries or keys of one head or of many."""
        _check_input("RotaryPositions", input, self.dim, self.max_len, offset)
        times = slice(offset, offset + input.shape[-2])
        cos, sin = self.cos[times].astype(input.dtype), self.sin[times].astype(input.dtype)
        half = self.dim // 2
        if self.interleaved:
            pairs = reshape(input, (*input.shape[:-1], half, 2))
            a, b = pairs[..., 0], pairs[..., 1]
            turned = stack([a * cos - b * sin, a * sin + b * cos], -1)
            return reshape(turned, input.shape)
        a, b = input[..., :half], input[..., half:]
        return concat([a * cos - b * sin, a * sin + b * cos], -1)

    def extra_repr(self) -> str:
        """The number of features."""
        return str(self.dim)
