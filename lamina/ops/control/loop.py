"""`while_loop`: a graph is run as long as another says so.

In: carries, a test, a body. Out: the last carries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lamina.errors import GradientError
from lamina.graph.node import Attrs, Node, Op, tracking
from lamina.graph.subgraph import Graph, parameter
from lamina.ops.control.bodies import batch_size, batched_graph, column, settled, with_axis
from lamina.ops.control.cond import choose
from lamina.ops.control.results import (
    CONTROL,
    Batch,
    Pull,
    Push,
    Run,
    bundle,
    output,
    outputs,
    record,
    zeros,
)
from lamina.ops.control.scan import turn
from lamina.ops.elementwise import where
from lamina.ops.movement import reshape
from lamina.ops.reduction import any_
from lamina.ops.rules import boolean


# inputs: initial carries, constants; both graphs take a turn's carries and the constants. `limit`:
# the turns that there are at most (`test` sees to that), or None.
def _while_numpy(*inputs: np.ndarray, run: Run, test: Graph, body: Graph, limit: int | None
                 ) -> list[np.ndarray]:
    carry, consts = list(inputs[:len(body.roots)]), inputs[len(body.roots):]
    while run(test, [*carry, *consts])[0]:
        carry = run(body, [*carry, *consts])
    return carry


def _while_vjp(gs: Mapping[int, Node], node: Node, *inputs: Node, needed: Sequence[bool],
               pull: Pull, test: Graph, body: Graph, limit: int | None) -> list[Node | None]:
    """That of a scan of `limit` turns, which goes again through all of it and keeps the carries.

    Past the last turn the carries stay as they are.
    """
    if limit is None:
        raise GradientError("while_loop", where=node.where, operands=[
            (f"carry {i}", f"{r.dtype.name} {list(r.shape)}") for i, r in enumerate(body.roots)],
            rule="a bound of the number of turns is known, so that their carries can be kept",
            hint="while_loop(..., max_steps=N)")
    carries = len(body.roots)
    with tracking(True):
        params = [parameter(x) for x in inputs]
        stay = [parameter(x) for x in inputs]
        turned = outputs(choose(test.apply(params)[0], params, body, Graph(stay, stay[:carries])))
        fresh = [reshape(x, shape=x.shape) for x in inputs]
        again = turn(fresh, Graph(params, turned), carries, 0, limit, False)
    found = pull([output(again, i) for i in gs], list(gs.values()), fresh,
                 frozenset(id(x) for x in fresh))
    return [found.get(id(x)) for x in fresh]


def _while_push(node: Node, given: Sequence[Node | None], push: Push, test: Graph, body: Graph,
                limit: int | None) -> dict[int, Node]:
    """The changes of the float results: a loop that carries them beside what changes."""
    inputs, carries = node.inputs, len(body.roots)
    moving = [i for i in range(carries) if inputs[i].dtype.is_float]
    fixed = [i for i in range(carries, len(inputs)) if given[i] is not None]
    own = {i: parameter(inputs[i]) for i in (*moving, *fixed)}
    with tracking(True):
        moved = push([body.roots[i] for i in moving], [body.params[i] for i in own],
                     list(own.values()))

    def widened(own: Mapping[int, Any], params: Sequence[Any]) -> list[Any]:
        return [*params[:carries], *(own[i] for i in moving), *params[carries:],
                *(own[i] for i in fixed)]

    start = {i: given[i] or zeros(inputs[i]) for i in own}
    hollow = {i: parameter(inputs[i]) for i in own}
    new = record(while_loop, widened(start, inputs), test=Graph(
        widened(hollow, test.params), test.roots), body=Graph(
        widened(own, body.params), [*body.roots, *moved]), limit=limit)
    return {i: output(new, carries + k) for k, i in enumerate(moving)}


def _while_batch(inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs, batch: Batch
                 ) -> Node:
    n, carries = batch_size(inputs, batched), len(attrs["body"].roots)
    body, flags = settled(attrs["body"], list(batched), carries, n, batch)
    test, own = batched_graph(attrs["test"], flags, n, batch, [False])
    if own[0]:  # some are done before others: these stay as they are while the others go on
        flags = [*[True] * carries, *flags[carries:]]
        body, _ = batched_graph(attrs["body"], flags, n, batch)
        test, _ = batched_graph(attrs["test"], flags, n, batch)
        going = test.apply(body.params)[0]
        body = Graph(body.params, [where(column(going, new.ndim), new, old) for new, old in
                                   zip(body.roots, body.params, strict=False)])
        test = Graph(test.params, [reshape(any_(test.roots[0], axes=(0,)), shape=())])
    ready = [with_axis(x, b or not f, n) for x, b, f in zip(inputs, batched, flags, strict=True)]
    found = outputs(record(while_loop, ready, test=test, body=body, limit=attrs["limit"]))
    return record(bundle, [with_axis(y, flag, n)
                           for y, flag in zip(found, flags, strict=False)])


while_loop = Op(
    "while_loop", CONTROL, "One graph turn after turn, as long as the other says so.",
    numpy=_while_numpy, dtype=boolean, vjp=_while_vjp, sizes=("test", "body"),
    extra={"batch": _while_batch, "push": _while_push,
           "results": lambda inputs, test, body, limit: [(r.shape, r.dtype) for r in body.roots]})
