"""Attention: softmax(q k^T scale + mask) v, and what its gradient is made of.

In: q [..., queries, features], k [..., keys, features], v [..., keys, outs], perhaps a mask that is
added and broadcasts to [..., queries, keys]. Out: [..., queries, outs]. A long attention has a
gradient of its own, which keeps two numbers for each query instead of the weights: its largest
score, and the log of the sum of exp(score - top). Their sum alone would be too coarse where a mask
is a large number.

    P = exp(q k^T scale + mask - top - log)      delta = sum of g y over the outs
    dv = P^T g      dS = P (g v^T - delta) scale      dq = dS k      dk = dS^T q

Dao and others 2022, FlashAttention, algorithms 1 and 4. The scheduler takes these operations by
name where no matrix of all weights should be in memory; elsewhere they are opened like others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.graph.node import Node, Op, Sample, constant
from lamina.ops.composite import composite, softmax
from lamina.ops.contraction import matmul
from lamina.ops.elementwise import (
    add,
    cast,
    exp,
    greater_equal,
    log,
    multiply,
    subtract,
    where,
)
from lamina.ops.movement import concat, iota, narrow, permute
from lamina.ops.reduction import max_, sum_
from lamina.shapes import Dim, Shape

BLOCKS, LONG = 4, 512  # times of a long causal attention are taken in so many blocks
FEW = 32  # queries, or keys, for which the whole matrix of weights is small
MANY = 1 << 14  # weights of one matrix, from which on they are not kept
FEATURES = 8, 256  # of a query and of a value, at least and at most
FEATURE_BYTES = 1024  # at most, since they lie in a kernel's stack memory


def in_tiles(queries: int, keys: int) -> bool:
    """Whether the weights of an attention are computed in tiles, and never kept."""
    return min(queries, keys) >= FEW and queries * keys >= MANY


def has_tiles(leading: Shape, mask: Sequence[Node], *operands: Node) -> bool:
    """Whether there are kernels for tiles of these: queries, keys and what goes with them.

    leading: the axes of the result in front of the last two, which a mask may have stretched.
    """
    low, high = FEATURES
    dtype = operands[0].dtype
    if any(m.dtype is not dtype for m in mask):
        return False
    return dtype in (dtypes.float32, dtypes.float64) and all(
        x.dtype is dtype and x.shape[:-2] == leading
        and isinstance(x.shape[-1], int) and low <= x.shape[-1] <= high
        and x.shape[-1] * dtype.itemsize <= FEATURE_BYTES for x in operands)


# ---- scores --------------------------------------------------------------------------------------
def _scores(q: Node, k: Node, mask: Sequence[Node], causal: bool, scale: float, start: Dim = 0
            ) -> Node:
    """q k^T scale, with what is not seen at -inf; start: the time of the first query."""
    scores = _widened(matmul(q, _turned(k)))  # 16 bits are too few for exponents and their sums
    scores = multiply(scores, constant(scale, scores.dtype))
    lowest = constant(-inf, scores.dtype)
    if mask and mask[0].dtype.kind == "b":
        scores = where(mask[0], scores, lowest)
    elif mask:
        scores = add(scores, _widened(mask[0]))
    if causal:
        rank = scores.ndim
        query, key = (iota(shape=tuple(d if i == rank - axis else 1
                                       for i, d in enumerate(scores.shape)),
                           axis=rank - axis, dtype=dtypes.int32) for axis in (2, 1))
        if start != 0:
            query = add(query, constant(start, dtypes.int32))
        scores = where(greater_equal(query, key), scores, lowest)
    return scores


def _turned(x: Node) -> Node:
    return permute(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def _widened(x: Node) -> Node:
    return x if x.dtype.compute is x.dtype else cast(x, dtype=x.dtype.compute)


def _as(like: Node, x: Node) -> Node:
    return x if x.dtype is like.dtype else cast(x, dtype=like.dtype)


def _scores_numpy(q: np.ndarray, k: np.ndarray, mask: Sequence[np.ndarray], causal: bool,
                  scale: float) -> np.ndarray:
    scores = np.matmul(q, np.swapaxes(k, -1, -2)) * q.dtype.type(scale)
    if mask:
        scores = np.where(mask[0], scores, -inf) if mask[0].dtype == bool else scores + mask[0]
    if causal:
        seen = np.arange(q.shape[-2])[:, None] >= np.arange(k.shape[-2])
        scores = np.where(seen, scores, -inf)
    return np.asarray(scores)


# ---- the operation -------------------------------------------------------------------------------
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
    scores = _scores(q, k, mask, causal, scale, start)
    weights = softmax(scores, axis=scores.ndim - 1)
    return matmul(_as(q, weights), v)


def _attention_vjp(g: Node, y: Node, q: Node, k: Node, v: Node, *mask: Node, causal: bool,
                   scale: float) -> Sequence[Node | None] | None:
    """None where the weights are kept, and the gradient is that of the body."""
    sizes = [n for n in (q.shape[-2], k.shape[-2]) if isinstance(n, int)]
    if (len(sizes) < 2 or not in_tiles(*sizes) or any(m.tracked for m in mask)
            or not has_tiles(y.shape[:-2], mask, q, k, v)):
        return None
    lse = attention_lse(q, k, *mask, causal=causal, scale=scale)
    delta = sum_(multiply(g, y), axes=(y.ndim - 1,))
    dq, dk = (op(g, delta, lse, q, k, v, *mask, causal=causal, scale=scale)
              for op in (attention_dq, attention_dk))
    dv = attention_dv(g, lse, q, k, *mask, causal=causal, scale=scale)
    return [dq, dk, dv, *(None for _ in mask)]


def _attention_numpy(q: np.ndarray, k: np.ndarray, v: np.ndarray, *mask: np.ndarray, causal: bool,
                     scale: float) -> np.ndarray:
    scores = _scores_numpy(q, k, mask, causal, scale)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    result: np.ndarray = np.matmul(weights, v).astype(q.dtype)
    return result


_TIMES, _NUMBERS = ((2, 3, 4), -1, 1), ((2, 3, 1), -1, 1)
_ATTRS = ({"causal": False, "scale": 0.5}, {"causal": True, "scale": 1.0})

attention = composite(
    "attention", "softmax(q k^T scale + mask) v over [..., time, features].",
    _attention_numpy, _attention_body, _attention_vjp, names=("q", "k", "v", "mask"), ulp=64,
    onnx="Attention", samples=(
        Sample((_TIMES, ((2, 5, 4), -1, 1), ((2, 5, 2), -1, 1)), _ATTRS[0]),
        Sample((_TIMES, _TIMES, _TIMES), _ATTRS[1]),
        Sample((_TIMES, _TIMES, _TIMES, ((3, 3), -1, 1)), _ATTRS[0])))


def _lse_body(q: Node, k: Node, *mask: Node, causal: bool, scale: float) -> Node:
    scores = _scores(q, k, mask, causal, scale)
    last = (scores.ndim - 1,)
    top = max_(scores, axes=last)
    return _as(q, concat(top, log(sum_(exp(subtract(scores, top)), axes=last)), axis=last[0]))


def _lse_numpy(q: np.ndarray, k: np.ndarray, *mask: np.ndarray, causal: bool, scale: float
               ) -> np.ndarray:
    scores = _scores_numpy(q, k, mask, causal, scale)
    top = scores.max(-1, keepdims=True)
    return np.concatenate([top, np.log(np.exp(scores - top).sum(-1, keepdims=True))], -1)


attention_lse = composite(
    "attention_lse", "The largest score of each query of an attention, and log sum exp(score - it)"
    ", [..., queries, 2].", _lse_numpy, _lse_body, names=("q", "k", "mask"), ulp=64, samples=(
        Sample((_TIMES, _TIMES), _ATTRS[1]),
        Sample((_TIMES, _TIMES, ((3, 3), -1, 1)), _ATTRS[0])))


# ---- its gradient --------------------------------------------------------------------------------
def _weights(lse: Node, q: Node, k: Node, mask: Sequence[Node], causal: bool, scale: float
             ) -> Node:
    """The softmax of the scores, from what is known of it."""
    top, total = (narrow(_widened(lse), lse.ndim - 1, i, 1) for i in range(2))
    return exp(subtract(subtract(_scores(q, k, mask, causal, scale), top), total))


def _weights_numpy(lse: np.ndarray, q: np.ndarray, k: np.ndarray, mask: Sequence[np.ndarray],
                   causal: bool, scale: float) -> np.ndarray:
    scores = _scores_numpy(q, k, mask, causal, scale)
    return np.asarray(np.exp(scores - lse[..., :1] - lse[..., 1:]))


def _slopes(g: Node, delta: Node, lse: Node, q: Node, k: Node, v: Node, *mask: Node,
            causal: bool, scale: float) -> Node:
    """The cotangent of q k^T."""
    slopes = multiply(_weights(lse, q, k, mask, causal, scale),
                      subtract(matmul(_widened(g), _turned(_widened(v))), _widened(delta)))
    return multiply(slopes, constant(scale, slopes.dtype))


def _slopes_numpy(g: np.ndarray, delta: np.ndarray, lse: np.ndarray, q: np.ndarray, k: np.ndarray,
                  v: np.ndarray, *mask: np.ndarray, causal: bool, scale: float) -> np.ndarray:
    weights = _weights_numpy(lse, q, k, mask, causal, scale)
    slopes = weights * (np.matmul(g, np.swapaxes(v, -1, -2)) - delta)
    return np.asarray(slopes * q.dtype.type(scale))


def _dq_body(*operands: Node, causal: bool, scale: float) -> Node:
    q, k = operands[3:5]
    return _as(q, matmul(_slopes(*operands, causal=causal, scale=scale), _widened(k)))


def _dq_numpy(*operands: np.ndarray, causal: bool, scale: float) -> np.ndarray:
    slopes = _slopes_numpy(*operands, causal=causal, scale=scale)
    return np.asarray(np.matmul(slopes, operands[4]))


def _dk_body(*operands: Node, causal: bool, scale: float) -> Node:
    q = operands[3]
    return _as(q, matmul(_turned(_slopes(*operands, causal=causal, scale=scale)), _widened(q)))


def _dk_numpy(*operands: np.ndarray, causal: bool, scale: float) -> np.ndarray:
    slopes = _slopes_numpy(*operands, causal=causal, scale=scale)
    return np.asarray(np.matmul(np.swapaxes(slopes, -1, -2), operands[3]))


def _dv_body(g: Node, lse: Node, q: Node, k: Node, *mask: Node, causal: bool, scale: float) -> Node:
    return _as(q, matmul(_turned(_weights(lse, q, k, mask, causal, scale)), _widened(g)))


def _dv_numpy(g: np.ndarray, lse: np.ndarray, q: np.ndarray, k: np.ndarray, *mask: np.ndarray,
              causal: bool, scale: float) -> np.ndarray:
    weights = _weights_numpy(lse, q, k, mask, causal, scale)
    return np.asarray(np.matmul(np.swapaxes(weights, -1, -2), g))


def _gradient(name: str, of: str, numpy: Callable[..., Any], body: Callable[..., Node],
              names: str, inputs: Sequence[Any]) -> Op:
    return composite(
        name, f"The cotangent of {of} in an attention whose result has the cotangent g.", numpy,
        body, names=(*names.split(), "mask"), ulp=64, samples=(
            Sample(tuple(inputs), _ATTRS[1]),
            Sample((*inputs, ((3, 3), -1, 1)), _ATTRS[0])))


_PAIRS = ((2, 3, 2), -1, 1)
_ALL = _TIMES, _NUMBERS, _PAIRS, _TIMES, _TIMES, _TIMES
attention_dq = _gradient("attention_dq", "q", _dq_numpy, _dq_body, "g delta lse q k v", _ALL)
attention_dk = _gradient("attention_dk", "k", _dk_numpy, _dk_body, "g delta lse q k v", _ALL)
attention_dv = _gradient("attention_dv", "v", _dv_numpy, _dv_body, "g lse q k",
                         (_TIMES, _PAIRS, _TIMES, _TIMES))

OPS = (attention, attention_lse, attention_dq, attention_dk, attention_dv)
