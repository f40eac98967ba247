"""Ratios of norms, by which LARS and LAMB give each parameter a rate of its own.

In: parameters and steps. Out: 0-d tensors.
"""

from __future__ import annotations

from lamina.tensor import Tensor, logical_and, sqrt, where


def norm(x: Tensor) -> Tensor:
    """Euclidean norm of all elements."""
    return sqrt((x * x).sum())


def trust_ratio(top: Tensor, bottom: Tensor) -> Tensor:
    """top / bottom; 1 unless both are above 0."""
    good = logical_and(top > 0.0, bottom > 0.0)
    return where(good, top / where(good, bottom, 1.0), 1.0)
