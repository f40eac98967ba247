"""The NumPy oracle as an interpreter, and inputs for the samples of the table."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.dtypes import DType
from lamina.graph.node import CONST, Node, Op, Sample, constant, leaf, topological
from lamina.ops.movement import expand


def evaluate(roots: Sequence[Node], feed: Mapping[Node, np.ndarray] | None = None
             ) -> list[np.ndarray]:
    """Values of the roots: each op's NumPy form, half types computed in float32."""
    values: dict[Node, np.ndarray] = {n: widened(v, n.dtype) for n, v in (feed or {}).items()}
    for node in topological(roots, stop=lambda n: n in values or not n.inputs):
        if node in values:
            continue
        if node.op is CONST:
            result = np.asarray(node.attrs["value"], node.dtype.compute.storage)
        elif not node.inputs and node.value is not None:
            result = widened(node.value, node.dtype)
        else:
            with np.errstate(all="ignore"):
                result = node.op.numpy(*[values[i] for i in node.inputs], **node.attrs)
        result = np.asarray(result)
        compute = node.dtype.compute.storage
        if node.dtype.is_float and node.op.name in ("cast", "iota"):
            result = result.astype(compute)
        assert result.dtype == compute, f"{node}: {result.dtype}"
        assert result.shape == node.shape, f"{node}: {result.shape}"
        values[node] = widened(stored(result, node.dtype), node.dtype)
    return [values[root] for root in roots]


def stored(values: np.ndarray, dtype: DType) -> np.ndarray:
    """Values rounded to what memory holds."""
    if dtype is dtypes.bfloat16:
        return dtypes.narrow_bfloat16(values).reshape(values.shape)
    with np.errstate(over="ignore"):
        return values.astype(dtype.storage)


def widened(values: np.ndarray, dtype: DType) -> np.ndarray:
    """What memory holds as values to compute with."""
    if dtype is dtypes.bfloat16:
        return dtypes.widen_bfloat16(values) if values.dtype == np.uint16 else values
    return values.astype(dtype.compute.storage)


def draw(op: Op, sample: Sample, dtype: DType) -> list[tuple[Node, np.ndarray]]:
    """Inputs for a sample, always the same ones: (hollow node, value) pairs."""
    rng = np.random.default_rng(zlib.crc32(f"{op.name} {sample.attrs}".encode()))
    pairs = []
    for i, (shape, low, high) in enumerate(sample.inputs):
        name = sample.dtypes[i] if i < len(sample.dtypes) else ""
        own = dtypes.BY_NAME[name] if name else dtype
        if own.kind == "u":
            low, high = max(low, 0), max(high, 1)
        values = rng.uniform(low, high, shape)
        if own.kind == "b":
            values = rng.integers(0, 2, shape)
        elif own.is_integer:
            values = np.floor(values)
        pairs.append((leaf(None, shape, own, tracked=own.is_float),
                      stored(np.asarray(values).astype(own.compute.storage), own)))
    return pairs


def filled(value: float, like: Node) -> Node:
    return expand(constant(value, like.dtype), shape=like.shape)


def cases(ops: Sequence[Op], wanted: Any = lambda op: True) -> list[Any]:
    """(op, sample) for each sample of the ops that are wanted."""
    return [(op, s) for op in ops if wanted(op) for s in op.samples]


def label(case: Any) -> str:
    """A short name for a test's parameter."""
    if isinstance(case, Op):
        return case.name
    return case.name if isinstance(case, DType) else ""
