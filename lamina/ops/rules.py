"""Rules that several families share: how operands read in errors, dtypes of results, broadcasting.

In: an op, its input nodes and attributes. Out: a shape, a dtype, or the four-part error.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina import dtypes
from lamina.dtypes import DType
from lamina.errors import ShapeError
from lamina.graph.node import Attrs, Node, Op
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


# ---- shapes --------------------------------------------------------------------------------------
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
            raise shape_error(op, inputs, f"axis {i - len(b)}: {e} is not {d}",
                              hint=_with_new_axis(op, inputs))
    return tuple(result)


def _with_new_axis(op: Op, inputs: Sequence[Node]) -> str:
    """The operand that is right once it has a last axis of size 1."""
    if len(inputs) != 2 or inputs[0].ndim == inputs[1].ndim:
        return ""
    small = min((0, 1), key=lambda i: inputs[i].ndim)
    longer, shape = inputs[1 - small].shape, (*inputs[small].shape, 1)
    tail = longer[len(longer) - len(shape):]
    fits = all(1 in (a, b) or a == b for a, b in zip(shape, tail, strict=True))
    return f"{op.extra.get('names', NAMES)[small]}[..., None]" if fits else ""


def element_count(shape: Shape, axes: Sequence[int]) -> Dim:
    """How many elements the axes hold together."""
    return product(shape[a] for a in axes)
