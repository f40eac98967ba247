"""Losses between two tensors of the same shape, and a mean or a share of their difference.

In: input and target of one shape, not broadcast. Out: 0-d for "mean" and "sum", that shape for
"none".
"""

from __future__ import annotations

from math import log

from lamina.functional.activations import softplus
from lamina.functional.arguments import check_at_least, check_positive, check_probability
from lamina.functional.operands import check_float, check_same_shape
from lamina.functional.reductions import reduce_loss
from lamina.tensor import Tensor, maximum, where
from lamina.tensor import abs as absolute


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """(input - target)^2.

    >>> import lamina as lm
    >>> lm.functional.mse_loss(lm.tensor([1.0, 2.0]), lm.tensor([1.0, 4.0])).item()
    2.0
    """
    difference = _difference("mse_loss", input, target)
    return reduce_loss("mse_loss", difference * difference, reduction)


def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """|input - target|."""
    return reduce_loss("l1_loss", absolute(_difference("l1_loss", input, target)), reduction)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0
) -> Tensor:
    """d^2 / 2 where d = |input - target| is within `delta`, else delta (d - delta / 2).

    Huber 1964, equation 2 of section 4.
    """
    check_positive("huber_loss", delta=delta)
    distance = absolute(_difference("huber_loss", input, target))
    losses = where(distance < delta, 0.5 * distance * distance, delta * (distance - 0.5 * delta))
    return reduce_loss("huber_loss", losses, reduction)


def smooth_l1_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """The Huber loss of delta = `beta`, divided by `beta` (Girshick 2015, equation 3)."""
    check_at_least("smooth_l1_loss", 0, beta=beta)
    if beta == 0:
        return l1_loss(input, target, reduction)
    return huber_loss(input, target, reduction, delta=beta) / beta


def log_cosh_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """log cosh(input - target): near d^2 / 2 for small differences, |d| - log 2 for large ones.

    Written as d + log(1 + exp(-2 d)) - log 2, which does not overflow.
    """
    difference = _difference("log_cosh_loss", input, target)
    losses = difference + softplus(-2.0 * difference) - log(2.0)
    return reduce_loss("log_cosh_loss", losses, reduction)


def quantile_loss(
    input: Tensor, target: Tensor, quantile: float = 0.5, reduction: str = "mean"
) -> Tensor:
    """The pinball loss: quantile * d where d = target - input is positive, else (quantile - 1) * d.

    Its minimum is the `quantile` of the targets; 0.5 is half the L1 loss (Koenker and Bassett 1978,
    equation 3.1).

    >>> import lamina as lm
    >>> lm.functional.quantile_loss(lm.tensor([0.0]), lm.tensor([2.0]), quantile=0.75).item()
    1.5
    """
    check_probability("quantile_loss", quantile, name="quantile")
    difference = -_difference("quantile_loss", input, target)
    losses = maximum(quantile * difference, (quantile - 1.0) * difference)
    return reduce_loss("quantile_loss", losses, reduction)


def _difference(op: str, input: Tensor, target: Tensor) -> Tensor:
    check_same_shape(op, input, target)
    check_float(op, input=input, target=target)
    return input - target
