"""`scan`: a graph is run for each row of its inputs, and carries values from turn to turn.

In: carries, stacked inputs, constants, a graph. Out: the last carries, the stacked results, and for
the gradient the carries that each turn began with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from lamina.graph.node import Attrs, Node, Op, is_leaf
from lamina.graph.subgraph import Graph, parameter
from lamina.ops.contraction import contract
from lamina.ops.control.bodies import batch_size, differentiable, settled, sum_of, used, with_axis
from lamina.ops.control.results import (
    CONTROL,
    Batch,
    Pull,
    Result,
    Run,
    bundle,
    output,
    outputs,
    record,
    zeros,
)
from lamina.ops.elementwise import add
from lamina.ops.movement import permute, reshape
from lamina.ops.reduction import sum_
from lamina.ops.rules import boolean
from lamina.shapes import Dim


def turn(inputs: Sequence[Node], body: Graph, carries: int, slices: int, length: Dim, reverse: bool
         ) -> Node:
    """A `scan`, without stacked inputs and constants that the body does not read."""
    keep = used([body], carries)
    sliced = sum(carries <= i < carries + slices for i in keep)
    return record(scan, [inputs[i] for i in keep],
                  body=Graph([body.params[i] for i in keep], body.roots),
                  carries=carries, slices=sliced, length=length, reverse=reverse)


# inputs: initial carries, stacked inputs, constants. The body's parameters are a turn's carries,
# its slices, the constants; its roots the next carries and what is stacked. Results: the final
# carries, the stacked, and for each carry the stack of what the turns began with.
def _scan_results(inputs: Sequence[Node], body: Graph, carries: int, slices: int, length: Dim,
                  reverse: bool) -> list[Result]:
    final = [(r.shape, r.dtype) for r in body.roots[:carries]]
    stacked = [((length, *r.shape), r.dtype) for r in body.roots[carries:]]
    return [*final, *stacked, *[((length, *shape), dtype) for shape, dtype in final]]


def _scan_numpy(*inputs: np.ndarray, run: Run, body: Graph, carries: int, slices: int, length: int,
                reverse: bool) -> list[np.ndarray]:
    carry = list(inputs[:carries])
    xs, consts = inputs[carries:carries + slices], inputs[carries + slices:]
    roots = [*body.roots[carries:], *body.roots[:carries]]
    rows: list[Any] = [[None] * length for _ in roots]
    for t in reversed(range(length)) if reverse else range(length):
        found = run(body, [*carry, *[x[t] for x in xs], *consts])
        for row, value in zip(rows, [*found[carries:], *carry], strict=True):
            row[t] = value
        carry = found[:carries]
    return carry + [np.stack(row) if length else _no_rows(root)
                    for row, root in zip(rows, roots, strict=True)]


def _no_rows(root: Node) -> np.ndarray:
    shape: tuple[Any, ...] = (0, *root.shape)
    return np.zeros(shape, root.dtype.compute.storage)


def _scan_vjp(gs: Mapping[int, Node], node: Node, *inputs: Node, needed: Sequence[bool],
              pull: Pull, body: Graph, carries: int, slices: int, length: Dim, reverse: bool
              ) -> list[Node | None]:
    """A scan in the other direction.

    It carries the cotangents of the carries, and the sums of those of the constants; but where
    these are products (of weights, mostly), their factors are stacked, and one product over all
    turns comes after it.
    """
    stacked = len(body.roots) - carries
    moving = [i for i in range(carries) if body.params[i].dtype.is_float]
    given = [j for j in range(stacked) if carries + j in gs]
    kept = [i for i in moving if carries + stacked + i in gs]
    wanted = [i for i in differentiable(inputs, needed) if i >= carries]
    back = [parameter(body.params[i]) for i in moving]
    seeds = [parameter(body.roots[carries + j]) for j in given]
    extra = {i: parameter(body.params[i]) for i in kept}
    found = pull([*(body.roots[i] for i in moving), *(body.roots[carries + j] for j in given)],
                 [*back, *seeds], [body.params[i] for i in (*moving, *wanted)])
    wanted = [i for i in wanted if id(body.params[i]) in found]
    fixed = [i for i in wanted if i >= carries + slices]
    sliced = [i for i in wanted if i < carries + slices]
    saved = [output(node, carries + stacked + i) for i in range(carries)]
    split = carries + slices
    stacks = _Stacks({id(p): x for p, x in zip(
        [*body.params[:split], *seeds],
        [*saved, *inputs[carries:split], *(gs[carries + j] for j in given)], strict=True)})
    cotangent = {i: found[id(body.params[i])] for i in fixed}
    later = {i: terms for i in fixed if (terms := stacks.products(cotangent[i]))}
    later |= {i: [cotangent[i]] for i in fixed if stacks.has_sum(cotangent[i])}
    fixed = [i for i in fixed if i not in later]
    sums = [parameter(body.params[i]) for i in fixed]
    before = [sum_of(found.get(id(body.params[i])), extra.get(i)) or zeros(body.params[i])
              for i in moving]
    total = [add(s, found[id(body.params[i])]) for s, i in zip(sums, fixed, strict=True)]
    pulled = Graph([*back, *sums, *body.params[:split], *seeds, *extra.values(),
                    *body.params[split:]],
                   [*before, *total, *(found[id(body.params[i])] for i in sliced),
                    *stacks.nodes])
    start = [gs[i] if i in gs else zeros(body.params[i]) for i in moving]
    new = turn([*start, *map(zeros, sums), *saved, *inputs[carries:split],
                *[gs[carries + j] for j in given], *[gs[carries + stacked + i] for i in kept],
                *inputs[split:]], pulled, len(start) + len(sums),
               split + len(given) + len(kept), length, not reverse)
    cotangents: list[Node | None] = [None] * len(inputs)
    for k, i in enumerate([*moving, *fixed, *sliced]):
        cotangents[i] = output(new, k)
    first = len(start) + len(sums) + len(sliced)
    stacks.outer.update({id(x): output(new, first + j) for j, x in enumerate(stacks.nodes)})
    for i, terms in later.items():
        cotangents[i] = reduce(add, [stacks.over_all(term, length) for term in terms])
    return cotangents


class _Stacks:
    """What is stacked over the turns so that products, and sums, are added up after them, once.

    outer: the stack of each value of a turn that has one, by id.
    """

    def __init__(self, outer: dict[int, Node]) -> None:
        self.outer = outer
        self.nodes: list[Node] = []  # of a turn, which are stacked for this

    def products(self, x: Node) -> list[Node]:
        """The products that a cotangent is the sum of; empty where it is anything else."""
        parts = [x]
        while parts and any(part.op is add for part in parts):
            parts = [y for part in parts for y in (part.inputs if part.op is add else (part,))]
        if any(part.op is not contract or part.shape != x.shape for part in parts):
            return []
        factors = {id(y): y for part in parts for y in part.inputs if id(y) not in self.outer}
        if any(is_leaf(y) for y in factors.values()):  # the same in every turn
            return []
        self.nodes += [y for y in factors.values() if all(y is not n for n in self.nodes)]
        return parts

    def has_sum(self, x: Node) -> bool:
        """Whether a cotangent is the sum over some axes of what is stacked anyway."""
        inner = _unreshaped(x)
        return inner.op is sum_ and (id(inner.inputs[0]) in self.outer
                                     or any(inner.inputs[0] is n for n in self.nodes))

    def over_all(self, x: Node, length: Dim) -> Node:
        """The sum over all turns: of a product with one more variable that is summed."""
        if x.op is not contract:
            inner = _unreshaped(x)
            axes = (0, *(axis + 1 for axis in inner.attrs["axes"]))
            return reshape(sum_(self.outer[id(inner.inputs[0])], axes=axes), shape=x.shape)
        product = x
        sizes, n_out, maps = (product.attrs[name] for name in ("sizes", "n_out", "maps"))
        turns = (((len(sizes), 1),),)
        a, b = (self.outer[id(factor)] for factor in product.inputs)
        return contract(a, b, sizes=(*sizes, length), n_out=n_out,
                        maps=((*turns, *maps[0]), (*turns, *maps[1])))


def _unreshaped(x: Node) -> Node:
    while x.op is reshape:
        x = x.inputs[0]
    return x


def _swapped(node: Node) -> Node:
    """The first two axes exchanged."""
    return permute(node, axes=(1, 0, *range(2, node.ndim)))


def _scan_batch(inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs, batch: Batch
                ) -> Node:
    n, carries, slices = batch_size(inputs, batched), attrs["carries"], attrs["slices"]
    body, flags = settled(attrs["body"], list(batched), carries, n, batch)
    ready = list(inputs)
    for i in range(carries):
        ready[i] = with_axis(inputs[i], batched[i] or not flags[i], n)
    for i in range(carries, carries + slices):
        ready[i] = _swapped(inputs[i]) if batched[i] else inputs[i]
    found = outputs(record(scan, ready, **{**attrs, "body": body}))
    stacked = [True] * (len(body.roots) - carries)
    marks = [*flags[:carries], *stacked, *flags[:carries]]
    return record(bundle, [with_axis(y, mark, n) if i < carries or not mark else _swapped(y)
                           for i, (y, mark) in enumerate(zip(found, marks, strict=True))])


scan = Op(
    "scan", CONTROL, "One graph turn after turn, over the first axis of its stacked inputs.",
    numpy=_scan_numpy, dtype=boolean, vjp=_scan_vjp, sizes=("body", "length"),
    extra={"batch": _scan_batch, "results": _scan_results})
