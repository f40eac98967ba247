"""Control flow that is part of the program: cond, scan, while_loop.

In: functions of tensors in any nesting, run once each on stand-ins. Out: tensors. Tensors from
outside that a function uses are found by themselves, and have gradients. What a function assigns to
(the random stream, running statistics) goes from turn to turn and has its new value afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from lamina import dtypes, tree
from lamina.errors import ArgumentError, DTypeError, ShapeError
from lamina.graph.node import Node, constant
from lamina.graph.subgraph import close, parameter
from lamina.ops import control
from lamina.ops.table import TABLE
from lamina.tensor.array import Tensor, tensor
from lamina.tensor.bodies import (
    Body,
    aligned,
    as_before,
    check_same,
    flat_nodes,
    result_nodes,
    run_body,
    slice_parameter,
    stand_ins,
)
from lamina.tensor.history import described


def finish(node: Node, count: int, structure: Any, bodies: list[Body], start: int | None = None
           ) -> Any:
    """The first `count` results as a tree; tensors assigned to take those from `start`."""
    first = count if start is None else start
    with_history = {id(t) for body in bodies for t, _, new in body.assigned if new.tracked}
    for i, t in enumerate(_assigned(bodies)):
        new = Tensor(control.output(node, first + i))
        if id(t) in with_history:
            t._set(new.node)  # elements were set, through which gradients flow
        else:
            t.assign(new)
    return tree.unflatten(structure, [Tensor(control.output(node, i)) for i in range(count)])


def _assigned(bodies: list[Body]) -> list[Tensor]:
    return list({id(t): t for body in bodies for t, _, _ in body.assigned}.values())


def _applied(function: Callable[..., Any], structure: Any, params: Sequence[Node]) -> Any:
    return function(*stand_ins(structure, params))


# ---- cond ----------------------------------------------------------------------------------------
def cond(pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], *operands: Any
         ) -> Any:
    """true_fn(*operands) where pred holds, else false_fn(*operands); only that one is computed.

    pred: a zero-dimensional tensor, or a Python bool, which chooses at once. Both functions return
    the same nesting, shapes and dtypes. Raises ArgumentError, ShapeError or DTypeError otherwise.
    Under vmap with one pred for each example both are computed.

    >>> import lamina as lm
    >>> x = lm.tensor(2.0)
    >>> lm.cond(x > 1, lambda x: x * 10, lambda x: -x, x).item()
    20.0
    """
    if not isinstance(pred, Tensor):
        return (true_fn if pred else false_fn)(*operands)
    choice = _truth("cond", "pred", pred.node)
    inputs, structure = flat_nodes(operands)
    functions = {"true_fn": true_fn, "false_fn": false_fn}
    runs: list[tuple[list[Node], Body]] = []
    found: list[tuple[list[Node], Any]] = []
    for function in functions.values():
        params = [parameter(x) for x in inputs]
        body = run_body("cond", partial(_applied, function, structure, params), params)
        runs.append((params, body))
        nodes, nested = result_nodes("cond", body.returned, found[0][0] if found else ())
        found.append((as_before(nodes, found[0][0]) if found else nodes, nested))
    check_same("cond", "both functions return the same nesting, shapes and dtypes",
               ("true_fn", "false_fn"), found[0], found[1])
    changed = _assigned([body for _, body in runs])
    graphs = []
    for (params, body), (roots, _) in zip(runs, found, strict=True):
        after = {id(t): new for t, _, new in body.assigned}
        graphs.append(close(params, [*roots, *(after.get(id(t), t.node) for t in changed)],
                            body.created))
    (then, other), captured = aligned(graphs)
    node = control.record(control.cond, [choice, *inputs, *captured], then=then, other=other)
    return finish(node, len(found[0][0]), found[0][1], [body for _, body in runs])


def _truth(name: str, label: str, node: Node) -> Node:
    if node.shape != ():
        raise ShapeError(name, operands=[(label, described(node))],
                         rule="a condition is zero-dimensional", hint=".any() or .all()")
    return node if node.dtype is dtypes.bool_ else TABLE["cast"](node, dtype=dtypes.bool_)


# ---- scan ----------------------------------------------------------------------------------------
def scan(f: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any = None,
         length: int | None = None, reverse: bool = False) -> tuple[Any, Any]:
    """f turn after turn: (carry, x) -> (carry, y), over the first axis of xs.

    Returns the final carry and the stacked ys. The carry keeps its nesting, shapes and dtypes.
    length: the number of turns where xs is None. reverse: from the last x to the first; ys stand
    where their xs stood. The whole loop is one part of the program, whatever its length.

    >>> import lamina as lm
    >>> xs = lm.tensor([1.0, 2.0, 3.0])
    >>> total, sums = lm.scan(lambda c, x: (c + x, c + x), lm.tensor(0.0), xs)
    >>> total.item(), sums.tolist()
    (6.0, [1.0, 3.0, 6.0])
    """
    start, carry_structure = flat_nodes(init)
    stacked, slice_structure = flat_nodes(xs)
    turns = _turns(stacked, length)
    carry, slices = [parameter(x) for x in start], [slice_parameter(x) for x in stacked]
    body = run_body("scan", lambda: f(stand_ins(carry_structure, carry),
                                      stand_ins(slice_structure, slices)), [*carry, *slices])
    if not isinstance(body.returned, (tuple, list)) or len(body.returned) != 2:
        raise ArgumentError("scan", operands=[("returned", type(body.returned).__name__)],
                            rule="f returns a pair: the next carry, and what is stacked (or None)")
    nodes, nested = result_nodes("scan", body.returned[0], start)
    after = as_before(nodes, start), nested
    check_same("scan", "the carry keeps its nesting, shapes and dtypes", ("init", "returned"),
               (start, carry_structure), after)
    ys, structure = result_nodes("scan", body.returned[1])
    before = [old for _, old, _ in body.assigned]
    graph, captured = close([*carry, *before, *slices],
                            [*after[0], *(new for _, _, new in body.assigned), *ys])
    node = control.record(control.scan, [*start, *before, *stacked, *captured], body=graph,
                          carries=len(start) + len(before), slices=len(slices), length=turns,
                          reverse=bool(reverse))
    final = finish(node, len(start), carry_structure, [body])
    first = len(start) + len(before)
    return final, tree.unflatten(structure, [Tensor(control.output(node, first + i))
                                             for i in range(len(ys))])


def _turns(stacked: list[Node], length: int | None) -> int:
    for x in stacked:
        if not x.shape:
            raise ShapeError("scan", operands=[("xs", described(x))],
                             rule="xs have a first axis to go along")
    sizes = [x.sizes[0] for x in stacked] + ([] if length is None else [int(length)])
    if not sizes or any(n != sizes[0] for n in sizes):
        operands = [("xs", described(x)) for x in stacked]
        raise ShapeError("scan", operands=[*operands, ("length", str(length))],
                         rule="the first axes of all xs are equal, and equal to length if given")
    return sizes[0]


# ---- while_loop ----------------------------------------------------------------------------------
def while_loop(cond_fn: Callable[[Any], Any], body_fn: Callable[[Any], Any], init: Any,
               max_steps: int | None = None) -> Any:
    """body_fn turn after turn, as long as cond_fn of the carry holds; the last carry.

    max_steps: it ends after so many turns in any case. With it the loop has a gradient, for which
    it runs again and keeps the carries of max_steps turns; without, it has forward mode (`jvp`).
    Under vmap it runs until all examples are done.

    >>> import lamina as lm
    >>> lm.while_loop(lambda n: n < 100, lambda n: n * 2, lm.tensor(1)).item()
    128
    """
    if max_steps is not None and (type(max_steps) is not int or max_steps < 0):
        raise ArgumentError("while_loop", operands=[("max_steps", repr(max_steps))],
                            rule="max_steps is a number of turns, or None")
    start, structure = flat_nodes(init)
    params = [parameter(x) for x in start]
    body = run_body("while_loop", lambda: body_fn(stand_ins(structure, params)), params)
    nodes, nested = result_nodes("while_loop", body.returned, start)
    after = as_before(nodes, start), nested
    check_same("while_loop", "the carry keeps its nesting, shapes and dtypes",
               ("init", "returned"), (start, structure), after)
    test = run_body("while_loop", lambda: cond_fn(stand_ins(structure, params)), params)
    if test.assigned:
        raise ArgumentError("while_loop", rule="cond_fn assigns to no tensor and draws nothing",
                            hint="draw in body_fn and carry the result")
    answer = test.returned if isinstance(test.returned, Tensor) else tensor(test.returned)
    if answer.dtype is not dtypes.bool_:
        raise DTypeError("while_loop", operands=[("cond_fn", described(answer.node))],
                         rule="cond_fn returns a bool", hint="a comparison, such as x > 0")
    going = _truth("while_loop", "cond_fn", answer.node)
    changed = [*after[0], *(new for _, _, new in body.assigned)]
    inputs = [*start, *(old for _, old, _ in body.assigned)]
    carry = [*params, *inputs[len(start):]]
    if max_steps is not None:  # the turns are counted, by one carry more
        zero, one, last = (constant(n, dtypes.int64) for n in (0, 1, max_steps))
        count = parameter(zero)
        going = TABLE["logical_and"](going, TABLE["less"](count, last))
        changed, inputs, carry = ([*changed, TABLE["add"](count, one)], [*inputs, zero],
                                  [*carry, count])
    (check, turn), captured = aligned([close(carry, [going]), close(carry, changed)])
    node = control.record(control.while_loop, [*inputs, *captured], test=check, body=turn,
                          limit=max_steps)
    return finish(node, len(start), structure, [body])
