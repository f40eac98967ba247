"""Small graphs of every operation of the table, for what compiles and never runs.

In: an op and a dtype. Out: (label, root) pairs over hollow leaves: the op's samples, with every
dtype that a result may be asked for, the first one also with variables for its sizes; and graphs
written here for the ops that have no samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lamina import dtypes
from lamina.dtypes import DType
from lamina.graph.node import Node, Op, leaf, topological
from lamina.graph.subgraph import Graph, parameter
from lamina.ops import control
from lamina.ops.movement import iota, view
from lamina.runtime import instance
from tests.ops.oracle import draw

SHAPE = (3, 5)
# Ops whose attribute `dtype` says what the result is: all that it may be.
RESULTS: dict[str, tuple[DType, ...]] = {
    "cast": dtypes.ALL, "uniform": dtypes.FLOATS, "normal": dtypes.FLOATS,
    "randint": dtypes.INTEGERS,
}
# Ops whose sizes hang together by more than being equal, which is all that `any_size` knows: a
# convolution's, and those of a random op's key. (A check of a range is never a program by itself.)
NUMBERED = {"conv", "conv_transpose", "random_bits", "advance", "uniform", "normal", "bernoulli",
            "randint", "permutation", "dropout", "check_range"}


def graphs(op: Op, dtype: DType) -> Iterator[tuple[str, Node]]:
    """Every graph of an op with inputs of a dtype."""
    if not op.samples:
        yield "", BUILT[op.name](dtype)
    for i, sample in enumerate(op.samples):
        for result in RESULTS.get(op.name, (None,)):
            attrs = dict(sample.attrs, **({"dtype": result} if result else {}))
            inputs = [node for node, _ in draw(op, sample, dtype)]
            shapes = ", ".join(f"{n.dtype.name}{list(n.shape)}" for n in inputs)
            root = op(*inputs, **attrs)
            yield f"({shapes}; {attrs})", root
            if i == 0 and op.name not in NUMBERED:
                yield f"({shapes}; {attrs}) of any size", any_size(root)


def any_size(root: Node) -> Node:
    """The graph as it is compiled once its sizes were seen to differ: variables, but for 1."""
    order = topological([root])
    _, fills = instance.abstract(order, [root])
    larger = tuple(3 * x + 100 if type(x) is int else x for x in fills)
    copies, _ = instance.symbolic(order, instance.Template([fills, larger]))
    return copies[order.index(root)]


# ---- ops without samples -------------------------------------------------------------------------
def hollow(dtype: DType, shape: tuple[int, ...] = SHAPE) -> Node:
    return leaf(None, shape, dtype, tracked=dtype.is_float)


def copying(*like: Node) -> Graph:
    """A graph that returns its parameters, in memory of their own."""
    params = [parameter(x) for x in like]
    return Graph(params, [control.copy(p) for p in params])


def first_of(op: Op, inputs: list[Node], **attrs: Any) -> Node:
    return control.output(control.record(op, inputs, **attrs), 0)


def transposed(dtype: DType) -> Node:
    turned = (0, ((1, 1),)), (0, ((0, 1),))  # for each axis: offset, (axis of the view, factor)
    return view(hollow(dtype), shape=SHAPE[::-1], map=turned)


def chosen(dtype: DType) -> Node:
    x = hollow(dtype)
    return first_of(control.cond, [hollow(dtypes.bool_, ()), x], then=copying(x), other=copying(x))


def scanned(dtype: DType) -> Node:
    c, xs = hollow(dtype, SHAPE[1:]), hollow(dtype)
    carry, row = parameter(c), parameter(c)
    body = Graph([carry, row], [control.copy(row), control.copy(carry)])
    node = control.record(control.scan, [c, xs], body=body, carries=1, slices=1, length=SHAPE[0],
                          reverse=False)
    return control.output(node, 1)


def repeated(dtype: DType) -> Node:
    go, x = hollow(dtypes.bool_, ()), hollow(dtype)
    test = copying(go, x)
    return control.output(control.record(
        control.while_loop, [go, x], test=Graph(test.params, test.roots[:1]), body=copying(go, x),
        limit=None), 1)


def called(dtype: DType) -> Node:
    x = hollow(dtype)
    return first_of(control.call, [x], graph=copying(x), rule=control.Recompute(1))


def from_python(dtype: DType) -> Node:
    return first_of(control.host_callback, [hollow(dtype)], function=len, specs=((SHAPE, dtype),))


BUILT: dict[str, Callable[[DType], Node]] = {
    "iota": lambda dtype: iota(shape=SHAPE, axis=1, dtype=dtype),
    "view": transposed, "output": chosen, "cond": chosen, "scan": scanned, "while_loop": repeated,
    "call": called, "host_callback": from_python,
}
