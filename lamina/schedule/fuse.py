"""Fusion: which nodes get a buffer, and which of them are computed by one kernel.

In: roots of a simplified graph of primitives. Out: groups, each of which becomes a kernel.

An anchor (reduction, contraction, scatter, scan, sort) starts a group. Everything else is computed
where it is used, unless it is an output, or dear and used often. Such a stored node joins the group
of what it reads, if it reads that element by element and no cycle comes of it: as the epilogue of a
contraction or column reduction, as a further pass over the row of a row reduction, or as one more
output of a map.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from lamina.graph.node import CONST, Node, is_leaf, topological
from lamina.ops.control import stored
from lamina.ops.words import as_words
from lamina.schedule.attention import go_together, mask_of, operands
from lamina.shapes import Shape, product

DEAR = 6  # instructions that are worth a trip through memory when a value is used twice
DEEP = 48  # operations in a row that are computed where they are used, at most
FEW = 4096  # elements that may be gathered one by one: less than it takes to start a kernel
NEAR = 40  # groups, the youngest ones, among which a node looks for one that reads the same
WIDE = 4  # instructions that are not worth repeating for each place of a window

ANCHORS = {"reduction", "tiled", "cumulative", "sort", "scatter", "update", "control", "host",
           "filters", "margins", "attend"}
FREE = {"view", "reshape", "leaf"}


@dataclass(eq=False)
class Group:
    """The nodes of one kernel. `domain` is the iteration space, `axes` the reduced ones of it."""

    kind: str  # map, row, column, stored, or that of an anchor
    domain: Shape
    axes: tuple[int, ...] = ()
    nodes: list[Node] = field(default_factory=list)
    roots: list[Node] = field(default_factory=list)  # those of `nodes` that need a buffer
    reads: list[Node] = field(default_factory=list)  # leaves, and nodes of other groups
    seen: set[int] = field(default_factory=set)  # all that its nodes read, by id
    before: set[Group] = field(default_factory=set)  # direct predecessors
    after: list[Group] = field(default_factory=list)  # and successors
    number: int = 0  # by age
    ancestors: int = 0  # a bit for the number of each group that it waits for

    @property
    def row_shape(self) -> Shape:
        """The domain with its reduced axes at size 1."""
        return tuple(1 if i in self.axes else d for i, d in enumerate(self.domain))

    def wait_for(self, owner: Group) -> None:
        """Come after `owner`, and after what that waits for; so do those that wait for this."""
        if owner in self.before:
            return
        self.before.add(owner)
        owner.after.append(self)
        more, waiting = owner.ancestors | 1 << owner.number, [self]
        while waiting:
            group = waiting.pop()
            if more & ~group.ancestors:
                group.ancestors |= more
                waiting.extend(group.after)

    def waits_for(self, other: Group) -> bool:
        """Whether `other` has to be computed first."""
        return bool(self.ancestors >> other.number & 1)


def fuse(roots: Sequence[Node]) -> list[Group]:
    """Groups in an order that computes everything before it is read."""
    return _Fusion(roots).run()


def storage(node: Node) -> Node:
    """The node whose buffer holds `node`'s elements: reshapes of stored nodes are free."""
    while node.op.name == "reshape" and node.value is None:
        node = node.inputs[0]
    return node


def memory(node: Node) -> Node:
    """The node whose buffer holds `node`'s elements, perhaps as those of a narrower dtype."""
    node = storage(node)
    return storage(node.inputs[0]) if not is_leaf(node) and _is_free(node) else node


def _is_free(node: Node) -> bool:
    """Whether a node is memory that is read as words."""
    return node.op is as_words and not node.attrs["flipped"]


def is_anchor(node: Node) -> bool:
    """Whether a node starts a kernel of its own."""
    return not is_leaf(node) and (node.op.kind.name in ANCHORS or node.op is stored)


def reduce_kind(shape: Shape, axes: Sequence[int]) -> str:
    """"row" if the reduced axes are the last ones (sizes of 1 aside), else "column"."""
    kept = [i for i, d in enumerate(shape) if d != 1 and i not in axes]
    reduced = [i for i in axes if shape[i] != 1]
    return "row" if not kept or not reduced or max(kept) < min(reduced) else "column"


class _Fusion:
    def __init__(self, roots: Sequence[Node]) -> None:
        self.order = topological(roots)
        self.outputs = {id(storage(r)) for r in roots}
        self.group: dict[int, Group] = {}
        self.groups: list[Group] = []
        self.known_reads: dict[int, tuple[list[Node], list[Node]]] = {}
        self.stored = self._choose_stored()

    # -- what gets a buffer --------------------------------------------------------------------
    def _choose_stored(self) -> set[int]:
        uses: dict[int, int] = {}
        widened: set[int] = set()
        for node in reversed(self.order):
            if is_leaf(node):
                continue
            readers = uses.get(id(node), 1) if node.op.kind.name in FREE else 1
            for x in set(node.inputs):
                uses[id(x)] = uses.get(id(x), 0) + readers
            if node.op.kind.name == "attend" and (mask := mask_of(node)) is not None:
                widened.add(id(storage(mask)))
            if node.op.name == "view" and _repeats(node):
                widened.add(id(storage(node.inputs[0])))
            if node.op.kind.name == "elementwise":
                widened.update(id(storage(x)) for x in node.inputs if x.shape != node.shape)
        stored = self._epilogues(uses)
        cost: dict[int, int] = {}
        depth: dict[int, int] = {}
        for node in self.order:
            if is_leaf(node) or node.op is CONST:
                cost[id(node)] = depth[id(node)] = 0
                continue
            total = node.op.cost + sum(cost[id(x)] for x in node.inputs)
            deep = 1 + max((depth[id(x)] for x in node.inputs), default=0)
            keep = is_anchor(node) or id(node) in self.outputs or id(node) in stored
            keep |= deep >= DEEP and node.op.kind.name not in FREE
            keep |= node.op.kind.name == "output" or (node.op is as_words and not _is_free(node))
            if node.op.kind.name not in FREE:
                keep |= uses.get(id(node), 0) > 1 and total > DEAR
                keep |= id(node) in widened and total > WIDE
            if keep:
                stored.add(id(node))
            cost[id(node)], depth[id(node)] = (0, 0) if keep else (total, deep)
            if node.op.kind.name in ("tiled", "filters", "control", "host", "words"):
                stored.update(id(x) for x in map(memory, node.inputs) if not is_leaf(x))
            if node.op.kind.name == "attend":  # a mask is computed where it is used
                read = operands(node).values()
                stored.update(id(x) for x in map(memory, read) if not is_leaf(x))
        return stored

    def _epilogues(self, uses: dict[int, int]) -> set[int]:
        """The last node of each chain of elementwise work that is an anchor's only use.

        Storing it costs no more than storing the anchor.
        """
        chain: dict[int, Node] = {}  # the only user of a node
        for node in self.order:
            if not is_leaf(node) and node.op.kind.name == "elementwise":
                for x in set(node.inputs):
                    if uses[id(x)] == 1 and x.shape == node.shape and id(x) not in self.outputs:
                        chain[id(x)] = node
        last = set()
        for node in self.order:
            if is_anchor(node) and id(node) in chain:
                while id(node) in chain and not is_anchor(chain[id(node)]):
                    node = chain[id(node)]
                last.add(id(node))
        return last

    # -- what a node reads ---------------------------------------------------------------------
    def reads(self, node: Node) -> tuple[list[Node], list[Node]]:
        """Stored nodes that computing `node` reads: (at the same element, elsewhere)."""
        if id(node) not in self.known_reads:
            self.known_reads[id(node)] = self._find_reads(node)
        return self.known_reads[id(node)]

    def _find_reads(self, node: Node) -> tuple[list[Node], list[Node]]:
        same: dict[int, Node] = {}
        other: dict[int, Node] = {}
        seen: set[tuple[int, bool]] = set()
        stack = [(x, self._aligned(node, x)) for x in node.inputs]
        while stack:
            x, aligned = stack.pop()
            if (id(x), aligned) in seen:
                continue
            seen.add((id(x), aligned))
            if id(x) in self.stored or (is_leaf(x) and x.op is not CONST):
                (same if aligned else other)[id(x)] = x
            elif not is_leaf(x):
                stack.extend((i, aligned and self._aligned(x, i)) for i in x.inputs)
        return list(same.values()), list(other.values())

    @staticmethod
    def _aligned(node: Node, x: Node) -> bool:
        """Whether element i of `node` reads element i of x (stretched axes count as the same)."""
        kind = node.op.kind.name
        if kind == "elementwise":
            return x.ndim == node.ndim or x.shape == ()
        if kind == "reduction":
            return True
        if kind == "update":
            return x is node.inputs[1]
        if kind == "view":
            index = node.attrs["map"]
            return x.ndim == node.ndim and all(
                offset == 0 and terms in (((i, 1),), ()) for i, (offset, terms) in enumerate(index))
        return False

    # -- grouping ------------------------------------------------------------------------------
    def run(self) -> list[Group]:
        for node in self.order:
            if id(node) in self.stored and not is_leaf(node):
                self._place(node)
        self._find_roots()
        return self._sorted()

    def _place(self, node: Node) -> None:
        same, other = self.reads(node)
        group = None
        if node.op.kind.name == "output":
            group = self.group[id(node.inputs[0])]
        elif node.op.kind.name == "attend":
            group = self._twin(node, same + other)
        elif not is_anchor(node) or node.op.kind.name in ("reduction", "update"):
            group = self._host(node, same, other)
        if group is None:
            group = self._new_group(node)
        group.nodes.append(node)
        self.group[id(node)] = group
        group.seen.update(id(x) for x in same + other)
        for x in same + other:
            owner = self.group.get(id(x))
            if owner is not None and owner is not group:
                group.wait_for(owner)

    def _new_group(self, node: Node) -> Group:
        kind = node.op.kind.name
        if kind == "reduction":
            shape, axes = node.inputs[0].shape, node.attrs["axes"]
            group = Group(reduce_kind(shape, axes), shape, axes)
        elif kind in ("cumulative", "sort"):
            group = Group(kind, node.inputs[0].shape, (node.attrs["axis"],))
        elif kind == "update":
            group = Group(kind, node.inputs[1].shape)
        elif node.op is stored:
            group = Group("stored", node.shape)
        elif kind in ANCHORS:
            group = Group(kind, node.shape)
        else:
            group = Group("map", node.shape)
        group.number = len(self.groups)
        self.groups.append(group)
        return group

    def _host(self, node: Node, same: list[Node], other: list[Node]) -> Group | None:
        """The group that `node` can join: the youngest that fits."""
        owners = {self.group[id(x)] for x in same if id(x) in self.group}
        moved = [x for x in same if x.op.kind.name == "update"]  # its values lie elsewhere
        barred = {self.group[id(x)] for x in (*other, *moved) if id(x) in self.group}
        beside = self._neighbours(node, same + other)
        for group in sorted((owners | beside) - barred, key=lambda g: -g.number):
            if (self._fits(node, group, group in owners) and not _far(group, same + other)
                    and self._acyclic(group, same + other)):
                return group
        return None

    def _twin(self, node: Node, reads: list[Node]) -> Group | None:
        """The group of another result of the same tiles."""
        mine = {self.group[id(x)] for x in reads if id(x) in self.group}
        return next((group for group in reversed(self.groups[-NEAR:])
                     if group.kind == "attend" and group not in mine
                     and go_together([*group.nodes, node]) and self._acyclic(group, reads)), None)

    def _neighbours(self, node: Node, reads: list[Node]) -> set[Group]:
        """Groups that read something of what `node` reads, so that one pass serves both."""
        mine = {id(x) for x in reads}
        return {group for group in self.groups[-NEAR:]
                if group.kind in ("map", "row", "column") and not mine.isdisjoint(group.seen)}

    def _fits(self, node: Node, group: Group, reads_it: bool) -> bool:
        if node.op.kind.name == "reduction":
            return (group.kind in ("row", "column") and node.inputs[0].shape == group.domain
                    and node.attrs["axes"] == group.axes
                    and (group.kind == "row" or not reads_it))
        if node.op.kind.name == "update":
            return reads_it and group.kind == "tiled" and node.inputs[1].shape == group.domain
        if group.kind in ("map", "tiled"):
            apart = "pack" in (node.op.kind.name, group.nodes[0].op.kind.name)
            return node.shape == group.domain and not apart  # a copy has loops of its own
        if group.kind == "row":
            return node.shape == group.domain or node.shape == group.row_shape
        if group.kind == "column":
            return reads_it and node.shape == group.row_shape and node.shape != group.domain
        return False

    def _acyclic(self, group: Group, reads: list[Node]) -> bool:
        """No other group whose results are read may itself wait for `group`."""
        owners = (self.group[id(x)] for x in reads if id(x) in self.group)
        return not any(owner.waits_for(group) for owner in owners if owner is not group)

    # -- results -------------------------------------------------------------------------------
    def _find_roots(self) -> None:
        needed = set(self.outputs)
        for group in self.groups:
            reads: dict[int, Node] = {}
            for node in group.nodes:
                for part in self.reads(node):
                    reads.update((id(x), x) for x in part)
            for key, x in reads.items():
                if self.group.get(key) is not group:
                    needed.add(key)
                    group.reads.append(x)
        for group in self.groups:
            group.roots = [n for n in group.nodes if id(n) in needed]

    def _sorted(self) -> list[Group]:
        done: set[int] = set()
        result: list[Group] = []

        def oldest_first(groups: Iterable[Group]) -> list[Group]:
            return sorted(groups, key=lambda g: g.number)

        def visit(group: Group) -> None:
            before = iter(oldest_first(group.before))
            stack: list[tuple[Group, Iterator[Group]]] = [(group, before)]
            done.add(id(group))
            while stack:
                current, rest = stack[-1]
                nearest = next((g for g in rest if id(g) not in done), None)
                if nearest is None:
                    result.append(current)
                    stack.pop()
                else:
                    done.add(id(nearest))
                    stack.append((nearest, iter(oldest_first(nearest.before))))

        for group in self.groups:
            if id(group) not in done:
                visit(group)
        return result


def _far(group: Group, reads: Sequence[Node]) -> bool:
    """Whether work on a contraction's results would gather what else it reads element by element.

    Lanes that run along another axis than memory put each result in a place of its own. That costs
    more than to write the results and to read them once more, as soon as there is more to read.
    """
    tiled = group.nodes[0]
    if tiled.op.kind.name != "tiled":
        return False
    tile, (*_, last) = tiled.attrs["tile"], tiled.attrs["contraction"].out_vars
    size = product(group.domain)
    return (tile.lanes > 1 and not tile.horizontal and tile.vector != last[0] and last[1] != 1
            and not (isinstance(size, int) and size < FEW)
            and any(x.shape == group.domain for x in reads if x is not tiled))


def _repeats(node: Node) -> bool:
    """Whether a view reads some elements more than once."""
    used = {axis for _, terms in node.attrs["map"] for axis, _ in terms}
    windows = any(len(terms) > 1 for _, terms in node.attrs["map"])
    return windows or any(i not in used and d != 1 for i, d in enumerate(node.shape))
