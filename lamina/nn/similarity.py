"""Layers that compare two inputs: cosine similarity and distance."""

from __future__ import annotations

from lamina import functional as F
from lamina.functional.arguments import check_at_least, check_axes, check_numbers, check_positive
from lamina.nn.module import Module
from lamina.tensor import Tensor


class CosineSimilarity(Module):
    """x1 x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim`."""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        check_axes("CosineSimilarity", dim=dim)
        check_at_least("CosineSimilarity", 0, eps=eps)
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """x1, x2: shapes that broadcast."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """(sum |x1 - x2 + eps|^p)^(1/p) over the last axis."""

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        check_positive("PairwiseDistance", p=p)
        check_numbers("PairwiseDistance", eps=eps)
        self.p = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """x1, x2: `[..., features]`."""
        return F.pairwise_distance(x1, x2, self.p, self.eps, self.keepdim)
