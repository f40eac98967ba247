"""Reverse-mode differentiation: graph in, graph out. Names no operation.

In: a node, the nodes to differentiate by, a cotangent. Out: one node for each, by the table's vjp
rules; an op without one is differentiated through its body. Forward mode goes node by node, by the
transpose of the transpose: a vjp is linear in its cotangent, so differentiating it by that gives
the jvp.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from lamina.errors import GradientError
from lamina.graph.node import Node, constant, leaf, made_for, topological, tracking
from lamina.graph.rewrite import substitute
from lamina.ops.control import SEVERAL
from lamina.ops.elementwise import add
from lamina.ops.movement import expand
from lamina.transforms.stability import Stable, stable_form

_NOWHERE = nullcontext()


def filled(value: float, like: Node) -> Node:
    """A constant of the shape and dtype of `like`."""
    return expand(constant(value, like.dtype), shape=like.shape)


def gradients(root: Node, wrt: Sequence[Node], cotangent: Node | None = None) -> list[Node]:
    """Cotangents of `wrt`, given one of `root` (ones if None); zeros where root does not depend."""
    found = pull(root, wrt, cotangent if cotangent is not None else filled(1.0, root))
    return [found.get(id(w)) or filled(0.0, w) for w in wrt]


def pull(root: Node, wrt: Sequence[Node], cotangent: Node, stop: frozenset[int] = frozenset()
         ) -> dict[int, Node]:
    """Cotangents by node id of every node of `wrt` that root depends on.

    Does not look below the nodes whose ids are in `stop`.
    """
    return pull_all([root], [cotangent], wrt, stop)


def pull_all(roots: Sequence[Node], seeds: Sequence[Node], wrt: Sequence[Node],
             stop: frozenset[int] = frozenset(), stable: bool = True) -> dict[int, Node]:
    """`pull` from several roots at once: the sum over them.

    stable: nodes that a rule of `STABILITY` fits are differentiated as what it makes of them.
    """
    wanted = {id(w) for w in wrt}
    keep = wanted | stop
    order = topological(roots, stop=lambda n: (
        id(n) in stop or not n.inputs or n.variable))
    depends = set(wanted)
    for node in order:
        if node.tracked and id(node) not in stop and any(id(i) in depends for i in node.inputs):
            depends.add(id(node))
    cotangents: dict[int, Node] = {}
    parts: dict[int, dict[int, Node]] = {}  # cotangents of the results of one node
    for root, seed in zip(roots, seeds, strict=True):
        cotangents[id(root)] = add(cotangents[id(root)], seed) if id(root) in cotangents else seed
    for node in reversed(order):
        g: Any = parts.get(id(node)) or cotangents.get(id(node))
        if (g is None or id(node) not in depends or id(node) in stop or not node.inputs
                or node.variable):
            continue
        if node.op.kind.name == "output":
            known, index = parts.setdefault(id(node.inputs[0]), {}), node.attrs["index"]
            known[index] = add(known[index], g) if index in known else g  # it may be read twice
            continue
        form = stable_form(node, keep) if stable else None
        inputs = node.inputs if form is None else form.sources
        needed = [id(x) in depends for x in inputs]
        # Nodes of the way back have the line of the way there, for errors and for who measures them
        with made_for(node) if node.where is not None else _NOWHERE:
            found = _vjp(node, g, needed) if form is None else _through(form, g)
        for x, c in zip(inputs, found, strict=True):
            if c is not None and id(x) in depends and x.dtype.is_float:
                cotangents[id(x)] = add(cotangents[id(x)], c) if id(x) in cotangents else c
    return {key: g for key, g in cotangents.items() if key in wanted}


def _vjp(node: Node, g: Any, needed: Sequence[bool]) -> Sequence[Node | None]:
    if node.op.vjp is not None:
        more = {"needed": needed, "pull": pull_all} if node.op.kind in SEVERAL else {}
        found = node.op.vjp(g, node, *node.inputs, **more, **node.attrs)
        if found is not None:
            return found
    if node.op.body is not None:
        return through_body(node, g)
    if not node.dtype.is_float or not any(x.dtype.is_float for x in node.inputs):
        return [None] * len(node.inputs)
    raise GradientError(node.op.name, rule="the operation has a gradient", where=node.where,
                        hint="detach() its input if no gradient should pass")


def _through(form: Stable, g: Node) -> list[Node | None]:
    """The cotangents of a stable form's sources."""
    found = pull_all([form.root], [g], form.sources, frozenset(map(id, form.sources)), stable=False)
    return [found.get(id(x)) for x in form.sources]


def through_body(node: Node, g: Node) -> list[Node | None]:
    """The cotangents of a composite's inputs, by differentiating its body."""
    inputs = node.inputs
    with tracking(True):
        body = node.op.opened(*inputs, **node.attrs)
    stop = frozenset(id(x) for x in inputs)
    found = pull_all([body], [g], inputs, stop, stable=False)  # bodies are written to be stable
    return [found.pop(id(x), None) for x in inputs]  # all of it to the first of equal inputs


def push(roots: Sequence[Node], wrt: Sequence[Node], tangents: Sequence[Node]) -> list[Node]:
    """Forward mode: the change of each root when `wrt` move along `tangents`."""
    moved = {id(w): t for w, t in zip(wrt, tangents, strict=True)}
    keep = frozenset(moved)
    order = topological(roots, stop=lambda n: id(n) in moved or not n.inputs or n.variable)
    read: dict[int, list[Node]] = {}  # the results of one node that are used
    for node in order:
        if node.op.kind.name == "output":
            read.setdefault(id(node.inputs[0]), []).append(node)
    for node in order:
        form = stable_form(node, keep) if id(node) not in keep else None
        if form is not None:
            by = [x for x in form.sources if id(x) in moved]
            if by:
                moved[id(node)] = push([form.root], by, [moved[id(x)] for x in by])[0]
            continue
        given = [moved.get(id(x)) for x in node.inputs]
        if id(node) in moved or not node.tracked or all(t is None for t in given):
            continue
        if node.op.kind in SEVERAL:
            found = _push_several(node, given, read.get(id(node), []))
            moved.update((id(y), found[y.attrs["index"]]) for y in read.get(id(node), [])
                         if y.attrs["index"] in found)
        elif node.op.kind.name != "output":
            u = leaf(None, node.shape, node.dtype, tracked=True)
            moved.update((id(node), t) for t in _transposed(node, u, [u], given).values())
    return [moved.get(id(root)) or filled(0.0, root) for root in roots]


def _push_several(node: Node, given: Sequence[Node | None], read: Sequence[Node]
                  ) -> dict[int, Node]:
    """Changes of a node's results that are read, by their index."""
    if "push" in node.op.extra:
        pushed: dict[int, Node] | None = node.op.extra["push"](node, given, push, **node.attrs)
        if pushed is not None:
            return pushed
    seeds = {y.attrs["index"]: leaf(None, y.shape, y.dtype, tracked=True)
             for y in read if y.dtype.is_float}
    if not seeds:
        return {}
    found = _transposed(node, seeds, list(seeds.values()), given)
    return {i: found[id(u)] for i, u in seeds.items() if id(u) in found}


def _transposed(node: Node, seeds: Any, hollow: Sequence[Node], given: Sequence[Node | None]
                ) -> dict[int, Node]:
    """The transpose of a node's vjp, which is linear in its cotangents `hollow`, at `given`."""
    needed = [t is not None for t in given]
    pairs = [(c, t) for c, t in zip(_vjp(node, seeds, needed), given, strict=True)
             if c is not None and t is not None]
    ends = (node, *node.inputs)
    found = pull_all([c for c, _ in pairs], [t for _, t in pairs], hollow,
                     frozenset(map(id, ends)))
    # A checkpoint waits for its cotangent before it computes again; there is none here.
    kept = {x: x for x in (*ends, *(t for _, t in pairs))}
    known = substitute(list(found.values()), {**{u: filled(0.0, u) for u in hollow}, **kept})
    return dict(zip(found, known, strict=True))
