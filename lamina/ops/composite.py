"""Operations made of other operations: softmax and its kin, a loss, attention.

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
from lamina.ops.contraction import matmul
from lamina.ops.elementwise import (
    add,
    cast,
    divide,
    equal,
    exp,
    greater_equal,
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
from lamina.ops.movement import concat, iota, narrow, permute, reshape
from lamina.ops.reduction import max_, sum_
from lamina.ops.rules import first, shape_error
from lamina.shapes import Dim

Axes = tuple[int, ...]


def composite(name: str, doc: str, numpy: Callable[..., Any], body: Callable[..., Node],
              vjp: Callable[..., Sequence[Node | None]] | None = None, *,
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


# ---- attention -----------------------------------------------------------------------------------
BLOCKS, LONG = 4, 512  # times of a long causal attention are taken in so many blocks


def _masked(scores: Node, mask: Sequence[Node], causal: bool, start: Dim = 0) -> Node:
    """Scores with what is not seen at -inf; start: the time of the first query."""
    lowest = constant(-inf, scores.dtype)
    if mask and mask[0].dtype.kind == "b":
        scores = where(mask[0], scores, lowest)
    elif mask:
        scores = add(scores, mask[0])
    if causal:
        rank = scores.ndim
        query, key = (iota(shape=tuple(d if i == rank - axis else 1
                                       for i, d in enumerate(scores.shape)),
                           axis=rank - axis, dtype=dtypes.int32) for axis in (2, 1))
        if start != 0:
            query = add(query, constant(start, dtypes.int32))
        scores = where(greater_equal(query, key), scores, lowest)
    return scores


def _attention_body(q: Node, k: Node, v: Node, *mask: Node, causal: bool, scale: float) -> Node:
    times = q.shape[-2]
    if causal and not mask and isinstance(times, int) and times >= LONG and k.shape[-2] == times:
        return _causal_in_blocks(q, k, v, times, scale)
    return _attended(q, k, v, mask, causal, scale)


def _causal_in_blocks(q: Node, k: Node, v: Node, times: int, scale: float) -> Node:
    """Blocks of queries, each with the keys up to its end: most of what is masked is left out."""
    axis, size = q.ndim - 2, -(-times // BLOCKS)
    parts = []
    for start in range(0, times, size):
        stop = min(start + size, times)
        parts.append(_attended(narrow(q, axis, start, stop - start), narrow(k, axis, 0, stop),
                               narrow(v, axis, 0, stop), (), True, scale, start))
    return concat(*parts, axis=axis)


def _attended(q: Node, k: Node, v: Node, mask: Sequence[Node], causal: bool, scale: float,
              start: int = 0) -> Node:
    turned = permute(k, axes=(*range(k.ndim - 2), k.ndim - 1, k.ndim - 2))
    scores = _widened(matmul(q, turned))  # 16 bits are too few for exponents and their sums
    scores = multiply(scores, constant(scale, scores.dtype))
    scores = _masked(scores, [_widened(m) for m in mask], causal, start)
    weights = softmax(scores, axis=scores.ndim - 1)
    return matmul(weights if weights.dtype is q.dtype else cast(weights, dtype=q.dtype), v)


def _widened(x: Node) -> Node:
    return x if x.dtype.compute is x.dtype else cast(x, dtype=x.dtype.compute)


def _attention_numpy(q: np.ndarray, k: np.ndarray, v: np.ndarray, *mask: np.ndarray, causal: bool,
                     scale: float) -> np.ndarray:
    scores = np.matmul(q, np.swapaxes(k, -1, -2)) * q.dtype.type(scale)
    if mask:
        scores = np.where(mask[0], scores, -inf) if mask[0].dtype == bool else scores + mask[0]
    if causal:
        seen = np.arange(q.shape[-2])[:, None] >= np.arange(k.shape[-2])
        scores = np.where(seen, scores, -inf)
    result: np.ndarray = np.matmul(_softmax_numpy(scores, scores.ndim - 1), v).astype(q.dtype)
    return result


_TIMES = ((2, 3, 4), -1, 1)
attention = composite(
    "attention", "softmax(q k^T scale + mask) v over [..., time, features].",
    _attention_numpy, _attention_body, names=("q", "k", "v", "mask"), ulp=64, onnx="Attention",
    samples=(Sample((_TIMES, ((2, 5, 4), -1, 1), ((2, 5, 2), -1, 1)),
                    {"causal": False, "scale": 0.5}),
             Sample((_TIMES, _TIMES, _TIMES), {"causal": True, "scale": 1.0}),
             Sample((_TIMES, _TIMES, _TIMES, ((3, 3), -1, 1)), {"causal": False, "scale": 0.5})))

OPS = (softmax, log_softmax, logsumexp, cross_entropy, attention)
