"""Mean and variance, and what is normalised by them: layer, RMS and batch norm.

Composites, as in `ops.composite`. Axes are not negative; what is reduced stays with size 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina.graph.node import Node, Sample, constant
from lamina.ops.broadcasting import unbroadcast
from lamina.ops.composite import Axes, along, composite
from lamina.ops.elementwise import add, divide, maximum, multiply, sqrt, subtract
from lamina.ops.movement import expand
from lamina.ops.reduction import sum_
from lamina.ops.rules import element_count


# ---- statistics ----------------------------------------------------------------------------------
def count_of(x: Node, axes: Axes) -> Node:
    """The number of elements over the axes, as a constant."""
    return constant(element_count(x.shape, axes), x.dtype)


def _mean_vjp(g: Node, y: Node, x: Node, axes: Axes) -> tuple[Node]:
    return (expand(divide(g, count_of(x, axes)), shape=x.shape),)


mean = composite("mean", "The mean over some axes.",
                 lambda x, axes: np.mean(x, axis=axes, keepdims=True, dtype=x.dtype),
                 lambda x, axes: divide(sum_(x, axes=axes), count_of(x, axes)), _mean_vjp,
                 onnx="ReduceMean", samples=along({"axes": (2,)}, {"axes": (0, 1)}, {"axes": ()}))


def _var_divisor(x: Node, axes: Axes, correction: float) -> Node:
    count = count_of(x, axes)
    if not correction:
        return count
    zero = constant(0.0, x.dtype)
    return maximum(subtract(count, constant(correction, x.dtype)), zero)


def _var_body(x: Node, axes: Axes, correction: float) -> Node:
    d = subtract(x, mean(x, axes=axes))
    return divide(sum_(multiply(d, d), axes=axes), _var_divisor(x, axes, correction))


def _var_vjp(g: Node, y: Node, x: Node, axes: Axes, correction: float) -> tuple[Node]:
    scale = divide(add(g, g), _var_divisor(x, axes, correction))
    return (multiply(scale, subtract(x, mean(x, axes=axes))),)


def _var_numpy(x: np.ndarray, axes: Axes, correction: float) -> np.ndarray:
    d = x - np.mean(x, axis=axes, keepdims=True)
    count = x.size // max(1, (x.size // max(1, int(np.prod([x.shape[a] for a in axes])))))
    with np.errstate(divide="ignore", invalid="ignore"):
        total = np.sum(d * d, axis=axes, keepdims=True, dtype=x.dtype)
        return np.asarray(total / x.dtype.type(max(count - correction, 0)))


var = composite("var", "The mean square distance from the mean over some axes (n - correction).",
                _var_numpy, _var_body, _var_vjp,
                samples=along({"axes": (2,), "correction": 0.0},
                              {"axes": (0, 1), "correction": 1.0}))


# ---- normalisation -------------------------------------------------------------------------------
def _inverse_deviation(x: Node, axes: Axes, eps: float) -> Node:
    one = constant(1.0, x.dtype)
    return divide(one, sqrt(add(var(x, axes=axes, correction=0.0), constant(eps, x.dtype))))


def _affine(y: Node, parameters: Sequence[Node]) -> Node:
    for parameter, op in zip(parameters, (multiply, add), strict=False):
        y = op(y, parameter)
    return y


def _layer_norm_body(x: Node, *parameters: Node, axes: Axes, eps: float) -> Node:
    d = subtract(x, mean(x, axes=axes))
    return _affine(multiply(d, _inverse_deviation(x, axes, eps)), parameters)


def _layer_norm_vjp(g: Node, y: Node, x: Node, *parameters: Node, axes: Axes, eps: float
                    ) -> tuple[Node, ...]:
    r = _inverse_deviation(x, axes, eps)
    unit = multiply(subtract(x, mean(x, axes=axes)), r)
    slope = multiply(g, parameters[0]) if parameters else g
    shared = add(mean(slope, axes=axes), multiply(unit, mean(multiply(slope, unit), axes=axes)))
    found = [multiply(r, subtract(slope, shared))]
    if parameters:
        found.append(unbroadcast(multiply(g, unit), parameters[0].shape))
    if len(parameters) > 1:
        found.append(unbroadcast(g, parameters[1].shape))
    return tuple(found)


def _affine_numpy(y: np.ndarray, parameters: Sequence[np.ndarray]) -> np.ndarray:
    if parameters:
        y = y * parameters[0]
    return np.asarray(y + parameters[1] if len(parameters) > 1 else y)


def _layer_norm_numpy(x: np.ndarray, *parameters: np.ndarray, axes: Axes, eps: float) -> np.ndarray:
    d = x - x.mean(axes, keepdims=True)
    scale = np.sqrt((d * d).mean(axes, keepdims=True) + x.dtype.type(eps))
    return _affine_numpy(d / scale, parameters)


layer_norm = composite(
    "layer_norm", "(x - mean) / sqrt(var + eps) over some axes, times weight, plus bias.",
    _layer_norm_numpy, _layer_norm_body, _layer_norm_vjp, names=("x", "weight", "bias"), ulp=32,
    onnx="LayerNormalization",
    samples=(Sample((((2, 3, 4), -2, 2), ((4,), -2, 2), ((4,), -2, 2)),
                    {"axes": (2,), "eps": 1e-5}),
             Sample((((2, 3, 4), -2, 2), ((3, 4), -2, 2)), {"axes": (1, 2), "eps": 1e-3}),
             Sample((((3, 4), -2, 2),), {"axes": (0,), "eps": 1e-2})))


def _rms_scale(x: Node, axes: Axes, eps: float) -> Node:
    square = mean(multiply(x, x), axes=axes)
    return divide(constant(1.0, x.dtype), sqrt(add(square, constant(eps, x.dtype))))


def _rms_norm_vjp(g: Node, y: Node, x: Node, *weight: Node, axes: Axes, eps: float
                  ) -> tuple[Node, ...]:
    r = _rms_scale(x, axes, eps)
    unit = multiply(x, r)
    slope = multiply(g, weight[0]) if weight else g
    dx = multiply(r, subtract(slope, multiply(unit, mean(multiply(slope, unit), axes=axes))))
    return (dx, unbroadcast(multiply(g, unit), weight[0].shape)) if weight else (dx,)


rms_norm = composite(
    "rms_norm", "x / sqrt(mean(x * x) + eps) over some axes, times weight.",
    lambda x, *weight, axes, eps: _affine_numpy(
        x / np.sqrt((x * x).mean(axes, keepdims=True) + x.dtype.type(eps)), weight),
    lambda x, *weight, axes, eps: _affine(multiply(x, _rms_scale(x, axes, eps)), weight),
    _rms_norm_vjp, names=("x", "weight"), ulp=32, onnx="RMSNormalization",
    samples=(Sample((((2, 3, 4), -2, 2), ((4,), -2, 2)), {"axes": (2,), "eps": 1e-5}),
             Sample((((3, 4), -2, 2),), {"axes": (0,), "eps": 1e-2})))


def _batch_norm_body(x: Node, mean: Node, var: Node, *parameters: Node, eps: float) -> Node:
    r = divide(constant(1.0, x.dtype), sqrt(add(var, constant(eps, x.dtype))))
    return _affine(multiply(subtract(x, mean), r), parameters)


batch_norm = composite(
    "batch_norm", "(x - mean) / sqrt(var + eps), times weight, plus bias, with given statistics; "
    "all broadcast to x.",
    lambda x, mean, var, *parameters, eps: _affine_numpy(
        (x - mean) / np.sqrt(var + x.dtype.type(eps)), parameters),
    _batch_norm_body, names=("x", "mean", "var", "weight", "bias"), ulp=32,
    onnx="BatchNormalization",
    samples=(Sample((((2, 3, 4), -2, 2), ((4,), -1, 1), ((4,), 0.5, 2), ((4,), -2, 2),
                     ((4,), -2, 2)), {"eps": 1e-5}),
             Sample((((3, 4), -2, 2), ((4,), -1, 1), ((4,), 0.5, 2)), {"eps": 1e-2})))

OPS = (mean, var, layer_norm, rms_norm, batch_norm)
