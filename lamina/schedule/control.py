"""Control operations in the plan: their graphs become plans of their own.

In: a group of one control node and its wanted results. Out: a `ControlStep`. Results that nobody
wants are not computed in a branch, nor stacked by a scan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lamina import dtypes
from lamina.dtypes import DType
from lamina.graph.node import CONST, Node, is_leaf, leaf
from lamina.graph.rewrite import Rule, rewrite
from lamina.graph.subgraph import Graph
from lamina.ops.control import SEVERAL, copy
from lamina.ops.movement import view
from lamina.schedule.fuse import Group, storage
from lamina.schedule.spec import Specs
from lamina.schedule.steps import ControlStep, Plan, Step
from lamina.schedule.updates import carried_in_place
from lamina.shapes import Shape

Planner = Callable[[Sequence[Node]], Plan]


# ---- passes --------------------------------------------------------------------------------------
def store_operands(roots: Sequence[Node]) -> list[Node]:
    """Numbers that go into a control operation get memory."""
    return rewrite(roots, [Rule("store", _store_numbers)])


def _store_numbers(node: Node) -> Node | None:
    if is_leaf(node) or node.op.kind not in SEVERAL:
        return None
    inputs = tuple(_stored(x) for x in node.inputs)
    if all(x is y for x, y in zip(inputs, node.inputs, strict=True)):
        return None
    new = Node(node.op, inputs, node.attrs, node.shape, node.dtype)
    new.where = node.where
    return new


def _stored(x: Node) -> Node:
    source = storage(x)
    if source.op is not CONST or source.value is not None:
        return x
    return view(source, shape=x.shape, map=())


def results_apart(roots: Sequence[Node]) -> list[Node]:
    """Roots that share no memory with a leaf or with each other."""
    taken: set[Node] = set()
    apart = []
    for root in roots:
        source = storage(root)
        if is_leaf(source) or source in taken:
            root = source = copy(root)
        taken.add(source)
        apart.append(root)
    return apart


# ---- steps ---------------------------------------------------------------------------------------
def control_step(group: Group, level: int, plan: Planner) -> ControlStep:
    """The step of a group of kind "control" or "host"."""
    node = group.nodes[0]
    wanted = tuple(sorted(((n.attrs["index"], n) for n in group.nodes[1:] if n in group.roots),
                          key=lambda item: item[0]))
    graphs, carries = _GRAPHS[node.op.name](node, {i for i, _ in wanted})
    plans = tuple(plan(graph.roots) for graph in graphs)
    copies = tuple(copying(shape, dtype) for shape, dtype in carries)
    scratch = [leaf(None, shape, dtype) for shape, dtype in carries for _ in range(2)]
    scratch += [leaf(None, (), dtypes.bool_)]
    arenas = [leaf(None, (), dtypes.uint8) for _ in plans]
    unsafe = node.op.kind.name == "host" or any(s.checks for p in plans for s in p.steps)
    return ControlStep(
        node, tuple(storage(x) for x in node.inputs), wanted, plans,
        tuple(graph.params for graph in graphs), copies, tuple(scratch), tuple(arenas),
        tuple(dict.fromkeys(group.reads)), (*(n for _, n in wanted), *scratch, *arenas), level,
        frozenset({(node, 0)} if unsafe else ()),
        carried_in_place(plans[-1], graphs[-1].params, len(carries)) if carries else ())


Carries = list[tuple[Shape, DType]]


def _cond_graphs(node: Node, wanted: set[int]) -> tuple[list[Graph], Carries]:
    order = sorted(wanted)
    return [Graph(g.params, [g.roots[i] for i in order])
            for g in (node.attrs["then"], node.attrs["other"])], []


def _scan_graphs(node: Node, wanted: set[int]) -> tuple[list[Graph], Carries]:
    body, carries = node.attrs["body"], node.attrs["carries"]
    roots = [r for i, r in enumerate(body.roots) if i < carries or i in wanted]
    return [Graph(body.params, roots)], [(r.shape, r.dtype) for r in roots[:carries]]


def _while_graphs(node: Node, wanted: set[int]) -> tuple[list[Graph], Carries]:
    body = node.attrs["body"]
    return [node.attrs["test"], body], [(r.shape, r.dtype) for r in body.roots]


def _host_graphs(node: Node, wanted: set[int]) -> tuple[list[Graph], Carries]:
    return [], []


_GRAPHS = {"cond": _cond_graphs, "scan": _scan_graphs, "while_loop": _while_graphs,
           "host_callback": _host_graphs}


def copying(shape: Shape, dtype: DType) -> Step:
    """A kernel that copies an array."""
    source = leaf(None, shape, dtype)
    target = copy(source)
    group = Group("map", shape, nodes=[target], roots=[target], reads=[source])
    spec, bindings = Specs().of(group)
    return Step(spec, bindings, (source,), (target,), 0, (), frozenset())
