"""Dropout: random zeros while training, nothing in evaluation."""

from __future__ import annotations

from lamina import functional as F
from lamina.errors import ArgumentError
from lamina.nn.module import Module
from lamina.tensor import Tensor


class Dropout(Module):
    """Zeros with probability `p`, the rest scaled by 1 / (1 - p) (Srivastava et al. 2014)."""

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= p <= 1:
            raise ArgumentError(
                "Dropout",
                operands=[("p", repr(p))],
                rule="p is a probability, between 0 and 1",
                got=p,
            )
        self.p = p

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.dropout(input, self.p, self.training)

    def extra_repr(self) -> str:
        """The probability."""
        return f"{self.p}"
