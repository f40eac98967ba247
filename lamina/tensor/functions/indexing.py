"""Elements at computed places, and in order: x[key], take, scatter, one_hot, sort, topk.

In: tensors and indices. Out: tensors. Indices whose values are known are checked at the call.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from lamina import dtypes
from lamina.dtypes import DType, as_dtype
from lamina.errors import ArgumentError, DTypeError, IndexingError, ShapeError
from lamina.graph.node import Node
from lamina.ops import indexing, ordering, subscript
from lamina.ops.movement import expand, reshape
from lamina.ops.table import TABLE
from lamina.runtime import execute
from lamina.tensor.array import Tensor, tensor
from lamina.tensor.functions.plumbing import (
    as_input,
    check_changeable,
    node_of,
    one_axis,
    short,
    sizes,
    whole,
)
from lamina.tensor.trace import traces

CHANGES = 16  # assignments to elements of one tensor that wait for its value to be asked for


def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """Slices of x at the given places along an axis."""
    node, places = node_of(x), node_of(indices)
    if axis is None and node.ndim != 1:
        raise ArgumentError("take", operands=[("x", str(list(node.shape)))],
                            rule="the axis is given for more than one axis", hint="axis=0")
    at = one_axis(node.ndim, axis or 0, "take", node)
    check_known("take", node, places, sizes(node)[at])
    return Tensor(indexing.take(node, places, at))


def check_known(name: str, x: Node, places: Node, size: int, wraps: bool = True) -> None:
    """Indices whose values are there already are checked at the call."""
    if places.value is None or not places.dtype.is_integer or not 0 < prod(sizes(places)) <= 4096:
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


def scatter(x: Any, indices: Any, values: Any, axis: int = 0) -> Tensor:
    """x with slices set: slice `indices[i]` along the axis becomes slice i of `values`.

    indices: integers [n], from the end where negative; of equal ones the last counts. values: the
    shape of x with n along the axis, or what broadcasts to it. See `scatter_add` for a sum.

    >>> import lamina as lm
    >>> lm.scatter(lm.zeros(4), [0, 3], [1.0, 2.0]).tolist()
    [1.0, 0.0, 0.0, 2.0]
    """
    node, update, places, at = _slices("scatter", x, indices, values, axis)
    return Tensor(indexing.scatter(node, update, places, **at))


def scatter_add(x: Any, indices: Any, values: Any, axis: int = 0) -> Tensor:
    """x with slice i of `values` added to slice `indices[i]` along the axis; as for `scatter`.

    >>> import lamina as lm
    >>> lm.scatter_add(lm.ones(3), [2, 0, 2], [1.0, 2.0, 3.0]).tolist()
    [3.0, 1.0, 5.0]
    """
    node, update, places, at = _slices("scatter_add", x, indices, values, axis)
    if node.dtype.kind == "b":
        raise DTypeError("scatter_add", operands=[("x", f"bool {list(node.shape)}")],
                         rule="x is made of numbers", hint="x.astype(lm.int64)")
    if node.dtype.compute is node.dtype:
        return Tensor(indexing.add_at(node, update, places, **at))
    sums = indexing.scatter_add(update, places, shape=node.shape, **at)  # rounded once
    return Tensor(TABLE["add"](node, sums))


def _slices(name: str, x: Any, indices: Any, values: Any, axis: int
            ) -> tuple[Node, Node, Node, dict[str, Any]]:
    """x, the slices with its dtype, their places from 0, and the attributes that name the axis."""
    node, places = node_of(x), node_of(indices)
    axis = one_axis(node.ndim, axis, name, node)
    operands = [("x", f"{node.dtype.name} {list(node.shape)}"),
                ("indices", f"{places.dtype.name} {list(places.shape)}")]
    if not places.dtype.is_integer:
        raise IndexingError(name, operands=operands, rule="an index is an integer",
                            hint="indices.astype(lm.int64)")
    if places.ndim != 1:
        raise ShapeError(name, operands=operands, rule="the indices have one axis")
    check_known(name, node, places, sizes(node)[axis])
    shape = (*sizes(node)[:axis], *sizes(places), *sizes(node)[axis + 1:])
    update = _fitting(name, operands, values, node.dtype, shape)
    ones = tuple(d if i == axis else 1 for i, d in enumerate(shape))
    places = reshape(indexing.wrapped(places, sizes(node)[axis]), shape=ones)
    dims = tuple(-1 if i == axis else i for i in range(node.ndim))
    return node, update, places, {"axes": (axis,), "dims": dims}


def _fitting(name: str, operands: list[tuple[str, str]], values: Any, dtype: DType,
             shape: tuple[int, ...]) -> Node:
    """The values in the dtype of x and the shape of its slices."""
    new = as_input(values)
    node = new if isinstance(new, Node) else tensor(values).node
    operands = [*operands, ("values", f"{node.dtype.name} {list(node.shape)}")]
    if node.dtype.is_float and not dtype.is_float:
        raise DTypeError(name, operands=operands, rule=f"the values become {dtype.name}, as x is")
    padded = (1,) * (len(shape) - node.ndim) + sizes(node)
    if len(padded) != len(shape) or any(
            d not in (1, e) for d, e in zip(padded, shape, strict=True)):
        raise ShapeError(name, operands=operands, expected=shape, got=node.shape,
                         rule=f"the values have the shape {list(shape)}, or broadcast to it")
    if node.dtype is not dtype:
        node = TABLE["cast"](node, dtype=dtype)
    return node if node.shape == shape else expand(node, shape=shape)


def one_hot(labels: Any, num_classes: int, dtype: Any = None) -> Tensor:
    """Rows with a one at the label."""
    node, n = node_of(labels), whole("one_hot", "num_classes", num_classes, 1)
    if not node.dtype.is_integer:
        raise DTypeError("one_hot", operands=[("labels", f"{node.dtype.name} {list(node.shape)}")],
                         rule="labels are integers", hint="labels.astype(lm.int64)")
    return Tensor(indexing.one_hot(node, n, as_dtype(dtype or dtypes.float32)))


def _nonzero_places(mask: Node) -> Sequence[Node]:
    return [tensor(a).node for a in np.nonzero(Tensor(mask).numpy())]


def nonzero(x: Any) -> tuple[Tensor, ...]:
    """Indices of the elements that are not zero, one tensor for each axis."""
    return tuple(tensor(a) for a in np.nonzero(np.asarray(x)))


def _key(key: Any) -> Any:
    parts = key if isinstance(key, tuple) else (key,)
    return tuple(p.node if isinstance(p, Tensor) else tensor(p).node
                 if isinstance(p, (list, np.ndarray)) else p for p in parts)


def _is_flag(key: Any) -> bool:
    """Whether a key is one bool, which masks all of x at once."""
    lone = key[0] if isinstance(key, tuple) and len(key) == 1 else key
    if isinstance(lone, Tensor):
        return lone.ndim == 0 and lone.dtype.kind == "b"
    return isinstance(lone, (bool, np.bool_)) or (
        isinstance(lone, np.ndarray) and lone.ndim == 0 and lone.dtype.kind == "b")


def _masked_whole(x: Tensor, key: Any) -> tuple[Node, Any]:
    """x with a new first axis, and a key of one bool as the mask of that axis."""
    mask = Tensor(node_of(key[0] if isinstance(key, tuple) else key))
    return reshape(x.node, shape=(1, *sizes(x.node))), reshape(mask.node, shape=(1,))


def getitem(x: Tensor, key: Any) -> Tensor:
    """x[key], as in NumPy: integers, slices, None, ..., integer arrays, boolean masks."""
    node, key = _masked_whole(x, key) if _is_flag(key) else (x.node, _key(key))
    return Tensor(subscript.index(node, key, _nonzero_places))


def setitem(x: Tensor, key: Any, value: Any) -> None:
    """x[key] = value: x takes a new value.

    Raises GradientError for a leaf that requires a gradient, unless in `no_grad`.
    """
    check_changeable("x[key] = value", x)
    new = as_input(value)
    node = new if isinstance(new, Node) else tensor(value, dtype=x.dtype).node
    if node.dtype is not x.dtype:
        node = TABLE["cast"](node, dtype=x.dtype)
    old, key = _masked_whole(x, key) if _is_flag(key) else (x.node, _key(key))
    changed = subscript.index_set(old, key, node, _nonzero_places)
    if old is not x.node:
        changed = reshape(changed, shape=x.shape)
    if x.requires_grad:
        x.assign(Tensor(changed))
    else:
        x._set(changed)
    if not traces and _changes(x.node) >= CHANGES:  # a loop of them is one program again and again
        execute.evaluate([x.node])


def _changes(node: Node) -> int:
    """How many pending changes of some elements a node is the last of."""
    count = 0
    while node.value is None and node.op.kind.name in ("update", "scatter"):
        node, count = node.inputs[0], count + 1
    return count


def argsort(x: Any, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The order that sorts x along an axis."""
    node = node_of(x)
    return Tensor(TABLE["argsort"](node, axis=one_axis(node.ndim, axis, "argsort", node),
                                   descending=bool(descending)))


def sort(x: Any, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """x in order along an axis; with `dim=`, and where each stood: (values, indices)."""
    node = node_of(x)
    return Tensor(TABLE["sort"](node, axis=one_axis(node.ndim, axis, "sort", node),
                                descending=bool(descending)))


class Located(NamedTuple):
    """Values, and their indices along an axis."""

    values: Tensor
    indices: Tensor


def topk(x: Any, k: int, axis: int = -1, largest: bool = True) -> Located:
    """The k largest elements in order, and their indices: (values, indices)."""
    node = node_of(x)
    at = one_axis(node.ndim, axis, "topk", node)
    k = whole("topk", "k", k, 0)
    if k > sizes(node)[at]:
        raise ArgumentError("topk", operands=[("x", short(Tensor(node))), ("k", str(k))], got=k,
                            rule=f"k is at most {sizes(node)[at]}, the size of axis {at}")
    values, places = ordering.topk(node, k, at, bool(largest))
    return Located(Tensor(values), Tensor(places))
