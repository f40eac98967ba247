"""Normalisation by the batch: the examples of one feature, or with `instance_norm` one example's.

`normalisation` holds what normalises the features of one example.
"""

from __future__ import annotations

from math import prod

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.operands import (
    CHANNELS_LAST,
    check_float,
    check_tensors,
    checked_format,
    describe,
)
from lamina.tensor import Tensor, no_grad, reshape, sqrt
from lamina.tensor.precision import kept_narrow


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
        _check_count("batch_norm", input, axes)
        mean = input.mean(axis=axes)
        var = input.var(axis=axes)
        if training and running_mean is not None and running_var is not None:
            unbiased = input.detach().var(axis=axes, correction=1)
            _follow(running_mean, mean.detach(), momentum)
            _follow(running_var, unbiased, momentum)
    else:
        mean, var = running_mean, running_var
    shape = tuple(-1 if i == axis else 1 for i in range(input.ndim))
    mean, var = _across(mean, shape), _across(var, shape)
    return _scaled(input, mean, var, weight, bias, eps, shape)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    data_format: str = CHANNELS_LAST,
) -> Tensor:
    """(input - mean) / sqrt(var + eps) * weight + bias for each channel of each example.

    Ulyanov et al. 2016, equation 4. use_input_stats: mean and variance are the example's, and
    `momentum` of their means over the batch (the variance unbiased) goes into the running ones;
    otherwise the running ones are used.
    input: `[batch, *space, channels]` or `[batch, channels, *space]`; the rest `[channels]`.
    """
    check_float("instance_norm", input=input)
    axis = input.ndim - 1 if checked_format(data_format) == CHANNELS_LAST else 1
    if input.ndim < 3:
        raise ShapeError("instance_norm", operands=[("input", describe(input))], got=input.shape,
                         rule="input has batch, channels and at least one axis of space")
    shape = tuple(-1 if i == axis else 1 for i in range(input.ndim))
    if use_input_stats:
        axes = tuple(i for i in range(1, input.ndim) if i != axis)
        _check_count("instance_norm", input, axes)
        mean, var = input.mean(axis=axes, keepdims=True), input.var(axis=axes, keepdims=True)
        if running_mean is not None and running_var is not None:
            unbiased = input.detach().var(axis=axes, correction=1)
            _follow(running_mean, input.detach().mean(axis=axes).mean(axis=0), momentum)
            _follow(running_var, unbiased.mean(axis=0), momentum)
    elif running_mean is None or running_var is None:
        raise ArgumentError("instance_norm", operands=[("use_input_stats", "False")],
                            rule="without running statistics those of the input are used")
    else:
        mean, var = _across(running_mean, shape), _across(running_var, shape)
    return _scaled(input, mean, var, weight, bias, eps, shape)


def _scaled(input: Tensor, mean: Tensor, var: Tensor, weight: Tensor | None, bias: Tensor | None,
            eps: float, shape: tuple[int, ...]) -> Tensor:
    """The normalised input: the factor of each channel is computed first."""
    scale = (1.0 if weight is None else _across(weight, shape)) / sqrt(var + eps)
    result = (input - mean) * scale
    return kept_narrow(result if bias is None else result + _across(bias, shape), input)


def _across(value: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`[channels]` in the place of the channels; nothing to do where they come last."""
    return value if shape[-1] == -1 else reshape(value, shape)


def _follow(running: Tensor, value: Tensor, momentum: float | Tensor) -> None:
    with no_grad():
        running.assign(running + momentum * (value.astype(running.dtype) - running))


def _check_count(op: str, input: Tensor, axes: tuple[int, ...]) -> None:
    if prod(input.shape[i] for i in axes) == 1:
        batch = "model.eval(), or Loader(..., drop_last=True) if this is the last, short batch"
        raise ShapeError(
            op,
            operands=[("input", describe(input))],
            rule="a batch statistic needs more than one value for each channel"
            if op == "batch_norm"
            else "an example has more than one value for each channel",
            hint=batch if op == "batch_norm" else "",
            got=input.shape,
        )
