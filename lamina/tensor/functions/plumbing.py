"""What the public functions share: inputs as nodes, axes, sizes.

In: whatever the user passed. Out: nodes, non-negative axes, shapes; or the error that says why not.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import prod
from typing import Any

from lamina.errors import ArgumentError, DTypeError, GradientError, ShapeError
from lamina.graph.node import Node, mode
from lamina.ops import movement as moves
from lamina.tensor.array import Tensor, tensor

Axis = int | Sequence[int] | None
NUMBER = (bool, int, float)



def as_input(x: Any) -> Any:
    """What an op takes: nodes of tensors, plain numbers as they are, arrays as new leaves."""
    if isinstance(x, Tensor):
        return x.node
    if type(x) in NUMBER:
        return x
    if isinstance(x, Node):
        return x
    return tensor(x).node


def node_of(x: Any) -> Node:
    """A node, whatever comes in."""
    return x.node if isinstance(x, Tensor) else tensor(x).node


def tensor_of(name: str, x: Any) -> Tensor:
    """x itself, a tensor; raises DTypeError for anything else."""
    if not isinstance(x, Tensor):
        raise DTypeError(name, operands=[("x", short(x))], rule="x is a tensor",
                         hint="lm.tensor(x)" if isinstance(x, (int, float, list)) else "")
    return x


def check_changeable(name: str, x: Tensor) -> None:
    """Raise GradientError if x requires a gradient and history is recorded."""
    if x.requires_grad and mode.tracking:
        raise GradientError(
            name, operands=[("x", f"{x.dtype.name} {list(x.shape)}, requires_grad=True")],
            rule="a leaf that requires a gradient changes in place only where no history is "
            "recorded",
            hint="with lm.no_grad():")


def axes_of(x: Node, axis: Axis, name: str) -> tuple[int, ...]:
    """Sorted non-negative axes; None means all of them."""
    if axis is None:
        return tuple(range(x.ndim))
    axes = tuple(sorted(one_axis(x.ndim, a, name, x) for a in sequence_of(axis)))
    if len(set(axes)) != len(axes):
        raise ArgumentError(name, operands=[("axis", repr(axis))], rule="each axis is named once")
    return axes


def sequence_of(value: Any) -> Sequence[Any]:
    """A sequence as it is, anything else as a sequence of one."""
    return value if isinstance(value, (list, tuple, range)) else (value,)


def whole(name: str, argument: str, value: Any, least: int | None = None) -> int:
    """An integer argument, at least `least`; raises ArgumentError."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or (least is not None and number < least):
        more = "" if least is None else f" of at least {least}"
        raise ArgumentError(name, operands=[(argument, short(value))], got=value,
                            rule=f"{argument} is an integer{more}")
    return number


def short(value: Any) -> str:
    """A value as it reads in an error."""
    if isinstance(value, Tensor):
        return f"{value.dtype.name} {list(value.shape)}"
    text = repr(value)
    return text if len(text) <= 60 else f"{type(value).__name__} {text[:50]}..."


def one_axis(rank: int, axis: int, name: str, x: Node | None = None) -> int:
    """A non-negative axis; raises ShapeError outside -rank..rank-1."""
    try:
        axis = operator.index(axis)
    except TypeError:
        raise ArgumentError(name, operands=[("axis", repr(axis))], rule="an axis is an integer"
                            ) from None
    if not -rank <= axis < rank:
        operands = [("x", f"{x.dtype.name} {list(x.shape)}")] if x is not None else []
        raise ShapeError(name, operands=[*operands, ("axis", str(axis))],
                         rule=f"axes run from {-rank} to {rank - 1}")
    return axis % rank


def dropped(node: Node, axes: Sequence[int], keepdims: bool) -> Node:
    """Without the axes, which have size 1 here, unless they are kept."""
    if keepdims or not axes:
        return node
    return moves.reshape(node, shape=tuple(d for i, d in enumerate(node.shape) if i not in axes))


def sizes(x: Node) -> tuple[int, ...]:
    """The shape of a tensor's node: numbers, since symbols are only inside the compiler."""
    return x.sizes


def flat(x: Node) -> Node:
    """All elements along one axis."""
    return moves.reshape(x, shape=(prod(sizes(x)),))
