"""Operations run through the kernels of this machine, next to the oracle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.dtypes import DType
from lamina.graph.node import Node, Op, leaf
from lamina.runtime.buffers import from_array
from lamina.runtime.execute import array_of, run
from lamina.runtime.interpret import interpret, narrowed, widened


def held(array: np.ndarray, dtype: DType | None = None) -> Node:
    """A leaf that holds an array, given as computed values."""
    dtype = dtype or dtypes.as_dtype(array.dtype)
    stored = narrowed(np.asarray(array), dtype).reshape(array.shape)
    return leaf(from_array(stored), array.shape, dtype)


def on_device(roots: Sequence[Node]) -> list[np.ndarray]:
    """Values of the roots, in the dtype that they are computed in."""
    run(list(roots))
    return [widened(array_of(n), n.dtype) for n in roots]


def both(op: Op, leaves: Sequence[Node], attrs: Mapping[str, Any]
         ) -> tuple[np.ndarray, np.ndarray]:
    """The result of an op on held leaves: the kernels', the oracle's."""
    node = op(*leaves, **attrs)
    expected, = interpret([node], {x: array_of(x) for x in leaves})
    found, = on_device([node])
    return found, widened(expected, node.dtype)


def numbers(rng: np.random.Generator, shape: tuple[int, ...], dtype: DType) -> np.ndarray:
    """Small whole numbers, which sums hold exactly in every dtype."""
    return rng.integers(-4 if dtype.kind in "if" else 0, 5, shape).astype(dtype.compute.storage)
