"""Reductions: sum, product, extremes and where they are, any and all.

In: an array and the axes to reduce (sorted, not negative). Out: the same rank, the reduced axes
with size 1. `emit` says how two values combine; `identity` is the value of no elements, "lowest"
and "highest" standing for those of the dtype.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.dtypes import DType
from lamina.graph.node import Node, Op, Sample
from lamina.ops import scalar
from lamina.ops.broadcasting import REDUCTION
from lamina.ops.broadcasting import sum_ as sum_
from lamina.ops.elementwise import cast, divide, equal, multiply
from lamina.ops.movement import permute, reshape
from lamina.ops.ordering import products_without
from lamina.ops.rules import boolean, first
from lamina.shapes import product

NUMBERS = (*dtypes.INTEGERS, *dtypes.FLOATS)


def reduction(name: str, doc: str, numpy: Callable[..., Any], emit: Callable[..., Any],
              identity: Any, vjp: Callable[..., Node] | None = None, *,
              takes: Sequence[DType] = NUMBERS, dtype: Callable[..., DType] = first,
              bounds: tuple[float, float] = (-2.0, 2.0), ulp: float = 0.0, onnx: str = "") -> Op:
    """A row for a reduction. vjp: (g, y, x, axes) -> cotangent."""
    pull = None if vjp is None else lambda g, y, x, axes: (vjp(g, y, x, axes),)
    return Op(name, REDUCTION, doc, numpy, dtype, pull, emit, identity=identity, onnx=onnx, ulp=ulp,
              takes=tuple(takes), samples=(Sample((((3, 4), *bounds),), {"axes": (1,)}),
                                           Sample((((3, 4), *bounds),), {"axes": (0,)}),
                                           Sample((((2, 3, 4), *bounds),), {"axes": (0, 2)}),
                                           Sample((((5,), *bounds),), {"axes": (0,)})))


# ---- sums and products ---------------------------------------------------------------------------
def _prod_vjp(g: Node, y: Node, x: Node, axes: tuple[int, ...]) -> Node:
    """The product of the others, along the reduced axes as one."""
    order = [*(i for i in range(x.ndim) if i not in axes), *axes]
    turned = permute(x, axes=tuple(order))
    kept = x.ndim - len(axes)
    line = reshape(turned, shape=(*turned.shape[:kept], product(turned.shape[kept:])))
    others = reshape(products_without(line, kept), shape=turned.shape)
    return multiply(g, permute(others, axes=tuple(order.index(i) for i in range(x.ndim))))


prod = reduction(
    "prod", "The product over some axes.",
    lambda x, axes: np.prod(x, axis=axes, keepdims=True, dtype=x.dtype),
    lambda b, acc, x: acc * x, 1, _prod_vjp, ulp=4, onnx="ReduceProd")


# ---- extremes ------------------------------------------------------------------------------------
def _extreme_vjp(g: Node, y: Node, x: Node, axes: tuple[int, ...]) -> Node:
    """Shared evenly among the elements that are the extreme."""
    ties = cast(equal(x, y), dtype=x.dtype)
    return multiply(divide(g, sum_(ties, axes=axes)), ties)


max_ = reduction("max", "The largest element over some axes; NaN if any is.",
                 lambda x, axes: np.max(x, axis=axes, keepdims=True), scalar.maximum, "lowest",
                 _extreme_vjp, onnx="ReduceMax")
min_ = reduction("min", "The smallest element over some axes; NaN if any is.",
                 lambda x, axes: np.min(x, axis=axes, keepdims=True), scalar.minimum, "highest",
                 _extreme_vjp, onnx="ReduceMin")

# ---- truth ---------------------------------------------------------------------------------------
any_ = reduction("any", "Whether any element over some axes is true.",
                 lambda x, axes: np.any(x, axis=axes, keepdims=True), lambda b, acc, x: acc | x,
                 False, takes=(dtypes.bool_,), dtype=boolean)
all_ = reduction("all", "Whether every element over some axes is true.",
                 lambda x, axes: np.all(x, axis=axes, keepdims=True), lambda b, acc, x: acc & x,
                 True, takes=(dtypes.bool_,), dtype=boolean)


# ---- where the extremes are ----------------------------------------------------------------------
def _located_numpy(find: Callable[..., Any], x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    last = np.moveaxis(x, axes, range(-len(axes), 0))
    kept = last.shape[:x.ndim - len(axes)]
    found = np.asarray(find(last.reshape(*kept, math.prod(x.shape[i] for i in axes)), axis=-1))
    return found.astype(np.int32).reshape([1 if i in axes else d for i, d in enumerate(x.shape)])


def _located(name: str, which: str, find: Callable[..., Any], onnx: str) -> Op:
    return Op(
        name, REDUCTION, f"The index of the first {which} element, counted row by row over "
        "the axes; NaN wins.", numpy=lambda x, axes: _located_numpy(find, x, axes),
        dtype=lambda *_, **__: dtypes.int32, extra={"arg": name[3:]}, onnx=onnx, takes=NUMBERS,
        samples=(Sample((((3, 4), -2, 2),), {"axes": (1,)}),
                 Sample((((3, 4), -2, 2),), {"axes": (0,)}),
                 Sample((((2, 3, 2, 4), -9, 9),), {"axes": (1, 2)}),
                 Sample((((2, 3, 2, 4), -9, 9),), {"axes": (1, 3)})))


argmax = _located("argmax", "largest", np.argmax, "ArgMax")
argmin = _located("argmin", "smallest", np.argmin, "ArgMin")

OPS = (sum_, prod, max_, min_, any_, all_, argmax, argmin)
