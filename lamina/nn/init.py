"""Starting values for parameters.

In: a shape, in PyTorch's weight layouts (`[out, in, *kernel]`). Out: a Tensor, drawn from the
global generator (`lm.seed`). A layer takes them by assignment:

>>> import lamina as lm
>>> layer = lm.nn.Linear(8, 4)
>>> _ = layer.weight.assign(orthogonal(layer.weight.shape))
>>> _ = layer.bias.assign(zeros(layer.bias.shape))

and a whole model with `apply`:

>>> def start(module):
...     if isinstance(module, lm.nn.Linear):
...         module.weight.assign(xavier_uniform(module.weight.shape))
>>> _ = lm.nn.Sequential(layer, lm.nn.ReLU()).apply(start)
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, erf, prod, sqrt

import numpy as np

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_choice, check_counts, check_probability
from lamina.tensor import Tensor, argsort, clip, erfinv, full, tensor, where
from lamina.tensor import normal as normal_draws
from lamina.tensor import ones as ones_of
from lamina.tensor import uniform as uniform_draws
from lamina.tensor import zeros as zeros_of

Shape = Sequence[int]

# He et al. 2015, section 2.2: 1 / sqrt(share of the variance that passes). PyTorch's constants.
GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": sqrt(2),
    "leaky_relu": sqrt(2),  # with slope 0; see calculate_gain
    "selu": 0.75,
}


def fan_in(shape: Shape) -> int:
    """Inputs that one output of a weight `[out, in, *kernel]` sums over."""
    return prod(shape[1:])


def fan_out(shape: Shape) -> int:
    """Outputs that one input of a weight `[out, in, *kernel]` feeds."""
    return shape[0] * prod(shape[2:])


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor of the deviation that keeps the variance through a nonlinearity.

    param: the slope of "leaky_relu", 0.01 unless given; sqrt(2 / (1 + slope^2)) (He et al. 2015,
    equation 14).
    """
    check_choice("calculate_gain", "nonlinearity", nonlinearity, GAINS)
    if nonlinearity != "leaky_relu":
        return GAINS[nonlinearity]
    slope = 0.01 if param is None else param
    return sqrt(2 / (1 + slope * slope))


# ---- plain values --------------------------------------------------------------------------------
def constant(shape: Shape, value: float) -> Tensor:
    """One value everywhere."""
    return full(tuple(shape), float(value))


def zeros(shape: Shape) -> Tensor:
    """Zeros."""
    return zeros_of(tuple(shape))


def ones(shape: Shape) -> Tensor:
    """Ones."""
    return ones_of(tuple(shape))


def eye(shape: Shape) -> Tensor:
    """Ones on the diagonal of a matrix, zeros elsewhere: as much as possible passes unchanged."""
    _check_axes("init.eye", shape, 2, 2)
    return tensor(np.eye(*shape, dtype=np.float32))


def dirac(shape: Shape, groups: int = 1) -> Tensor:
    """A convolution `[out, in / groups, *kernel]` that passes as many channels as it can unchanged.

    Ones in the middle of the kernel where input and output have the same number in their group.
    """
    _check_axes("init.dirac", shape, 3, 5)
    check_counts("init.dirac", 1, groups=groups)
    if shape[0] % groups:
        raise ArgumentError("init.dirac",
                            operands=[("shape", str(list(shape))), ("groups", str(groups))],
                            rule="groups divides the first axis", got=groups)
    value, per_group = np.zeros(tuple(shape), np.float32), shape[0] // groups
    middle = tuple(k // 2 for k in shape[2:])
    for group in range(groups):
        for i in range(min(per_group, shape[1])):
            value[(group * per_group + i, i, *middle)] = 1.0
    return tensor(value)


# ---- draws ---------------------------------------------------------------------------------------
def uniform(shape: Shape, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Uniform between a and b."""
    return uniform_draws(tuple(shape), a, b)


def normal(shape: Shape, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Normal."""
    _check_deviation("init.normal", std)
    return normal_draws(tuple(shape), mean, std)


def trunc_normal(
    shape: Shape, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0
) -> Tensor:
    """Normal within [a, b], by the inverse of the distribution function; not in deviations."""
    _check_deviation("init.trunc_normal", std)
    if not a < b or std == 0:
        raise ArgumentError("init.trunc_normal",
                            operands=[("a", repr(a)), ("b", repr(b)), ("std", repr(std))],
                            rule="a is below b, and std is above 0")
    low, high = (erf((bound - mean) / (std * sqrt(2))) for bound in (a, b))
    draws = erfinv(uniform_draws(tuple(shape), low, high))
    return clip(draws * (std * sqrt(2)) + mean, a, b)


def kaiming_uniform(
    shape: Shape, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """Uniform within gain sqrt(3 / fan) of zero (He et al. 2015, equation 14).

    a: slope of the leaky ReLU that follows. mode: "fan_in" keeps the variance forwards, "fan_out"
    backwards. PyTorch's layers start with a = sqrt(5): the bound is then 1 / sqrt(fan_in).
    """
    bound = sqrt(3) * _kaiming("init.kaiming_uniform", shape, a, mode, nonlinearity)
    return uniform_draws(tuple(shape), -bound, bound)


def kaiming_normal(
    shape: Shape, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """Normal of deviation gain / sqrt(fan) (He et al. 2015, equation 14); see `kaiming_uniform`."""
    deviation = _kaiming("init.kaiming_normal", shape, a, mode, nonlinearity)
    return normal_draws(tuple(shape), 0.0, deviation)


def xavier_uniform(shape: Shape, gain: float = 1.0) -> Tensor:
    """Uniform within gain sqrt(6 / (fan_in + fan_out)) of zero (Glorot and Bengio 2010, eq. 16)."""
    bound = sqrt(3) * _xavier("init.xavier_uniform", shape, gain)
    return uniform_draws(tuple(shape), -bound, bound)


def xavier_normal(shape: Shape, gain: float = 1.0) -> Tensor:
    """Normal of deviation gain sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010, eq. 12)."""
    return normal_draws(tuple(shape), 0.0, _xavier("init.xavier_normal", shape, gain))


def bias_uniform(size: int, weight_shape: Shape) -> Tensor:
    """Uniform within 1 / sqrt(fan_in) of zero, as PyTorch starts the bias of Linear and Conv."""
    bound = 1 / sqrt(max(fan_in(weight_shape), 1))
    return uniform_draws((size,), -bound, bound)


def orthogonal(shape: Shape, gain: float = 1.0) -> Tensor:
    """Rows, or columns if there are fewer, of length `gain` at right angles (Saxe et al. 2013).

    Axes after the first count as one. The matrix is uniformly distributed: Q of the QR of normal
    numbers, with the signs of R's diagonal (Mezzadri 2007, section 5).
    """
    _check_axes("init.orthogonal", shape, 2)
    rows, columns = shape[0], prod(shape[1:])
    draws = normal_draws((rows, columns)).numpy().astype(np.float64)
    q, r = np.linalg.qr(draws.T if rows < columns else draws)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    matrix = q.T if rows < columns else q
    return tensor((gain * matrix).reshape(tuple(shape)).astype(np.float32))


def sparse(shape: Shape, sparsity: float, std: float = 0.01) -> Tensor:
    """Normal, with a share `sparsity` of each column zero (Martens 2010, section 5)."""
    _check_axes("init.sparse", shape, 2, 2)
    check_probability("init.sparse", sparsity)
    count = ceil(sparsity * shape[0])
    places = argsort(argsort(uniform_draws(tuple(shape)), axis=0), axis=0)
    return where(places < count, 0.0, normal(shape, 0.0, std))


# ---- checks --------------------------------------------------------------------------------------
def _kaiming(op: str, shape: Shape, a: float, mode: str, nonlinearity: str) -> float:
    """gain / sqrt(fan)."""
    _check_axes(op, shape, 2)
    check_choice(op, "mode", mode, ("fan_in", "fan_out"))
    fan = fan_in(shape) if mode == "fan_in" else fan_out(shape)
    return calculate_gain(nonlinearity, a) / sqrt(max(fan, 1))


def _xavier(op: str, shape: Shape, gain: float) -> float:
    """gain sqrt(2 / (fan_in + fan_out))."""
    _check_axes(op, shape, 2)
    return gain * sqrt(2 / max(fan_in(shape) + fan_out(shape), 1))


def _check_axes(op: str, shape: Shape, least: int, most: int | None = None) -> None:
    if len(shape) < least or (most is not None and len(shape) > most):
        number = f"{least} or more" if most is None else f"{least} to {most}"
        number = number if least != most else str(least)
        raise ShapeError(op, operands=[("shape", str(list(shape)))],
                         rule=f"the parameter has {number} axes", got=tuple(shape))


def _check_deviation(op: str, std: float) -> None:
    if not std >= 0:
        raise ArgumentError(op, operands=[("std", repr(std))], rule="std is not negative", got=std)
