"""Recordings: one trace of a compiled function, ready to become a program.

In: a function, and the arguments of a call. Out: the graph that it made on stand-ins, where each
input of that graph is found at a later call, and what takes its results.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lamina import tree
from lamina.dtypes import DType
from lamina.errors import GradientError
from lamina.graph.node import Node, is_leaf, leaf, topological
from lamina.runtime import execute
from lamina.tensor.array import Tensor
from lamina.tensor.trace import GradUse, Trace, traces

MISSED = object()  # what a call on the short way gives that has to go the long way


@dataclass(eq=False)
class GradOf:
    """The gradient that a tensor, or an argument by its number, has at the call."""

    of: Tensor | int


Source = Tensor | int | GradOf  # where a call finds a tensor; int: the number of an argument


def found(source: Source, arguments: Sequence[Tensor]) -> Any:
    """The tensor; None for a gradient that is not there."""
    if type(source) is int:
        return arguments[source]
    if isinstance(source, GradOf):
        return found(source.of, arguments)._grad
    return source


@dataclass
class Recording:
    """One trace: how to fill the program's leaves and what to do with its results."""

    order: list[Node]  # after the first call without values
    roots: list[Node]
    kinds: list[tuple[Any, DType]]  # shape and dtype of each root
    sources: list[Source | Node]  # for each leaf
    structure: Any
    results: int  # leading roots that are returned
    changed: list[tuple[Source, bool]]  # tensors that take the roots after these, and whether
    # they have gradients
    grads: list[tuple[GradOf, bool]]  # gradients that take the last roots; False: become None
    given: list[tuple[Any, Any]]  # whose gradient is read, by `Source`, and what it looked like
    modes: list[tuple[Any, bool, int]]  # modules, whether they were training, their versions
    trained: list[tuple[Tensor, bool, int]]  # tensors, whether they have gradients, their versions
    differentiable: bool  # whether a gradient may flow through what is returned
    memory_limit: int = 0  # bytes of its program; 0: any number
    graph: Any = None  # of what is returned, for gradients
    bound: Any = None
    takers: Sequence[Any] = ()  # outputs that may be computed in place
    kept: Any = None  # what is computed from its own tensors alone (`runtime.kept`)

    def holds(self, arguments: Sequence[Tensor]) -> bool:
        """Whether modules are in the mode, tensors as trainable, gradients there, as recorded."""
        if not (self.modes or self.given or self.trained):
            return True
        for module, training, version in self.modes:
            if module.training is not training or module._version != version:
                return False
        for of, looks in self.given:
            gradient = (arguments[of] if type(of) is int else of)._grad
            if (gradient is not None or looks is not None) and _looks(gradient) != looks:
                return False
        return all(t._requires_grad is requires_grad and t._version == version
                   for t, requires_grad, version in self.trained)

    @property
    def outdated(self) -> bool:
        """Whether a module has replaced something that it was recorded with."""
        return any(kept._version != version for kept, _, version in (*self.modes, *self.trained))

    def targets(self) -> list[Source | None]:
        """What each root is the new value of."""
        return [*[None] * self.results, *(target for target, _ in self.changed),
                *(place for place, is_there in self.grads if is_there)]


def _looks(gradient: Tensor | None) -> Any:
    return None if gradient is None else (gradient.shape, gradient.dtype)


@dataclass
class _Grad:
    """A gradient that was used: where it is, how it was used, its node in the end, if any."""

    place: GradOf
    use: GradUse
    after: Node | None

    @property
    def changed(self) -> bool:
        return self.use.set and self.use.tensor._grad is not self.use.before


def record(function: Callable[..., Any], leaves: Sequence[Any], structure: Any, limit: int
           ) -> Recording:
    """Run `function` once on stand-ins for the tensors among the leaves of its arguments."""
    execute.evaluate([x.node for x in leaves if isinstance(x, Tensor)])
    execute.evaluate_pending()  # what the function captures is read at each call
    given = [_stand_in(x) if isinstance(x, Tensor) else x for x in leaves]
    arguments = [t for t, x in zip(given, leaves, strict=True) if isinstance(x, Tensor)]
    numbers: dict[int, Any] = {id(t): i for i, t in enumerate(arguments)}
    known: dict[int, Source] = {id(t.node): i for i, t in enumerate(arguments)}
    args, kwargs = tree.unflatten(structure, given)
    trace = Trace("compile", (id(t._grad) for t in arguments if t._grad is not None))
    traces.append(trace)
    try:
        outputs, out_structure = tree.flatten(function(*args, **kwargs))
        changed = [(t, t.node) for t, _ in trace.assigned.values()]
        used = [_used(use, numbers) for use in trace.grads.values()
                if id(use.tensor) not in trace.own]
        after = [grad for grad in used if grad.changed]
    finally:
        traces.pop()
        trace.restore()
    for x in outputs:
        if not isinstance(x, Tensor):
            raise GradientError("compile", operands=[("returned", type(x).__name__)],
                                rule="a compiled function returns tensors, in any nesting")
    for grad in used:
        if grad.use.needed and grad.use.before is not None:
            known[id(grad.use.before.node)] = numbers[id(grad.use.before)] = grad.place
    roots = [*(x.node for x in outputs), *(node for _, node in changed),
             *(grad.after for grad in after if grad.after is not None)]
    order = topological(roots)
    execute.evaluate([t.node for t, _ in trace.assigned.values() if id(t) not in trace.outside])
    sources = [_source(n, known) for n in order if is_leaf(n)]
    return Recording(
        order, roots, [(r.shape, r.dtype) for r in roots], sources, out_structure, len(outputs),
        changed=[(numbers.get(id(t), t), t.requires_grad) for t, _ in changed],
        grads=[(grad.place, grad.after is not None) for grad in after],
        given=[(grad.place.of, _looks(grad.use.before)) for grad in used if grad.use.needed],
        modes=list(dict.fromkeys(trace.modes)),
        trained=[(t, t.requires_grad, t._version) for t in dict.fromkeys(
            [*(t for t in sources if isinstance(t, Tensor)),
             *(t for t, _ in changed if id(t) not in numbers)])],
        differentiable=any(x.node.tracked and not x.node.consumed for x in outputs),
        memory_limit=limit)


def _stand_in(x: Tensor) -> Tensor:
    """A tensor without a value in place of an argument, with one in place of its gradient."""
    t = Tensor.__new__(Tensor)
    t.node = leaf(None, x.shape, x.dtype, tracked=x.node.tracked)
    t.node.variable, t.node.owner = t.node.tracked, weakref.ref(t)
    t._requires_grad = x.requires_grad
    t._grad = None if x._grad is None else _stand_in(x._grad)
    return t


def _used(use: GradUse, numbers: dict[int, Any]) -> _Grad:
    new = use.tensor._grad
    return _Grad(GradOf(numbers.get(id(use.tensor), use.tensor)), use,
                 None if new is None else new.node)


def _source(node: Node, known: dict[int, Source]) -> Source | Node:
    if id(node) in known:
        return known[id(node)]
    owner = node.owner() if node.owner is not None else None
    return owner if owner is not None and owner.node is node else node
