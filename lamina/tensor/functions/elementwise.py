"""Functions of one element at a time, one for each elementwise row of the table.

In: the table. Out: a public function by each name. Type checkers and editors read the generated
`elementwise.pyi`; `python -m tests.tensor.stubs` writes it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature
from typing import Any

from lamina.graph.node import Node, Op, build, constant, mode
from lamina.ops.promotion import operands, prepare
from lamina.ops.rules import NAMES
from lamina.ops.table import TABLE
from lamina.tensor.array import Tensor
from lamina.tensor.functions.plumbing import as_input

# Rows whose function is written by hand, and those that only other operations use.
ELSEWHERE = ("where", "clip", "cast", "check_range", "threefry", "bits_to_unit", "pair")


def function_of(op: Op) -> Callable[..., Tensor]:
    """The public function of an elementwise op: promotes, broadcasts, records."""
    arity, allowed = len(op.samples[0].inputs), op.samples[0].attrs.keys()
    on_truths = TABLE.get(op.extra.get("on_truths", ""))
    defaults = op.extra.get("defaults", {})
    is_pair = arity == 2 and not allowed

    def function(*inputs: Any, **attrs: Any) -> Tensor:
        if is_pair and len(inputs) == 2 and not attrs:
            node = _at_once(op, *inputs)
            if node is not None:
                return Tensor(node)
        if defaults:
            attrs = {**defaults, **attrs}
        if len(inputs) != arity or attrs.keys() != allowed:
            expected = " and ".join([f"{arity} positional arguments", *allowed])
            got = " and ".join([str(len(inputs)), *attrs])
            raise TypeError(f"{op.name}() takes {expected}, not {got}")
        nodes = operands(op, [as_input(x) for x in inputs])
        if on_truths is not None and all(n.dtype.kind == "b" for n in nodes):
            return Tensor(on_truths(*nodes))
        return Tensor(op(*prepare(op, nodes), **attrs))

    function.__name__ = function.__qualname__ = op.name
    function.__doc__ = op.doc
    function.__signature__ = signature_of(op)  # type: ignore[attr-defined]
    return function


def _at_once(op: Op, x: Any, y: Any) -> Node | None:
    """The node of two floats where nothing is to be promoted; None where something may be."""
    if mode.precision is not None:
        return None
    if isinstance(x, Tensor):
        a = x.node
        dtype = a.dtype
        if isinstance(y, Tensor):
            b = y.node
            if b.dtype is not dtype or dtype not in op.takes:
                return None
        elif (type(y) is float or type(y) is int) and dtype.kind == "f" and dtype in op.takes:
            b = constant(y, dtype)
        else:
            return None
        return build(op, (a, b), {}) if dtype.kind == "f" else None
    if (type(x) is float or type(x) is int) and isinstance(y, Tensor):
        dtype = y.node.dtype
        if dtype.kind == "f" and dtype in op.takes:
            return build(op, (constant(x, dtype), y.node), {})
    return None


def signature_of(op: Op) -> Signature:
    """What help() shows: as many inputs as the op's samples have, attributes by keyword."""
    sample = op.samples[0]
    inputs = [Parameter(name, Parameter.POSITIONAL_ONLY, annotation="Any")
              for name in NAMES[:len(sample.inputs)]]
    defaults = op.extra.get("defaults", {})
    attrs = [Parameter(name, Parameter.KEYWORD_ONLY, annotation=type(value).__name__,
                       default=defaults.get(name, Parameter.empty))
             for name, value in sample.attrs.items()]
    return Signature([*inputs, *attrs], return_annotation="Tensor")


def with_products(power: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`pow`, with squares and cubes as the products that they are: 40 times less arithmetic."""
    times = TABLE["multiply"]

    @wraps(power)
    def function(*inputs: Any) -> Tensor:
        if len(inputs) == 2 and type(inputs[1]) in (int, float) and inputs[1] in (2, 3):
            x, y = inputs
            if isinstance(x, Tensor) and (x.dtype.is_float or
                                          (type(y) is int and x.dtype.is_integer)):
                square = times(x.node, x.node)
                return Tensor(square if y == 2 else times(square, x.node))
        return power(*inputs)

    return function


BY_NAME: dict[str, Callable[..., Tensor]] = {
    name: function_of(op) for name, op in TABLE.items()
    if op.kind.name == "elementwise" and name not in ELSEWHERE}
BY_NAME["pow"] = with_products(BY_NAME["pow"])
globals().update(BY_NAME)
