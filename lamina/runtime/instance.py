"""What two graphs have in common: structure, and sizes that may differ.

In: the nodes of a pending graph, inputs first. Out: an exact key; a structural key in which sizes
and numbers are holes, with what fills them; templates that say which holes are constant; and the
graph with size variables in the holes that are not.

A size that was seen with two values becomes a variable; sizes that always went together share one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from lamina.dtypes import DType
from lamina.graph.node import BUFFER, CONST, Node, is_leaf, leaf
from lamina.graph.subgraph import Graph
from lamina.shapes import Sym, Var, as_var, the_var, variable, variables

HOLE = "?"
ADDRESS = " at 0x"  # in the text of an object that has no other
ONE = object()  # what fills the hole of an axis of size 1, where these are holes too


def exact_key(order: Sequence[Node], roots: Sequence[Node]) -> tuple[Any, ...]:
    """Equal for graphs that one bound program serves."""
    number: dict[int, int] = {}
    items: list[Any] = []
    for i, node in enumerate(order):
        number[id(node)] = i
        if node.value is not None or node.op is BUFFER:
            items.append((node.dtype.name, node.shape))
        else:
            attrs = node.attrs
            values: tuple[Any, ...] = tuple(attrs.values()) if attrs else ()
            if node.op is CONST:
                values = number_key(attrs["value"])
            items.append((node.op.name, tuple([number[id(x)] for x in node.inputs]), values,
                          node.dtype.name))
    return (*items, tuple([number[id(r)] for r in roots]))


def number_key(value: Any) -> tuple[Any, ...]:
    """Different for numbers that differ: 0.0 and -0.0 are equal, and so are 1 and True."""
    return type(value), value or str(value)


def abstract(order: Sequence[Node], roots: Sequence[Node], ones: bool = False
             ) -> tuple[Any, tuple[Any, ...]]:
    """The structural key and what fills its holes, in order.

    ones: sizes of 1, which may be there to be stretched, are holes too, filled with `ONE`.
    """
    fills: list[Any] = []
    return _structure(order, roots, fills, ones), tuple(fills)


def text_of(order: Sequence[Node], roots: Sequence[Node], template: Template) -> str:
    """Text that is equal for equal programs, in any process.

    Empty where the text of something is its address: a function. What calls Python is never stored.
    """
    number = {v: (i, the_var(v).typical) for i, v in enumerate(template.variables)}
    fills = [number[f] if isinstance(f, Sym) else f for f in template.fills]
    text = repr((abstract(order, roots)[0], fills))
    return "" if ADDRESS in text else text


def _structure(order: Sequence[Node], roots: Sequence[Node], fills: list[Any], ones: bool) -> Any:
    number: dict[int, int] = {}
    items: list[Any] = []
    for i, node in enumerate(order):
        number[id(node)] = i
        alone = is_leaf(node)
        inputs = () if alone else tuple(number[id(x)] for x in node.inputs)
        known = () if alone or node.op.known is None else node.op.known(node)
        items.append(("buffer" if alone else node.op.name, node.dtype.name, inputs,
                      _holes(node.shape, fills, ones), _attrs(node, fills, ones), known))
    return tuple(items), tuple(number[id(r)] for r in roots)


def _attrs(node: Node, fills: list[Any], ones: bool = False) -> tuple[Any, ...]:
    if is_leaf(node) or not node.attrs:
        return ()
    if node.op is CONST:
        if isinstance(node.attrs["value"], bool):
            return (node.attrs["value"],)
        fills.append(node.attrs["value"])
        return (HOLE,)
    op = node.op
    return tuple(_places(v, fills) if k in op.offsets else
                 _holes(v, fills, ones) if k in op.sizes else v for k, v in node.attrs.items())


def _places(x: tuple[Any, ...], fills: list[Any]) -> tuple[Any, ...]:
    """Holes for offsets: 1 is one like any other, no axis to be stretched."""
    fills.extend(x)
    return (HOLE,) * len(x)


def _holes(x: Any, fills: list[Any], ones: bool = False) -> Any:
    if isinstance(x, tuple):
        return tuple(_holes(item, fills, ones) for item in x)
    if isinstance(x, Graph):
        return len(x.params), _structure(x.order, x.roots, fills, ones)
    if isinstance(x, int) and not isinstance(x, bool) and (ones or x != 1):
        fills.append(x if x != 1 else ONE)
        return HOLE
    return x


def without_ones(fills: tuple[Any, ...]) -> tuple[Any, ...]:
    """Fills as numbers."""
    return tuple(1 if x is ONE else x for x in fills)


class Template:
    """Which holes are constant, and which variable stands in each of the others."""

    def __init__(self, samples: Sequence[tuple[Any, ...]]) -> None:
        self.fills: list[Any] = []
        self.variables: list[Sym] = []
        known: dict[tuple[Any, ...], Sym] = {}
        for column in zip(*samples, strict=True):
            if all(_same(x, column[0]) for x in column):
                self.fills.append(column[0])
                continue
            key = tuple((type(x), x) for x in column)
            if key not in known:
                known[key] = variable(f"s{len(known)}", typical=_typical(column))
                self.variables.append(known[key])
            self.fills.append(known[key])

    def wider(self, fills: tuple[Any, ...]) -> Template:
        """This template where sizes of 1 are holes too; these stay 1.

        fills: those of a graph that this template matches, with `ONE`.
        """
        mine = iter(self.fills)
        new = Template([])
        new.fills = [1 if x is ONE else next(mine) for x in fills]
        new.variables = self.variables
        return new

    def narrower(self, fills: tuple[Any, ...]) -> Template:
        """The reverse of `wider`: this template for graphs whose axes of size 1 are no holes."""
        new = Template([])
        new.fills = [mine for mine, x in zip(self.fills, fills, strict=True) if x is not ONE]
        new.variables = self.variables
        return new

    def fixed(self, values: Mapping[Var, Any], sizes: Set[Var]) -> Template:
        """This template with constants for some of its variables."""
        new = Template([])
        known: dict[Var | None, Any] = {v: values[v] for v in sizes}
        new.fills = [known.get(as_var(fill), fill) if isinstance(fill, Sym) else fill
                     for fill in self.fills]
        new.variables = [v for v in self.variables if as_var(v) not in sizes]
        return new

    def match(self, fills: tuple[Any, ...]) -> dict[Var, Any] | None:
        """The variables' values in another graph of the structure, if it fits."""
        values: dict[Var, Any] = {}
        for mine, theirs in zip(self.fills, fills, strict=True):
            if isinstance(mine, Sym):
                if not _same(values.setdefault(the_var(mine), theirs), theirs):
                    return None
            elif not _same(mine, theirs):
                return None
        return values


def _typical(column: Sequence[Any]) -> int | None:
    """What kernels for any size are made to be fast at: the largest that was seen."""
    return max(column) if all(type(x) is int for x in column) else None


def size_variables(nodes: Sequence[Node]) -> frozenset[Var]:
    """Variables that are the size of an axis; others are numbers, or where a slice starts."""
    return frozenset(variables(tuple(n.shape for n in nodes)))


def _same(x: Any, y: Any) -> bool:
    return type(x) is type(y) and (x == y or (x != x and y != y)) and (
        not isinstance(x, float) or str(x) == str(y))


def symbolic(order: Sequence[Node], template: Template) -> tuple[list[Node], dict[Node, Var]]:
    """A copy of the graph with the template's variables in its holes.

    Numbers that vary become leaves: these are returned with their variables.
    """
    literals: dict[Node, Var] = {}
    return _copies(order, iter(template.fills), literals), literals


def _copies(order: Sequence[Node], holes: Iterator[Any], literals: dict[Node, Var]) -> list[Node]:
    new: dict[int, Node] = {}
    copies: list[Node] = []
    for node in order:
        shape = _filled(node.shape, holes)
        if is_leaf(node):
            copy = leaf(None, shape, node.dtype)
        elif node.op is CONST:
            copy = _constant(node, holes, literals)
        else:
            attrs, numbers = _filled_attrs(node, holes)
            inputs = [new[id(x)] for x in node.inputs]
            for dtype, var in numbers:
                inputs.append(leaf(None, (), dtype))
                literals[inputs[-1]] = var
            copy = Node(node.op, tuple(inputs), attrs, shape, node.dtype)
        copy.where = node.where
        new[id(node)] = copy
        copies.append(copy)
    return copies


def _filled_attrs(node: Node, holes: Iterator[Any]
                  ) -> tuple[dict[str, Any], list[tuple[DType, Var]]]:
    """Attributes without holes.

    Numbers that vary inside graphs become parameters, of all of the node's graphs alike, and so
    inputs of the node: these are returned.
    """
    attrs: dict[str, Any] = {}
    numbers: list[tuple[DType, Var]] = []
    own: dict[str, list[Node]] = {}  # the leaves inside each graph
    for k, v in node.attrs.items():
        if isinstance(v, Graph):
            inside: dict[Node, Var] = {}
            copies = _copies(v.order, holes, inside)
            place = dict(zip(v.order, copies, strict=True))
            attrs[k] = copies[:len(v.params)], [place[r] for r in v.roots], len(numbers)
            own[k] = list(inside)
            numbers += [(n.dtype, var) for n, var in inside.items()]
        else:
            attrs[k] = (tuple(next(holes) for _ in v) if k in node.op.offsets else
                        _filled(v, holes) if k in node.op.sizes else v)
    for k, mine in own.items():
        params, roots, start = attrs[k]
        extra = [mine[i - start] if start <= i < start + len(mine) else leaf(None, (), dtype)
                 for i, (dtype, _) in enumerate(numbers)]
        attrs[k] = Graph([*params, *extra], roots)
    return attrs, numbers


def _constant(node: Node, holes: Any, literals: dict[Node, Var]) -> Node:
    if isinstance(node.attrs["value"], bool):
        return Node(CONST, (), node.attrs, node.shape, node.dtype)
    number = next(holes)
    if isinstance(number, Sym):
        copy = leaf(None, (), node.dtype)
        literals[copy] = the_var(number)
        return copy
    return Node(CONST, (), {**node.attrs, "value": number}, node.shape, node.dtype)


def _filled(x: Any, holes: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(_filled(item, holes) for item in x)
    if isinstance(x, int) and not isinstance(x, bool) and x != 1:
        return next(holes)
    return x
