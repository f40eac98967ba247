"""Plans on disk: what was planned once is not planned again in the next process.

In: a plan, and the leaves, variables and lines that it speaks of. Out: bytes for the folder where
the kernels' code lies, and the plan again. What a plan reads and writes is stored hollow, without
the graph that it came from; operations and dtypes by name. Nothing but Lamina's own records is
ever made from such an entry. Beside plans lie the tiles that `runtime.tuning` found to be best.
"""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lamina.codegen.cache import get_entry, put_entry
from lamina.config import settings
from lamina.dtypes import DType, as_dtype
from lamina.errors import Place
from lamina.graph.node import BUFFER, CONST, Node, Op, leaf
from lamina.graph.subgraph import Graph
from lamina.ops.control.results import barrier, bundle, copy, stored
from lamina.ops.table import TABLE, collected
from lamina.schedule.choice import choices
from lamina.schedule.layout import FILTERS, MARGINS, PACK, TILED
from lamina.schedule.steps import AnyStep, Plan, Step
from lamina.schedule.summation import Rules
from lamina.shapes import Quotient, Sym, Var
from lamina.targets import Target

OPS = TABLE | collected((BUFFER, CONST, TILED, PACK, FILTERS, MARGINS,
                         copy, stored, barrier, bundle))


def load(name: str, target: Target, known: Sequence[Any]) -> tuple[Plan, Rules] | None:
    """The plan that is stored under a name, if there is one, and the rules that it holds for.

    known: the program's leaves, variables and lines of the user, in the order in which they were
    when the plan was stored.
    """
    content = get_entry("plan", name, target)
    if content is None:
        return None
    plan, rules = _Reader(io.BytesIO(content), known).load()
    return plan, rules


def save(name: str, target: Target, known: Sequence[Any], plan: Plan, rules: Rules) -> None:
    """Store a plan, unless it holds what belongs to this process alone, such as functions."""
    file = io.BytesIO()
    try:
        _Writer(file, known, plan).dump((plan, rules))
    except (pickle.PicklingError, RecursionError):
        return
    put_entry("plan", name, target, file.getvalue())


_recalled: set[tuple[str, Target]] = set()


def recall(target: Target) -> None:
    """Take over, once, which tiles were measured to be the fastest on this machine."""
    key = settings.cache, target
    if key not in _recalled:
        _recalled.add(key)
        choices.known = _measured(target) | choices.known


def remember(target: Target) -> None:
    """Store which tiles are known to be the fastest, beside those that were stored before."""
    choices.known = _measured(target) | choices.known
    put_entry("tiles", "", target, json.dumps(choices.known).encode())


def _measured(target: Target) -> dict[str, int]:
    found: dict[str, int] = json.loads(get_entry("tiles", "", target) or b"{}")
    return found


class _Writer(pickle.Pickler):
    """Writes plans."""

    def __init__(self, file: io.BytesIO, known: Sequence[Any], plan: Plan) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        number = {id(x): i for i, x in enumerate(known)}
        hollow = {id(node) for node in _held(plan)}

        def node(x: Node) -> tuple[Callable[..., Any], tuple[Any, ...]]:
            if id(x) in number:
                return _known, (number[id(x)],)
            if id(x) in hollow:
                return _hollow, (x.shape, x.dtype)
            return _node, (x.op, x.inputs, dict(x.attrs), x.shape, x.dtype)

        def var(x: Var) -> tuple[Callable[..., Any], tuple[Any, ...]]:
            if id(x) in number:
                return _known, (number[id(x)],)
            return Var, (x.name, x.size, x.typical)

        def place(x: Place) -> tuple[Callable[..., Any], tuple[Any, ...]]:
            if id(x) in number:
                return _known, (number[id(x)],)
            return Place, (*x, x.module)

        def op(x: Op) -> tuple[Callable[..., Any], tuple[Any, ...]]:
            if OPS.get(x.name) is not x:
                raise pickle.PicklingError(x.name)
            return _op, (x.name,)

        self.dispatch_table = {
            Node: node, Var: var, Place: place, Op: op,
            DType: lambda x: (as_dtype, (x.name,)),
            Sym: lambda x: (Sym, (x.terms,)),
            Quotient: lambda x: (Quotient, (x.op, x.left, x.right)),
            Graph: lambda x: (_hollow_graph, ([(p.shape, p.dtype) for p in x.params],
                                              [(r.shape, r.dtype) for r in x.roots]))}


class _Reader(pickle.Unpickler):
    """Reads plans: makes what Lamina defines, and nothing else."""

    def __init__(self, file: io.BytesIO, known: Sequence[Any]) -> None:
        super().__init__(file)
        self._known = known

    def find_class(self, module: str, name: str) -> Any:
        """A class or a function of Lamina's, by name."""
        if (module, name) == (__name__, _known.__name__):
            return self._known.__getitem__
        if module.startswith("lamina.") or (module, name) in PLAIN:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name}")


PLAIN = {("builtins", "frozenset"), ("builtins", "set")}


def _known(number: int) -> Any:
    """One of the leaves and variables that are given; the reader puts its own function here."""
    raise pickle.UnpicklingError(str(number))


def _hollow(shape: Any, dtype: DType) -> Node:
    return leaf(None, shape, dtype)


def _node(*parts: Any) -> Node:
    return Node(*parts)


def _op(name: str) -> Op:
    return OPS[name]


def _hollow_graph(params: Sequence[Any], roots: Sequence[Any]) -> Graph:
    return Graph([leaf(None, *p) for p in params], [leaf(None, *r) for r in roots])


def _held(plan: Plan) -> Iterator[Node]:
    """The nodes that stand for memory."""
    yield from plan.results
    for step in plan.steps:
        yield from _of_step(step)


def _of_step(step: AnyStep) -> Iterator[Node]:
    yield from (*step.reads, *step.writes, *(n for n, _ in step.checks))
    if isinstance(step, Step):
        yield from (target for target, _ in step.targets)
        return
    yield from (*step.inputs, *step.node.inputs, *step.scratch, *step.arenas)
    yield from (n for _, n in step.outputs)
    for copying in step.copies:
        yield from _of_step(copying)
    for plan, params in zip(step.plans, step.params, strict=True):
        yield from params
        yield from _held(plan)
