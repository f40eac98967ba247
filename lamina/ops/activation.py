"""Activations made of other operations. In and out: floats of any shape."""

from __future__ import annotations

from math import erf as erf_of_number
from math import pi, sqrt

import numpy as np

from lamina.graph.node import Node, Op, Sample, constant
from lamina.ops.composite import composite
from lamina.ops.elementwise import add, erf, multiply, sigmoid, softplus, tanh

TANH_SCALE = sqrt(2 / pi)  # with the cubic term: Hendrycks and Gimpel 2016, section 2
TANH_CUBIC = 0.044715
_SAMPLES = (Sample((((3, 4), -2, 2),)),)


def _times(x: Node, factor: float) -> Node:
    return multiply(x, constant(factor, x.dtype))


def _plus_one(x: Node) -> Node:
    return add(x, constant(1.0, x.dtype))


def _gelu_body(x: Node) -> Node:
    return multiply(_times(x, 0.5), _plus_one(erf(_times(x, sqrt(0.5)))))


def _gelu_numpy(x: np.ndarray) -> np.ndarray:
    share = np.vectorize(erf_of_number, otypes=[np.float64])(x.astype(np.float64) * sqrt(0.5))
    return np.asarray(0.5 * x.astype(np.float64) * (1 + share)).astype(x.dtype)


gelu: Op = composite("gelu", "x times the normal distribution function at x.", _gelu_numpy,
                     _gelu_body, onnx="Gelu", ulp=64, samples=_SAMPLES)


def _gelu_tanh_body(x: Node) -> Node:
    cubic = _plus_one(_times(multiply(x, x), TANH_CUBIC))
    return multiply(_times(x, 0.5), _plus_one(tanh(multiply(_times(x, TANH_SCALE), cubic))))


gelu_tanh: Op = composite(
    "gelu_tanh", "gelu with the normal distribution function approximated by tanh.",
    lambda x: 0.5 * x * (1 + np.tanh(TANH_SCALE * x * (1 + TANH_CUBIC * x * x))),
    _gelu_tanh_body, ulp=64, samples=_SAMPLES)

silu: Op = composite("silu", "x * sigmoid(x).", lambda x: x / (1 + np.exp(-x)),
                     lambda x: multiply(x, sigmoid(x)), ulp=8, onnx="Swish", samples=_SAMPLES)

mish: Op = composite("mish", "x * tanh(softplus(x)) (Misra 2019).",
                     lambda x: x * np.tanh(np.logaddexp(x, x.dtype.type(0))),
                     lambda x: multiply(x, tanh(softplus(x))), ulp=16, onnx="Mish",
                     samples=_SAMPLES)

OPS = (gelu, gelu_tanh, silu, mish)
