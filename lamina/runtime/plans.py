"""Plans on disk: what was planned once is not planned again in the next process.

In: a plan, and the leaves, variables and lines that it speaks of. Out: bytes for the folder where
the kernels' code lies, and the plan again. What a plan reads and writes is stored hollow, without
the graph that it came from; operations and dtypes by name. An entry makes nothing but records of
the compiler, and a plan that calls Python is not stored. Beside plans lie the tiles that
`runtime.tuning` found to be best.
"""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lamina.codegen.cache import get_entry, put_entry
from lamina.config import settings
from lamina.dtypes import DType, as_dtype
from lamina.errors import Place
from lamina.graph.node import BUFFER, CONST, Node, Op, leaf
from lamina.graph.subgraph import Graph
from lamina.ops.control import HOST, SEVERAL
from lamina.ops.control.results import barrier, bundle, copy, stored
from lamina.ops.table import TABLE, collected
from lamina.schedule.attention import ATTEND
from lamina.schedule.choice import choices
from lamina.schedule.steps import AnyStep, Plan, Step
from lamina.schedule.summation import Rules
from lamina.schedule.tiled import FILTERS, MARGINS, PACK, TILED
from lamina.shapes import Quotient, Sym, Var
from lamina.targets import Target

OPS = TABLE | collected((BUFFER, CONST, TILED, PACK, FILTERS, MARGINS, ATTEND,
                         copy, stored, barrier, bundle))
ROOMS = ("dtypes", "errors", "graph", "schedule", "shapes", "targets")  # whose records plans hold
PLAIN = {("builtins", "frozenset"), ("builtins", "set")}
NO_PLAN = (pickle.PickleError, RecursionError, AttributeError, ImportError, EOFError, IndexError,
           KeyError, TypeError, ValueError)

Reduced = tuple[Callable[..., Any], tuple[Any, ...]]


# ---- plans ---------------------------------------------------------------------------------------
def load(name: str, target: Target, known: Sequence[Any]) -> tuple[Plan, Rules] | None:
    """The plan that is stored under a name, if there is one, and the rules that it holds for.

    known: the program's leaves, variables and lines of the user, in the order in which they were
    when the plan was stored.
    """
    content = get_entry("plan", name, target)
    if content is None:
        return None
    try:
        plan, rules = _Reader(io.BytesIO(content), known).load()
    except NO_PLAN:
        return None
    return plan, rules


def save(name: str, target: Target, known: Sequence[Any], plan: Plan, rules: Rules) -> None:
    """Store a plan, unless it holds what belongs to this process alone, such as functions."""
    file = io.BytesIO()
    try:
        _Writer(file, known, plan).dump((plan, rules))
    except NO_PLAN:
        return
    put_entry("plan", name, target, file.getvalue())


class _Writer(pickle.Pickler):
    """Writes plans. number: of what both processes know; hollow: what stands for memory."""

    def __init__(self, file: io.BytesIO, known: Sequence[Any], plan: Plan) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.number = {id(x): i for i, x in enumerate(known) if x is not None}
        self.hollow = {id(node) for node in _held(plan)}

    def reducer_override(self, x: Any) -> Any:
        """How an object is made again; NotImplemented: as pickle does it."""
        reduced = REDUCED.get(type(x))
        if reduced is None:
            return NotImplemented
        number = self.number.get(id(x))
        return reduced(self, x) if number is None else (_known, (number,))


def _node(writer: _Writer, x: Node) -> Reduced:
    if id(x) in writer.hollow:
        return _hollow, (x.shape, x.dtype)
    where = x.where if x.op.kind in SEVERAL else None
    return _made_node, (x.op, x.inputs, dict(x.attrs), x.shape, x.dtype, where)


def _op(writer: _Writer, x: Op) -> Reduced:
    if OPS.get(x.name) is not x or x.kind is HOST:
        raise pickle.PicklingError(x.name)
    return _named, (x.name,)


REDUCED: Mapping[type, Callable[[_Writer, Any], Reduced]] = {
    Node: _node,
    Op: _op,
    Var: lambda writer, x: (Var, (x.name, x.size, x.typical)),
    Place: lambda writer, x: (Place, (*x, x.module)),
    DType: lambda writer, x: (as_dtype, (x.name,)),
    Sym: lambda writer, x: (Sym, (x.terms,)),
    Quotient: lambda writer, x: (Quotient, (x.op, x.left, x.right)),
    Graph: lambda writer, x: (_hollow_graph, ([(p.shape, p.dtype) for p in x.params],
                                              [(r.shape, r.dtype) for r in x.roots])),
}


class _Reader(pickle.Unpickler):
    """Reads plans: makes records of the compiler, and nothing else."""

    def __init__(self, file: io.BytesIO, known: Sequence[Any]) -> None:
        super().__init__(file)
        self._given = known

    def find_class(self, module: str, name: str) -> Any:
        """A class or a function of the compiler's, by name."""
        if (module, name) == (__name__, _known.__name__):
            return self._given.__getitem__
        package, _, rest = module.partition(".")
        if (module == __name__ or (module, name) in PLAIN
                or package == "lamina" and rest.partition(".")[0] in ROOMS):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name}")


def _known(number: int) -> Any:
    """One of the leaves, variables and lines; the reader puts a function of its own here."""
    raise pickle.UnpicklingError(str(number))


def _hollow(shape: Any, dtype: DType) -> Node:
    return leaf(None, shape, dtype)


def _made_node(op: Op, inputs: Any, attrs: Any, shape: Any, dtype: DType, where: Any) -> Node:
    node = Node(op, inputs, attrs, shape, dtype)
    node.where = where
    return node


def _named(name: str) -> Op:
    return OPS[name]


def _hollow_graph(params: Sequence[Any], roots: Sequence[Any]) -> Graph:
    return Graph([leaf(None, *p) for p in params], [leaf(None, *r) for r in roots])


def _held(plan: Plan) -> Iterator[Node]:
    """The nodes that stand for memory."""
    yield from plan.results
    for step in plan.steps:
        yield from _of_step(step)


def _of_step(step: AnyStep) -> Iterator[Node]:
    yield from (*step.reads, *step.writes)
    if isinstance(step, Step):
        yield from (n for n, _ in (*step.checks, *step.targets))
        return
    yield from (*step.inputs, *step.node.inputs, *step.scratch, *step.arenas)
    yield from (n for _, n in step.outputs)
    for copying in step.copies:
        yield from _of_step(copying)
    for plan, params in zip(step.plans, step.params, strict=True):
        yield from params
        yield from _held(plan)


# ---- tiles ---------------------------------------------------------------------------------------
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
