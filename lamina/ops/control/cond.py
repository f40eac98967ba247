"""`cond`: one of two graphs is run.

In: a condition, operands, two graphs. Out: a node with the results of one of them. Its gradient
chooses again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lamina.graph.node import Attrs, Node, Op
from lamina.graph.subgraph import Graph, parameter
from lamina.ops.control.bodies import batch_size, batched_graph, column, differentiable, used
from lamina.ops.control.results import CONTROL, Batch, Pull, bundle, output, record, zeros
from lamina.ops.elementwise import where
from lamina.ops.rules import boolean


def choose(pred: Node, operands: Sequence[Node], then: Graph, other: Graph) -> Node:
    """A `cond`, without operands that neither graph reads."""
    keep = used([then, other])
    then, other = (Graph([g.params[i] for i in keep], g.roots) for g in (then, other))
    return record(cond, [pred, *(operands[i] for i in keep)], then=then, other=other)


def _cond_vjp(gs: Mapping[int, Node], node: Node, pred: Node, *operands: Node,
              needed: Sequence[bool], pull: Pull, then: Graph, other: Graph) -> list[Node | None]:
    given = sorted(gs)
    wanted = differentiable(operands, needed[1:])
    seeds = [parameter(gs[i]) for i in given]
    found = [pull([graph.roots[i] for i in given], seeds, [graph.params[i] for i in wanted])
             for graph in (then, other)]
    wanted = [i for i in wanted if any(id(graph.params[i]) in f for graph, f in
                                       zip((then, other), found, strict=True))]
    branches = [Graph([*graph.params, *seeds],
                      [f.get(id(p)) or zeros(p) for p in (graph.params[i] for i in wanted)])
                for graph, f in zip((then, other), found, strict=True)]
    new = choose(pred, [*operands, *[gs[i] for i in given]], *branches)
    pulled: list[Node | None] = [None] * (len(operands) + 1)
    for k, i in enumerate(wanted):
        pulled[i + 1] = output(new, k)
    return pulled


def _cond_batch(inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs, batch: Batch
                ) -> Node:
    n = batch_size(inputs, batched)
    then, _ = batched_graph(attrs["then"], batched[1:], n, batch)
    other, _ = batched_graph(attrs["other"], batched[1:], n, batch)
    if not batched[0]:
        return record(cond, inputs, then=then, other=other)
    chosen = [where(column(inputs[0], a.ndim), a, b) for a, b in
              zip(then.apply(inputs[1:]), other.apply(inputs[1:]), strict=True)]
    return record(bundle, chosen)


cond = Op(
    "cond", CONTROL, "One of two graphs, by a zero-dimensional bool, the first input.",
    numpy=lambda pred, *operands, run, then, other: run(then if pred else other, operands),
    dtype=boolean, vjp=_cond_vjp, sizes=("then", "other"),
    extra={"batch": _cond_batch,
           "results": lambda inputs, then, other: [(r.shape, r.dtype) for r in then.roots]})
