"""Starting values for parameters.

In: a shape, in PyTorch's weight layouts (`[out, in, *kernel]`). Out: a Tensor, drawn from the
global generator (`lm.seed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod, sqrt

from lamina.tensor import Tensor, uniform

Shape = Sequence[int]


def fan_in(shape: Shape) -> int:
    """Inputs that one output of a weight `[out, in, *kernel]` sums over."""
    return prod(shape[1:])


def fan_out(shape: Shape) -> int:
    """Outputs that one input of a weight `[out, in, *kernel]` feeds."""
    return shape[0] * prod(shape[2:])


def kaiming_uniform(shape: Shape, a: float = sqrt(5)) -> Tensor:
    """Uniform within sqrt(6 / ((1 + a^2) fan_in)) of zero (He et al. 2015, eq. 14).

    a: slope of the leaky ReLU that follows. The default is PyTorch's for its layers: the bound is
    then 1 / sqrt(fan_in).
    """
    bound = sqrt(6 / ((1 + a * a) * max(fan_in(shape), 1)))
    return uniform(tuple(shape), -bound, bound)


def xavier_uniform(shape: Shape, gain: float = 1.0) -> Tensor:
    """Uniform within gain sqrt(6 / (fan_in + fan_out)) of zero (Glorot and Bengio 2010, eq. 16)."""
    bound = gain * sqrt(6 / max(fan_in(shape) + fan_out(shape), 1))
    return uniform(tuple(shape), -bound, bound)


def bias_uniform(size: int, weight_shape: Shape) -> Tensor:
    """Uniform within 1 / sqrt(fan_in) of zero, as PyTorch starts the bias of Linear and Conv."""
    bound = 1 / sqrt(max(fan_in(weight_shape), 1))
    return uniform((size,), -bound, bound)
