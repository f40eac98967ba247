"""Control flow: operations that hold graphs, and run one of them, or one of them many times.

In: inputs, and `Graph`s among the attributes. Such a node has several results; each is a node of
its own, an `output` of it. Rules that need to look into a graph get the interpreter they need as an
argument: `run(graph, arrays)` for values, `pull(roots, cotangents, wrt)` for gradients,
`push(roots, wrt, tangents)` for forward mode, `batch(roots, {node: batched})` for vmap. A vjp takes
cotangents of the results as {index: node}, and which inputs `needed` one.

Backward passes compute the body again from what goes into it: a `scan` hands out, beside its final
carries and its stacked results, the carries that each turn began with; a `cond` chooses again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.config import settings
from lamina.dtypes import DType
from lamina.errors import GradientError, user_frame
from lamina.graph.node import (
    Attrs,
    Kind,
    Node,
    Op,
    constant,
    leaf,
    mode,
    note,
    topological,
    tracking,
)
from lamina.graph.subgraph import Graph, parameter
from lamina.ops.elementwise import add, where
from lamina.ops.kinds import ELEMENTWISE
from lamina.ops.movement import expand, permute, reshape, slice_
from lamina.ops.reduction import any_, sum_
from lamina.ops.rules import boolean, first, named
from lamina.shapes import Dim, Shape, product

Result = tuple[Shape, DType]
Run = Callable[[Graph, Sequence[np.ndarray]], list[np.ndarray]]
Pull = Callable[..., dict[int, Node]]
Push = Callable[[Sequence[Node], Sequence[Node], Sequence[Node]], list[Node]]
Batch = Callable[..., list[tuple[Node, bool]]]


# ---- nodes with several results ------------------------------------------------------------------
def _no_shape(op: Op, inputs: Sequence[Node], attrs: Attrs) -> Shape:
    return ()


def _batch_control(op: Op, inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs, *,
                   batch: Batch) -> Node:
    return op.extra["batch"](inputs, batched, attrs, batch)  # type: ignore[no-any-return]


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
        node.where = user_frame()
    return note(node)


def results(node: Node) -> list[Result]:
    """Shape and dtype of each result."""
    return node.op.extra["results"](node.inputs, **node.attrs)  # type: ignore[no-any-return]


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

barrier = Op("barrier", ELEMENTWISE, "x, but not before `after` (zero-dimensional) is known; never "
             "merged with x.", numpy=lambda x, after: x, dtype=first,
             vjp=lambda g, y, x, after: (g, None), emit=lambda b, x, after: x)


def zeros(like: Node) -> Node:
    """Zeros of the shape and dtype of `like`."""
    return expand(constant(0, like.dtype), shape=like.shape)


def differentiable(inputs: Sequence[Node], needed: Sequence[bool]) -> list[int]:
    """Which inputs need a cotangent and can have one."""
    return [i for i, x in enumerate(inputs) if needed[i] and x.dtype.is_float]


def _sum(x: Node | None, y: Node | None) -> Node | None:
    return y if x is None else x if y is None else add(x, y)


def _with_axis(node: Node, flag: bool, n: Dim) -> Node:
    return node if flag else expand(node, shape=(n, *node.shape))


def _batch_size(inputs: Sequence[Node], batched: Sequence[bool]) -> Dim:
    return next(x.shape[0] for x, flag in zip(inputs, batched, strict=True) if flag)


def _batched_graph(graph: Graph, flags: Sequence[bool], n: Dim, batch: Batch,
                   wanted: Sequence[bool] | None = None) -> tuple[Graph, list[bool]]:
    """The graph where flagged parameters have a new axis; and which roots have it.

    All of them, or those that `wanted` says and those that cannot be without.
    """
    params = [leaf(None, (n, *p.shape), p.dtype, tracked=p.tracked) if flag else p
              for p, flag in zip(graph.params, flags, strict=True)]
    found = batch(graph.roots, {old: new for old, new in zip(graph.params, params, strict=True)
                                if old is not new})
    want = [True] * len(found) if wanted is None else list(wanted)
    roots = [_with_axis(root, flag, n) if want[i] else root
             for i, (root, flag) in enumerate(found)]
    return Graph(params, roots), [want[i] or flag for i, (_, flag) in enumerate(found)]


def _settled(graph: Graph, flags: list[bool], carries: int, n: Dim, batch: Batch
             ) -> tuple[Graph, list[bool]]:
    """The batched body of a loop, and which parameters have the new axis.

    A carry has it if it comes out with it.
    """
    while True:
        wanted = [*flags[:carries], *[True] * (len(graph.roots) - carries)]
        body, found = _batched_graph(graph, flags, n, batch, wanted)
        if found[:carries] == flags[:carries]:
            return body, flags
        flags = [*found[:carries], *flags[carries:]]


def _used(graphs: Sequence[Graph], needed: int = 0) -> list[int]:
    """The first `needed` parameters, and those of the rest that some graph reads."""
    found = [set(topological(graph.roots)) for graph in graphs]
    return [i for i in range(len(graphs[0].params)) if i < needed or any(
        graph.params[i] in nodes for graph, nodes in zip(graphs, found, strict=True))]


def choose(pred: Node, operands: Sequence[Node], then: Graph, other: Graph) -> Node:
    """A `cond`, without operands that neither graph reads."""
    keep = _used([then, other])
    then, other = (Graph([g.params[i] for i in keep], g.roots) for g in (then, other))
    return record(cond, [pred, *(operands[i] for i in keep)], then=then, other=other)


def turn(inputs: Sequence[Node], body: Graph, carries: int, slices: int, length: Dim, reverse: bool
         ) -> Node:
    """A `scan`, without stacked inputs and constants that the body does not read."""
    keep = _used([body], carries)
    sliced = sum(carries <= i < carries + slices for i in keep)
    return record(scan, [inputs[i] for i in keep],
                  body=Graph([body.params[i] for i in keep], body.roots),
                  carries=carries, slices=sliced, length=length, reverse=reverse)


# ---- cond ----------------------------------------------------------------------------------------
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
    n = _batch_size(inputs, batched)
    then, _ = _batched_graph(attrs["then"], batched[1:], n, batch)
    other, _ = _batched_graph(attrs["other"], batched[1:], n, batch)
    if not batched[0]:
        return record(cond, inputs, then=then, other=other)
    chosen = [where(_column(inputs[0], a.ndim), a, b) for a, b in
              zip(then.apply(inputs[1:]), other.apply(inputs[1:]), strict=True)]
    return record(bundle, chosen)


def _column(pred: Node, rank: int) -> Node:
    """[n] as [n, 1, 1, ...]."""
    return reshape(pred, shape=(pred.shape[0], *(1,) * (rank - 1)))


cond = Op(
    "cond", CONTROL, "One of two graphs, by a zero-dimensional bool, the first input.",
    numpy=lambda pred, *operands, run, then, other: run(then if pred else other, operands),
    dtype=boolean, vjp=_cond_vjp, sizes=("then", "other"),
    extra={"batch": _cond_batch,
           "results": lambda inputs, then, other: [(r.shape, r.dtype) for r in then.roots]})


# ---- scan ----------------------------------------------------------------------------------------
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

    It carries the cotangents of the carries, and the sums of those of the constants.
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
    sums = [parameter(body.params[i]) for i in fixed]
    before = [_sum(found.get(id(body.params[i])), extra.get(i)) or zeros(body.params[i])
              for i in moving]
    total = [add(s, found[id(body.params[i])]) for s, i in zip(sums, fixed, strict=True)]
    split = carries + slices
    pulled = Graph([*back, *sums, *body.params[:split], *seeds, *extra.values(),
                    *body.params[split:]],
                   [*before, *total, *(found[id(body.params[i])] for i in sliced)])
    start = [gs[i] if i in gs else zeros(body.params[i]) for i in moving]
    saved = [output(node, carries + stacked + i) for i in range(carries)]
    new = turn([*start, *map(zeros, sums), *saved, *inputs[carries:split],
                *[gs[carries + j] for j in given], *[gs[carries + stacked + i] for i in kept],
                *inputs[split:]], pulled, len(start) + len(sums),
               split + len(given) + len(kept), length, not reverse)
    cotangents: list[Node | None] = [None] * len(inputs)
    for k, i in enumerate([*moving, *fixed, *sliced]):
        cotangents[i] = output(new, k)
    return cotangents


def _swapped(node: Node) -> Node:
    """The first two axes exchanged."""
    return permute(node, axes=(1, 0, *range(2, node.ndim)))


def _scan_batch(inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs, batch: Batch
                ) -> Node:
    n, carries, slices = _batch_size(inputs, batched), attrs["carries"], attrs["slices"]
    body, flags = _settled(attrs["body"], list(batched), carries, n, batch)
    ready = list(inputs)
    for i in range(carries):
        ready[i] = _with_axis(inputs[i], batched[i] or not flags[i], n)
    for i in range(carries, carries + slices):
        ready[i] = _swapped(inputs[i]) if batched[i] else inputs[i]
    found = outputs(record(scan, ready, **{**attrs, "body": body}))
    stacked = [True] * (len(body.roots) - carries)
    marks = [*flags[:carries], *stacked, *flags[:carries]]
    return record(bundle, [_with_axis(y, mark, n) if i < carries or not mark else _swapped(y)
                           for i, (y, mark) in enumerate(zip(found, marks, strict=True))])


scan = Op(
    "scan", CONTROL, "One graph turn after turn, over the first axis of its stacked inputs.",
    numpy=_scan_numpy, dtype=boolean, vjp=_scan_vjp, sizes=("body", "length"),
    extra={"batch": _scan_batch, "results": _scan_results})


# ---- while_loop ----------------------------------------------------------------------------------
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
    n, carries = _batch_size(inputs, batched), len(attrs["body"].roots)
    body, flags = _settled(attrs["body"], list(batched), carries, n, batch)
    test, own = _batched_graph(attrs["test"], flags, n, batch, [False])
    if own[0]:  # some are done before others: these stay as they are while the others go on
        flags = [*[True] * carries, *flags[carries:]]
        body, _ = _batched_graph(attrs["body"], flags, n, batch)
        test, _ = _batched_graph(attrs["test"], flags, n, batch)
        going = test.apply(body.params)[0]
        body = Graph(body.params, [where(_column(going, new.ndim), new, old) for new, old in
                                   zip(body.roots, body.params, strict=False)])
        test = Graph(test.params, [reshape(any_(test.roots[0], axes=(0,)), shape=())])
    ready = [_with_axis(x, b or not f, n) for x, b, f in zip(inputs, batched, flags, strict=True)]
    found = outputs(record(while_loop, ready, test=test, body=body, limit=attrs["limit"]))
    return record(bundle, [_with_axis(y, flag, n)
                           for y, flag in zip(found, flags, strict=False)])


while_loop = Op(
    "while_loop", CONTROL, "One graph turn after turn, as long as the other says so.",
    numpy=_while_numpy, dtype=boolean, vjp=_while_vjp, sizes=("test", "body"),
    extra={"batch": _while_batch, "push": _while_push,
           "results": lambda inputs, test, body, limit: [(r.shape, r.dtype) for r in body.roots]})


# ---- call ----------------------------------------------------------------------------------------
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


@dataclass(frozen=True)
class Given:
    """A gradient that the user wrote: (cotangents, results, inputs) -> cotangents.

    Those of the first inputs; None for the captured ones, which follow.
    """

    function: Callable[[list[Node], list[Node], list[Node]], Sequence[Node | None]]

    def __call__(self, gs: Mapping[int, Node], node: Node, inputs: Sequence[Node], pull: Pull
                 ) -> list[Node | None]:
        ys = outputs(node)
        found = self.function([gs[i] if i in gs else zeros(y) for i, y in enumerate(ys)], ys,
                              list(inputs))
        return [*found, *[None] * (len(inputs) - len(found))]

    def batched(self, flags: Sequence[bool], n: Dim, batch: Batch) -> Given:
        """The rule for one example over a batch; shared inputs get the sum of their cotangents."""
        return Given(_BatchedRule(self.function, tuple(flags), batch))


@dataclass(frozen=True)
class _BatchedRule:
    function: Callable[[list[Node], list[Node], list[Node]], Sequence[Node | None]]
    flags: tuple[bool, ...]
    batch: Batch

    def __call__(self, gs: list[Node], ys: list[Node], inputs: list[Node]
                 ) -> Sequence[Node | None]:
        many = [*gs, *ys, *(x for x, flag in zip(inputs, self.flags, strict=True) if flag)]
        one = {x: leaf(None, x.shape[1:], x.dtype, tracked=x.tracked) for x in many}
        found = self.function([one[g] for g in gs], [one[y] for y in ys],
                              [one[x] if flag else x
                               for x, flag in zip(inputs, self.flags, strict=True)])
        replaced = {example: x for x, example in one.items()}
        results: list[Node | None] = []
        for c, flag in zip(found, self.flags, strict=False):
            if c is None:
                results.append(None)
                continue
            new, is_batched = self.batch([c], replaced)[0]
            new = _with_axis(new, is_batched, gs[0].shape[0])
            results.append(new if flag else reshape(sum_(new, axes=(0,)), shape=c.shape))
        return results


def _call_batch(inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs, batch: Batch
                ) -> Node:
    n = _batch_size(inputs, batched)
    graph, _ = _batched_graph(attrs["graph"], batched, n, batch)
    return record(call, inputs, graph=graph, rule=attrs["rule"].batched(batched, n, batch))


call = Op(
    "call", CONTROL, "A graph with a gradient of its own; opened before anything is planned.",
    numpy=lambda *inputs, run, graph, rule: run(graph, inputs), dtype=boolean,
    vjp=lambda gs, node, *inputs, needed, pull, graph, rule: rule(gs, node, inputs, pull),
    sizes=("graph",),
    extra={"batch": _call_batch,
           "results": lambda inputs, graph, rule: [(r.shape, r.dtype) for r in graph.roots]})


# ---- host callback -------------------------------------------------------------------------------
def _host_numpy(*inputs: np.ndarray, run: Run, function: Callable[..., Any],
                specs: Sequence[Result]) -> list[np.ndarray]:
    return function(*inputs)  # type: ignore[no-any-return]


def _host_vjp(gs: Mapping[int, Node], node: Node, *inputs: Node, pull: Pull, **attrs: Any
              ) -> list[Node | None]:
    raise GradientError("host_callback", where=node.where, operands=[
        (f"input {i}", f"{x.dtype.name} {list(x.shape)}") for i, x in enumerate(inputs)],
        rule="what Python computes has no gradient", hint="custom_op(forward, backward)")


def _host_batch(inputs: Sequence[Node], batched: Sequence[bool], attrs: Attrs, batch: Batch
                ) -> Node:
    """One call for each example."""
    turns = [i for i, flag in enumerate(batched) if flag]
    fixed = [i for i, flag in enumerate(batched) if not flag]
    params = {i: leaf(None, x.shape[1:] if batched[i] else x.shape, x.dtype)
              for i, x in enumerate(inputs)}
    one = record(host_callback, [params[i] for i in range(len(inputs))], **attrs)
    body = Graph([params[i] for i in (*turns, *fixed)], outputs(one))
    many = record(scan, [inputs[i] for i in (*turns, *fixed)], body=body, carries=0,
                  slices=len(turns), length=_batch_size(inputs, batched), reverse=False)
    return record(bundle, outputs(many))


host_callback = Op(
    "host_callback", HOST, "A Python function of NumPy arrays, called in the middle of a program.",
    numpy=_host_numpy, dtype=boolean, vjp=_host_vjp, sizes=("specs",),
    extra={"batch": _host_batch, "results": lambda inputs, function, specs: list(specs)})

OPS = (project, cond, scan, while_loop, call, host_callback)
