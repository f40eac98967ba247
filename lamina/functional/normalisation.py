"""Normalisation of one example by itself: over its features, in groups, or over near channels."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.errors import ShapeError
from lamina.functional.arguments import check_counts
from lamina.functional.operands import (
    CHANNELS_LAST,
    check_float,
    check_tensors,
    checked_format,
    describe,
)
from lamina.tensor import Tensor, pad, reshape, sqrt
from lamina.tensor import layer_norm as layer_norm_over
from lamina.tensor import rms_norm as rms_norm_over
from lamina.tensor.precision import kept_narrow

# Binary digits after the point: 2 to the power of minus this is the step at 1.
_DIGITS = {"bfloat16": 7, "float16": 10, "float32": 23, "float64": 52}


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(input - mean) / sqrt(var + eps) * weight + bias over the last axes (Ba et al. 2016, eq. 4).

    normalized_shape: the sizes of those axes; weight and bias have this shape.
    """
    axes = _last_axes("layer_norm", "LayerNorm", input, normalized_shape)
    return layer_norm_over(input, weight, bias, axes, eps)


def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """input / sqrt(mean(input^2) + eps) * weight over the last axes.

    Zhang and Sennrich 2019, equation 4.

    normalized_shape: the sizes of those axes; weight has this shape. eps: the smallest number that
    changes 1 in the dtype of the input, unless given.
    """
    axes = _last_axes("rms_norm", "RMSNorm", input, normalized_shape)
    smallest = 2.0 ** -_DIGITS.get(input.dtype.name, 23)
    return rms_norm_over(input, weight, axes, smallest if eps is None else eps)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    data_format: str = CHANNELS_LAST,
) -> Tensor:
    """(input - mean) / sqrt(var + eps) * weight + bias, mean and variance over groups of channels.

    Wu and He 2018, equations 1 to 7. input: `[batch, *space, channels]` or
    `[batch, channels, *space]`; weight, bias: `[channels]`; `num_groups` divides the channels.
    """
    check_float("group_norm", input=input)
    check_counts("group_norm", 1, num_groups=num_groups)
    last = checked_format(data_format) == CHANNELS_LAST
    axis = input.ndim - 1 if last else 1
    if input.ndim < 2 or input.shape[axis] % num_groups:
        raise ShapeError(
            "group_norm",
            operands=[("input", describe(input)), ("num_groups", str(num_groups))],
            rule="input has batch and channels, and num_groups divides the channels",
            got=input.shape,
        )
    channels = input.shape[axis]
    split = (*input.shape[:axis], num_groups, channels // num_groups, *input.shape[axis + 1:])
    parts = reshape(input, split)
    axes = tuple(i for i in range(1, parts.ndim) if i != axis)
    mean, var = parts.mean(axis=axes, keepdims=True), parts.var(axis=axes, keepdims=True)
    result = reshape((parts - mean) / sqrt(var + eps), input.shape)
    shape = (channels, *[1] * (input.ndim - 1 - axis))
    if weight is not None:
        result = result * reshape(weight, shape)
    return kept_narrow(result if bias is None else result + reshape(bias, shape), input)


def local_response_norm(
    input: Tensor,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
    data_format: str = CHANNELS_LAST,
) -> Tensor:
    """input / (k + alpha / size * sum of input^2 over `size` near channels)^beta.

    Krizhevsky et al. 2012, section 3.3, with alpha divided by the size as in PyTorch.
    input: `[batch, *space, channels]` or `[batch, channels, *space]`.
    """
    check_float("local_response_norm", input=input)
    check_counts("local_response_norm", 1, size=size)
    last = checked_format(data_format) == CHANNELS_LAST
    if input.ndim < 3:
        raise ShapeError("local_response_norm", operands=[("input", describe(input))],
                         rule="input has batch, channels and at least one axis of space",
                         got=input.shape)
    axis = input.ndim - 1 if last else 1
    channels = input.shape[axis]
    widths = [(0, 0)] * input.ndim
    widths[axis] = (size // 2, (size - 1) // 2)
    squares = pad(input * input, widths)
    before: tuple[slice, ...] = (slice(None),) * axis
    total = squares[(*before, slice(0, channels))]
    for start in range(1, size):
        total = total + squares[(*before, slice(start, start + channels))]
    return kept_narrow(input / (k + total * (alpha / size)) ** beta, input)


def _last_axes(
    op: str, layer: str, input: Tensor, normalized_shape: int | Sequence[int]
) -> tuple[int, ...]:
    """The axes to normalise over; raises ShapeError where their sizes differ."""
    check_tensors(op, input=input)
    shape = sizes_of(op, normalized_shape)
    if not shape or input.shape[-len(shape):] != shape:
        raise ShapeError(
            op,
            operands=[("input", describe(input)), ("normalized_shape", str(list(shape)))],
            rule="the last axes of the input have the sizes in normalized_shape",
            hint=f"{layer}({input.shape[-1]})" if input.ndim and len(shape) == 1 else "",
            expected=shape,
            got=input.shape,
        )
    return tuple(range(-len(shape), 0))


def sizes_of(op: str, normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    """An int, or several, as a tuple; raises ArgumentError."""
    sizes = normalized_shape if isinstance(normalized_shape, list | tuple) else (normalized_shape,)
    for size in sizes:
        check_counts(op, 0, normalized_shape=size)
    return tuple(sizes)
