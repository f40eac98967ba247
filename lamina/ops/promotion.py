"""Operands of different dtypes made to fit an operation, by the rules of `lamina.dtypes`."""

from __future__ import annotations

from collections.abc import Sequence

from lamina import dtypes
from lamina.dtypes import promote
from lamina.errors import DTypeError
from lamina.graph.node import Node, Op
from lamina.ops.elementwise import cast
from lamina.ops.rules import describe


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
    nodes[numeric] = [n if n.dtype is dtype else cast(n, dtype=dtype) for n in chosen]
    return nodes
