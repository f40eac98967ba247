"""How near vectors are: cosine similarity, distance, and vectors made of length 1."""

from __future__ import annotations

from lamina.errors import ShapeError
from lamina.functional.arguments import check_positive
from lamina.functional.operands import check_float, describe
from lamina.tensor import Tensor, maximum, sqrt, where
from lamina.tensor import abs as absolute


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim`, between -1 and 1.

    x1, x2: shapes that broadcast; result: that shape without `dim`.
    """
    _check_pair("cosine_similarity", x1, x2)
    dot = (x1 * x2).sum(axis=dim)
    lengths = maximum(_length(x1, dim), eps) * maximum(_length(x2, dim), eps)
    return dot / lengths


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """(sum |x1 - x2 + eps|^p)^(1/p) over the last axis.

    x1, x2: shapes that broadcast, `[..., features]`; result: `[...]`. p: a number above 0, or
    infinity for the largest difference.
    """
    _check_pair("pairwise_distance", x1, x2)
    check_positive("pairwise_distance", p=p)
    difference = absolute(x1 - x2 + eps)
    return vector_norm(difference, p, -1, keepdim)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """input / max(its p-norm along `dim`, eps): vectors of length 1, the zero vector unchanged.

    input: `[..., size of dim, ...]`, any number of axes; result: the same shape.
    """
    check_float("normalize", input=input)
    check_positive("normalize", p=p)
    return input / maximum(vector_norm(absolute(input), p, dim, True), eps)


def vector_norm(sizes: Tensor, p: float, dim: int, keepdim: bool) -> Tensor:
    """The p-norm along an axis of numbers that are not negative; its slope at 0 is 0."""
    if p == float("inf"):
        return sizes.max(axis=dim, keepdims=keepdim)
    if p == 1:
        return sizes.sum(axis=dim, keepdims=keepdim)
    total = (sizes * sizes if p == 2 else sizes**p).sum(axis=dim, keepdims=keepdim)
    is_zero = total == 0
    safe = where(is_zero, 1.0, total)
    return where(is_zero, 0.0, sqrt(safe) if p == 2 else safe ** (1 / p))


def _length(x: Tensor, dim: int) -> Tensor:
    return vector_norm(x, 2.0, dim, False)


def _check_pair(op: str, x1: Tensor, x2: Tensor) -> None:
    check_float(op, x1=x1, x2=x2)
    pairs = zip(reversed(x1.shape), reversed(x2.shape), strict=False)
    if min(x1.ndim, x2.ndim) == 0 or any(a != b and 1 not in (a, b) for a, b in pairs):
        raise ShapeError(
            op,
            operands=[("x1", describe(x1)), ("x2", describe(x2))],
            rule="both have an axis of features, and their shapes broadcast",
        )
