"""Random zeros: of elements, of channels, of whole examples.

In and out: a float tensor; outside training the input itself. Draws come from `lm.seed`.
"""

from __future__ import annotations

from math import sqrt

from lamina.errors import ShapeError
from lamina.functional.activations import SELU_ALPHA, SELU_SCALE
from lamina.functional.arguments import check_choice, check_probability
from lamina.functional.operands import (
    CHANNELS_LAST,
    check_float,
    check_tensors,
    checked_format,
    describe,
)
from lamina.functional.windows import axis_names
from lamina.tensor import Tensor, bernoulli, ones, where
from lamina.tensor import dropout as drop


def dropout(input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Zeros with probability `p`, the rest scaled by 1 / (1 - p); the input if not `training`.

    Srivastava et al. 2014, section 4.
    """
    check_tensors("dropout", input=input)
    check_probability("dropout", p)
    if not training or p == 0:
        return input
    return input * 0.0 if p == 1 else drop(input, p)


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, data_format: str = CHANNELS_LAST
) -> Tensor:
    """Whole channels of `[batch, length, channels]` zeroed; see `dropout2d`."""
    return _channels_dropped(1, input, p, training, data_format)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, data_format: str = CHANNELS_LAST
) -> Tensor:
    """Whole channels of `[batch, height, width, channels]` zeroed with probability `p`.

    Each example draws its own; the rest is scaled by 1 / (1 - p) (Tompson et al. 2014, section
    3.2: neighbours are alike, so zeroing single pixels hides little).
    """
    return _channels_dropped(2, input, p, training, data_format)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, data_format: str = CHANNELS_LAST
) -> Tensor:
    """Whole channels of `[batch, depth, height, width, channels]` zeroed; see `dropout2d`."""
    return _channels_dropped(3, input, p, training, data_format)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False) -> Tensor:
    """Elements set to SELU's lower limit with probability `p`, then mean and variance restored.

    a (x m + limit (1 - m)) + b with limit = -scale alpha, a = ((1 - p) (1 + p limit^2))^(-1/2),
    b = -a p limit (Klambauer et al. 2017, section 3, "New dropout technique").
    """
    check_float("alpha_dropout", input=input)
    check_probability("alpha_dropout", p)
    if not training or p == 0:
        return input
    if p == 1:
        return input * 0.0
    limit = -SELU_SCALE * SELU_ALPHA
    a = 1 / sqrt((1 - p) * (1 + p * limit * limit))
    kept = bernoulli(1 - p, input.shape)
    return where(kept, input, limit) * a - a * p * limit


def stochastic_depth(
    input: Tensor, p: float, mode: str = "row", training: bool = True
) -> Tensor:
    """A residual branch left out at random: x + stochastic_depth(branch(x), p).

    p: the probability of zeros; what stays is scaled by 1 / (1 - p). mode: "row" draws for each
    example, "batch" once for all (Huang et al. 2016, equation 2; scaled while training instead of
    in evaluation).
    """
    check_float("stochastic_depth", input=input)
    check_probability("stochastic_depth", p)
    check_choice("stochastic_depth", "mode", mode, ("row", "batch"))
    if not training or p == 0:
        return input
    if p == 1:
        return input * 0.0
    rows = input.shape[:1] if mode == "row" else (1,) * min(input.ndim, 1)
    return input * drop(ones((*rows, *[1] * (input.ndim - 1)), dtype=input.dtype), p)


def _channels_dropped(
    rank: int, input: Tensor, p: float, training: bool, data_format: str
) -> Tensor:
    op = f"dropout{rank}d"
    check_float(op, input=input)
    check_probability(op, p)
    last = checked_format(data_format) == CHANNELS_LAST
    if input.ndim != rank + 2:
        raise ShapeError(
            op,
            operands=[("input", describe(input))],
            rule=f"input is [{', '.join(axis_names(rank, data_format))}]",
            got=input.shape,
        )
    if not training or p == 0:
        return input
    if p == 1:
        return input * 0.0
    space = (1,) * rank
    batch, channels = input.shape[0], input.shape[-1 if last else 1]
    shape = (batch, *space, channels) if last else (batch, channels, *space)
    return input * drop(ones(shape, dtype=input.dtype), p)
