"""Operations made of other operations: softmax and its kin, a loss.

Each stays one named node until the scheduler opens its body, so that a rule, a library or a format
can take it by name. Axes are not negative; what is reduced stays with size 1, but for the loss.
A better gradient than the body's is given where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.graph.node import Node, Op, Sample, constant
from lamina.ops.elementwise import (
    add,
    cast,
    divide,
    equal,
    exp,
    less,
    log,
    maximum,
    multiply,
    negative,
    subtract,
    where,
)
from lamina.ops.indexing import check_range
from lamina.ops.kinds import COMPOSITE
from lamina.ops.movement import iota, reshape
from lamina.ops.reduction import max_, sum_
from lamina.ops.rules import first, shape_error
from lamina.shapes import Dim

Axes = tuple[int, ...]


def composite(name: str, doc: str, numpy: Callable[..., Any], body: Callable[..., Node],
              vjp: Callable[..., Sequence[Node | None] | None] | None = None, *,
              samples: Sequence[Sample], ulp: float = 8.0, onnx: str = "",
              names: Sequence[str] = ("x",),
              places: Callable[[Node], Sequence[tuple[int, Dim]]] | None = None) -> Op:
    """A row for a composite of floats."""
    return Op(name, COMPOSITE, doc, numpy, first, vjp, body=body, takes=dtypes.FLOATS, ulp=ulp,
              onnx=onnx, samples=tuple(samples), extra={"names": tuple(names)}, places=places)


def along(*attrs: dict[str, Any]) -> tuple[Sample, ...]:
    """Samples of one [2, 3, 4] input, one for each set of attributes."""
    return tuple(Sample((((2, 3, 4), -2, 2),), a) for a in attrs)


# ---- softmax -------------------------------------------------------------------------------------
def _shifted_numpy(x: np.ndarray, axis: Any) -> np.ndarray:
    return np.asarray(x - x.max(axis, keepdims=True))


def _softmax_numpy(x: np.ndarray, axis: int) -> np.ndarray:
    e = np.exp(_shifted_numpy(x, axis))
    return np.asarray(e / e.sum(axis, keepdims=True))


def _softmax_body(x: Node, axis: int) -> Node:
    e = exp(subtract(x, max_(x, axes=(axis,))))
    return multiply(e, divide(constant(1.0, x.dtype), sum_(e, axes=(axis,))))  # one division a row


def _softmax_vjp(g: Node, y: Node, x: Node, axis: int) -> tuple[Node]:
    gy = multiply(g, y)
    return (subtract(gy, multiply(y, sum_(gy, axes=(axis,)))),)


softmax = composite("softmax", "exp(x) divided by its sum along an axis, without overflow.",
                    _softmax_numpy, _softmax_body, _softmax_vjp, onnx="Softmax",
                    samples=along({"axis": 2}, {"axis": 0}, {"axis": 1}))


def _log_softmax_numpy(x: np.ndarray, axis: int) -> np.ndarray:
    x = _shifted_numpy(x, axis)
    return np.asarray(x - np.log(np.exp(x).sum(axis, keepdims=True)))


def _log_softmax_body(x: Node, axis: int) -> Node:
    x = subtract(x, max_(x, axes=(axis,)))
    return subtract(x, log(sum_(exp(x), axes=(axis,))))


def _log_softmax_vjp(g: Node, y: Node, x: Node, axis: int) -> tuple[Node]:
    return (subtract(g, multiply(exp(y), sum_(g, axes=(axis,)))),)


log_softmax = composite("log_softmax", "log(softmax(x)) along an axis, without underflow.",
                        _log_softmax_numpy, _log_softmax_body, _log_softmax_vjp, onnx="LogSoftmax",
                        samples=along({"axis": 2}, {"axis": 0}))


def _logsumexp_numpy(x: np.ndarray, axes: Axes) -> np.ndarray:
    top = x.max(axes, keepdims=True)
    top = np.where(np.isfinite(top), top, np.zeros_like(top))
    with np.errstate(divide="ignore"):
        return np.asarray(top + np.log(np.exp(x - top).sum(axes, keepdims=True, dtype=x.dtype)))


def _logsumexp_body(x: Node, axes: Axes) -> Node:
    top = max_(x, axes=axes)
    zero = constant(0.0, x.dtype)
    top = where(less(maximum(top, negative(top)), constant(inf, x.dtype)), top, zero)
    return add(top, log(sum_(exp(subtract(x, top)), axes=axes)))


def _logsumexp_vjp(g: Node, y: Node, x: Node, axes: Axes) -> tuple[Node]:
    return (multiply(g, exp(subtract(x, y))),)


logsumexp = composite("logsumexp", "log of the sum of exp(x) over some axes, without overflow.",
                      _logsumexp_numpy, _logsumexp_body, _logsumexp_vjp, onnx="ReduceLogSumExp",
                      samples=along({"axes": (2,)}, {"axes": (0, 1)}))


# ---- cross entropy -------------------------------------------------------------------------------
def _hits(logits: Node, labels: Node) -> Node:
    """Where the class is the label: bool, of the shape of the logits."""
    n = logits.shape[-1]
    labels = cast(check_range(labels, size=n), dtype=dtypes.int32)
    last = logits.ndim - 1
    classes = iota(shape=(*(1,) * last, n), axis=last, dtype=dtypes.int32)
    return equal(classes, reshape(labels, shape=(*labels.shape, 1)))


def _check_labels(logits: Node, labels: Node) -> None:
    if not logits.ndim or labels.shape != logits.shape[:-1] or not labels.dtype.is_integer:
        raise shape_error(cross_entropy, [logits, labels], rule="labels are integers, of the shape "
                          "of the logits without the last axis, the classes")


def _cross_entropy_body(logits: Node, labels: Node) -> Node:
    _check_labels(logits, labels)
    last = (logits.ndim - 1,)
    x = subtract(logits, max_(logits, axes=last))
    total = log(sum_(exp(x), axes=last))
    picked = sum_(where(_hits(logits, labels), x, constant(0.0, x.dtype)), axes=last)
    return reshape(subtract(total, picked), shape=labels.shape)


def _cross_entropy_vjp(g: Node, y: Node, logits: Node, labels: Node) -> tuple[Node, None]:
    p = softmax(logits, axis=logits.ndim - 1)
    hits = cast(_hits(logits, labels), dtype=logits.dtype)
    return multiply(subtract(p, hits), reshape(g, shape=(*g.shape, 1))), None


def _cross_entropy_numpy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    if np.any((labels < 0) | (labels >= logits.shape[-1])):
        raise IndexError(f"labels {labels.min()}..{labels.max()} outside 0..{logits.shape[-1] - 1}")
    logs = _log_softmax_numpy(logits, logits.ndim - 1)
    return np.asarray(-np.take_along_axis(logs, labels[..., None].astype(np.int64), -1)[..., 0])


cross_entropy = composite(
    "cross_entropy", "-log softmax(logits [..., classes]) at the labels [...]: a loss for each.",
    _cross_entropy_numpy, _cross_entropy_body, _cross_entropy_vjp, names=("logits", "labels"),
    places=lambda node: [(1, node.inputs[0].shape[-1])], onnx="SoftmaxCrossEntropyLoss",
    samples=(Sample((((4, 5), -2, 2), ((4,), 0, 4.99)), dtypes=("", "int64")),
             Sample((((2, 3, 5), -2, 2), ((2, 3), 0, 4.99)), dtypes=("", "uint8")),
             Sample((((5,), -2, 2), ((), 0, 4.99)), dtypes=("", "int32"))))


OPS = (softmax, log_softmax, logsumexp, cross_entropy)
