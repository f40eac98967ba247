"""Tables of trained rows, read by number: single rows, and sums of rows over bags."""

from __future__ import annotations

from lamina import functional as F
from lamina.errors import ArgumentError
from lamina.functional.arguments import check_choice, check_counts, check_positive
from lamina.functional.embedding import MODES
from lamina.nn.module import Module
from lamina.nn.parameter import Parameter
from lamina.tensor import Tensor, arange, normal, where


class Embedding(Module):
    """Row `input` of a table: integers `[...]` to `[..., embedding_dim]` (Bengio et al. 2003).

    weight: `[num_embeddings, embedding_dim]`, standard normal at the start.
    padding_idx: a row that is zero at the start and not trained.
    max_norm: rows that are read and whose `norm_type`-norm is larger are shortened in the weight.

    >>> import lamina as lm
    >>> lm.nn.Embedding(100, 16)(lm.tensor([[1, 2, 3]])).shape
    (1, 3, 16)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
    ) -> None:
        check_positive("Embedding", norm_type=norm_type)
        if max_norm is not None:
            check_positive("Embedding", max_norm=max_norm)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = _checked_row("Embedding", num_embeddings, embedding_dim, padding_idx)
        self.weight = Parameter(_table(num_embeddings, embedding_dim, self.padding_idx))

    def forward(self, input: Tensor) -> Tensor:
        """input: integers, any shape."""
        return F.embedding(input, self.weight, self.padding_idx, self.max_norm, self.norm_type)

    def extra_repr(self) -> str:
        """`1000 x 64`."""
        return f"{self.num_embeddings} x {self.embedding_dim}"


class EmbeddingBag(Module):
    """The sum, mean or maximum of rows over bags of numbers, to `[bags, embedding_dim]`.

    Of words, it is the text's vector (Joulin et al. 2017, section 2).
    weight: `[num_embeddings, embedding_dim]`, standard normal at the start.
    mode: "mean", "sum" or "max". padding_idx: a row that counts for nothing in any bag.
    include_last_offset: the last offset is where the last bag ends. max_norm: as in `Embedding`.

    >>> import lamina as lm
    >>> bags = lm.nn.EmbeddingBag(10, 4, mode="sum")
    >>> bags(lm.tensor([1, 2, 4, 5, 4]), lm.tensor([0, 3])).shape
    (2, 4)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        mode: str = "mean",
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
    ) -> None:
        check_positive("EmbeddingBag", norm_type=norm_type)
        if max_norm is not None:
            check_positive("EmbeddingBag", max_norm=max_norm)
        self.max_norm = max_norm
        self.norm_type = norm_type
        check_choice("EmbeddingBag", "mode", mode, MODES)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.mode = mode
        self.include_last_offset = include_last_offset
        self.padding_idx = _checked_row("EmbeddingBag", num_embeddings, embedding_dim, padding_idx)
        self.weight = Parameter(_table(num_embeddings, embedding_dim, self.padding_idx))

    def forward(
        self, input: Tensor, offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        """input: integers `[bags, numbers]`, or `[numbers]` with `offsets` `[bags]`."""
        return F.embedding_bag(input, self.weight, offsets, self.mode, per_sample_weights,
                               self.include_last_offset, self.padding_idx, self.max_norm,
                               self.norm_type)

    def extra_repr(self) -> str:
        """`1000 x 64, mean`."""
        return f"{self.num_embeddings} x {self.embedding_dim}, {self.mode}"


def _checked_row(
    layer: str, num_embeddings: int, embedding_dim: int, padding_idx: int | None
) -> int | None:
    """`padding_idx` from the start of the table; raises ArgumentError if there is no such row."""
    check_counts(layer, 1, num_embeddings=num_embeddings, embedding_dim=embedding_dim)
    if padding_idx is None:
        return None
    if not isinstance(padding_idx, int) or not -num_embeddings <= padding_idx < num_embeddings:
        raise ArgumentError(
            layer,
            operands=[("num_embeddings", str(num_embeddings)), ("padding_idx", repr(padding_idx))],
            rule="padding_idx is the number of a row",
            got=padding_idx,
        )
    return padding_idx % num_embeddings


def _table(num_embeddings: int, embedding_dim: int, padding_idx: int | None) -> Tensor:
    """Standard normal rows, zeros at `padding_idx`."""
    start = normal((num_embeddings, embedding_dim), 0.0, 1.0)
    if padding_idx is None:
        return start
    return where(arange(num_embeddings)[:, None] == padding_idx, 0.0, start)
