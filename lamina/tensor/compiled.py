"""`compile`: a function recorded once and called as one program.

In: a function of tensors (and anything else). Out: a callable that goes straight to the compiled
plan. Tensors that the function assigns to (parameters, optimizer state, running statistics, the
random stream) are inputs and outputs of the program; other tensors that it uses are read at each
call. Python values among the arguments, and shapes and dtypes, select the recording.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lamina import tree
from lamina.config import settings
from lamina.errors import GradientError, IndexingError
from lamina.graph.node import Node, is_leaf, leaf, mode, topological
from lamina.graph.subgraph import Graph
from lamina.ops import control
from lamina.runtime import execute, families
from lamina.runtime.culprit import hollow, outside
from lamina.runtime.takeover import ALONE, references
from lamina.runtime.undisturbed import Undisturbed, exclusive
from lamina.tensor.array import Tensor, Trace, traces

KEPT = 4096  # recordings of one function that are remembered


@dataclass
class _Recording:
    """One trace: how to fill the program's leaves and what to do with its results."""

    order: list[Node]  # after the first call without values
    roots: list[Node]
    kinds: list[tuple[Any, Any]]  # shape and dtype of each root
    sources: list[Any]  # for each leaf: the number of an argument, a tensor, or a node
    structure: Any
    results: int  # leading roots that are returned
    changed: list[tuple[Tensor, bool]]  # tensors that take the other roots
    modes: list[tuple[Any, bool]]  # modules, and whether they were training
    trained: list[tuple[Tensor, bool]]  # tensors that are read, and whether they have gradients
    differentiable: bool  # whether a gradient may flow through what is returned
    graph: Any = None  # of what is returned, for gradients
    bound: Any = None
    takers: tuple[tuple[int, int], ...] = ()  # (output, leaf): may be computed in place

    def holds(self) -> bool:
        """Whether modules are in the mode, and tensors as trainable, as they were recorded."""
        for module, training in self.modes:
            if module.training is not training:
                return False
        return all(t._requires_grad is requires_grad for t, requires_grad in self.trained)


class Compiled:
    """A compiled function. `recordings` counts how often it was traced."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._known: dict[Any, list[_Recording]] = {}

    @property
    def recordings(self) -> int:
        """How many different signatures were traced."""
        return sum(map(len, self._known.values()))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if traces or settings.check or settings.device == "interpret":
            return self._function(*args, **kwargs)  # recorded whole, or op by op
        leaves, structure = tree.flatten((args, kwargs))
        signature: list[Any] = []
        tensors: list[Tensor] = []
        for x in leaves:
            if isinstance(x, Tensor):
                tensors.append(x)
                node = x.node
                signature.append((node.shape, node.dtype.name, node.tracked))
            elif _hashable(x):
                signature.append((type(x), x.hex() if type(x) is float else x))
            else:  # it may be another one when it comes again
                return self._function(*args, **kwargs)
        known = self._known.get((structure, tuple(signature)))
        if known is None:
            if len(self._known) >= KEPT:
                self._known.pop(next(iter(self._known)))
            known = self._known[structure, tuple(signature)] = []
        for recording in known:
            if recording.holds():
                return _replay(recording, tensors)
        known.append(_record(self._function, leaves, structure))
        return _replay(known[-1], tensors)


def compile(function: Callable[..., Any]) -> Compiled:
    """Record `function` at its first call with given shapes and run the recording from then on.

    Python control flow is fixed by the first call; `cond`, `while_loop` and `scan` are not. Python
    values among the arguments select the recording, so do `train()`, `eval()` and `freeze()` of the
    modules that it calls; what else it reads is fixed. With arguments that have no hash, such as
    NumPy arrays, it runs as it is written. Gradients flow through a call.

    >>> import lamina as lm
    >>> square = lm.compile(lambda x: x * x)
    >>> square(lm.tensor(3.0)).item()
    9.0
    """
    return Compiled(function)


def _hashable(x: Any) -> bool:
    try:
        hash(x)
    except TypeError:
        return False
    return True


def _record(function: Callable[..., Any], leaves: Sequence[Any], structure: Any) -> _Recording:
    execute.evaluate([x.node for x in leaves if isinstance(x, Tensor)])
    execute.evaluate_pending()  # what the function captures is read at each call
    stand_ins: list[Any] = []
    numbers: dict[int, int] = {}
    for x in leaves:
        if isinstance(x, Tensor):
            node = leaf(None, x.shape, x.dtype, tracked=x.node.tracked)
            node.variable = node.tracked
            numbers[id(node)] = len(numbers)
            stand_in = Tensor.__new__(Tensor)
            stand_in.node, stand_in._requires_grad, stand_in._grad = node, x.requires_grad, None
            stand_ins.append(stand_in)
        else:
            stand_ins.append(x)
    args, kwargs = tree.unflatten(structure, stand_ins)
    trace = Trace("compile")
    traces.append(trace)
    try:
        returned = function(*args, **kwargs)
        outputs, out_structure = tree.flatten(returned)
        changed = [(t, t.node) for t, _ in trace.assigned.values()]
    finally:
        traces.pop()
        for t, old in trace.assigned.values():
            t.node = old
        for t, grad in trace.grads.values():
            t._grad = grad
    for x in outputs:
        if not isinstance(x, Tensor):
            raise GradientError("compile", operands=[("returned", type(x).__name__)],
                                rule="a compiled function returns tensors, in any nesting")
    roots = [x.node for x in outputs] + [node for _, node in changed]
    order = topological(roots)
    execute.evaluate([t.node for t, _ in trace.assigned.values()])
    sources = [_source(n, numbers) for n in order if is_leaf(n)]
    kinds = [(r.shape, r.dtype) for r in roots]
    return _Recording(order, roots, kinds, sources, out_structure, len(outputs),
                      [(t, t.requires_grad) for t, _ in changed],
                      list(dict.fromkeys(trace.modes)),
                      [(t, t.requires_grad) for t in sources if isinstance(t, Tensor)],
                      any(x.node.tracked and not x.node.consumed for x in outputs))


def _source(node: Node, numbers: dict[int, int]) -> Any:
    if id(node) in numbers:
        return numbers[id(node)]
    owner = node.owner() if node.owner is not None else None
    return owner if owner is not None and owner.node is node else node


def _replay(recording: _Recording, tensors: Sequence[Tensor]) -> Any:
    if recording.bound is None or recording.bound.hot():
        recording.bound = families.prepare(recording.order, recording.roots)
        recording.takers = _takers(recording)
        recording.order, recording.roots = hollow(recording.order, recording.roots)
        if recording.differentiable:
            recording.graph = Graph([n for n in recording.order if is_leaf(n)],
                                    recording.roots[:recording.results])
    history = recording.differentiable and mode.tracking
    with exclusive, Undisturbed() as quiet:
        inputs, buffers = _gathered(recording, tensors, history)
        donated = _donated(recording, buffers) if recording.takers and not history else None
        if donated:
            quiet.start()
            return _settled(recording, inputs, _run(recording, buffers, donated))
    values = _run(recording, buffers, None)
    with exclusive:
        return _settled(recording, inputs, values)


def _gathered(recording: _Recording, tensors: Sequence[Tensor], history: bool
              ) -> tuple[list[Node], list[Any]]:
    """The buffers of all inputs; with history their nodes, too."""
    inputs, buffers = [], []
    for source in recording.sources:
        node = (tensors[source].node if type(source) is int
                else source.node if isinstance(source, Tensor) else source)
        if node.value is None:
            execute.evaluate([node])
        buffers.append(node.value)
        if history:  # the old values may be asked for again
            inputs.append(node)
        del node  # a reference more, and its memory would not be taken over
    return inputs, buffers


def _run(recording: _Recording, buffers: list[Any], donated: list[int | None] | None) -> list[Any]:
    try:
        return execute.run_bound(recording.bound, buffers, donated)
    except IndexingError:
        raise outside(recording.order, buffers) from None


def _settled(recording: _Recording, inputs: list[Node], values: list[Any]) -> Any:
    """What the function returns; the tensors that it changed have their new values."""
    nodes = (_with_history(recording, inputs, values) if inputs else
             [leaf(v, shape, dtype) for v, (shape, dtype) in
              zip(values[:recording.results], recording.kinds, strict=False)])
    results = [Tensor(node) for node in nodes]
    for (t, requires_grad), value in zip(recording.changed, values[recording.results:],
                                         strict=True):
        node = leaf(value, t.node.shape, t.node.dtype, requires_grad)
        node.variable = requires_grad
        node.owner = weakref.ref(t)
        t.node = node
    if execute.assigned:
        execute.commit()
    return tree.unflatten(recording.structure, results)


def _with_history(recording: _Recording, inputs: Sequence[Node], values: Sequence[Any]
                  ) -> list[Node]:
    """The results, known, as those of a call through which gradients flow: it is run again then."""
    nodes = control.outputs(control.record(control.call, inputs, graph=recording.graph,
                                           rule=control.Recompute(0)))
    for node, value in zip(nodes, values, strict=False):
        node.value = value
    return nodes


def _takers(recording: _Recording) -> tuple[tuple[int, int], ...]:
    """Outputs that may take the memory of the tensor that they are the new value of."""
    bound = recording.bound
    takers = []
    slots = {slot: i for i, slot in enumerate(bound.results)}
    for output, number in bound.donations.items():
        source = recording.sources[number] if number < len(recording.sources) else None
        root = slots.get(bound.first_output + output)
        if (isinstance(source, Tensor) and root is not None and root >= recording.results
                and recording.changed[root - recording.results][0] is source):
            takers.append((output, number))
    return tuple(takers)


def _donated(recording: _Recording, buffers: list[Any]) -> list[int | None] | None:
    """The leaf whose memory each output takes over: where nobody else can see the old value."""
    result: list[int | None] = [None] * len(recording.bound.out_sizes)
    nodes = references([recording.sources[number].node for _, number in recording.takers])
    held = references(buffers)
    for (output, number), count in zip(recording.takers, nodes, strict=True):
        if count == ALONE + 1 and held[number] == ALONE + 1:  # its tensor's; its node's
            result[output] = number
    return result if any(number is not None for number in result) else None
