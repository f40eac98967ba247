"""Shapes made to fit: reshape, expand, and sum, which is how a gradient gets through expand.

In: a node and a shape or axes. Out: a node. These three come first in the table since the rules of
all other operations are written with them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina import dtypes
from lamina.graph.node import Attrs, Kind, Node, Op, Sample
from lamina.ops.rules import first, shape_error
from lamina.shapes import Dim, Shape, product

ViewMap = tuple[tuple[Dim, tuple[tuple[int, Dim], ...]], ...]


# ---- reshape -------------------------------------------------------------------------------------
def _reshape_shape(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    old, new = inputs[0].shape, tuple(attrs["shape"])
    if all(type(d) is int for d in old + new) and product(old) != product(new):
        raise shape_error(op, inputs, f"{product(old)} elements do not fill {list(new)}")
    return new


def _batch_reshape(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs) -> Node:
    return op(inputs[0], shape=(inputs[0].shape[0], *attrs["shape"]))


RESHAPE = Kind("reshape", "the number of elements stays", _reshape_shape, _batch_reshape)

reshape: Op = Op(
    "reshape", RESHAPE, "The same elements, row by row, in another shape.",
    numpy=lambda x, shape: np.reshape(x, shape), dtype=first,
    vjp=lambda g, y, x, shape: (reshape(g, shape=x.shape),),
    sizes=("shape",), cost=0, onnx="Reshape",
    samples=(Sample((((3, 4), -2, 2),), {"shape": (2, 6)}),
             Sample((((2, 3, 4), -2, 2),), {"shape": (6, 4)})),
)


# ---- expand --------------------------------------------------------------------------------------
def _expanded(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    old, new = inputs[0].shape, tuple(attrs["shape"])
    tail = new[len(new) - len(old):]
    if len(old) > len(new) or any(a != 1 and a != b for a, b in zip(old, tail, strict=True)):
        raise shape_error(op, inputs, f"cannot become {list(new)}")
    return new


def _batch_expand(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs) -> Node:
    x, shape = inputs[0], attrs["shape"]
    inner = (1,) * (len(shape) - x.ndim + 1) + x.shape[1:]
    return op(reshape(x, shape=(x.shape[0], *inner)), shape=(x.shape[0], *shape))


def _expand_map(old: Shape, shape: Shape) -> ViewMap:
    offset = len(shape) - len(old)
    return tuple((0, () if d == 1 else ((offset + i, 1),)) for i, d in enumerate(old))


expand = Op(
    "expand", Kind("view", "axes of size 1 grow, new axes come in front", _expanded, _batch_expand),
    "Axes of size 1 repeated without a copy (broadcast_to).",
    numpy=lambda x, shape: np.broadcast_to(x, shape), dtype=first,
    vjp=lambda g, y, x, shape: (unbroadcast(g, x.shape),),
    emit=_expand_map, sizes=("shape",), cost=0, onnx="Expand",
    samples=(Sample((((3, 1), -2, 2),), {"shape": (3, 4)}),
             Sample((((4,), -2, 2),), {"shape": (2, 3, 4)})),
)


# ---- sum -----------------------------------------------------------------------------------------
def _reduced_shape(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    axes = attrs["axes"]
    shape = inputs[0].shape
    if any(not 0 <= a < len(shape) for a in axes):
        raise shape_error(op, inputs, f"no axis {axes}")
    if op.identity in (None, "lowest", "highest") and any(shape[a] == 0 for a in axes):
        raise shape_error(op, inputs, f"axis {axes} is empty",
                          rule=f"{op.name} of no elements is not defined")
    return tuple(1 if i in axes else d for i, d in enumerate(shape))


def _batch_axes(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs) -> Node:
    return op(inputs[0], **{**attrs, "axes": tuple(a + 1 for a in attrs["axes"])})


REDUCTION = Kind("reduction", "the reduced axes exist; they stay with size 1", _reduced_shape,
                 _batch_axes)

sum_ = Op(
    "sum", REDUCTION, "The sum over some axes.",
    numpy=lambda x, axes: np.sum(x, axis=axes, keepdims=True, dtype=x.dtype), dtype=first,
    vjp=lambda g, y, x, axes: (expand(g, shape=x.shape),), emit=lambda b, acc, x: acc + x,
    identity=0, ulp=4, onnx="ReduceSum", takes=(*dtypes.INTEGERS, *dtypes.FLOATS),
    samples=(Sample((((3, 4), -2, 2),), {"axes": (1,)}),
             Sample((((3, 4), -2, 2),), {"axes": (0,)}),
             Sample((((2, 3, 4), -2, 2),), {"axes": (0, 2)}),
             Sample((((5,), -2, 2),), {"axes": (0,)})),
)


# ---- broadcasting --------------------------------------------------------------------------------
def unbroadcast(g: Node, shape: Shape) -> Node:
    """The cotangent of a broadcast: summed over the axes that were stretched or added."""
    if g.shape == shape:
        return g
    offset = g.ndim - len(shape)
    axes = tuple(i for i in range(g.ndim)
                 if i < offset or (shape[i - offset] == 1 and g.shape[i] != 1))
    if axes:
        g = sum_(g, axes=axes)
    return g if g.shape == shape else reshape(g, shape=shape)


def lift(inputs: Sequence[Node], batched: Sequence[bool]) -> list[Node]:
    """Inputs of one rank behind a leading batch axis."""
    rank = max(n.ndim - b for n, b in zip(inputs, batched, strict=True))
    lifted = []
    for node, is_batched in zip(inputs, batched, strict=True):
        inner = node.shape[1:] if is_batched else node.shape
        head = node.shape[0] if is_batched else 1
        lifted.append(reshape(node, shape=(head, *(1,) * (rank - len(inner)), *inner)))
    return lifted
