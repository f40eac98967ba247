"""Products that a scan has computed are not computed again by the scan for its gradient.

In: a graph with scans. Out: the same, where a scan that reads what another one has stacked, and
computes the same product from it in each of its turns, reads that product from one more stack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lamina.graph.node import Node, is_leaf, topological
from lamina.graph.rewrite import replace_inputs, substitute
from lamina.graph.subgraph import Graph, parameter
from lamina.ops.control import output
from lamina.schedule.summation import GUESS
from lamina.shapes import evaluate, product, variables

TERMS = 16  # of a product's sums: fewer are computed in the time of a trip through memory


def save_products(roots: Sequence[Node]) -> list[Node]:
    """All scans, later ones reading from earlier ones."""
    scans = [n for n in topological(roots) if not is_leaf(n) and n.op.name == "scan"]
    plans: dict[Node, _Saved] = {node: _Saved(node) for node in scans}
    for later in scans:
        for earlier in dict.fromkeys(x.inputs[0] for x in later.inputs
                                     if not is_leaf(x) and x.op.name == "output"):
            if earlier in plans and earlier.attrs["length"] == later.attrs["length"]:
                for mine, theirs in _same_products(earlier, later):
                    plans[later].read[mine] = earlier, plans[earlier].stacked(theirs)
    if not any(plan.read for plan in plans.values()):
        return list(roots)
    new: dict[Node, Node] = {}
    for node in topological(roots):
        if is_leaf(node):
            new[node] = node
        elif node in plans:
            new[node] = plans[node].applied(new)
        elif node.op.name == "output" and node.inputs[0] in plans:
            new[node] = plans[node.inputs[0]].result(node, new)
        else:
            new[node] = replace_inputs(node, tuple(new[x] for x in node.inputs))
    return [new[root] for root in roots]


@dataclass(eq=False)
class _Saved:
    """A scan: what it stacks for others, and the nodes of its body that it reads from others."""

    node: Node
    more: list[Node] = field(default_factory=list)
    read: dict[Node, tuple[Node, int]] = field(default_factory=dict)

    @property
    def body(self) -> Graph:
        """The graph of a turn."""
        body: Graph = self.node.attrs["body"]
        return body

    def stacked(self, value: Node) -> int:
        """The result that holds the stack of a value of its turns."""
        roots, carries = [*self.body.roots, *self.more], self.node.attrs["carries"]
        if value in roots[carries:]:
            return roots.index(value, carries)
        self.more.append(value)
        return len(roots)

    def applied(self, new: dict[Node, Node]) -> Node:
        """The scan with more stacks and more slices."""
        carries, slices = self.node.attrs["carries"], self.node.attrs["slices"]
        split = carries + slices
        own = {node: parameter(node) for node in self.read}
        stacks = [output(new[other], place) for other, place in self.read.values()]
        inputs = [new[x] for x in self.node.inputs]
        params = [*self.body.params[:split], *own.values(), *self.body.params[split:]]
        body = Graph(params, substitute([*self.body.roots, *self.more], dict(own)))
        attrs = {**self.node.attrs, "body": body, "slices": slices + len(own)}
        scan = Node(self.node.op, (*inputs[:split], *stacks, *inputs[split:]), attrs,
                    self.node.shape, self.node.dtype)
        scan.where = self.node.where
        return scan

    def result(self, node: Node, new: dict[Node, Node]) -> Node:
        """One of its results: the carries' stacks come after all others."""
        index: int = node.attrs["index"]
        moved = index + len(self.more) if index >= len(self.body.roots) else index
        return output(new[self.node], moved)


def _same_products(earlier: Node, later: Node) -> list[tuple[Node, Node]]:
    """Nodes of the later body and the earlier one that are equal, and worth a stack."""
    same = _equal_nodes(earlier, later)
    body: Graph = later.attrs["body"]
    readers: dict[Node, list[Node]] = {}
    for node in body.order:
        for x in set(node.inputs) if not is_leaf(node) else ():
            readers.setdefault(x, []).append(node)
    found = {}
    for node in body.order:
        if node in same and not is_leaf(node) and node.op.kind.name == "contraction":
            terms = product(node.attrs["sizes"][node.attrs["n_out"]:])
            if isinstance(terms, int) and terms < TERMS:
                continue
            last = _end_of_chain(node, readers, same)
            if last not in body.roots and _is_small(last, body):
                found[last] = same[last]
    return list(found.items())


def _is_small(node: Node, body: Graph) -> bool:
    """Whether it has no more elements than a turn reads and gives anyway."""
    return _elements([node]) <= _elements([*body.params, *body.roots])


def _elements(nodes: Sequence[Node]) -> int:
    """Elements of nodes, with a guess for sizes that only the run time knows."""
    return sum(evaluate(size, {v: v.typical or GUESS for v in variables(size)})
               for size in (product(node.shape) for node in nodes))


def _end_of_chain(node: Node, readers: dict[Node, list[Node]], same: dict[Node, Node]) -> Node:
    """The last of the elementwise work that is a product's only use: no more to keep than that."""
    while len(after := readers.get(node, [])) == 1:
        if (after[0] not in same or after[0].op.kind.name != "elementwise"
                or after[0].shape != node.shape):
            break
        node = after[0]
    return node


def _equal_nodes(earlier: Node, later: Node) -> dict[Node, Node]:
    """For nodes of the later body those of the earlier one that have the same value in a turn."""
    mine, theirs = later.attrs["body"], earlier.attrs["body"]
    same = {}
    for i, (param, x) in enumerate(zip(mine.params, later.inputs, strict=True)):
        value = _in_turn(earlier, x, _part(later, i))
        if value is not None:
            same[param] = value
    known = {_key(node, {x: x for x in node.inputs}): node
             for node in theirs.order if not is_leaf(node)}
    for node in mine.order:
        if is_leaf(node) or not all(x in same for x in node.inputs):
            continue
        found = known.get(_key(node, same))
        if found is not None:
            same[node] = found
    return same


def _key(node: Node, same: dict[Node, Node]) -> Any:
    attrs = tuple((k, repr(v) if isinstance(v, (bool, int, float)) else v)
                  for k, v in node.attrs.items())
    return (node.op.name, node.dtype.name, attrs,
            tuple(id(same[x]) for x in node.inputs))


def _part(scan: Node, place: int) -> str:
    """What an input of a scan is."""
    carries, slices = scan.attrs["carries"], scan.attrs["slices"]
    return "carry" if place < carries else "slice" if place < carries + slices else "constant"


def _in_turn(earlier: Node, x: Node, part: str) -> Node | None:
    """What a later scan's input is in a turn of the earlier one, where it is anything there."""
    body, carries = earlier.attrs["body"], earlier.attrs["carries"]
    if part == "slice" and not is_leaf(x) and x.op.name == "output" and x.inputs[0] is earlier:
        index = x.attrs["index"] - carries
        values: list[Node] = [*body.roots[carries:], *body.params[:carries]]
        return values[index] if index >= 0 else None
    places = (i for i, y in enumerate(earlier.inputs) if y is x and _part(earlier, i) == part)
    place = next(places, None)
    return None if part == "carry" or place is None else body.params[place]
