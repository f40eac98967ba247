"""The oracle device: a graph computed node by node with the table's NumPy functions.

In: nodes in order, the arrays of the leaves. Out: the arrays of the roots. Half types are stored as
such and computed in float32, as the kernels do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.dtypes import DType, narrow_bfloat16, widen_bfloat16
from lamina.graph.node import CONST, Node, is_leaf, topological
from lamina.runtime.places import check_places


def interpret(roots: Sequence[Node], leaves: Mapping[Node, np.ndarray]) -> list[np.ndarray]:
    """The roots' values, as arrays of their storage dtype."""
    values: dict[Node, np.ndarray] = {}
    for node in topological(roots):
        values[node] = (widened(leaves[node], node.dtype) if is_leaf(node)
                        else compute(node, [values[x] for x in node.inputs]))
    return [narrowed(values[root], root.dtype) for root in roots]


def compute(node: Node, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """One node from the values of its inputs, in the compute dtype."""
    if node.op is CONST:
        return np.asarray(node.attrs["value"], node.dtype.compute.storage)
    for i, size in node.op.places(node) if node.op.places is not None else ():
        check_places(node, i, inputs[i], size)  # type: ignore[arg-type]
    attrs = {k: _computed(v) for k, v in node.attrs.items()}
    with np.errstate(all="ignore"):
        result = node.op.numpy(*inputs, **attrs)
    result = np.asarray(result, node.dtype.compute.storage)
    if node.op.name == "cast":
        result = widened(narrowed(result, node.dtype), node.dtype)
    return np.broadcast_to(result, node.shape)  # type: ignore[arg-type]


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
        return np.ascontiguousarray(array.astype(dtype.storage, copy=False))
