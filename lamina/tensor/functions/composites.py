"""What networks are made of: softmax, normalisation, attention, convolution, pooling.

In: tensors and settings as users write them. Out: tensors; one op of the table each.
"""

from __future__ import annotations

from typing import Any

from lamina.ops import movement as moves
from lamina.ops.promotion import prepare
from lamina.ops.table import TABLE
from lamina.tensor.array import Tensor, tensor
from lamina.tensor.creation import generator
from lamina.tensor.functions.indexing import check_known
from lamina.tensor.functions.plumbing import Axis, axes_of, node_of, one_axis, sizes


def softmax(x: Any, axis: int = -1) -> Tensor:
    """exp(x) divided by its sum along an axis."""
    node = node_of(x)
    return Tensor(TABLE["softmax"](node, axis=one_axis(node.ndim, axis, "softmax", node)))


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """log(softmax(x)), without underflow."""
    node = node_of(x)
    return Tensor(TABLE["log_softmax"](node, axis=one_axis(node.ndim, axis, "log_softmax", node)))


def cross_entropy(logits: Any, labels: Any) -> Tensor:
    """-log softmax(logits) at the labels, one loss for each."""
    scores, classes = node_of(logits), node_of(labels)
    if classes.dtype.is_integer and scores.ndim:
        check_known("cross_entropy", scores, classes, sizes(scores)[-1], wraps=False)
    return Tensor(TABLE["cross_entropy"](scores, classes))


def layer_norm(x: Any, weight: Any = None, bias: Any = None, axes: Axis = -1, eps: float = 1e-5
               ) -> Tensor:
    """(x - mean) / sqrt(var + eps) over some axes, times weight, plus bias."""
    node = node_of(x)
    extra = [node_of(v) for v in (weight, bias) if v is not None]
    over = axes_of(node, axes, "layer_norm")
    return Tensor(TABLE["layer_norm"](node, *extra, axes=over, eps=eps))


def attention(q: Any, k: Any, v: Any, mask: Any = None, causal: bool = False,
              scale: float | None = None) -> Tensor:
    """softmax(q k^T scale + mask) v over the last two axes."""
    nodes = [node_of(x) for x in (q, k, v, mask) if x is not None]
    scale = sizes(nodes[0])[-1] ** -0.5 if scale is None else scale
    if mask is not None and nodes[3].dtype.kind == "b":
        nodes[3] = TABLE["where"](nodes[3], moves.expand(
            tensor(0.0, dtype=nodes[0].dtype).node, shape=nodes[3].shape), float("-inf"))
    return Tensor(TABLE["attention"](*nodes, causal=causal, scale=scale))


def dropout(x: Tensor, p: float = 0.5) -> Tensor:
    """Elements zeroed with probability p, the others scaled by 1 / (1 - p)."""
    if p == 0:
        return x
    return Tensor(TABLE["dropout"](x.node, generator.key().node, p=float(p)))


def _spatial(value: Any, rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def _pairs(padding: Any, rank: int) -> tuple[tuple[int, int], ...]:
    items = _spatial(padding, rank)
    return tuple((p, p) if isinstance(p, int) else (int(p[0]), int(p[1])) for p in items)


def conv(x: Any, w: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
         ) -> Tensor:
    """Convolution of x [batch, *space, channels] with w [out, channels / groups, *kernel]."""
    op = TABLE["conv"]
    nodes = prepare(op, [node_of(x), node_of(w)])
    rank = nodes[1].ndim - 2
    return Tensor(op(*nodes, stride=_spatial(stride, rank), padding=_pairs(padding, rank),
                     dilation=_spatial(dilation, rank), groups=groups))


def conv_transpose(x: Any, w: Any, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
                   dilation: Any = 1, groups: int = 1) -> Tensor:
    """Transposed convolution of x [batch, *space, channels] with w [channels, out / groups, *k]."""
    op = TABLE["conv_transpose"]
    nodes = prepare(op, [node_of(x), node_of(w)])
    rank = nodes[1].ndim - 2
    return Tensor(op(*nodes, stride=_spatial(stride, rank), padding=_pairs(padding, rank),
                     output_padding=_spatial(output_padding, rank),
                     dilation=_spatial(dilation, rank), groups=groups))


def _pool(name: str, x: Any, window: Any, stride: Any, padding: Any, dilation: Any) -> Tensor:
    node = node_of(x)
    rank = node.ndim - 2
    sizes = _spatial(window, rank)
    return Tensor(TABLE[name](
        node, window=sizes, stride=sizes if stride is None else _spatial(stride, rank),
        padding=_pairs(padding, rank), dilation=_spatial(dilation, rank)))


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
    return Tensor(TABLE["gelu_tanh" if approximate == "tanh" else "gelu"](node_of(x)))


def silu(x: Any) -> Tensor:
    """x sigmoid(x)."""
    return Tensor(TABLE["silu"](node_of(x)))
