"""Operands of different dtypes made to fit an operation, by the rules of `lamina.dtypes`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import dtypes
from lamina.dtypes import promote, span
from lamina.errors import DTypeError
from lamina.graph.node import Node, Op, as_nodes, constant, mode
from lamina.ops.elementwise import cast
from lamina.ops.precision import recorded_dtype
from lamina.ops.rules import NAMES, boolean, describe


def operands(op: Op, inputs: Sequence[Any]) -> Sequence[Node]:
    """Nodes for nodes and Python numbers; these take the dtype of the array beside them.

    Raises DTypeError for an integer that the dtype does not hold, unless it is only compared.
    """
    for i, x in enumerate(inputs):
        if type(x) is int:
            like = next((y.dtype for y in reversed(inputs) if isinstance(y, Node)), None)
            if like is not None and like.is_integer and x not in span(like):
                inputs = [*inputs[:i], _beyond(op, i, x, like), *inputs[i + 1:]]
    return as_nodes(op, inputs)


def _beyond(op: Op, place: int, value: int, like: dtypes.DType) -> Node:
    """An integer that `like` does not hold, for a comparison in int64."""
    if op.dtype is boolean and value in span(dtypes.int64):
        return constant(value, dtypes.int64)
    least, most = span(like)[0], span(like)[-1]
    wider = next((d for d in dtypes.SIGNED if all(v in span(d) for v in (value, least, most))),
                 None)
    raise DTypeError(op.name, operands=[("array", like.name), (NAMES[place], str(value))],
                     rule=f"{like.name} holds {least} .. {most}; a number takes the array's dtype",
                     hint=f".astype(lm.{wider.name})" if wider else "",
                     expected=(least, most), got=value)


def _first_of_kind(op: Op) -> str:
    """A dtype that the operation takes: the usual one of its kind."""
    usual = (dtypes.float32, dtypes.int64, dtypes.bool_)
    return next(d.name for d in (*usual, *op.takes) if d in op.takes)


def prepare(op: Op, inputs: Sequence[Node], numeric: slice = slice(None)) -> list[Node]:
    """Inputs cast to their common dtype; integers become float32 for ops that take floats only."""
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
                             hint=f".astype(lm.{_first_of_kind(op)})")
        dtype = dtypes.float32 if op.takes is dtypes.FLOATS else dtypes.int64
    if mode.precision is not None:
        dtype = recorded_dtype(op, dtype)
    nodes[numeric] = [n if n.dtype is dtype else cast(n, dtype=dtype) for n in chosen]
    return nodes
