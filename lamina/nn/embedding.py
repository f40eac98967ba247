"""Embedding: a table of trained rows, read by number."""

from __future__ import annotations

from lamina import functional as F
from lamina.functional.arguments import check_counts
from lamina.nn.module import Module
from lamina.nn.parameter import Parameter
from lamina.tensor import Tensor, arange, normal, reshape, where


class Embedding(Module):
    """Row `input` of a table: integers `[...]` to `[..., embedding_dim]`.

    weight: `[num_embeddings, embedding_dim]`, standard normal at the start.
    padding_idx: a row that is zero at the start and not trained.

    >>> import lamina as lm
    >>> lm.nn.Embedding(100, 16)(lm.tensor([[1, 2, 3]])).shape
    (1, 3, 16)
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None
    ) -> None:
        check_counts("Embedding", 1, num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None:
            check_counts("Embedding", -num_embeddings, padding_idx=padding_idx)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        start = normal((num_embeddings, embedding_dim), 0.0, 1.0)
        if padding_idx is not None:
            self.padding_idx = padding_idx % num_embeddings
            rows = reshape(arange(num_embeddings), (num_embeddings, 1))
            start = where(rows == self.padding_idx, 0.0, start)
        self.weight = Parameter(start)

    def forward(self, input: Tensor) -> Tensor:
        """input: integers, any shape."""
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """`1000 x 64`."""
        return f"{self.num_embeddings} x {self.embedding_dim}"
