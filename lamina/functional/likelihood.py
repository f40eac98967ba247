"""Losses that are the negative log likelihood, or the divergence, of a distribution.

In: parameters of the distribution, and a target of the same shape. Out: 0-d for "mean" and "sum",
that shape for "none".
"""

from __future__ import annotations

from math import log as log_of
from math import pi

from lamina.errors import ShapeError
from lamina.functional.arguments import check_at_least, check_positive
from lamina.functional.operands import check_float, check_same_shape, check_tensors, describe
from lamina.functional.reductions import REDUCTIONS, check_reduction, reduce_loss
from lamina.tensor import Tensor, exp, log, where


def kl_div(
    input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """target (log target - input), input log probabilities: the terms of KL(target || input).

    Kullback and Leibler 1951, equation 2.4. log_target: the target is log probabilities too.
    reduction: also "batchmean", the sum divided by the size of the first axis, which is the mean
    divergence; "mean" divides by the number of elements, as PyTorch does.
    """
    check_reduction("kl_div", reduction, (*REDUCTIONS, "batchmean"))
    check_same_shape("kl_div", input, target)
    check_float("kl_div", input=input, target=target)
    if log_target:
        losses = exp(target) * (target - input)
    else:
        some = target > 0
        logs = log(where(some, target, 1.0))  # 0 log 0 is 0
        losses = target * (logs - input)
    if reduction != "batchmean":
        return reduce_loss("kl_div", losses, reduction)
    if losses.ndim == 0 or 0 in losses.shape:
        raise ShapeError(
            "kl_div",
            operands=[("input", describe(input))],
            rule='reduction "batchmean" divides by the size of the first axis, at least 1',
            got=input.shape,
        )
    return losses.sum() / losses.shape[0]


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """rate - target log rate: the negative log likelihood of counts, without log target!.

    input: log rates, or with `log_input=False` rates, to which `eps` is added in the logarithm.
    full: add Stirling's approximation of log target! for targets above 1,
    target log target - target + log(2 pi target) / 2.
    """
    op = "poisson_nll_loss"
    check_at_least(op, 0, eps=eps)
    check_same_shape(op, input, target)
    check_float(op, input=input, target=target)
    if log_input:
        losses = exp(input) - target * input
    else:
        losses = input - target * log(input + eps)
    if full:
        many = target > 1
        count = where(many, target, 1.0)
        stirling = count * log(count) - count + 0.5 * log(2 * pi * count)
        losses = losses + where(many, stirling, 0.0)
    return reduce_loss(op, losses, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(log var + (input - target)^2 / var) / 2 (Nix and Weigend 1994, equation 3).

    input: means, of the target's shape. var: variances, of that shape, or with a last axis of 1 or
    none for one variance over the last axis; those below `eps` count as `eps`, and their gradient
    is that at `eps`. full: add log(2 pi) / 2.
    """
    op = "gaussian_nll_loss"
    check_positive(op, eps=eps)
    check_same_shape(op, input, target)
    check_float(op, input=input, target=target, var=var)
    var = _broadcast_variance(input, var)
    var = where(var < eps, eps + (var - var.detach()), var)
    difference = input - target
    losses = 0.5 * (log(var) + difference * difference / var)
    if full:
        losses = losses + 0.5 * log_of(2 * pi)
    return reduce_loss(op, losses, reduction)


def _broadcast_variance(input: Tensor, var: Tensor) -> Tensor:
    check_tensors("gaussian_nll_loss", var=var)
    if var.shape == input.shape or (input.ndim and var.shape == (*input.shape[:-1], 1)):
        return var
    if input.ndim and var.shape == input.shape[:-1]:
        return var[..., None]
    raise ShapeError(
        "gaussian_nll_loss",
        operands=[("input", describe(input)), ("var", describe(var))],
        rule="var has the shape of input, its last axis may be 1 or missing",
        expected=input.shape,
        got=var.shape,
    )
