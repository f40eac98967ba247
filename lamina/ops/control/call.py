"""`call`: a graph with a gradient of its own, for checkpoints and what users define.

In: inputs, a graph, a rule. Out: the results of the graph; the planner opens it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lamina.graph.node import Attrs, Node, Op, tracking
from lamina.graph.subgraph import Graph
from lamina.ops.control.bodies import batch_size, batched_graph
from lamina.ops.control.results import CONTROL, Batch, Pull, Push, barrier, output, record, zeros
from lamina.ops.movement import reshape, slice_
from lamina.ops.reduction import sum_
from lamina.ops.rules import boolean
from lamina.shapes import Dim, product


@dataclass(frozen=True)
class Recompute:
    """The gradient of a checkpoint: the graph once more, when the cotangent is there.

    The first `inputs` inputs stand behind barriers, which keeps the two apart.
    """

    inputs: int

    def __call__(self, gs: Mapping[int, Node], node: Node, inputs: Sequence[Node], pull: Pull
                 ) -> list[Node | None]:
        graph: Graph = node.attrs["graph"]
        after = next((_token(g) for g in gs.values() if product(g.shape) != 0), None)
        with tracking(True):
            fresh = [barrier(x, after) if i < self.inputs and after is not None
                     else reshape(x, shape=x.shape) for i, x in enumerate(inputs)]
            again = graph.apply(fresh)
        found = pull([again[i] for i in gs], list(gs.values()), fresh,
                     frozenset(id(x) for x in fresh))
        return [found.get(id(x)) for x in fresh]

    def batched(self, flags: Sequence[bool], n: Dim, batch: Batch) -> Recompute:
        """The same for the batched graph."""
        return self


def _token(g: Node) -> Node:
    """One element of g: who reads it waits for g."""
    first_one = slice_(g, starts=(0,) * g.ndim, steps=(1,) * g.ndim, shape=(1,) * g.ndim)
    return reshape(first_one, shape=())


@dataclass(frozen=True, eq=False)
class Given:
    """A gradient that the user wrote, as a graph.

    It is a function of the cotangents of the first `count` results, of these results, and of all
    inputs; its roots are the cotangents of the inputs in `places`. All such rules are equal:
    whatever compares nodes to find a program for them has their gradients behind it.
    """

    count: int
    graph: Graph
    places: tuple[int, ...]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Given)

    def __hash__(self) -> int:
        return hash(Given)

    def __call__(self, gs: Mapping[int, Node], node: Node, inputs: Sequence[Node], pull: Pull
                 ) -> list[Node | None]:
        if not self.places:
            return [None] * len(inputs)
        ys = [output(node, i) for i in range(self.count)]
        found = self.graph.apply([*(gs[i] if i in gs else zeros(y) for i, y in enumerate(ys)), *ys,
                                  *inputs])
        cotangents: list[Node | None] = [None] * len(inputs)
        for i, c in zip(self.places, found, strict=True):
            cotangents[i] = c
        return cotangents

    def batched(self, flags: Sequence[bool], n: Dim, batch: Batch) -> Given:
        """The rule for one example over a batch; shared inputs get the sum of their cotangents."""
        if not self.places:
            return self
        graph, _ = batched_graph(self.graph, [*[True] * (2 * self.count), *flags], n, batch)
        roots = [root if flags[i] else reshape(sum_(root, axes=(0,)), shape=root.shape[1:])
                 for i, root in zip(self.places, graph.roots, strict=True)]
        return Given(self.count, Graph(graph.params, roots), self.places)


def _call_batch(inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs, batch: Batch
                ) -> Node:
    n = batch_size(inputs, batched)
    graph, _ = batched_graph(attrs["graph"], batched, n, batch)
    return record(call, inputs, graph=graph, rule=attrs["rule"].batched(batched, n, batch))


def _call_push(node: Node, given: Sequence[Node | None], push: Push, graph: Graph, rule: Any
               ) -> dict[int, Node] | None:
    """Forward mode goes through the graph; None where the gradient is the user's own."""
    if not isinstance(rule, Recompute):
        return None
    with tracking(True):
        fresh = [reshape(x, shape=x.shape) for x in node.inputs]
        results = graph.apply(fresh)
    moved = [(x, t) for x, t in zip(fresh, given, strict=True) if t is not None]
    return dict(enumerate(push(results, [x for x, _ in moved], [t for _, t in moved])))


call = Op(
    "call", CONTROL, "A graph with a gradient of its own; opened before anything is planned.",
    numpy=lambda *inputs, run, graph, rule: run(graph, inputs), dtype=boolean,
    vjp=lambda gs, node, *inputs, needed, pull, graph, rule: rule(gs, node, inputs, pull),
    sizes=("graph",),
    extra={"batch": _call_batch, "push": _call_push,
           "results": lambda inputs, graph, rule: [(r.shape, r.dtype) for r in graph.roots]})
