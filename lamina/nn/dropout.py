"""Dropout: random zeros while training, nothing in evaluation."""

from __future__ import annotations

from lamina import functional as F
from lamina.functional.arguments import check_probability
from lamina.nn.module import Module
from lamina.tensor import Tensor


class Dropout(Module):
    """Zeros with probability `p`, the rest scaled by 1 / (1 - p) (Srivastava et al. 2014)."""

    def __init__(self, p: float = 0.5) -> None:
        check_probability("Dropout", p)
        self.p = p

    def forward(self, input: Tensor) -> Tensor:
        """input: any shape."""
        return F.dropout(input, self.p, self.training)

    def extra_repr(self) -> str:
        """The probability."""
        return f"{self.p}"
