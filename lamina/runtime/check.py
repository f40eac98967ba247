"""LAMINA_CHECK=1: every operation alone, next to the oracle.

In: a pending graph. Out: its values, computed one operation at a time by generated kernels; each is
compared with NumPy, and the first that makes a NaN out of numbers is named with the user's line.
NaN that comes in as data may be meant (missing values): who reads it first is said on stderr.
What is inside a control operation is seen where the oracle goes through it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.errors import CompileError, NumericError, describe_line
from lamina.graph.node import CONST, Node, is_leaf, leaf
from lamina.ops.control import SEVERAL
from lamina.ops.rules import describe
from lamina.runtime import execute, families, instance, not_numbers
from lamina.runtime.buffers import Buffer
from lamina.runtime.interpret import compute, narrowed, widened
from lamina.runtime.program import Program

_told: set[tuple[str, Any]] = set()  # operations and lines that were said to read NaN

TOLERANCE = {"float16": 2e-2, "bfloat16": 1e-1, "float32": 2e-3, "float64": 1e-9}


def checked(order: Sequence[Node], roots: Sequence[Node]) -> list[Buffer]:
    """The roots' buffers; raises NumericError at the first NaN, CompileError at a wrong kernel."""
    values: dict[int, Buffer] = {}
    told = False
    for node in order:
        if is_leaf(node):
            values[id(node)] = node.value
        elif node.op is not CONST and node.op.kind not in SEVERAL:
            told = told or _tell_of_data(_source(node), values)
            values[id(node)] = _checked_node(node, values)
    results = [values[id(r)] if id(r) in values else _alone(r, {}) for r in roots]
    _check_fused(order, roots, results)
    return results


def _check_fused(order: Sequence[Node], roots: Sequence[Node], results: Sequence[Buffer]) -> None:
    """The program that would run otherwise, with its fused kernels, gives the same."""
    bound = families.prepare(order, roots)
    fused = execute.run_bound(bound, [n.value for n in order if is_leaf(n)], order)
    for root, one, other in zip(roots, results, fused, strict=True):
        shape: Any = root.shape
        arrays = [widened(b.array(shape, root.dtype.storage), root.dtype) for b in (other, one)]
        if not _same(root, *arrays):
            raise CompileError(f"the program that computes {root.op.name}", where=root.where,
                               rule="fused kernels equal the same operations one by one",
                               expected=arrays[1], got=arrays[0])


def _checked_node(node: Node, values: dict[int, Buffer]) -> Buffer:
    source = _source(node)
    inputs = [_array(x, values) for x in source.inputs]
    found = compute(source, inputs, no_nan)
    expected = narrowed(found if source is node else compute(node, [found]), node.dtype)
    buffer = _alone(node, values)
    shape: Any = node.shape
    got = widened(buffer.array(shape, node.dtype.storage), node.dtype)
    wanted = widened(expected, node.dtype)
    no_nan(source, inputs, got)
    if not _same(node, got, wanted):
        raise CompileError(node.op.name, rule="the kernel equals the NumPy oracle",
                           where=node.where, expected=wanted, got=got)
    return buffer


def no_nan(node: Node, inputs: Sequence[Any], got: Any) -> None:
    """Raise NumericError for an operation that makes a NaN out of numbers."""
    if not _has_nan(got) or any(map(_has_nan, inputs)):
        return
    operands = [(name, f"{text}, {x.min()} .. {x.max()}" if x.size else text) for (name, text), x in
                zip(describe(node.op, node.inputs), inputs, strict=True)]
    raise NumericError(node.op.extra.get("called", node.op.name), where=node.where,
                       operands=operands, rule=f"no {not_numbers.called()} comes out of numbers")


def _tell_of_data(node: Node, values: dict[int, Buffer]) -> bool:
    """Say, once for a line, that it reads data in which there is NaN."""
    for (name, text), x in zip(describe(node.op, node.inputs), node.inputs, strict=True):
        if not is_leaf(x) or x.dtype.kind != "f":
            continue
        places = np.argwhere(np.isnan(_array(x, values)))
        if len(places):
            if (node.op.name, node.where) not in _told:
                _told.add((node.op.name, node.where))
                print(f"[lamina] {node.op.name} reads {name} {text} with {len(places)} NaN, the "
                      f"first at {places[0].tolist()}: {describe_line(node.where)}",
                      file=sys.stderr)
            return True
    return False


def _has_nan(x: Any) -> bool:
    """Also in one of the results of an operation that has several."""
    if isinstance(x, (list, tuple)):
        return any(map(_has_nan, x))
    return x.dtype.kind == "f" and not_numbers.found(x)


def _same(node: Node, got: np.ndarray, wanted: np.ndarray) -> bool:
    """Equal, or within what floats of the dtype lose in sums of another order."""
    if not node.dtype.is_float:
        return bool(np.array_equal(got, wanted))
    tolerance = TOLERANCE[node.dtype.name]
    scale = max(1.0, float(np.nanmax(np.abs(wanted[np.isfinite(wanted)]), initial=0.0)))
    return np.allclose(got, wanted, rtol=tolerance, atol=tolerance * scale, equal_nan=True)


def _source(node: Node) -> Node:
    """The operation whose result `node` is: itself, unless that has several."""
    return node.inputs[0] if node.op.name == "output" else node


def _array(node: Node, values: dict[int, Buffer]) -> np.ndarray:
    if node.op is CONST and node.value is None:
        return np.asarray(node.attrs["value"], node.dtype.compute.storage)
    shape: Any = node.shape
    return widened(values[id(node)].array(shape, node.dtype.storage), node.dtype)


def _alone(node: Node, values: dict[int, Buffer]) -> Buffer:
    source = _source(node)
    inputs = tuple(x if x.op is CONST and x.value is None else leaf(values[id(x)], x.shape, x.dtype)
                   for x in source.inputs)
    copy = Node(source.op, inputs, source.attrs, source.shape, source.dtype)
    order = [*dict.fromkeys(inputs), copy]
    if source is not node:
        copy = Node(node.op, (copy,), node.attrs, node.shape, node.dtype)
        order.append(copy)
    leaves = [x for x in dict.fromkeys(inputs) if is_leaf(x)]
    template = instance.Template([instance.abstract(order, [copy])[1]])
    copies, literals = instance.symbolic(order, template)
    program = Program([copies[-1]], [c for n, c in zip(order, copies, strict=True) if is_leaf(n)],
                      literals)
    return program.bind({}).run([x.value for x in leaves])[0]
