"""Activations that are straight lines, or simple curves, by pieces.

In and out: a float tensor of any shape.
"""

from __future__ import annotations

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_numbers
from lamina.functional.operands import (
    CHANNELS_LAST,
    check_float,
    check_tensors,
    checked_format,
    describe,
)
from lamina.tensor import (
    Tensor,
    hardsigmoid,
    hardswish,
    maximum,
    minimum,
    relu6,
    reshape,
    uniform,
    where,
)
from lamina.tensor import abs as absolute
from lamina.tensor import hardtanh as hardtanh_of

__all__ = ["hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "prelu", "relu6",
           "rrelu", "softshrink", "threshold"]


def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """`input` where positive, else `negative_slope * input` (Maas et al. 2013, section 2)."""
    check_tensors("leaky_relu", input=input)
    return where(input > 0, input, input * negative_slope)


def prelu(input: Tensor, weight: Tensor, data_format: str = CHANNELS_LAST) -> Tensor:
    """`input` where positive, else `weight * input` (He et al. 2015, equation 1).

    weight: `[1]` for one slope, or `[channels]`; the channels of the input are its last axis, or
    the second with `data_format="channels_first"`.
    """
    check_float("prelu", input=input, weight=weight)
    last = checked_format(data_format) == CHANNELS_LAST or input.ndim < 2
    channels = input.shape[-1 if last else 1] if input.ndim else 1
    if weight.size != 1 and weight.shape != (channels,):
        raise ShapeError(
            "prelu",
            operands=[("input", describe(input)), ("weight", describe(weight))],
            rule=f"weight has one slope, or one for each of {channels} channels",
            expected=(channels,),
            got=weight.shape,
        )
    if weight.size == 1:
        slope = reshape(weight, ())
    else:
        slope = weight if last else reshape(weight, (channels, *[1] * (input.ndim - 2)))
    return where(input > 0, input, input * slope)


def rrelu(
    input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False
) -> Tensor:
    """`input` where positive, else a slope times it, drawn for each element between the bounds.

    Not `training`: the slope is the middle, (lower + upper) / 2 (Xu et al. 2015, section 2.4).
    """
    check_float("rrelu", input=input)
    check_bounds(lower, upper)
    if not training or lower == upper:
        return leaky_relu(input, (lower + upper) / 2)
    slope = uniform(input.shape, lower, upper, dtype=input.dtype)
    return where(input > 0, input, input * slope)


def check_bounds(lower: float, upper: float) -> None:
    """Raise ArgumentError unless both are numbers, in order."""
    check_numbers("rrelu", lower=lower, upper=upper)
    if not lower <= upper:
        raise ArgumentError(
            "rrelu",
            operands=[("lower", repr(lower)), ("upper", repr(upper))],
            rule="lower is at most upper",
            hint=f"lower={upper!r}, upper={lower!r}",
        )


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """`input` kept between `min_val` and `max_val`."""
    if not min_val <= max_val:
        raise ArgumentError(
            "hardtanh",
            operands=[("min_val", repr(min_val)), ("max_val", repr(max_val))],
            rule="min_val is at most max_val",
            hint=f"min_val={max_val!r}, max_val={min_val!r}",
        )
    return hardtanh_of(input, low=float(min_val), high=float(max_val))


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """`input` where it is farther than `lambd` from 0, else 0."""
    return where(absolute(input) > lambd, input, 0.0)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """`input` moved towards 0 by `lambd`, and 0 where it would pass it.

    Donoho 1995, equation 1.3. Raises ArgumentError for a negative `lambd`.
    """
    check_tensors("softshrink", input=input)
    if lambd < 0:
        raise ArgumentError("softshrink", operands=[("lambd", repr(lambd))],
                            rule="lambd is not negative", got=lambd)
    return maximum(input - lambd, 0.0) + minimum(input + lambd, 0.0)


def threshold(input: Tensor, threshold: float, value: float) -> Tensor:
    """`input` where it is above `threshold`, else `value`."""
    check_tensors("threshold", input=input)
    return where(input > threshold, input, value)
