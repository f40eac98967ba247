"""Nodes with several results: what operations that hold graphs are made of.

In: inputs, attributes with graphs. Out: a node, whose results are each an `output` of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.config import settings
from lamina.dtypes import DType
from lamina.errors import user_frame
from lamina.graph.node import Attrs, Kind, Node, Op, constant, mode, note
from lamina.graph.subgraph import Graph
from lamina.ops.kinds import ELEMENTWISE
from lamina.ops.movement import expand
from lamina.ops.rules import boolean, first, named
from lamina.shapes import Shape

Result = tuple[Shape, DType]
Run = Callable[[Graph, Sequence[np.ndarray]], list[np.ndarray]]
Pull = Callable[..., dict[int, Node]]
Push = Callable[[Sequence[Node], Sequence[Node], Sequence[Node]], list[Node]]
Batch = Callable[..., list[tuple[Node, bool]]]


def _no_shape(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    return ()


def _batch_control(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs, *,
                   batch: Batch) -> Node:
    found: Node = op.extra["batch"](inputs, batched, attrs, batch)
    return found


CONTROL = Kind("control", "graphs have as many parameters as there are inputs", _no_shape,
               _batch_control)
HOST = Kind("host", "the function returns arrays of the shapes and dtypes given", _no_shape,
            _batch_control)
SEVERAL = (CONTROL, HOST)  # kinds whose nodes are read through `output`


def record(op: Op, inputs: Sequence[Node], **attrs: Any) -> Node:
    """A node with several results."""
    tracked = mode.tracking and any(x.tracked for x in inputs)
    node = Node(op, tuple(inputs), attrs, (), dtypes.bool_, None, tracked)
    if settings.check or settings.debug:
        node.where = mode.where or user_frame()
    return note(node)


def results(node: Node) -> list[Result]:
    """Shape and dtype of each result."""
    found: list[Result] = node.op.extra["results"](node.inputs, **node.attrs)
    return found


def output(node: Node, index: int) -> Node:
    """One result of a node that has several."""
    if node.op is bundle:
        return node.inputs[index]
    shape, dtype = results(node)[index]
    result = Node(project, (node,), {"index": index, "shape": shape, "dtype": dtype}, shape, dtype,
                  None, node.tracked and dtype.is_float)
    result.where = node.where
    return note(result)


def outputs(node: Node) -> list[Node]:
    """All results of a node that has several."""
    return [output(node, i) for i in range(len(results(node)))]


def _given(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    return tuple(attrs["shape"])


project = Op(
    "output", Kind("output", "the result exists", _given,
                   lambda op, inputs, batched, attrs: output(inputs[0], attrs["index"])),
    "One result of an operation that has several.",
    numpy=lambda several, index, shape, dtype: several[index], dtype=named, sizes=("shape",),
    cost=0)

bundle: Op = Op(
    "bundle", CONTROL, "Nodes that stand for the results of one operation.",
    numpy=lambda *arrays, run: arrays, dtype=boolean,
    vjp=lambda gs, node, *inputs, needed, pull: [gs.get(i) for i in range(len(inputs))],
    extra={"results": lambda inputs: [(x.shape, x.dtype) for x in inputs],
           "batch": lambda inputs, batched, attrs, batch: record(bundle, inputs)})


# ---- what only the compiler sees -----------------------------------------------------------------
copy = Op("copy", ELEMENTWISE, "The input, in memory of its own.", numpy=lambda x: x, dtype=first,
          vjp=lambda g, y, x: (g,), emit=lambda b, x: x)

stored = Op("stored", ELEMENTWISE, "The input, in memory that the one kernel which reads it may "
            "write.", numpy=lambda x: x, dtype=first, emit=lambda b, x: x)

barrier = Op("barrier", ELEMENTWISE, "x, but not before `after` (zero-dimensional) is known; never "
             "merged with x.", numpy=lambda x, after: x, dtype=first,
             vjp=lambda g, y, x, after: (g, None), emit=lambda b, x, after: x)


def zeros(like: Node) -> Node:
    """Zeros of the shape and dtype of `like`."""
    return expand(constant(0, like.dtype), shape=like.shape)
