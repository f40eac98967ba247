"""The oracle device: a graph computed node by node with the table's NumPy functions.

In: nodes in order, the arrays of the leaves. Out: the arrays of the roots. Half types are stored as
such and computed in float32, as the kernels do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.dtypes import DType, narrow_bfloat16, widen_bfloat16
from lamina.graph.node import CONST, Node, is_leaf, topological
from lamina.graph.subgraph import Graph
from lamina.ops.control import HOST, SEVERAL, results
from lamina.runtime.capacity import LARGE, check_fits
from lamina.runtime.host_call import call_host
from lamina.runtime.places import check_places
from lamina.shapes import Shape

Watch = Callable[[Node, Sequence[Any], Any], None]  # sees each node, its inputs and its value


def interpret(roots: Sequence[Node], leaves: Mapping[Node, np.ndarray], watch: Watch | None = None
              ) -> list[np.ndarray]:
    """The roots' values, as arrays of their storage dtype."""
    values: dict[Node, Any] = {}
    for node in topological(roots):
        if is_leaf(node):
            values[node] = widened(leaves[node], node.dtype)
            continue
        inputs = [values[x] for x in node.inputs]
        values[node] = compute(node, inputs, watch)
        if watch is not None:
            watch(node, inputs, values[node])
    for root in roots:
        _check_memory(root.shape, root.dtype.storage)
    return [narrowed(values[root], root.dtype) for root in roots]


def run_graph(graph: Graph, inputs: Sequence[np.ndarray], watch: Watch | None = None
              ) -> list[np.ndarray]:
    """The results of a graph, from and to arrays of compute dtypes."""
    stored = {p: narrowed(x, p.dtype) for p, x in zip(graph.params, inputs, strict=True)}
    return [widened(y, root.dtype)
            for y, root in zip(interpret(graph.roots, stored, watch), graph.roots, strict=True)]


def compute_several(node: Node, inputs: Sequence[np.ndarray], watch: Watch | None = None
                    ) -> Sequence[np.ndarray]:
    """All results of a control operation or a call of Python."""
    for shape, dtype in results(node):
        _check_memory(shape, dtype.compute.storage)
    if node.op.kind is HOST:
        stored = [narrowed(x, n.dtype) for x, n in zip(inputs, node.inputs, strict=True)]
        return [widened(y, dtype) for y, (_, dtype) in
                zip(call_host(node, stored), node.attrs["specs"], strict=True)]
    found: Sequence[np.ndarray] = node.op.numpy(*inputs, run=partial(run_graph, watch=watch),
                                                **node.attrs)
    return found


def compute(node: Node, inputs: Sequence[Any], watch: Watch | None = None) -> Any:
    """One node from the values of its inputs, in the compute dtype.

    watch: sees the nodes inside, where it is a control operation.
    """
    if node.op.kind in SEVERAL:
        return compute_several(node, inputs, watch)
    if node.op is CONST:
        return np.asarray(node.attrs["value"], node.dtype.compute.storage)
    for i, size in node.places:
        check_places(node, i, inputs[i], size)
    if node.op.kind.name not in _FREE:
        _check_memory(node.shape, node.dtype.compute.storage)
    attrs = {k: _computed(v) for k, v in node.attrs.items()}
    with np.errstate(all="ignore"):
        result = node.op.numpy(*inputs, **attrs)
    result = np.asarray(result, node.dtype.compute.storage)
    if node.op.name == "cast":
        result = widened(narrowed(result, node.dtype), node.dtype)
    return np.broadcast_to(result, node.sizes)


_FREE = ("view", "output")  # NumPy makes no new array for these


def _check_memory(shape: Shape, storage: np.dtype) -> None:
    """Raise CapacityError for an array that cannot be filled."""
    sizes: tuple[int, ...] = shape  # type: ignore[assignment]
    nbytes = prod(sizes) * storage.itemsize
    if nbytes >= LARGE:
        check_fits(nbytes)


def _computed(x: Any) -> Any:
    return x.compute if isinstance(x, DType) else x


def widened(array: np.ndarray, dtype: DType) -> np.ndarray:
    """Stored elements as computed ones."""
    if dtype is dtypes.bfloat16:
        return widen_bfloat16(array)
    return array.astype(dtype.compute.storage, copy=False)


def narrowed(array: np.ndarray, dtype: DType) -> np.ndarray:
    """Computed elements as stored ones."""
    if dtype is dtypes.bfloat16:
        return narrow_bfloat16(array)
    with np.errstate(all="ignore"):
        return np.asarray(array.astype(dtype.storage, copy=False), order="C")
