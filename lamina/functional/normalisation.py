"""Normalisation over the features of one example, or over the examples of one feature."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from lamina.errors import ShapeError
from lamina.functional.arguments import check_counts
from lamina.functional.operands import CHANNELS_LAST, check_tensors, checked_format, describe
from lamina.tensor import Tensor, no_grad, reshape, sqrt
from lamina.tensor import layer_norm as layer_norm_over


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
    check_tensors("layer_norm", input=input)
    shape = sizes_of("layer_norm", normalized_shape)
    if not shape or input.shape[-len(shape):] != shape:
        raise ShapeError(
            "layer_norm",
            operands=[("input", describe(input)), ("normalized_shape", str(list(shape)))],
            rule="the last axes of the input have the sizes in normalized_shape",
            hint=f"LayerNorm({input.shape[-1]})" if input.ndim and len(shape) == 1 else "",
            expected=shape,
            got=input.shape,
        )
    axes = tuple(range(-len(shape), 0))
    return layer_norm_over(input, weight, bias, axes, eps)


def sizes_of(op: str, normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    """An int, or several, as a tuple; raises ArgumentError."""
    sizes = normalized_shape if isinstance(normalized_shape, list | tuple) else (normalized_shape,)
    for size in sizes:
        check_counts(op, 0, normalized_shape=size)
    return tuple(sizes)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
    data_format: str = CHANNELS_LAST,
) -> Tensor:
    """(input - mean) / sqrt(var + eps) * weight + bias for each channel.

    Ioffe and Szegedy 2015, algorithms 1 and 2. training: mean and variance are those of the batch,
    and `momentum` of them (the variance unbiased) goes into the running ones; otherwise, or without
    running ones, see PyTorch: the running ones are used where given, else the batch's.
    input: `[batch, *space, channels]` or `[batch, channels, *space]`; the rest `[channels]`.
    """
    check_tensors("batch_norm", input=input, **{
        name: value
        for name, value in (("running_mean", running_mean), ("running_var", running_var),
                            ("weight", weight), ("bias", bias))
        if value is not None})
    axis = input.ndim - 1 if checked_format(data_format) == CHANNELS_LAST else 1
    axes = tuple(i for i in range(input.ndim) if i != axis)
    if training or running_mean is None or running_var is None:
        _check_count(input, axes)
        mean = input.mean(axis=axes)
        var = input.var(axis=axes)
        if training and running_mean is not None and running_var is not None:
            unbiased = input.detach().var(axis=axes, correction=1)
            _follow(running_mean, mean.detach(), momentum)
            _follow(running_var, unbiased, momentum)
    else:
        mean, var = running_mean, running_var
    shape = tuple(-1 if i == axis else 1 for i in range(input.ndim))
    result = (input - _across(mean, shape)) / _across(sqrt(var + eps), shape)
    if weight is not None:
        result = result * _across(weight, shape)
    return result if bias is None else result + _across(bias, shape)


def _across(value: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`[channels]` in the place of the channels; nothing to do where they come last."""
    return value if shape[-1] == -1 else reshape(value, shape)


def _follow(running: Tensor, value: Tensor, momentum: float | Tensor) -> None:
    with no_grad():
        running.assign(running + momentum * (value.astype(running.dtype) - running))


def _check_count(input: Tensor, axes: tuple[int, ...]) -> None:
    if prod(input.shape[i] for i in axes) == 1:
        raise ShapeError(
            "batch_norm",
            operands=[("input", describe(input))],
            rule="a batch statistic needs more than one value for each channel",
            hint="model.eval(), or Loader(..., drop_last=True) if this is the last, short batch",
            got=input.shape,
        )
