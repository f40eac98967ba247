"""The families of operations: what all members share.

In: an op, its input nodes and attributes. Out: the result's shape, the error where they do not fit,
and the batched form for vmap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import dtypes
from lamina.dtypes import DType, promote
from lamina.errors import DTypeError, ShapeError
from lamina.graph.node import LEAF, Attrs, Kind, Node, Op, leaf
from lamina.shapes import Dim, Shape, product

NAMES = ("x", "y", "z", "u", "v", "w")


def describe(op: Op, inputs: Sequence[Node]) -> list[tuple[str, str]]:
    """One line for each operand: its name in the op's signature, dtype and shape."""
    names = op.extra.get("names", NAMES)
    return [(names[i] if i < len(names) else f"input {i}", f"{n.dtype.name} {list(n.shape)}")
            for i, n in enumerate(inputs)]


def shape_error(op: Op, inputs: Sequence[Node], why: str = "", hint: str = "",
                rule: str = "") -> ShapeError:
    """The four-part error of an op whose operands do not fit."""
    operands = describe(op, inputs)
    if why:
        operands[-1] = (operands[-1][0], f"{operands[-1][1]}        {why}")
    return ShapeError(op.name, operands=operands, rule=rule or op.kind.rule, hint=hint,
                      got=tuple(n.shape for n in inputs))


# ---- dtype rules ---------------------------------------------------------------------------------
def first(*inputs: DType, **_: object) -> DType:
    """The dtype of the first input."""
    return inputs[0]


def last(*inputs: DType, **_: object) -> DType:
    """The dtype of the last input."""
    return inputs[-1]


def boolean(*_: DType, **__: object) -> DType:
    """bool, whatever comes in."""
    return dtypes.bool_


def named(*_: DType, dtype: DType, **__: object) -> DType:
    """The dtype given as attribute."""
    return dtype


# ---- elementwise ---------------------------------------------------------------------------------
def broadcast_shapes(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    """Shapes aligned at their last axes, axes of size 1 stretched."""
    shape = inputs[0].shape
    for other in inputs[1:]:
        if other.shape != shape:
            shape = _broadcast_pair(op, inputs, shape, other.shape)
    return shape


def _broadcast_pair(op: Op, inputs: Sequence[Node], a: Shape, b: Shape) -> Shape:
    if len(a) < len(b):
        a, b = b, a
    result = list(a)
    offset = len(a) - len(b)
    for i, d in enumerate(b):
        e = a[offset + i]
        if e == 1:
            result[offset + i] = d
        elif d != 1 and d != e:
            raise shape_error(op, inputs, f"axis {i - len(b)}: {e} is not {d}")
    return tuple(result)


def lift(inputs: Sequence[Node], batched: Sequence[bool]) -> list[Node]:
    """Inputs of one rank behind a leading batch axis."""
    from_table = _movement()
    rank = max(n.ndim - b for n, b in zip(inputs, batched, strict=True))
    lifted = []
    for node, is_batched in zip(inputs, batched, strict=True):
        inner = node.shape[1:] if is_batched else node.shape
        head = node.shape[0] if is_batched else 1
        lifted.append(from_table.reshape(node, shape=(head, *(1,) * (rank - len(inner)), *inner)))
    return lifted


def _movement():  # type: ignore[no-untyped-def]
    from lamina.ops import movement  # the kinds are defined before the table that uses them

    return movement


def _batch_elementwise(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs) -> Node:
    return op(*lift(inputs, batched), **attrs)


ELEMENTWISE = Kind("elementwise", "shapes are equal from the last axis on, or 1",
                   broadcast_shapes, _batch_elementwise)


def prepare(op: Op, inputs: Sequence[Node], numeric: slice = slice(None)) -> list[Node]:
    """Inputs cast to their common dtype; integers become float32 for ops that take floats only."""
    from lamina.ops.elementwise import cast

    nodes = list(inputs)
    chosen = nodes[numeric]
    dtype = chosen[0].dtype
    for node in chosen[1:]:
        if node.dtype is not dtype:
            dtype = promote(dtype, node.dtype)
    if dtype not in op.takes:
        if op.takes is not dtypes.FLOATS and not (dtype.kind == "b" and dtypes.int64 in op.takes):
            raise DTypeError(op.name, operands=describe(op, inputs),
                             rule="takes " + ", ".join(d.name for d in op.takes),
                             hint=".astype(...)")
        dtype = dtypes.float32 if op.takes is dtypes.FLOATS else dtypes.int64
    nodes[numeric] = [n if n.dtype is dtype else cast(n, dtype=dtype) for n in chosen]
    return nodes


# ---- reduction -----------------------------------------------------------------------------------
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


def _same_shape(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    if not 0 <= attrs["axis"] < inputs[0].ndim:
        raise shape_error(op, inputs, f"no axis {attrs['axis']}")
    return inputs[0].shape


def _batch_axis(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs) -> Node:
    return op(inputs[0], **{**attrs, "axis": attrs["axis"] + 1})


CUMULATIVE = Kind("cumulative", "the axis exists; the shape stays", _same_shape, _batch_axis)
SORT = Kind("sort", "the axis exists; the shape stays", _same_shape, _batch_axis)


# ---- composite -----------------------------------------------------------------------------------
_shapes: dict[Any, Shape] = {}  # what bodies gave before


def _body_shape(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    """The shape that the body gives, found by building it once on stand-ins."""
    key = (op.name, tuple(attrs.items()), tuple((n.shape, n.dtype) for n in inputs))
    shape = _shapes.get(key)
    if shape is None:
        shape = _built_shape(op, inputs, attrs)
        if len(_shapes) >= 4096:
            _shapes.clear()
        _shapes[key] = shape
    return shape


def _built_shape(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    hollow = [leaf(None, n.shape, n.dtype) for n in inputs]
    try:
        return op.body(*hollow, **attrs).shape  # type: ignore[misc]
    except ShapeError as inner:  # the user called `op`, not what its body calls
        if inner.op == op.name:
            raise
        raise ShapeError(op.name, operands=describe(op, inputs), rule=inner.rule, hint=inner.hint,
                         expected=inner.expected, got=inner.got) from None


COMPOSITE = Kind("composite", "the operands fit the formula", _body_shape)


def element_count(shape: Shape, axes: Sequence[int]) -> Dim:
    """How many elements the axes hold together."""
    return product(shape[a] for a in axes)


__all__ = ["LEAF", "ELEMENTWISE", "REDUCTION", "CUMULATIVE", "SORT", "COMPOSITE"]
