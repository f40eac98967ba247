"""Functions and methods on tensors: the array API's names over the table of operations.

In: tensors, arrays and Python numbers. Out: lazy tensors. Here are dtype promotion, negative axes
and defaults; everything else about an operation stands in its row of the table.
"""

from __future__ import annotations

import operator
from math import prod as prod_of
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.dtypes import DType, as_dtype
from lamina.errors import ArgumentError, IndexingError, ShapeError
from lamina.graph.node import Node, as_nodes
from lamina.ops import einsum as products
from lamina.ops import indexing, ordering, subscript
from lamina.ops import movement as moves
from lamina.ops.promotion import prepare
from lamina.ops.table import TABLE
from lamina.tensor.array import Tensor, tensor
from lamina.tensor.creation import generator, shape_of

Axis = int | Sequence[int] | None
NUMBER = (bool, int, float)


# ---- plumbing ------------------------------------------------------------------------------------
def as_input(x: Any) -> Any:
    """What an op takes: nodes of tensors, plain numbers as they are, arrays as new leaves."""
    if isinstance(x, Tensor):
        return x.node
    if type(x) in NUMBER:
        return x
    if isinstance(x, Node):
        return x
    return tensor(x).node


def node_of(x: Any) -> Node:
    """A node, whatever comes in."""
    return x.node if isinstance(x, Tensor) else tensor(x).node


def axes_of(x: Node, axis: Axis, name: str) -> tuple[int, ...]:
    """Sorted non-negative axes; None means all of them."""
    if axis is None:
        return tuple(range(x.ndim))
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    return tuple(sorted(one_axis(x.ndim, a, name, x) for a in axes))


def one_axis(rank: int, axis: int, name: str, x: Node | None = None) -> int:
    """A non-negative axis; raises ShapeError outside -rank..rank-1."""
    try:
        axis = operator.index(axis)
    except TypeError:
        raise ArgumentError(name, operands=[("axis", repr(axis))], rule="an axis is an integer"
                            ) from None
    if not -rank <= axis < rank:
        operands = [("x", f"{x.dtype.name} {list(x.shape)}")] if x is not None else []
        raise ShapeError(name, operands=[*operands, ("axis", str(axis))],
                         rule=f"axes run from {-rank} to {rank - 1}")
    return axis % rank


def elementwise(name: str, **fixed: Any) -> Callable[..., Any]:
    """The public function of an elementwise op: promotes, broadcasts, records."""
    op = TABLE[name]

    def function(*inputs: Any, **attrs: Any) -> Tensor:
        nodes = as_nodes(op, [as_input(x) for x in inputs])
        nodes = tuple(prepare(op, nodes))
        return Tensor(op(*nodes, **fixed, **attrs))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = op.doc
    return function


ELEMENTWISE_NAMES = tuple(
    name for name, op in TABLE.items()
    if op.kind.name == "elementwise" and name not in ("where", "cast", "check_range", "threefry",
                                                      "bits_to_unit", "clip"))
globals().update({name: elementwise(name) for name in ELEMENTWISE_NAMES})
BY_NAME: dict[str, Callable[..., Any]] = {name: globals()[name] for name in ELEMENTWISE_NAMES}


# ---- choosing, converting ------------------------------------------------------------------------
def where(condition: Any, x: Any, y: Any) -> Tensor:
    """x where the condition holds, else y."""
    op = TABLE["where"]
    cond = node_of(condition)
    if cond.dtype.kind != "b":
        cond = TABLE["cast"](cond, dtype=dtypes.bool_)
    if type(x) in NUMBER and type(y) in NUMBER:
        x = tensor(x)
    nodes = as_nodes(op, [as_input(x), as_input(y)])
    return Tensor(op(cond, *prepare(op, nodes)))


def astype(x: Tensor, dtype: Any, copy: bool = True) -> Tensor:
    """The values in another dtype."""
    wanted = as_dtype(dtype)
    return x if wanted is x.dtype else Tensor(TABLE["cast"](x.node, dtype=wanted))


def clip(x: Any, min: Any = None, max: Any = None) -> Tensor:
    """Values below `min` become `min`, those above `max` become `max`."""
    result = x if isinstance(x, Tensor) else tensor(x)
    if min is not None:
        result = BY_NAME["maximum"](result, min)
    return result if max is None else BY_NAME["minimum"](result, max)


# ---- reductions ----------------------------------------------------------------------------------
def _reduced(name: str, x: Any, axis: Axis, keepdims: bool, to: DType | None = None) -> Tensor:
    node = node_of(x)
    if to is not None and to is not node.dtype:
        node = TABLE["cast"](node, dtype=to)
    axes = axes_of(node, axis, name)
    return Tensor(_dropped(TABLE[name](node, axes=axes), axes, keepdims))


def _dropped(node: Node, axes: Sequence[int], keepdims: bool) -> Node:
    if keepdims or not axes:
        return node
    return moves.reshape(node, shape=tuple(d for i, d in enumerate(node.shape) if i not in axes))


def _wide(x: Any, dtype: Any) -> DType | None:
    """What sums of small integers are kept in."""
    if dtype is not None:
        return as_dtype(dtype)
    kind = node_of(x).dtype.kind if not isinstance(x, Tensor) else x.dtype.kind
    return {"b": dtypes.int64, "i": dtypes.int64, "u": dtypes.uint64}.get(kind)


def sum(x: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The sum over some axes, or all; integers add up in 64 bits."""
    return _reduced("sum", x, axis, keepdims, _wide(x, dtype))


def prod(x: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The product over some axes, or all."""
    return _reduced("prod", x, axis, keepdims, _wide(x, dtype))


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest element over some axes, or all."""
    return _reduced("max", x, axis, keepdims)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest element over some axes, or all."""
    return _reduced("min", x, axis, keepdims)


def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether any element is true."""
    return _reduced("any", x, axis, keepdims, dtypes.bool_)


def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether every element is true."""
    return _reduced("all", x, axis, keepdims, dtypes.bool_)


def _floating(x: Any) -> DType | None:
    node = node_of(x)
    return None if node.dtype.is_float else dtypes.float32


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean over some axes, or all."""
    return _reduced("mean", x, axis, keepdims, _floating(x))


def var(x: Any, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The mean square distance from the mean; the divisor is n - correction."""
    node = node_of(x)
    if not node.dtype.is_float:
        node = TABLE["cast"](node, dtype=dtypes.float32)
    axes = axes_of(node, axis, "var")
    result = TABLE["var"](node, axes=axes, correction=float(correction))
    return Tensor(_dropped(result, axes, keepdims))


def std(x: Any, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The square root of `var`."""
    return BY_NAME["sqrt"](var(x, axis, correction, keepdims))  # type: ignore[no-any-return]


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """log of the sum of exp(x), without overflow."""
    return _reduced("logsumexp", x, axis, keepdims, _floating(x))


def _located(name: str, x: Any, axis: int | None, keepdims: bool) -> Tensor:
    node = node_of(x)
    if axis is None and not keepdims:
        node = moves.reshape(node, shape=(int(np.prod(node.shape)),))
        axis = 0
    axes = axes_of(node, axis, name)
    result = _dropped(TABLE[name](node, axes=axes), axes, keepdims)
    return Tensor(TABLE["cast"](result, dtype=dtypes.int64))


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the first largest element."""
    return _located("argmax", x, axis, keepdims)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the first smallest element."""
    return _located("argmin", x, axis, keepdims)


def _running(name: str) -> Callable[..., Tensor]:
    def function(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
        node = node_of(x)
        if name in ("cumsum", "cumprod"):
            to = _wide(x, dtype) or node.dtype
            node = node if node.dtype is to else TABLE["cast"](node, dtype=to)
        if axis is None:
            node, axis = moves.reshape(node, shape=(int(np.prod(node.shape)),)), 0
        return Tensor(TABLE[name](node, axis=one_axis(node.ndim, axis, name, node)))

    function.__name__ = name
    return function


cumsum, cumprod = _running("cumsum"), _running("cumprod")
cummax, cummin = _running("cummax"), _running("cummin")
cumulative_sum, cumulative_prod = cumsum, cumprod


# ---- movement ------------------------------------------------------------------------------------
def reshape(x: Any, *shape: Any, copy: bool | None = None) -> Tensor:
    """The same elements in another shape; one size may be -1."""
    node = node_of(x)
    wanted = list(shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)
    if wanted.count(-1) == 1:
        known = int(np.prod([d for d in wanted if d != -1]))
        total = int(np.prod(node.shape))
        if known == 0 or total % known:
            raise ShapeError("reshape", operands=[("x", f"{node.dtype.name} {list(node.shape)}"),
                                                  ("shape", str(wanted))],
                             rule="the number of elements stays")
        wanted[wanted.index(-1)] = total // known
    return Tensor(moves.reshape(node, shape=shape_of(wanted)))


def permute_dims(x: Any, axes: Sequence[int]) -> Tensor:
    """Axes in another order."""
    node = node_of(x)
    return Tensor(moves.permute(node, axes=tuple(one_axis(node.ndim, a, "permute_dims", node)
                                                 for a in axes)))


def matrix_transpose(x: Any) -> Tensor:
    """The last two axes exchanged."""
    rank = node_of(x).ndim
    if rank < 2:
        raise ShapeError("matrix_transpose", operands=[("x", str(list(node_of(x).shape)))],
                         rule="at least two axes")
    return permute_dims(x, (*range(rank - 2), rank - 1, rank - 2))


def transpose(x: Any, *axes: Any) -> Tensor:
    """Axes reversed, or two axes exchanged, or axes in the given order."""
    rank = node_of(x).ndim
    if not axes:
        return permute_dims(x, tuple(reversed(range(rank))))
    if len(axes) == 1:
        return permute_dims(x, axes[0])
    if len(axes) == 2 and rank != 2:
        a, b = (one_axis(rank, v, "transpose") for v in axes)
        order = list(range(rank))
        order[a], order[b] = b, a
        return permute_dims(x, order)
    return permute_dims(x, axes)


def moveaxis(x: Any, source: int, destination: int) -> Tensor:
    """One axis moved to another place."""
    rank = node_of(x).ndim
    order = list(range(rank))
    order.insert(one_axis(rank, destination, "moveaxis"),
                 order.pop(one_axis(rank, source, "moveaxis")))
    return permute_dims(x, order)


def expand_dims(x: Any, axis: int = 0) -> Tensor:
    """A new axis of size 1."""
    node = node_of(x)
    at = one_axis(node.ndim + 1, axis, "expand_dims", node)
    return Tensor(moves.reshape(node, shape=(*node.shape[:at], 1, *node.shape[at:])))


def squeeze(x: Any, axis: Axis = None) -> Tensor:
    """Axes of size 1 removed."""
    node = node_of(x)
    axes = ([i for i, d in enumerate(node.shape) if d == 1] if axis is None
            else axes_of(node, axis, "squeeze"))
    if [a for a in axes if node.shape[a] != 1]:
        raise ShapeError("squeeze", operands=[("x", str(list(node.shape))), ("axis", str(axis))],
                         rule="only axes of size 1 can go")
    return Tensor(_dropped(node, axes, False))


def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Axes from start_dim to end_dim as one."""
    node = node_of(x)
    a, b = (one_axis(node.ndim, v, "flatten", node) for v in (start_dim, end_dim))
    middle = int(np.prod(node.shape[a:b + 1]))
    return Tensor(moves.reshape(node, shape=(*node.shape[:a], middle, *node.shape[b + 1:])))


def broadcast_to(x: Any, shape: Sequence[int]) -> Tensor:
    """Axes of size 1 repeated without a copy."""
    return Tensor(moves.expand(node_of(x), shape=shape_of(shape)))


def flip(x: Any, axis: Axis = None) -> Tensor:
    """Elements in reverse order along some axes, or all."""
    node = node_of(x)
    return Tensor(moves.flip(node, axes_of(node, axis, "flip")))


def roll(x: Any, shift: int | Sequence[int], axis: Axis = None) -> Tensor:
    """Elements shifted along axes; those that fall off come in at the other end."""
    node = node_of(x)
    if axis is None:
        flat = moves.reshape(node, shape=(int(np.prod(node.shape)),))
        return Tensor(moves.reshape(_rolled(flat, int(shift), 0), shape=node.shape))  # type: ignore[arg-type]
    shifts = (shift,) if isinstance(shift, int) else tuple(shift)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for s, a in zip(shifts, axes, strict=True):
        node = _rolled(node, s, one_axis(node.ndim, a, "roll", node))
    return Tensor(node)


def _rolled(x: Node, shift: int, axis: int) -> Node:
    n: int = x.shape[axis]  # type: ignore[assignment]
    if n == 0 or shift % n == 0:
        return x
    cut = n - shift % n
    return moves.concat(moves.narrow(x, axis, cut, n - cut), moves.narrow(x, axis, 0, cut),
                        axis=axis)


def concat(tensors: Sequence[Any], axis: int | None = 0) -> Tensor:
    """Tensors joined along an axis."""
    nodes = [node_of(x) for x in tensors]
    if not nodes:
        raise ArgumentError("concat", rule="there is at least one tensor")
    if axis is None:
        nodes, axis = [moves.reshape(n, shape=(int(np.prod(n.shape)),)) for n in nodes], 0
    op = TABLE["concat"]
    at = one_axis(nodes[0].ndim, axis, "concat", nodes[0])
    return Tensor(op(*prepare(op, nodes), axis=at))


def stack(tensors: Sequence[Any], axis: int = 0) -> Tensor:
    """Tensors of one shape along a new axis."""
    return concat([expand_dims(x, axis) for x in tensors], axis)


def unstack(x: Any, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along an axis."""
    node = node_of(x)
    at = one_axis(node.ndim, axis, "unstack", node)
    return tuple(squeeze(Tensor(moves.narrow(node, at, i, 1)), at)
                 for i in range(node.shape[at]))  # type: ignore[arg-type]


def split(x: Any, size: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    """Pieces of `size` along an axis, the last one smaller if need be; or of the given sizes."""
    node = node_of(x)
    at = one_axis(node.ndim, axis, "split", node)
    n: int = node.shape[at]  # type: ignore[assignment]
    sizes = [__builtins_min(size, n - i) for i in range(0, n, size)] if isinstance(size, int) else size
    pieces, start = [], 0
    for s in sizes:
        pieces.append(Tensor(moves.narrow(node, at, start, s)))
        start += s
    return tuple(pieces)


def __builtins_min(a: int, b: int) -> int:
    return a if a < b else b


def repeat(x: Any, repeats: int, axis: int | None = None) -> Tensor:
    """Each element `repeats` times along an axis."""
    node = node_of(x)
    if axis is None:
        node, axis = moves.reshape(node, shape=(int(np.prod(node.shape)),)), 0
    at = one_axis(node.ndim, axis, "repeat", node)
    wide = moves.reshape(node, shape=(*node.shape[:at + 1], 1, *node.shape[at + 1:]))
    grown = moves.expand(wide, shape=(*node.shape[:at + 1], repeats, *node.shape[at + 1:]))
    n: int = node.shape[at]  # type: ignore[assignment]
    return Tensor(moves.reshape(grown, shape=(*node.shape[:at], n * repeats, *node.shape[at + 1:])))


def tile(x: Any, repetitions: Sequence[int]) -> Tensor:
    """The whole tensor repeated along each axis."""
    node = node_of(x)
    reps = tuple(repetitions)
    rank = node.ndim if node.ndim > len(reps) else len(reps)
    reps = (1,) * (rank - len(reps)) + reps
    shape: tuple[Any, ...] = (1,) * (rank - node.ndim) + tuple(node.shape)
    wide = moves.reshape(node, shape=tuple(v for d in shape for v in (1, d)))
    grown = moves.expand(wide, shape=tuple(v for r, d in zip(reps, shape, strict=True)
                                           for v in (r, d)))
    return Tensor(moves.reshape(grown, shape=tuple(r * d for r, d in zip(reps, shape, strict=True))))


def pad(x: Any, widths: Sequence[tuple[int, int]], value: float = 0.0) -> Tensor:
    """A border of (low, high) elements for each axis, of one value."""
    node = node_of(x)
    if len(widths) != node.ndim:
        raise ShapeError("pad", operands=[("x", str(list(node.shape))), ("widths", str(widths))],
                         rule="one (low, high) for each axis")
    return Tensor(moves.pad(node, low=tuple(int(w[0]) for w in widths),
                            high=tuple(int(w[1]) for w in widths),
                            interior=(0,) * node.ndim, value=value))


def tril(x: Any, k: int = 0) -> Tensor:
    """Zeros above the k-th diagonal."""
    return _triangle(x, lambda row, col: TABLE["less_equal"](col, TABLE["add"](row, k)))


def triu(x: Any, k: int = 0) -> Tensor:
    """Zeros below the k-th diagonal."""
    return _triangle(x, lambda row, col: TABLE["greater_equal"](col, TABLE["add"](row, k)))


def _triangle(x: Any, keep: Callable[[Node, Node], Node]) -> Tensor:
    node = node_of(x)
    shape = node.shape[-2:]
    row, col = (moves.iota(shape=shape, axis=a, dtype=dtypes.int64) for a in (0, 1))
    return Tensor(TABLE["where"](keep(row, col), node, 0.0))


# ---- indexing, ordering --------------------------------------------------------------------------
def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """Slices of x at the given places along an axis."""
    node, places = node_of(x), node_of(indices)
    if axis is None and node.ndim != 1:
        raise ArgumentError("take", operands=[("x", str(list(node.shape)))],
                            rule="the axis is given for more than one axis", hint="axis=0")
    at = one_axis(node.ndim, axis or 0, "take", node)
    _check_known("take", node, places, node.shape[at])
    return Tensor(indexing.take(node, places, at))


def _check_known(name: str, x: Node, places: Node, size: Any, wraps: bool = True) -> None:
    """Indices whose values are there already are checked at the call."""
    if places.value is None or not places.dtype.is_integer or not 0 < prod_of(places.shape) <= 4096:
        return
    array = places.value.array(places.shape, places.dtype.storage)
    least, most = int(array.min()), int(array.max())
    if most >= size or least < (-size if wraps else 0):
        labels = name == "cross_entropy"
        raise IndexingError(
            name, operands=[("logits" if labels else "x", f"{x.dtype.name} {list(x.shape)}"),
                            ("labels" if labels else "indices", f"{places.dtype.name} "
                             f"{list(places.shape)}, {least} .. {most}")],
            rule=(f"every label lies in 0 .. {size - 1}: there are {size} classes" if labels else
                  f"every index lies in {-size} .. {size - 1}: the axis has {size} places"),
            expected=(-size if wraps else 0, size - 1), got=(least, most))


def take_along_axis(x: Any, indices: Any, axis: int = -1) -> Tensor:
    """For each place of `indices`, the element of x at that index along the axis."""
    node = node_of(x)
    return Tensor(indexing.take_along_axis(node, node_of(indices),
                                           one_axis(node.ndim, axis, "take_along_axis", node)))


def one_hot(labels: Any, num_classes: int, dtype: Any = None) -> Tensor:
    """Rows with a one at the label."""
    return Tensor(indexing.one_hot(node_of(labels), num_classes, as_dtype(dtype or dtypes.float32)))


def _nonzero_places(mask: Node) -> Sequence[Node]:
    return [tensor(a).node for a in np.nonzero(Tensor(mask).numpy())]


def nonzero(x: Any) -> tuple[Tensor, ...]:
    """Indices of the elements that are not zero, one tensor for each axis."""
    return tuple(tensor(a) for a in np.nonzero(np.asarray(x)))


def _key(key: Any) -> Any:
    parts = key if isinstance(key, tuple) else (key,)
    return tuple(p.node if isinstance(p, Tensor) else tensor(p).node
                 if isinstance(p, (list, np.ndarray)) else p for p in parts)


def getitem(x: Tensor, key: Any) -> Tensor:
    """x[key], as in NumPy: integers, slices, None, ..., integer arrays, boolean masks."""
    return Tensor(subscript.index(x.node, _key(key), _nonzero_places))


def setitem(x: Tensor, key: Any, value: Any) -> None:
    """x[key] = value: x takes a new value."""
    new = as_input(value)
    node = new if isinstance(new, Node) else tensor(value, dtype=x.dtype).node
    if node.dtype is not x.dtype:
        node = TABLE["cast"](node, dtype=x.dtype)
    changed = subscript.index_set(x.node, _key(key), node, _nonzero_places)
    if x.requires_grad:
        x.assign(Tensor(changed))
    else:
        x._set(changed)


def argsort(x: Any, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The order that sorts x along an axis."""
    node = node_of(x)
    return Tensor(TABLE["argsort"](node, axis=one_axis(node.ndim, axis, "argsort", node),
                                   descending=descending))


def sort(x: Any, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """x in order along an axis."""
    node = node_of(x)
    return Tensor(TABLE["sort"](node, axis=one_axis(node.ndim, axis, "sort", node),
                                descending=descending))


def topk(x: Any, k: int, axis: int = -1, largest: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest elements in order, and their indices."""
    node = node_of(x)
    values, places = ordering.topk(node, k, one_axis(node.ndim, axis, "topk", node), largest)
    return Tensor(values), Tensor(places)


# ---- products ------------------------------------------------------------------------------------
def matmul(x: Any, y: Any) -> Tensor:
    """Matrix product of the last two axes; the others broadcast."""
    op = TABLE["matmul"]
    return Tensor(op(*prepare(op, [node_of(x), node_of(y)])))


def linear(x: Any, weight: Any, bias: Any = None) -> Tensor:
    """x @ weight.T + bias, for weight [out, in]."""
    inputs = [node_of(v) for v in (x, weight, bias) if v is not None]
    op = TABLE["linear"]
    return Tensor(op(*prepare(op, inputs)))


def einsum(spec: str, *operands: Any) -> Tensor:
    """Sums of products by index letters."""
    return Tensor(products.einsum(spec, *(node_of(x) for x in operands)))


def tensordot(x: Any, y: Any, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """Sums of products over pairs of axes."""
    return Tensor(products.tensordot(node_of(x), node_of(y), axes))


def vecdot(x: Any, y: Any, axis: int = -1) -> Tensor:
    """Dot products along an axis."""
    return sum(BY_NAME["multiply"](x, y), axis=axis)


def outer(x: Any, y: Any) -> Tensor:
    """All products of two vectors."""
    return BY_NAME["multiply"](expand_dims(x, 1), expand_dims(y, 0))  # type: ignore[no-any-return]


# ---- composites ----------------------------------------------------------------------------------
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
        _check_known("cross_entropy", scores, classes, scores.shape[-1], wraps=False)
    return Tensor(TABLE["cross_entropy"](scores, classes))


def layer_norm(x: Any, weight: Any = None, bias: Any = None, axes: Axis = -1, eps: float = 1e-5
               ) -> Tensor:
    """(x - mean) / sqrt(var + eps) over some axes, times weight, plus bias."""
    node = node_of(x)
    extra = [node_of(v) for v in (weight, bias) if v is not None]
    return Tensor(TABLE["layer_norm"](node, *extra, axes=axes_of(node, axes, "layer_norm"), eps=eps))


def attention(q: Any, k: Any, v: Any, mask: Any = None, causal: bool = False,
              scale: float | None = None) -> Tensor:
    """softmax(q k^T scale + mask) v over the last two axes."""
    nodes = [node_of(x) for x in (q, k, v, mask) if x is not None]
    scale = float(nodes[0].shape[-1]) ** -0.5 if scale is None else scale  # type: ignore[arg-type]
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


def max_pool(x: Any, window: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1) -> Tensor:
    """The largest element of each window of x [batch, *space, channels]."""
    return _pool("max_pool", x, window, stride, padding, dilation)


def avg_pool(x: Any, window: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1) -> Tensor:
    """The mean of each window of x [batch, *space, channels]."""
    return _pool("avg_pool", x, window, stride, padding, dilation)


def gelu(x: Any, approximate: str = "none") -> Tensor:
    """x times the normal distribution function of x."""
    return Tensor(TABLE["gelu_tanh" if approximate == "tanh" else "gelu"](node_of(x)))


def silu(x: Any) -> Tensor:
    """x sigmoid(x)."""
    return Tensor(TABLE["silu"](node_of(x)))


# ---- methods -------------------------------------------------------------------------------------
METHODS = (
    "sum prod max min any all mean var std argmax argmin cumsum cumprod logsumexp reshape "
    "transpose permute_dims squeeze flatten flip roll repeat tile broadcast_to astype clip sort "
    "argsort topk take softmax log_softmax matmul tril triu split gelu silu").split()
OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide",
    "floordiv": "floor_divide", "mod": "remainder", "pow": "pow", "and": "bitwise_and",
    "or": "bitwise_or", "xor": "bitwise_xor", "lshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift",
}
COMPARISONS = {"eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal",
               "gt": "greater", "ge": "greater_equal"}
OPERANDS = (Tensor, bool, int, float, np.ndarray, np.generic)


def _binary_method(function: Callable[..., Tensor], swapped: bool) -> Callable[..., Any]:
    def method(self: Tensor, other: Any) -> Any:
        if not isinstance(other, OPERANDS):
            return NotImplemented
        return function(other, self) if swapped else function(self, other)

    return method


def attach() -> None:
    """Give Tensor its operators and methods, from the tables above."""
    for name, op in OPERATORS.items():
        if op in BY_NAME:
            setattr(Tensor, f"__{name}__", _binary_method(BY_NAME[op], False))
            setattr(Tensor, f"__r{name}__", _binary_method(BY_NAME[op], True))
    for name, op in COMPARISONS.items():
        setattr(Tensor, f"__{name}__", _binary_method(BY_NAME[op], False))
    for name in (*ELEMENTWISE_NAMES, *METHODS):
        if not hasattr(Tensor, name):
            setattr(Tensor, name, globals()[name])
    Tensor.__matmul__ = _binary_method(matmul, False)  # type: ignore[attr-defined]
    Tensor.__rmatmul__ = _binary_method(matmul, True)  # type: ignore[attr-defined]
    Tensor.__neg__ = BY_NAME["negative"]  # type: ignore[attr-defined]
    for name, op in (("abs", "abs"), ("invert", "bitwise_invert"), ("pos", "positive")):
        if op in BY_NAME:
            setattr(Tensor, f"__{name}__", BY_NAME[op])
    Tensor.__getitem__ = getitem  # type: ignore[attr-defined]
    Tensor.__setitem__ = setitem  # type: ignore[attr-defined]
    Tensor.T = property(transpose)  # type: ignore[attr-defined]
    Tensor.mT = property(matrix_transpose)  # type: ignore[attr-defined]
    Tensor.to = _to  # type: ignore[attr-defined]
    Tensor.permute = transpose  # type: ignore[attr-defined]


def _to(x: Tensor, target: Any) -> Tensor:
    """x on a device, or in a dtype."""
    return x if isinstance(target, str) and target in ("cpu", "interpret") else astype(x, target)


attach()
