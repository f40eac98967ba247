"""Graphs of control operations get their tiles; what all turns of a loop share is packed once.

In: a graph with loops and conditions. Out, of two passes: the same, whose graphs have been through
the passes before, and where what stays the same and is a view of something, which only products
read, is taken in as it lies there; then, with tiles, and with a loop's copies into panels that are
made of what stays the same made in front of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lamina.graph.node import Node, is_leaf, topological
from lamina.graph.rewrite import replace_inputs, substitute
from lamina.graph.subgraph import Graph, parameter
from lamina.ops.control.bodies import used
from lamina.schedule.layout import lay_out, stays
from lamina.schedule.summation import Rules
from lamina.schedule.tiled import FILTERS, PACK
from lamina.targets import Target

MOVED = ("view", "reshape")  # from the outside to the inside


def open_graphs(roots: Sequence[Node], opened: Callable[[Sequence[Node]], list[Node]]
                ) -> list[Node]:
    """All graphs inside through the passes before this one, `opened`."""
    def open_one(graphs: _Graphs) -> None:
        graphs.graphs = [Graph(g.params, opened(g.roots)) for g in graphs.graphs]
        graphs.take_in()

    return _changed(roots, open_one)


def hoist(roots: Sequence[Node], target: Target, rules: Rules) -> list[Node]:
    """Tiles in all graphs inside, and in front of a loop what its turns share."""
    return _changed(roots, lambda graphs: graphs.lay_out(target, rules))


def _changed(roots: Sequence[Node], change: Callable[[_Graphs], None]) -> list[Node]:
    """All operations with graphs inside, changed one after the other."""
    new: dict[Node, Node] = {}
    for node in topological(roots):
        new[node] = node
        if not is_leaf(node):
            new[node] = replace_inputs(node, tuple(new[x] for x in node.inputs))
            if node.op.name in _GRAPHS:
                graphs = _Graphs(new[node])
                change(graphs)
                new[node] = graphs.node()
    return [new[root] for root in roots]


# By operation: the names of its graphs, and the first of their parameters that stay the same in a
# loop. The parameters are the last inputs.
_GRAPHS: dict[str, Callable[[Node], tuple[tuple[str, ...], int]]] = {
    "scan": lambda node: (("body",), node.attrs["carries"] + node.attrs["slices"]),
    "while_loop": lambda node: (("test", "body"), len(node.attrs["body"].roots)),
    "cond": lambda node: (("then", "other"), len(node.inputs)),
}


class _Graphs:
    """The inputs and graphs of one operation while they change."""

    def __init__(self, node: Node) -> None:
        self.old, self.inputs = node, list(node.inputs)
        self.names, self.first = _GRAPHS[node.op.name](node)
        self.graphs: list[Graph] = [node.attrs[name] for name in self.names]

    def node(self) -> Node:
        """The operation with what it has now."""
        attrs = {**self.old.attrs, **dict(zip(self.names, self.graphs, strict=True))}
        new = Node(self.old.op, tuple(self.inputs), attrs, self.old.shape, self.old.dtype)
        new.where = self.old.where
        return new

    def take_in(self) -> None:
        """Views of what stays the same, where products alone read them."""
        for i in range(self.first, len(self.inputs)):
            source, moves = _moves(self.inputs[i])
            if moves and all(_products_alone(g, g.params[i]) for g in self.graphs):
                self.inputs[i] = source
                self.graphs = [_moved_inside(g, i, source, moves) for g in self.graphs]

    def lay_out(self, target: Target, rules: Rules) -> None:
        """Tiles; what is packed in every turn alike comes in packed."""
        for i, graph in enumerate(self.graphs):
            fixed = frozenset(graph.params[self.first:])
            self.graphs[i] = graph = Graph(
                graph.params, lay_out(graph.roots, target, rules, fixed))
            outer = dict(zip(graph.params, self.inputs[-len(graph.params):], strict=False))
            for node in graph.order:
                if node.op in (PACK, FILTERS) and stays(node, fixed):
                    self.add_input(i, node, substitute([node], outer)[0])
        self.drop_unread()

    def add_input(self, number: int, node: Node, value: Node) -> None:
        """One more parameter of all graphs: in one of them it takes the place of a node."""
        self.inputs.append(value)
        for i, graph in enumerate(self.graphs):
            own = parameter(node)
            roots = substitute(graph.roots, {node: own}) if i == number else graph.roots
            self.graphs[i] = Graph([*graph.params, own], roots)

    def drop_unread(self) -> None:
        """No input of which a loop has but what was packed."""
        if self.first < len(self.inputs):
            keep = used(self.graphs, self.first)
            self.inputs = [self.inputs[i] for i in keep]
            self.graphs = [Graph([g.params[i] for i in keep], g.roots) for g in self.graphs]


def _moves(node: Node) -> tuple[Node, list[Node]]:
    """What a node is a view of, and the views: a reshape of one may be no view any more."""
    moves: list[Node] = []
    for name in MOVED:
        while not is_leaf(node) and node.op.name == name:
            moves.insert(0, node)
            node = node.inputs[0]
    return node, moves


def _products_alone(graph: Graph, param: Node) -> bool:
    """Whether nothing but products reads a parameter, if through views."""
    moved = {param}
    for node in graph.order:
        if not is_leaf(node) and not moved.isdisjoint(node.inputs):
            if node.op.name in MOVED:
                moved.add(node)
            elif node.op.kind.name not in ("contraction", "pack", "filters"):
                return False
    return moved.isdisjoint(graph.roots)


def _moved_inside(graph: Graph, place: int, source: Node, moves: Sequence[Node]) -> Graph:
    """The graph where a parameter is what `moves` make of another one, which is like `source`."""
    own = value = parameter(source)
    for move in moves:
        value = replace_inputs(move, (value,))
    roots = substitute(graph.roots, {graph.params[place]: value})
    return Graph([*graph.params[:place], own, *graph.params[place + 1:]], roots)
