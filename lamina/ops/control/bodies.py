"""Graphs inside operations: what their inputs are, and their form for a batch.

In: graphs, and which inputs have a new axis. Out: graphs with that axis, and which results have it.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.graph.node import Node, leaf, topological
from lamina.graph.subgraph import Graph
from lamina.ops.control.results import Batch
from lamina.ops.elementwise import add
from lamina.ops.movement import expand, reshape
from lamina.shapes import Dim


def differentiable(inputs: Sequence[Node], needed: Sequence[bool]) -> list[int]:
    """Which inputs need a cotangent and can have one."""
    return [i for i, x in enumerate(inputs) if needed[i] and x.dtype.is_float]


def sum_of(x: Node | None, y: Node | None) -> Node | None:
    """x + y, of those that are there."""
    return y if x is None else x if y is None else add(x, y)


def with_axis(node: Node, flag: bool, n: Dim) -> Node:
    """The node with the new axis, which it has where `flag` says so."""
    return node if flag else expand(node, shape=(n, *node.shape))


def batch_size(inputs: Sequence[Node], batched: Sequence[bool]) -> Dim:
    """How many examples there are."""
    return next(x.shape[0] for x, flag in zip(inputs, batched, strict=True) if flag)


def batched_graph(graph: Graph, flags: Sequence[bool], n: Dim, batch: Batch,
                   wanted: Sequence[bool] | None = None) -> tuple[Graph, list[bool]]:
    """The graph where flagged parameters have a new axis; and which roots have it.

    All of them, or those that `wanted` says and those that cannot be without.
    """
    params = [leaf(None, (n, *p.shape), p.dtype, tracked=p.tracked) if flag else p
              for p, flag in zip(graph.params, flags, strict=True)]
    found = batch(graph.roots, {old: new for old, new in zip(graph.params, params, strict=True)
                                if old is not new})
    want = [True] * len(found) if wanted is None else list(wanted)
    roots = [with_axis(root, flag, n) if want[i] else root
             for i, (root, flag) in enumerate(found)]
    return Graph(params, roots), [want[i] or flag for i, (_, flag) in enumerate(found)]


def settled(graph: Graph, flags: list[bool], carries: int, n: Dim, batch: Batch
             ) -> tuple[Graph, list[bool]]:
    """The batched body of a loop, and which parameters have the new axis.

    A carry has it if it comes out with it.
    """
    while True:
        wanted = [*flags[:carries], *[True] * (len(graph.roots) - carries)]
        body, found = batched_graph(graph, flags, n, batch, wanted)
        if found[:carries] == flags[:carries]:
            return body, flags
        flags = [*found[:carries], *flags[carries:]]


def used(graphs: Sequence[Graph], needed: int = 0) -> list[int]:
    """The first `needed` parameters, and those of the rest that some graph reads."""
    found = [set(topological(graph.roots)) for graph in graphs]
    return [i for i in range(len(graphs[0].params)) if i < needed or any(
        graph.params[i] in nodes for graph, nodes in zip(graphs, found, strict=True))]


def column(pred: Node, rank: int) -> Node:
    """[n] as [n, 1, 1, ...]."""
    return reshape(pred, shape=(pred.shape[0], *(1,) * (rank - 1)))
