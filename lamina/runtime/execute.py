"""The one door from graph to values.

In: nodes whose values are wanted. Out: the same nodes with their values. Everything pending that a
tensor still holds is computed in the same program. A graph of known structure goes straight to its
program; new sizes bind it again; only a new structure is compiled.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.config import settings
from lamina.dtypes import DType
from lamina.errors import CompileError, DeviceError, IndexingError
from lamina.graph.node import BUFFER, Node, is_leaf, topological
from lamina.runtime import instance
from lamina.runtime.buffers import Buffer, from_array
from lamina.runtime.culprit import outside
from lamina.runtime.interpret import interpret
from lamina.runtime.recompile import reasons

if TYPE_CHECKING:
    from lamina.runtime.program import Bound, Program

KEPT = 4096  # bound programs that are remembered

_bound: dict[Any, Bound] = {}
_families: dict[Any, list[tuple[instance.Template, Program]]] = {}
_general: dict[Any, list[tuple[instance.Template, Program]]] = {}  # by structure; 1 is any size
_samples: dict[Any, list[tuple[Any, ...]]] = {}
_lock = threading.RLock()

Journal = dict[int, tuple[weakref.ref[Any], Any]]
pending: dict[int, weakref.ref[Any]] = {}  # tensors whose value is not known yet, by id
# Tensors that were given a new node, or gradient, since the last program; and the old one.
assigned: Journal = {}
accumulated: Journal = {}


def evaluate(wanted: Sequence[Node]) -> None:
    """Give every node in `wanted`, and every pending node that a tensor holds, its value."""
    if all(n.value is not None for n in wanted):
        return
    roots = {id(n): n for n in wanted if n.value is None}
    for reference in list(pending.values()):
        tensor = reference()
        if tensor is not None and tensor.node.value is None and tensor.node.op is not BUFFER:
            roots[id(tensor.node)] = tensor.node
    pending.clear()
    try:
        run(list(roots.values()))
    except BaseException:
        undo()
        raise
    assigned.clear()
    accumulated.clear()


def remember(journal: Journal, tensor: Any, old: Any) -> None:
    """Note what a tensor had before its first change since the last program."""
    entry = journal.get(id(tensor))
    if entry is None or entry[0]() is not tensor:
        journal[id(tensor)] = weakref.ref(tensor), old


def undo() -> None:
    """After a failed program: what was assigned since the last one has its old value again."""
    for reference, node in assigned.values():
        tensor = reference()
        if tensor is not None:
            tensor.node = node
            node.owner = reference
    for reference, gradient in accumulated.values():
        tensor = reference()
        if tensor is not None:
            tensor._grad = gradient
    assigned.clear()
    accumulated.clear()


def run(roots: list[Node]) -> None:
    """Compute the roots in one program and store their values in them."""
    order = topological(roots)
    for node in order:
        if node.op is BUFFER and node.value is None:
            raise DeviceError("evaluation", rule="a value is not known while compile, vmap, "
                              "scan, cond or while_loop record the code",
                              hint="return the tensor; or choose with lm.where or lm.cond")
    values = compute(order, roots)
    for node, value in zip(roots, values, strict=True):
        settle(node, value)


def settle(node: Node, value: Buffer) -> None:
    """Store a value; history that no gradient needs any more is dropped."""
    node.value = value
    if node.consumed or not node.tracked or node.variable:
        node.inputs = ()
        node.op = BUFFER
        node.attrs = {}


def compute(order: Sequence[Node], roots: Sequence[Node]) -> list[Buffer]:
    """The roots' buffers."""
    if settings.device == "interpret":
        return _interpreted(roots, order)
    if settings.check:
        return _checker().checked(order, roots)  # type: ignore[no-any-return]
    bound = prepare(order, roots)
    leaves = [n.value for n in order if is_leaf(n)]
    try:
        return run_bound(bound, leaves)
    except IndexingError:
        raise outside(order, leaves) from None


def run_bound(bound: Bound, leaves: list[Buffer], donated: Sequence[int | None] | None = None
              ) -> list[Buffer]:
    """Run a program on the buffers of its graph's leaves; numbers that vary are its own."""
    return bound.run(leaves + [_NOTHING] * len(bound.literals), donated)


def _interpreted(roots: Sequence[Node], order: Sequence[Node]) -> list[Buffer]:
    leaves = {n: array_of(n) for n in order if is_leaf(n)}
    try:
        return [from_array(a) for a in interpret(roots, leaves)]
    except IndexingError:
        raise outside(order, [n.value for n in order if is_leaf(n)]) from None


def array_of(node: Node) -> np.ndarray:
    """The stored elements of a computed node."""
    shape: tuple[int, ...] = node.shape  # type: ignore[assignment]
    return node.value.array(shape, node.dtype.storage)  # type: ignore[no-any-return]


_NOTHING = Buffer(8)


def prepare(order: Sequence[Node], roots: Sequence[Node]) -> Bound:
    """The bound program of a graph: remembered, bound anew, or compiled."""
    key = instance.exact_key(order, roots)
    bound = _bound.get(key)
    if bound is None:
        with _lock:
            bound = _bind(order, roots)
            if len(_bound) >= KEPT:
                _bound.pop(next(iter(_bound)))
            _bound[key] = bound
    return bound


def _bind(order: Sequence[Node], roots: Sequence[Node]) -> Bound:
    structure, fills = instance.abstract(order, roots)
    family = _families.setdefault(structure, [])
    for template, program in family:
        values = template.match(fills)
        if values is not None:
            return program.bind(values)
    wide_structure, wide_fills = instance.abstract(order, roots, ones=True)
    for template, program in _general.get(wide_structure, ()):  # made for any size, so for 1
        values = template.match(instance.without_ones(wide_fills))
        if values is not None:
            return program.bind(values)
    samples = _samples.setdefault(structure, [])
    samples.append(fills)
    template = instance.Template(samples[-1:] if len(samples) == 1 else samples)
    if settings.debug >= 1 and family:
        why = reasons(order, samples[-2], fills)
        print(f"[lamina] recompiling, from now on for any such value: {why}", file=sys.stderr)
    program = _compile(order, roots, template)
    family.insert(0, (template, program))
    if template.variables:
        _general.setdefault(wide_structure, []).insert(0, (template.wider(wide_fills), program))
    values = template.match(fills)
    if values is None:
        raise CompileError("template", rule="a template matches the graph that it was made from")
    return program.bind(values)


def _compile(order: Sequence[Node], roots: Sequence[Node], template: instance.Template) -> Program:
    copies, literals = instance.symbolic(order, template)
    number = {id(n): i for i, n in enumerate(order)}
    leaves = [c for n, c in zip(order, copies, strict=True) if is_leaf(n)] + list(literals)
    results = [copies[number[id(r)]] for r in roots]
    program: Program = _compiler().Program(results, leaves, literals)
    return program


def _compiler() -> Any:
    """The compiler, loaded with the first program: importing Lamina stays fast."""
    from lamina.runtime import program

    return program


def explain(roots: Sequence[Node]) -> str:
    """What would be done to compute the roots, as text."""
    from lamina.runtime import explain

    return explain.explain(roots)


def _checker() -> Any:
    """What LAMINA_CHECK=1 needs, loaded with the first use."""
    from lamina.runtime import check

    return check


def forget_programs() -> None:
    """Drop all programs (the kernels' code stays cached)."""
    with _lock:
        _bound.clear()
        _families.clear()
        _general.clear()
        _samples.clear()


__all__ = ["evaluate", "run", "settle", "compute", "prepare", "pending", "array_of", "DType"]
