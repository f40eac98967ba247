"""What networks are made of: softmax, normalisation, attention, convolution, pooling.

In: tensors and settings as users write them. Out: tensors; one op of the table each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.dtypes import int8
from lamina.errors import ArgumentError
from lamina.graph.node import Node, Op
from lamina.ops import bytes as byte_products
from lamina.ops import movement as moves
from lamina.ops.promotion import prepare
from lamina.ops.rules import shape_error
from lamina.ops.table import TABLE
from lamina.tensor.array import Tensor, tensor
from lamina.tensor.creation import generator
from lamina.tensor.functions.indexing import check_known
from lamina.tensor.functions.plumbing import (
    Axis,
    axes_of,
    node_of,
    one_axis,
    short,
    sizes,
    tensor_of,
    whole,
)
from lamina.tensor.functions.products import operands_as
from lamina.tensor.precision import kept_narrow


def softmax(x: Any, axis: int = -1) -> Tensor:
    """exp(x) divided by its sum along an axis."""
    op = TABLE["softmax"]
    node, = prepare(op, [node_of(x)])
    return Tensor(op(node, axis=one_axis(node.ndim, axis, "softmax", node)))


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """log(softmax(x)), without underflow."""
    op = TABLE["log_softmax"]
    node, = prepare(op, [node_of(x)])
    return Tensor(op(node, axis=one_axis(node.ndim, axis, "log_softmax", node)))


def cross_entropy(logits: Any, labels: Any) -> Tensor:
    """-log softmax(logits) at the labels, one loss for each."""
    op = TABLE["cross_entropy"]
    (scores,), classes = prepare(op, [node_of(logits)]), node_of(labels)
    if classes.dtype.is_integer and scores.ndim:
        check_known("cross_entropy", scores, classes, sizes(scores)[-1], wraps=False)
    return Tensor(op(scores, classes))


def layer_norm(x: Any, weight: Any = None, bias: Any = None, axes: Axis = -1, eps: float = 1e-5
               ) -> Tensor:
    """(x - mean) / sqrt(var + eps) over some axes, times weight, plus bias."""
    op = TABLE["layer_norm"]
    if weight is None and bias is not None:
        raise ArgumentError("layer_norm", operands=[("weight", "None"), ("bias", short(bias))],
                            rule="a bias needs a weight", hint="weight=lm.ones_like(bias)")
    nodes = prepare(op, [node_of(v) for v in (x, weight, bias) if v is not None])
    over = axes_of(nodes[0], axes, "layer_norm")
    result = Tensor(op(*nodes, axes=over, eps=_number("layer_norm", "eps", eps)))
    return kept_narrow(result, x) if isinstance(x, Tensor) else result


def rms_norm(x: Any, weight: Any = None, axes: Axis = -1, eps: float = 1e-5) -> Tensor:
    """x / sqrt(mean(x^2) + eps) over some axes, times weight."""
    op = TABLE["rms_norm"]
    nodes = prepare(op, [node_of(v) for v in (x, weight) if v is not None])
    over = axes_of(nodes[0], axes, "rms_norm")
    result = Tensor(op(*nodes, axes=over, eps=_number("rms_norm", "eps", eps)))
    return kept_narrow(result, x) if isinstance(x, Tensor) else result


def attention(q: Any, k: Any, v: Any, mask: Any = None, causal: bool = False,
              scale: float | None = None) -> Tensor:
    """softmax(q k^T scale + mask) v over the last two axes."""
    op = TABLE["attention"]
    nodes = prepare(op, [node_of(x) for x in (q, k, v)])
    if min(n.ndim for n in nodes) < 2:
        raise shape_error(op, nodes, rule="query, key and value have at least two axes")
    if scale is None:
        scale = max(1, sizes(nodes[0])[-1]) ** -0.5
    if mask is not None:
        nodes.append(node_of(mask))
    if mask is not None and nodes[3].dtype.kind == "b":
        nodes[3] = TABLE["where"](nodes[3], moves.expand(
            tensor(0.0, dtype=nodes[0].dtype).node, shape=nodes[3].shape), float("-inf"))
    if mask is not None:
        nodes = prepare(op, nodes)
    return Tensor(op(*nodes, causal=bool(causal), scale=_number("attention", "scale", scale)))


def dropout(x: Tensor, p: float = 0.5) -> Tensor:
    """Elements zeroed with probability p, the others scaled by 1 / (1 - p)."""
    rate = _number("dropout", "p", p)
    if not 0 <= rate < 1:
        raise ArgumentError("dropout", operands=[("p", short(p))], got=p,
                            rule="p is a probability below 1")
    if rate == 0:
        return tensor_of("dropout", x)
    op = TABLE["dropout"]
    node, = prepare(op, [node_of(x)], slice(0, 1))
    return Tensor(op(node, generator.key().node, p=rate))


def _number(name: str, argument: str, value: Any) -> float:
    if not isinstance(value, (int, float, np.number)) or isinstance(value, bool):
        raise ArgumentError(name, operands=[(argument, short(value))], got=value,
                            rule=f"{argument} is a number")
    return float(value)


def _spatial(name: str, argument: str, value: Any, rank: int, least: int = 1) -> tuple[int, ...]:
    """One integer for each of `rank` axes; a single one counts for all."""
    items = tuple(value) if isinstance(value, (list, tuple)) else (value,) * rank
    if len(items) != rank:
        raise ArgumentError(name, operands=[(argument, short(value))], got=value,
                            rule=f"{argument} is an integer, or one for each of {rank} axes")
    return tuple(whole(name, argument, v, least) for v in items)


def _pairs(name: str, padding: Any, rank: int) -> tuple[tuple[int, int], ...]:
    """(low, high) for each axis."""
    items = padding if isinstance(padding, (list, tuple)) else (padding,) * rank
    pairs = [tuple(p) if isinstance(p, (list, tuple)) else (p, p) for p in items]
    if len(pairs) != rank or any(len(p) != 2 for p in pairs):
        raise ArgumentError(name, operands=[("padding", short(padding))], got=padding,
                            rule=f"padding is an integer, or an integer or pair (low, high) for "
                            f"each of {rank} axes")
    return tuple((whole(name, "padding", a, 0), whole(name, "padding", b, 0)) for a, b in pairs)


def _spaces(op: Op, x: Node, *others: Node) -> int:
    """How many axes lie between batch and channels; raises ShapeError if the inputs differ."""
    if x.ndim < 3 or any(other.ndim != x.ndim for other in others):
        raise shape_error(op, [x, *others], rule="x is [batch, *space, channels]" + (
            ", the weight has as many axes" if others else ""))
    return x.ndim - 2


def conv(x: Any, w: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
         dtype: Any = None) -> Tensor:
    """Convolution of x [batch, *space, channels] with w [out, channels / groups, *kernel].

    dtype: of the products, their sums and the result, as for `matmul`.
    """
    op = TABLE["conv"]
    nodes = [node_of(x), node_of(w)]
    nodes, are_bytes = operands_as(dtype, nodes, groups == 1 and nodes[1].dtype is int8)
    nodes = nodes if are_bytes else prepare(op, nodes)
    rank = _spaces(op, *nodes)
    steps, gaps = (_spatial("conv", name, given, rank)
                   for name, given in (("stride", stride), ("dilation", dilation)))
    borders = _pairs("conv", padding, rank)
    if are_bytes:
        return Tensor(byte_products.conv(nodes[0], nodes[1], steps, borders, gaps))
    return Tensor(op(*nodes, stride=steps, padding=borders, dilation=gaps,
                     groups=whole("conv", "groups", groups, 1)))


def conv_transpose(x: Any, w: Any, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
                   dilation: Any = 1, groups: int = 1) -> Tensor:
    """Transposed convolution of x [batch, *space, channels] with w [channels, out / groups, *k]."""
    op = TABLE["conv_transpose"]
    nodes = prepare(op, [node_of(x), node_of(w)])
    rank = _spaces(op, *nodes)
    name = "conv_transpose"
    return Tensor(op(*nodes, stride=_spatial(name, "stride", stride, rank),
                     padding=_pairs(name, padding, rank),
                     output_padding=_spatial(name, "output_padding", output_padding, rank, 0),
                     dilation=_spatial(name, "dilation", dilation, rank),
                     groups=whole(name, "groups", groups, 1)))


def _pool(name: str, x: Any, window: Any, stride: Any, padding: Any, dilation: Any) -> Tensor:
    op = TABLE[name]
    node, = prepare(op, [node_of(x)])
    rank = _spaces(op, node)
    window = _spatial(name, "window", window, rank)
    return Tensor(op(
        node, window=window,
        stride=window if stride is None else _spatial(name, "stride", stride, rank),
        padding=_pairs(name, padding, rank),
        dilation=_spatial(name, "dilation", dilation, rank)))


def max_pool(x: Any, window: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1
             ) -> Tensor:
    """The largest element of each window of x [batch, *space, channels]."""
    return _pool("max_pool", x, window, stride, padding, dilation)


def avg_pool(x: Any, window: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1
             ) -> Tensor:
    """The mean of each window of x [batch, *space, channels]."""
    return _pool("avg_pool", x, window, stride, padding, dilation)


def gelu(x: Any, approximate: str = "none") -> Tensor:
    """x times the normal distribution function of x."""
    if approximate not in ("none", "tanh"):
        raise ArgumentError("gelu", operands=[("approximate", short(approximate))],
                            rule='approximate is "none" or "tanh"', got=approximate)
    op = TABLE["gelu_tanh" if approximate == "tanh" else "gelu"]
    return Tensor(op(*prepare(op, [node_of(x)])))


def silu(x: Any) -> Tensor:
    """x sigmoid(x)."""
    op = TABLE["silu"]
    return Tensor(op(*prepare(op, [node_of(x)])))
