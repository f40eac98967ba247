"""Functions with a gradient of their own, recomputed functions, and Python inside a program.

In: functions of tensors. Out: functions of tensors, compiled into the program they are used in.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina import tree
from lamina.dtypes import DType, as_dtype
from lamina.errors import ArgumentError, GradientError, ShapeError
from lamina.graph.node import Node, mode, topological
from lamina.graph.subgraph import close, parameter
from lamina.ops import control
from lamina.tensor.array import Tensor, tensor
from lamina.tensor.bodies import (
    flat_nodes,
    result_nodes,
    run_body,
    stand_in,
    stand_ins,
    with_captured,
)
from lamina.tensor.control import finish
from lamina.tensor.history import described
from lamina.tensor.precision import autocast


# ---- checkpoint ----------------------------------------------------------------------------------
def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """f, whose intermediate values are not kept for the gradient but computed again.

    Saves memory where f is deep: only its arguments stay until the backward pass comes to it.

    >>> import lamina as lm
    >>> block = lm.checkpoint(lambda x: x.exp().sin())
    >>> round(lm.grad(lambda x: block(x).sum())(lm.tensor(0.0)).item(), 4)
    0.5403
    """
    @functools.wraps(f)
    def function(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = tree.flatten((args, kwargs))
        inputs = [x.node for x in leaves if isinstance(x, Tensor)]
        params = [parameter(x) for x in inputs]

        def applied() -> Any:
            hollow = iter([stand_in(p) for p in params])
            given, named = tree.unflatten(structure, [next(hollow) if isinstance(x, Tensor) else x
                                                      for x in leaves])
            return f(*given, **named)

        body = run_body("checkpoint", applied, params)
        roots, result = result_nodes("checkpoint", body.returned)
        graph, captured = close(params, [*roots, *(new for _, _, new in body.assigned)],
                                body.created)
        behind = len(inputs) or len(captured)
        node = control.record(control.call, [*inputs, *captured], graph=graph,
                              rule=control.Recompute(behind))
        return finish(node, len(roots), result, [body])

    return function


# ---- custom_op -----------------------------------------------------------------------------------
def custom_op(forward: Callable[..., Any], backward: Callable[..., Any]) -> Callable[..., Any]:
    """An operation of the user's own, with its own gradient; compiled like those of the table.

    forward: (*inputs, **attrs) -> tensors in any nesting. backward: (g, y, *inputs, **attrs) -> a
    cotangent, or None, for each input; g and y are nested like the result. Attributes are hashable.
    Both are run once, on stand-ins, when the operation is called (backward only where an input has
    gradients). They may use tensors from outside, which get no gradient.

    >>> import lamina as lm
    >>> clipped = lm.custom_op(lambda x: x * 1.0, lambda g, y, x: g.clip(-1.0, 1.0))
    >>> lm.grad(lambda x: (clipped(x) * 5).sum())(lm.zeros(2)).tolist()
    [1.0, 1.0]
    """
    @functools.wraps(forward)
    def function(*args: Any, **attrs: Any) -> Any:
        inputs, structure = flat_nodes(args)
        params = [parameter(x) for x in inputs]
        tracked = mode.tracking and any(x.tracked for x in inputs)
        back: list[Node] = []  # stand-ins for the cotangents of the results, and for the results

        def both() -> tuple[list[Node], Any, list[Node | None]]:
            own = stand_ins(structure, params)
            roots, result = result_nodes("custom_op", forward(*own, **attrs))
            if not tracked:
                return roots, result, []
            back.extend(parameter(y) for y in (*roots, *roots))
            gs, ys = (stand_ins(result, nodes) for nodes in (back[:len(roots)], back[len(roots):]))
            found = backward(gs, ys, *own, **attrs)
            return roots, result, _cotangents(found, params)

        with autocast(enabled=False):  # it computes in the dtypes that it is given
            body = run_body("custom_op", both, params)
        roots, result, cotangents = body.returned
        changed = [new for _, _, new in body.assigned]
        if set(back) & set(topological(changed)):
            raise GradientError("custom_op", rule="backward assigns to no tensor",
                                hint="return the value from forward")
        graph, captured = close(params, [*roots, *changed], body.created)
        pulled, more = close([*back, *params], [c for c in cotangents if c is not None],
                             body.created)
        outside = list(dict.fromkeys([*captured, *more]))
        rule = control.Given(len(roots), with_captured(pulled, more, outside),
                             tuple(i for i, c in enumerate(cotangents) if c is not None))
        node = control.record(control.call, [*inputs, *outside], rule=rule,
                              graph=with_captured(graph, captured, outside))
        return finish(node, len(roots), result, [body])

    return function


def _cotangents(found: Any, inputs: Sequence[Node]) -> list[Node | None]:
    """What backward returned, for each input."""
    cotangents = list(found) if isinstance(found, (tuple, list)) else [found]
    if len(cotangents) != len(inputs):
        raise GradientError("custom_op", operands=[("inputs", str(len(inputs))),
                                                   ("returned", str(len(cotangents)))],
                            rule="backward returns a cotangent, or None, for each input")
    return [_cotangent(c, x) for c, x in zip(cotangents, inputs, strict=True)]


def _cotangent(cotangent: Any, x: Node) -> Node | None:
    if cotangent is None:
        return None
    node = cotangent.node if isinstance(cotangent, Tensor) else tensor(
        cotangent, dtype=x.dtype).node
    if node.shape != x.shape or node.dtype is not x.dtype:
        raise ShapeError("custom_op", operands=[("input", described(x)),
                                                ("cotangent", described(node))],
                         rule="a cotangent has the shape and dtype of its input")
    return node


# ---- host_callback -------------------------------------------------------------------------------
@dataclass(frozen=True)
class ShapeDtype:
    """Shape and dtype of an array that is not there yet."""

    shape: tuple[int, ...]
    dtype: Any


@dataclass(frozen=True)
class _HostFunction:
    """A Python function of trees as one of flat arrays."""

    function: Callable[..., Any]
    structure: Any

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        found = self.function(*tree.unflatten(self.structure, arrays))
        return tree.flatten(found)[0]


def host_callback(f: Callable[..., Any], result_shape_dtype: Any, *args: Any) -> Any:
    """f(*args) in Python, on NumPy arrays, in the middle of a compiled program.

    result_shape_dtype: the nesting of f's result, with anything that has `shape` and `dtype` for
    each array: `lm.ShapeDtype((3,), lm.float32)`, a tensor, an array. f is a pure function: it is
    called when its result is needed. An exception that it raises ends the program and comes out
    of it. It has no gradient: put it into a `custom_op` with one.

    >>> import lamina as lm
    >>> import numpy as np
    >>> x = lm.tensor([3.0, 1.0])
    >>> lm.host_callback(np.sort, lm.ShapeDtype((2,), lm.float32), x).tolist()
    [1.0, 3.0]
    """
    promised, result = tree.flatten(result_shape_dtype)
    if not promised:
        raise ArgumentError("host_callback", operands=[("result", repr(result_shape_dtype))],
                            rule="a callback returns at least one array: without, nobody needs it")
    specs = tuple(_spec(p) for p in promised)
    inputs, structure = flat_nodes(args)
    node = control.record(control.host_callback, inputs, function=_HostFunction(f, structure),
                          specs=specs)
    return tree.unflatten(result, [Tensor(y) for y in control.outputs(node)])


def _spec(x: Any) -> tuple[tuple[int, ...], DType]:
    if not hasattr(x, "shape") or not hasattr(x, "dtype"):
        raise ArgumentError("host_callback", operands=[("result", repr(x))],
                            rule="each result has a shape and a dtype",
                            hint="lm.ShapeDtype((3,), lm.float32)")
    return tuple(int(d) for d in x.shape), as_dtype(x.dtype)
