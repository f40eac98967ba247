"""Inverse roots of symmetric positive matrices, in matrix products alone.

In: a matrix. Out: its inverse p-th root, as part of the program.
"""

from __future__ import annotations

from lamina.optim.trust import norm
from lamina.tensor import Tensor, abs, eye, logical_and, tensor, while_loop

_TURNS = 100  # far more than a matrix of condition 1e12 needs
_CLOSE = 1e-11
RIDGE = 1e-6  # added to the diagonal, times the norm: what roundings take away (Anil et al. 2020)


def inverse_root(matrix: Tensor, power: int) -> Tensor:
    """(A + 1e-6 |A| I)^(-1/power) of a symmetric positive `matrix` A, `[n, n]` float64.

    Coupled Newton iteration (Guo and Higham 2006, section 4; Anil et al. 2020, algorithm 1):
    M = z A and X = z^(1/power) I, where z = (1 + power) / (2 |A|); then, until M is the identity,
    N = ((1 + power) I - M) / power; M = N^power M; X = X N.
    """
    unit = eye(matrix.shape[0], dtype=matrix.dtype)
    matrix = matrix + RIDGE * norm(matrix) * unit
    scale = (1.0 + power) / (2.0 * norm(matrix))

    def turn(carry: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        count, m, x = carry
        change = ((1.0 + power) * unit - m) / power
        return count + 1, _power(change, power) @ m, x @ change

    def is_far(carry: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        return logical_and(carry[0] < _TURNS, abs(carry[1] - unit).max() > _CLOSE)

    start = (tensor(0), scale * matrix, scale ** (1.0 / power) * unit)
    return while_loop(is_far, turn, start)[2]


def _power(matrix: Tensor, exponent: int) -> Tensor:
    """By squaring: the exponents are even."""
    if exponent == 1:
        return matrix
    half = _power(matrix, exponent // 2)
    return half @ half @ matrix if exponent % 2 else half @ half
