"""The plan: the compiler's table of contents, from a graph to kernel specs in order.

In: roots over leaves, and a target. Out: a `Plan`: steps, each one kernel with the nodes it reads
and writes, sorted into levels; steps of one level do not depend on each other and run side by side.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from lamina.config import settings
from lamina.graph.node import CONST, Node, is_leaf, leaf, topological
from lamina.graph.printer import graph_text
from lamina.graph.verify import verify
from lamina.ops.movement import view
from lamina.schedule.attend import attend, place_attention
from lamina.schedule.control import control_step, results_apart, store_operands
from lamina.schedule.delay import delay
from lamina.schedule.fuse import Group, fuse, storage
from lamina.schedule.hoist import hoist, open_graphs
from lamina.schedule.inplace import reusable
from lamina.schedule.layout import lay_out
from lamina.schedule.pairing import pair_terms
from lamina.schedule.placement import place_results
from lamina.schedule.saving import save_products
from lamina.schedule.scatter import is_update
from lamina.schedule.spec import Spec, Specs, rename
from lamina.schedule.split import split_sums
from lamina.schedule.steps import AnyStep, ControlStep, Plan, Step, Where
from lamina.schedule.summation import Rules
from lamina.schedule.transpose import transpose_contractions
from lamina.schedule.updates import in_place, with_targets
from lamina.shapes import Dim
from lamina.targets import Target
from lamina.transforms.inline import inline_calls
from lamina.transforms.simplify import share, simplify

Pass = tuple[str, Callable[[Sequence[Node], Target, Rules], list[Node]]]

OPENING: tuple[Pass, ...] = (  # of graphs inside graphs as well
    ("inline", lambda roots, target, rules: inline_calls(roots)),
    ("attend", attend),
    ("simplify", lambda roots, target, rules: simplify(roots)),
    ("transpose", lambda roots, target, rules: transpose_contractions(roots, rules)),
    ("split", lambda roots, target, rules: split_sums(roots, rules)),
    ("open", lambda roots, target, rules: open_graphs(
        roots, lambda inner: _passed(OPENING, inner, target, rules))),
    ("save", lambda roots, target, rules: save_products(roots)),
    ("hoist", hoist),
)

PASSES: tuple[Pass, ...] = (
    *OPENING,
    ("pair", pair_terms),
    ("layout", lambda roots, target, rules: lay_out(roots, target, rules)),
    ("attention", lambda roots, target, rules: place_attention(roots)),
    ("share", lambda roots, target, rules: share(roots)),
    ("place", lambda roots, target, rules: place_results(roots)),
    ("operands", lambda roots, target, rules: store_operands(roots)),
    ("results", lambda roots, target, rules: [_with_storage(r) for r in roots]),
)


def make_plan(roots: Sequence[Node], target: Target, rules: Rules | None = None,
              apart: bool = False) -> Plan:
    """Run the passes, fuse, and order the kernels.

    rules: collects what was decided by the sizes of this graph alone.
    apart: each result in memory of its own, which no leaf and no other result shares.
    """
    rules = rules or Rules()
    roots = _passed(PASSES, roots, target, rules)
    roots = with_targets(roots, inside=apart)
    if apart:
        roots = results_apart(roots)
    if "graph" in settings.show:
        print(graph_text(roots), file=sys.stderr)
    steps, results = in_place(_steps(fuse(roots), target, rules), [storage(r) for r in roots])
    steps = delay(steps)
    if "plan" in settings.show:
        print("\n".join(plan_lines(steps)), file=sys.stderr)
    return Plan(tuple(steps), tuple(results))


def _passed(passes: Sequence[Pass], roots: Sequence[Node], target: Target, rules: Rules
            ) -> list[Node]:
    for name, apply in passes:
        roots = apply(roots, target, rules)
        if settings.check:
            verify(roots, name)
        if settings.debug >= 3:
            print(f"-- after {name}\n{graph_text(roots)}", file=sys.stderr)
    return list(roots)


def _with_storage(root: Node) -> Node:
    """A root that is a bare constant needs a kernel that writes it."""
    source = storage(root)
    if source.op is not CONST or source.value is not None:
        return root
    return view(source, shape=root.shape, map=())


def _steps(groups: Sequence[Group], target: Target, rules: Rules) -> list[AnyStep]:
    levels: dict[int, int] = {}
    steps: list[AnyStep] = []
    specs = Specs()
    for group in groups:
        levels[id(group)] = level = 1 + max((levels[id(g)] for g in group.before), default=-1)
        if not group.roots:
            continue
        group.reads = list(dict.fromkeys(group.reads))
        if group.kind in ("control", "host"):
            steps.append(control_step(
                group, level, lambda roots: make_plan(roots, target, rules, apart=True)))
            continue
        spec, bindings = specs.of(group)
        writes = (*group.roots, *_workspaces(spec, bindings))
        node = group.nodes[0]
        copies = group.kind == "stored" and group.reads == [storage(node.inputs[0])]
        steps.append(Step(spec, bindings, tuple(group.reads), writes, level, reusable(spec),
                          _checks(group), _line_of(group.nodes), copies, tuple(
                              (n.inputs[0], i) for i, n in enumerate(group.roots) if is_update(n))))
    return sorted(steps, key=lambda s: (s.level, isinstance(s, ControlStep)))


def _line_of(nodes: Sequence[Node]) -> Where:
    """The line of the last node, or of a better one: a contraction, or one inside a module."""
    known = [n for n in reversed(nodes) if n.where]
    inside = [n for n in known if getattr(n.where, "module", "")]
    best = [*(n for n in inside if n.op.name == "tiled"), *inside, *known]
    return best[0].where if best else None


def _checks(group: Group) -> frozenset[tuple[Node, Dim]]:
    """What holds the indices that the kernel checks, and the sizes of their axes."""
    reads = set(group.reads)
    inside = topological(group.nodes, stop=lambda n: is_leaf(n) or n in reads)
    return frozenset((_index_source(node.inputs[i]), size) for node in inside
                     if not is_leaf(node) and node not in reads for i, size in node.places)


SAME_INDEX = ("view", "reshape", "cast", "check_range", "stored")


def _index_source(node: Node) -> Node:
    while not is_leaf(node) and node.op.name in SAME_INDEX:
        node = node.inputs[0]
    return node


def checked_after(steps: Sequence[AnyStep]) -> int:
    """The last level in which an index is checked that no earlier level has checked; -1 if none."""
    first: dict[tuple[Node, Dim], int] = {}
    for step in steps:
        for check in step.checks:
            first.setdefault(check, step.level)
    return max(first.values(), default=-1)


def _workspaces(spec: Spec, bindings: Sequence[Dim]) -> list[Node]:
    """Hollow nodes for the memory that a kernel needs beside its results."""
    names = dict(zip(spec.parameters, bindings, strict=True))
    return [leaf(None, rename(shape, names), dtype) for shape, dtype in spec.workspaces]


def plan_lines(steps: Sequence[AnyStep]) -> list[str]:
    """The plan as text: one kernel a line."""
    names: dict[Node, str] = {}
    lines = []
    for step in steps:
        for node in (*step.reads, *step.writes):
            names.setdefault(node, f"{'in' if is_leaf(node) else 't'}{len(names)}")
        reads = ", ".join(f"{names[n]}{list(n.shape)}" for n in step.reads)
        writes = ", ".join(f"{names[n]}{list(n.shape)}" for n in step.writes)
        lines.append(f"{step.level:3d}  {step.name}({reads}) -> {writes}")
    return lines
