"""The one door from graph to values.

In: nodes whose values are wanted. Out: the same nodes with their values. Everything pending that a
tensor still holds is computed in the same program. A graph of known structure goes straight to its
program; new sizes bind it again; only a new structure is compiled.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.config import settings
from lamina.errors import DeviceError, IndexingError
from lamina.graph.node import BUFFER, CONST, Node, is_leaf, topological
from lamina.runtime import single
from lamina.runtime.buffers import Buffer, from_array
from lamina.runtime.culprit import outside
from lamina.runtime.families import prepare
from lamina.runtime.interpret import interpret
from lamina.runtime.limits import limit as memory_limit
from lamina.runtime.takeover import Takeover
from lamina.runtime.undisturbed import Undisturbed, exclusive

if TYPE_CHECKING:
    from lamina.runtime.kept import Kept
    from lamina.runtime.program import Bound

Journal = dict[int, tuple[weakref.ref[Any], Any]]
pending: dict[int, weakref.ref[Any]] = {}  # tensors whose value is not known yet, by id
# Tensors that were given a new node, or gradient, since the last program; and the old one.
assigned: Journal = {}
accumulated: Journal = {}


def await_value(tensor: Any, reference: weakref.ref[Any]) -> None:
    """Note a tensor whose value the next program computes.

    The latest comes last, also where a tensor that died had the same id: the order of the roots is
    a part of a graph's structure, so it must not depend on addresses.
    """
    pending.pop(id(tensor), None)
    pending[id(tensor)] = reference


def evaluate(wanted: Sequence[Node]) -> None:
    """Give every node in `wanted`, and every pending node that a tensor holds, its value."""
    if len(wanted) == 1:
        if wanted[0].value is not None or _at_once(wanted[0]):
            return
    elif all(n.value is not None for n in wanted):
        return
    with exclusive:
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


def _at_once(node: Node) -> bool:
    """Compute a node on the short way, where no other tensor waits for its value."""
    if settings.check or settings.device != "cpu" or memory_limit():
        return False
    with exclusive:
        for reference in list(pending.values()):
            tensor = reference()
            if tensor is not None and tensor.node is not node and tensor.node.value is None:
                return False
        value = single.value_of(node)
        if value is None:
            return False
        pending.clear()
        settle(node, value)
        if assigned or accumulated:
            commit()
    return True


def evaluate_pending() -> None:
    """Give every pending node that a tensor holds its value."""
    evaluate([t.node for t in [r() for r in pending.values()]
              if t is not None and t.node.op is not BUFFER])


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


def commit() -> None:
    """After a program: what tensors had before is not needed where their values are known now."""
    for key, (reference, _) in list(assigned.items()):
        tensor = reference()
        if tensor is None or tensor.node.value is not None:
            del assigned[key]
    for key, (reference, _) in list(accumulated.items()):
        tensor = reference()
        if tensor is None or tensor._grad is None or tensor._grad.node.value is not None:
            del accumulated[key]


def run(roots: list[Node]) -> None:
    """Compute the roots in one program and store their values in them."""
    with exclusive, Undisturbed() as quiet:
        _run(roots, quiet)


def _run(roots: list[Node], quiet: Undisturbed) -> None:
    order = _order(roots)
    for node in order:
        if node.op is BUFFER and node.value is None:
            raise DeviceError("evaluation", rule="what was made while a function was recorded "
                              "has a value only as its result",
                              hint="return the tensor from that function")
    values = _compute(order, roots, quiet)
    for node, value in zip(roots, values, strict=True):
        settle(node, value)
    commit()


def _order(roots: list[Node]) -> list[Node]:
    """All nodes, inputs first; at once where the one root reads nothing but values."""
    if len(roots) == 1:
        inputs = roots[0].inputs
        for x in inputs:
            if x.value is None and x.op is not CONST:
                break
        else:
            return [*dict.fromkeys(inputs), roots[0]]
    return topological(roots)


def settle(node: Node, value: Buffer) -> None:
    """Store a value; history that no gradient needs any more is dropped."""
    node.value = value
    if node.drops_history:
        node.forget()


def compute(order: Sequence[Node], roots: Sequence[Node]) -> list[Buffer]:
    """The roots' buffers."""
    with exclusive, Undisturbed() as quiet:
        return _compute(order, roots, quiet)


def _compute(order: Sequence[Node], roots: Sequence[Node], quiet: Undisturbed) -> list[Buffer]:
    if settings.device == "interpret":
        return _interpreted(roots, order)
    if settings.check:
        found: list[Buffer] = _checker().checked(order, roots)
        return found
    bound = prepare(order, roots)
    if len(roots) == 1 and not memory_limit():
        single.remember(roots[0], bound)
    leaves = [n.value for n in order if is_leaf(n)]
    takers = _takers(bound, order, roots, leaves)
    try:
        if takers is None:
            exclusive.release()
            try:
                return run_bound(bound, leaves, order)
            finally:
                exclusive.acquire()
        quiet.start()
        return run_bound(bound, leaves, order, takers)
    except IndexingError:
        raise outside(order, leaves) from None


def _takers(bound: Bound, order: Sequence[Node], roots: Sequence[Node], leaves: list[Buffer]
            ) -> list[int | None] | None:
    """The leaf whose memory each output takes over."""
    if not bound.donations or bound.is_small:
        return None
    if bound.takeover is None:
        bound.takeover = Takeover(bound, order, roots)
    new = {id(r) for r in roots}
    old = Counter(id(node) for reference, node in assigned.values()
                  if (tensor := reference()) is not None and id(tensor.node) in new)
    takers = bound.takeover.takers(order, roots, leaves, old)
    return takers if any(t is not None for t in takers) else None


def run_bound(bound: Bound, leaves: list[Buffer], order: Sequence[Node],
              donated: Sequence[int | None] | None = None, kept: Kept | None = None
              ) -> list[Buffer]:
    """Run a program on the buffers of its graph's leaves; numbers that vary are its own.

    kept: what it keeps from run to run, where nothing is donated.
    """
    if bound.literals:
        leaves = leaves + [_NOTHING] * len(bound.literals)
    if kept is not None and donated is None:
        return kept.run(leaves, order)
    return bound.run(leaves, donated, order)


def _interpreted(roots: Sequence[Node], order: Sequence[Node]) -> list[Buffer]:
    leaves = {n: array_of(n) for n in order if is_leaf(n)}
    try:
        return [from_array(a) for a in interpret(roots, leaves)]
    except IndexingError:
        raise outside(order, [n.value for n in order if is_leaf(n)]) from None


def array_of(node: Node) -> np.ndarray:
    """The stored elements of a computed node."""
    buffer: Buffer = node.value
    return buffer.array(node.sizes, node.dtype.storage)


def copy_of(node: Node) -> np.ndarray:
    """A copy of them."""
    buffer: Buffer = node.value
    return buffer.copied(node.sizes, node.dtype.storage)


_NOTHING = Buffer(8)


def explain(roots: Sequence[Node]) -> str:
    """What would be done to compute the roots, as text."""
    from lamina.runtime import explain

    return explain.explain(roots)


def _checker() -> Any:
    """What LAMINA_CHECK=1 needs, loaded with the first use."""
    from lamina.runtime import check

    return check
