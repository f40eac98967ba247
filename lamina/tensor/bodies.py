"""Bodies: a Python function run once on stand-ins, so that its nodes can become a graph.

In: a function, and hollow leaves for what it will get. Out: what it returned, and what it assigned
to (random streams, running statistics): these are results of the body like the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lamina import tree
from lamina.errors import ArgumentError, DTypeError, GradientError, LaminaError, ShapeError
from lamina.graph.node import Node, constant, leaf, mode, tracking
from lamina.graph.subgraph import Graph, parameter
from lamina.ops.elementwise import cast
from lamina.tensor.array import Tensor, tensor
from lamina.tensor.history import described
from lamina.tensor.trace import Trace, traces


@dataclass(frozen=True)
class Body:
    """One run on stand-ins. assigned: (tensor, its node before, its node after)."""

    returned: Any
    assigned: list[tuple[Tensor, Node, Node]]
    created: dict[int, Node]


def run_body(name: str, function: Callable[[], Any], params: Sequence[Node]) -> Body:
    """Run `function`, which uses stand-ins for `params`."""
    trace, created, outer = Trace(name), {id(p): p for p in params}, mode.created
    traces.append(trace)
    mode.created = created
    try:
        with tracking(True):
            returned = function()
        assigned = [(t, old, t.node) for t, old in trace.assigned.values()]
    finally:
        mode.created = outer
        traces.pop()
        trace.restore()
    if outer is not None:
        outer.update(created)
    if any(use.set for use in trace.grads.values()):
        raise GradientError(name, rule="backward() is not called inside a body",
                            hint="lm.grad, or backward() on the result")
    return Body(returned, assigned, created)


def stand_in(node: Node) -> Tensor:
    """A tensor for a hollow leaf, which no program takes for a result."""
    t = Tensor.__new__(Tensor)
    t.node, t._requires_grad, t._grad = node, False, None
    if traces:
        traces[-1].own.add(id(t))
    return t


def stand_ins(structure: Any, nodes: Sequence[Node]) -> Any:
    """The tree of `structure` with stand-ins for `nodes`."""
    return tree.unflatten(structure, [stand_in(n) for n in nodes])


def flat_nodes(x: Any) -> tuple[list[Node], Any]:
    """Nodes of a tree of tensors, arrays and numbers, and its structure."""
    leaves, structure = tree.flatten(x)
    return [t.node if isinstance(t, Tensor) else tensor(t).node for t in leaves], structure


def result_nodes(name: str, x: Any, like: Sequence[Node] = ()) -> tuple[list[Node], Any]:
    """`flat_nodes` of what a body returned; numbers take the dtypes of `like`."""
    leaves, structure = tree.flatten(x)
    nodes = []
    for i, t in enumerate(leaves):
        if isinstance(t, Tensor):
            nodes.append(t.node)
        elif isinstance(t, (bool, int, float)):
            dtype = like[i].dtype if i < len(like) else tensor(t).dtype
            nodes.append(constant(t, dtype))
        elif hasattr(t, "__array__"):
            nodes.append(tensor(t).node)
        else:
            raise ArgumentError(name, operands=[("returned", repr(type(t).__name__))],
                                rule="a body returns tensors, in any nesting")
    return nodes, structure


def as_before(nodes: list[Node], like: Sequence[Node]) -> list[Node]:
    """Under `autocast`: floats of another size in the dtypes of `like`, so that a carry keeps its.

    Otherwise the nodes themselves: a dtype that changed is the user's mistake.
    """
    if mode.precision is None or len(nodes) != len(like):
        return nodes
    return [cast(x, dtype=y.dtype) if x.dtype is not y.dtype and x.dtype.is_float
            and y.dtype.is_float else x for x, y in zip(nodes, like, strict=True)]


def slice_parameter(x: Node) -> Node:
    """A hollow leaf for one slice of x along its first axis."""
    return leaf(None, x.shape[1:], x.dtype, tracked=x.dtype.is_float)


def check_same(name: str, rule: str, labels: tuple[str, str], first: tuple[list[Node], Any],
               second: tuple[list[Node], Any], hint: str = "") -> None:
    """Raise the four-part error unless two results agree in nesting, shapes and dtypes."""
    (xs, left), (ys, right) = first, second
    if left != right:
        nestings = [(labels[0], nesting(left)), (labels[1], nesting(right))]
        raise ArgumentError(name, operands=nestings, rule=rule, hint=hint)
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if x.shape == y.shape and x.dtype is y.dtype:
            continue
        kind: type[LaminaError] = ShapeError if x.shape != y.shape else DTypeError
        if x.shape == y.shape:
            hint = hint or f".astype(lm.{x.dtype.name})"
        which = f" [{i}]" if len(xs) > 1 else ""
        raise kind(name, operands=[(labels[0] + which, described(x)),
                                   (labels[1] + which, described(y))], rule=rule, hint=hint,
                   expected=described(x), got=described(y))


def nesting(structure: Any) -> str:
    """A structure in words: `(tensor, {a: tensor})`."""
    if structure == ("leaf",):
        return "tensor"
    if structure == ("none",):
        return "None"
    kind, keys, children = structure
    inner = [nesting(c) for c in children]
    if kind is dict:
        return "{" + ", ".join(f"{k}: {v}" for k, v in zip(keys, inner, strict=True)) + "}"
    return ("[%s]" if kind is list else "(%s)") % ", ".join(inner)


def aligned(graphs: Sequence[tuple[Graph, list[Node]]]) -> tuple[list[Graph], list[Node]]:
    """Graphs whose own parameters mean the same, with one list of captured nodes."""
    union = list(dict.fromkeys(n for _, captured in graphs for n in captured))
    return [with_captured(graph, captured, union) for graph, captured in graphs], union


def with_captured(graph: Graph, captured: Sequence[Node], union: Sequence[Node]) -> Graph:
    """The graph, whose last parameters are for `captured`, with parameters for all of `union`."""
    own = len(graph.params) - len(captured)
    place = dict(zip(captured, graph.params[own:], strict=True))
    return Graph([*graph.params[:own], *(place[n] if n in place else parameter(n) for n in union)],
                 graph.roots)
