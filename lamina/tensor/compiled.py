"""`compile`: a function recorded once and called as one program.

In: a function of tensors (and anything else). Out: a callable that goes straight to the compiled
plan. Tensors that the function assigns to (parameters, optimizer state, running statistics, the
random stream) and gradients that it adds to are inputs and outputs of the program; other tensors
that it uses are read at each call. Python values among the arguments, and shapes and dtypes, select
the recording.
"""

from __future__ import annotations

import copy
import functools
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lamina import tree
from lamina.config import settings
from lamina.errors import ArgumentError, IndexingError
from lamina.graph.node import Node, is_leaf, leaf, mode
from lamina.graph.subgraph import Graph
from lamina.ops import control
from lamina.runtime import execute, families
from lamina.runtime.culprit import hollow, outside
from lamina.runtime.limits import limit as memory_limit
from lamina.runtime.limits import limited
from lamina.runtime.takeover import ALONE, references
from lamina.runtime.undisturbed import Undisturbed, exclusive
from lamina.tensor.array import Tensor
from lamina.tensor.memory import as_limit
from lamina.tensor.recording import MISSED, GradOf, Recording, found, record
from lamina.tensor.trace import traces

if TYPE_CHECKING:
    from lamina.runtime.kept import Kept
    from lamina.tensor.quick import Quick

KEPT = 1024  # signatures of one function whose recordings are remembered


class Compiled:
    """A compiled function. `recordings` counts how often it was traced."""

    def __init__(self, function: Callable[..., Any], own_limit: int = 0) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._memory_limit = own_limit  # 0: that of the block around each call
        self._known: dict[Any, list[Recording]] = {}
        self._quick: Quick | None = None  # of the latest call, if that only computed
        self._quicks: dict[int, Quick | None] = {}  # by recording

    @property
    def recordings(self) -> int:
        """How many different signatures were traced."""
        return sum(map(len, self._known.values()))

    @property
    def peak_bytes(self) -> int:
        """Bytes that its largest program needs beside what goes in: between values and results.

        0 before the first call. They are planned before anything runs, so equal on every run.
        """
        bound = (r.bound for recordings in self._known.values() for r in recordings)
        return max((b.peak_bytes for b in bound if b is not None), default=0)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        limit = self._memory_limit or memory_limit()
        if traces or settings.check or settings.device == "interpret":
            return self._as_written(args, kwargs)  # recorded whole, or op by op
        quick = self._quick
        if quick is not None and not kwargs and quick.recording.memory_limit == limit:
            result = quick(args)
            if result is not MISSED:
                return result
        leaves, structure = tree.flatten((args, kwargs)) if kwargs else _flat(args)
        signature: list[Any] = [mode.tracking, limit]
        if mode.precision is not None:
            signature.append(mode.precision.name)
        tensors: list[Tensor] = []
        for x in leaves:
            if isinstance(x, Tensor):
                tensors.append(x)
                node = x.node
                signature.append((node.shape, node.dtype.name, node.tracked, node.variable))
            elif _hashable(x):
                signature.append((type(x), x.hex() if type(x) is float else x))
            else:  # it may be another one when it comes again
                return self._as_written(args, kwargs)
        known = self._known.get((structure, tuple(signature)))
        if known is None:
            if len(self._known) >= KEPT:
                self._known.pop(next(iter(self._known)))
            known = self._known[structure, tuple(signature)] = []
        for recording in known:
            if recording.holds(tensors):
                result = _replay(recording, tensors)
                self._quick = None if kwargs else self._short_way(recording, args)
                return result
        known[:] = [r for r in known if not r.outdated]
        self._quicks.clear()
        known.append(record(self._function, leaves, structure, limit))
        return _replay(known[-1], tensors)

    def _as_written(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The function itself; what it returns is computed where it has a limit of its own."""
        if not self._memory_limit or traces:
            return self._function(*args, **kwargs)
        with limited(self._memory_limit):
            result = self._function(*args, **kwargs)
            execute.evaluate([x.node for x in tree.flatten((result,))[0]
                              if isinstance(x, Tensor) and x.node.value is None])
        return result

    def _short_way(self, recording: Recording, arguments: tuple[Any, ...]) -> Quick | None:
        """That through a recording, made once, if it has one."""
        from lamina.tensor.quick import Quick  # with the compiler: importing Lamina stays fast

        quick = self._quicks.get(id(recording))
        if quick is None or quick.recording is not recording or quick.bound is not recording.bound:
            quick = Quick(recording, arguments) if Quick.fits(recording, arguments) else None
            self._quicks[id(recording)] = quick
        return quick

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled:
        """One that records anew."""
        return Compiled(copy.deepcopy(self._function, memo), self._memory_limit)


def compile(function: Callable[..., Any], memory_limit: int | str | None = None) -> Compiled:
    """Record `function` at its first call with given shapes and run the recording from then on.

    Python control flow is fixed by the first call; `cond`, `while_loop` and `scan` are not. Python
    values among the arguments select the recording, so do `train()`, `eval()` and `freeze()` of the
    modules that it calls, and what these keep: a parameter, buffer or module that is set anew is
    seen by the next call. Tensors that it reads from outside have their value of the moment, if
    they are changed by `assign`. All else that it reads is fixed: a number on an object (make it an
    argument, or a `nn.Buffer`), a global name, what is put into a list or dict of a module. With
    arguments that have no hash, such as NumPy arrays, it runs as it is written. Gradients flow
    through a call; what `backward` adds up inside is in `grad` after it.

    memory_limit: bytes, or text such as "4 GiB", that its program may hold (`lm.memory_limit`).

    >>> import lamina as lm
    >>> square = lm.compile(lambda x: x * x)
    >>> square(lm.tensor(3.0)).item()
    9.0
    """
    if not callable(function):
        raise ArgumentError("compile", operands=[("function", f"{function!r:.60}")],
                            rule="what is compiled can be called", got=function)
    return Compiled(function, as_limit("compile", memory_limit))


_TENSORS = tuple(tree.flatten((tuple(range(count)), {}))[1] for count in range(16))


def _flat(args: tuple[Any, ...]) -> tuple[Sequence[Any], Any]:
    """`tree.flatten((args, {}))`, at once where all of them are tensors."""
    if len(args) < len(_TENSORS):
        for x in args:
            if not isinstance(x, Tensor):
                break
        else:
            return args, _TENSORS[len(args)]
    return tree.flatten((args, {}))


def _hashable(x: Any) -> bool:
    try:
        hash(x)
    except TypeError:
        return False
    return True


def _replay(recording: Recording, tensors: Sequence[Tensor]) -> Any:
    if recording.bound is None or recording.bound.hot():
        with limited(recording.memory_limit):
            recording.bound = families.prepare(recording.order, recording.roots)
        recording.takers = _takers(recording)
        recording.kept = _kept(recording)
        recording.order, recording.roots = hollow(recording.order, recording.roots)
        if recording.differentiable:
            recording.graph = Graph([n for n in recording.order if is_leaf(n)],
                                    recording.roots[:recording.results])
    history = recording.differentiable and mode.tracking
    if recording.takers and not history:
        with exclusive, Undisturbed() as quiet:
            inputs, buffers = _gathered(recording, tensors, history)
            donated = _donated(recording, tensors, buffers)
            if donated:
                quiet.start()
                return _settled(recording, tensors, inputs, _run(recording, buffers, donated))
    else:
        with exclusive:
            inputs, buffers = _gathered(recording, tensors, history)
    values = _run(recording, buffers, None)
    with exclusive:
        return _settled(recording, tensors, inputs, values)


def _gathered(recording: Recording, tensors: Sequence[Tensor], history: bool
              ) -> tuple[list[Node], list[Any]]:
    """The buffers of all inputs; with history their nodes, too."""
    inputs, buffers = [], []
    for source in recording.sources:
        node = (source.node if isinstance(source, Tensor) else source if isinstance(source, Node)
                else found(source, tensors).node)
        if node.value is None:
            execute.evaluate([node])
        buffers.append(node.value)
        if history:  # the old values may be asked for again
            inputs.append(node)
        del node  # a reference more, and its memory would not be taken over
    return inputs, buffers


def _kept(recording: Recording) -> Kept | None:
    """What its program computes from tensors that are no arguments, if there is any of it."""
    from lamina.runtime.kept import Kept  # with the compiler, too

    if recording.memory_limit:
        return None  # it would lie beside what was planned
    own = [i for i, source in enumerate(recording.sources) if isinstance(source, (Tensor, Node))]
    kept = Kept(recording.bound, own)
    return kept if kept.is_useful else None


def _run(recording: Recording, buffers: list[Any], donated: list[int | None] | None) -> list[Any]:
    try:
        return execute.run_bound(recording.bound, buffers, recording.order, donated,
                                 recording.kept)
    except IndexingError:
        raise outside(recording.order, buffers) from None


def _settled(recording: Recording, arguments: Sequence[Tensor], inputs: list[Node],
             values: list[Any]) -> Any:
    """What the function returns; the tensors that it changed have their new values."""
    nodes = (_with_history(recording, inputs, values) if inputs else
             [leaf(v, shape, dtype) for v, (shape, dtype) in
              zip(values[:recording.results], recording.kinds, strict=False)])
    results = [Tensor(node) for node in nodes]
    for (target, requires_grad), value in (zip(recording.changed, values[len(results):],
                                               strict=False) if recording.changed else ()):
        t = target if isinstance(target, Tensor) else found(target, arguments)
        node = leaf(value, t.node.shape, t.node.dtype, requires_grad)
        node.variable = requires_grad
        node.owner = weakref.ref(t)
        t.node = node
    if recording.grads:
        _set_grads(recording, arguments, values[len(results) + len(recording.changed):])
    if execute.assigned:
        execute.commit()
    return tree.unflatten(recording.structure, results)


def _set_grads(recording: Recording, arguments: Sequence[Tensor], values: Sequence[Any]) -> None:
    """What the function left in `grad`; of an argument with a history, it goes on along that."""
    kinds = recording.kinds[len(recording.kinds) - len(values):]
    new = iter([leaf(value, *kind) for value, kind in zip(values, kinds, strict=True)])
    for place, is_there in recording.grads:
        t = found(place.of, arguments)
        gradient = Tensor(next(new)) if is_there else None
        if gradient is not None and type(place.of) is int and not t.node.variable:
            t.backward(gradient)
        else:
            t.grad = gradient


def _with_history(recording: Recording, inputs: Sequence[Node], values: Sequence[Any]
                  ) -> list[Node]:
    """The results, known, as those of a call through which gradients flow: it is run again then."""
    nodes = control.outputs(control.record(control.call, inputs, graph=recording.graph,
                                           rule=control.Recompute(0)))
    for node, value in zip(nodes, values, strict=False):
        node.value = value
    return nodes


def _takers(recording: Recording) -> list[tuple[int, int, Tensor | GradOf]]:
    """Outputs that may take the memory of the tensor, or gradient, that they are the new value of.

    Each with the leaf that holds it.
    """
    bound = recording.bound
    takers: list[tuple[int, int, Tensor | GradOf]] = []
    slots = {slot: i for i, slot in enumerate(bound.results)}
    targets = recording.targets()
    for output, number in bound.donations.items():
        source = recording.sources[number] if number < len(recording.sources) else None
        root = slots.get(bound.first_output + output)
        if (isinstance(source, (Tensor, GradOf)) and root is not None
                and targets[root] is source):
            takers.append((output, number, source))
    return takers


def _donated(recording: Recording, arguments: Sequence[Tensor], buffers: list[Any]
             ) -> list[int | None] | None:
    """The leaf whose memory each output takes over: where nobody else can see the old value."""
    result: list[int | None] = [None] * len(recording.bound.out_sizes)
    nodes = references([t.node if isinstance(t, Tensor) else found(t, arguments).node
                        for _, _, t in recording.takers])
    held = references(buffers)
    for (output, number, source), node in zip(recording.takers, nodes, strict=True):
        if node != ALONE + 1 or held[number] != ALONE + 1:  # its tensor's; its node's
            continue
        if isinstance(source, GradOf) and references([found(source, arguments)])[0] != ALONE + 1:
            continue  # it will be replaced, and somebody holds the old one
        result[output] = number
    return result if any(number is not None for number in result) else None
