"""The families of operations: what all members share.

In: an op, its input nodes and attributes. Out: the result's shape, the error where they do not fit,
and the batched form for vmap. Families with few members stand beside those.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.dtypes import DType
from lamina.errors import ShapeError
from lamina.graph.node import Attrs, Kind, Node, Op, leaf
from lamina.ops.broadcasting import lift
from lamina.ops.rules import (
    broadcast_shapes,
    describe,
    shape_error,
)
from lamina.shapes import Shape


# ---- elementwise ---------------------------------------------------------------------------------
def _batch_elementwise(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs
                       ) -> Node:
    return op(*lift(inputs, batched), **attrs)


ELEMENTWISE = Kind("elementwise", "shapes are equal from the last axis on, or 1",
                   broadcast_shapes, _batch_elementwise)


# ---- along one axis ------------------------------------------------------------------------------
def _same_shape(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    if not 0 <= attrs["axis"] < inputs[0].ndim:
        raise shape_error(op, inputs, f"no axis {attrs['axis']}")
    return inputs[0].shape


def _batch_axis(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs) -> Node:
    return op(inputs[0], **{**attrs, "axis": attrs["axis"] + 1})


def _first_shape(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    """With the attribute k the axis has so many elements, the first ones in order."""
    shape = _same_shape(op, inputs, attrs)
    axis, k = attrs["axis"], attrs.get("k")
    return shape if k is None else (*shape[:axis], k, *shape[axis + 1:])


CUMULATIVE = Kind("cumulative", "the axis exists; the shape stays", _same_shape, _batch_axis)
SORT = Kind("sort", "the axis exists; the other axes stay", _first_shape, _batch_axis)


# ---- composite -----------------------------------------------------------------------------------
_shapes: dict[Any, Shape] = {}  # what bodies gave before


def _body_shape(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    """The shape that the body gives, found by building it once on stand-ins."""
    key = (op.name, tuple(attrs.items()), tuple((n.shape, n.dtype) for n in inputs))
    shape = _shapes.get(key)
    if shape is None:
        shape = _built_shape(op, inputs, attrs)
        if len(_shapes) >= 1024:
            _shapes.clear()
        _shapes[key] = shape
    return shape


def _built_shape(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    hollow = [leaf(None, n.shape, n.dtype) for n in inputs]
    try:
        return op.opened(*hollow, **attrs).shape
    except ShapeError as inner:  # the user called `op`, not what its body calls
        if inner.op == op.name:
            raise
        raise ShapeError(op.name, operands=describe(op, inputs), rule=inner.rule, hint=inner.hint,
                         expected=inner.expected, got=inner.got) from None


COMPOSITE = Kind("composite", "the operands fit the formula", _body_shape)


# ---- reductions ----------------------------------------------------------------------------------
def identity(op: Op, dtype: DType) -> float | int | bool:
    """The value that changes nothing in a reduction of values of this dtype."""
    value: Any = op.extra.get("arg", op.identity)
    if value in ("lowest", "max"):
        if dtype.kind == "b":
            return False
        return float("-inf") if dtype.is_float else int(np.iinfo(dtype.storage).min)
    if value in ("highest", "min"):
        if dtype.kind == "b":
            return True
        return float("inf") if dtype.is_float else int(np.iinfo(dtype.storage).max)
    number: float | int | bool = value
    return number
