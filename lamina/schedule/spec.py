"""Kernel specs: what one kernel computes, in a form that equal kernels share.

In: a fused group. Out: a `Spec`: the group's nodes over numbered arguments and numbered sizes, the
loops that run over its domain, and a key that is equal for equal code. `Spec.bindings` say which
sizes of the plan the numbered ones stand for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from lamina.dtypes import DType
from lamina.errors import CompileError
from lamina.graph.node import CONST, Node, is_leaf, leaf, topological
from lamina.graph.printer import graph_text
from lamina.schedule.attention import merged
from lamina.schedule.contraction import Pack
from lamina.schedule.fuse import Group, reduce_kind
from lamina.schedule.iteration import SQUARE, SQUARE_COLUMNS, Loops, plan_loops
from lamina.schedule.panels import pack_record, pack_tasks
from lamina.schedule.scatter import cut, scatter_work
from lamina.schedule.winograd import FILTERS_OF_CHUNK
from lamina.schedule.workspace import workspaces
from lamina.shapes import (
    Dim,
    Shape,
    Sym,
    Var,
    as_var,
    ceil_div,
    product,
    substitute,
    variable,
    variables,
)

WHOLE_ROW = 8192  # elements of the innermost loop that one chunk takes on
BLOCK = 4096  # and the elements of a chunk where there are more


@dataclass(frozen=True, eq=False)
class Spec:
    """One kernel. `args` are leaves in the order of the buffers; outputs follow them."""

    kind: str
    roots: tuple[Node, ...]
    nodes: tuple[Node, ...]  # all nodes of the group, roots among them
    args: tuple[Node, ...]
    domain: Shape
    axes: tuple[int, ...]
    loops: Loops
    parameters: tuple[Var, ...]
    key: str

    @property
    def name(self) -> str:
        """A readable name: the kind and the ops."""
        if self.kind == "attend":
            return "_".join(n.attrs["part"] for n in self.nodes)[:60]
        ops = dict.fromkeys(n.op.name for n in topological(self.roots)
                            if not is_leaf(n) and n.op.kind.name not in ("view", "reshape", "leaf"))
        return "_".join([self.kind, *ops])[:60]

    @property
    def row_shape(self) -> Shape:
        """The domain with its reduced axes at size 1."""
        return tuple(1 if i in self.axes else d for i, d in enumerate(self.domain))

    @property
    def chunks(self) -> Dim:
        """How many chunks the kernel has, in terms of its parameters."""
        if self.kind == "tiled":
            tiled = tiled_node(self)
            tasks: Dim = tiled.attrs["tile"].tasks(tiled.attrs["contraction"])
            return tasks
        kept = [var.extent for var in self.loops.kept]
        if self.kind == "row":
            return product(kept)
        if self.kind == "column":
            return product(kept[:-1]) * ceil_div(kept[-1], COLUMNS) if kept else 1
        if self.kind == "map" and self.loops.crossed:
            return (product(kept[:-2]) * ceil_div(kept[-2], SQUARE)
                    * ceil_div(kept[-1], SQUARE_COLUMNS))
        if self.kind in ("map", "update"):
            return product(kept[:-1]) * blocks(kept[-1]) if kept else 1
        if self.kind == "sort":
            return product(kept)
        if self.kind == "cumulative":
            columns = reduce_kind(self.domain, self.axes) == "column"
            return product(kept[:-1]) * ceil_div(kept[-1], COLUMNS) if columns else product(kept)
        if self.kind == "scatter":
            return cut(self.nodes[0]).chunks
        if self.kind == "pack":
            return pack_tasks(self.pack[0])
        if self.kind == "margins":
            return product(self.domain[:-2])
        if self.kind == "attend":
            return merged(self.nodes).tasks(self.nodes[0].attrs["part"])
        if self.kind == "filters":
            return self.domain[0] * ceil_div(self.domain[2], FILTERS_OF_CHUNK)
        return 1

    @property
    def pack(self) -> tuple[Pack, Node]:
        """What a "pack" copies, and from where."""
        found = pack_record(self.nodes[0])
        if found is None:
            raise CompileError("pack", rule="a pack kernel copies from memory")
        return found

    @property
    def workspaces(self) -> tuple[tuple[Shape, DType], ...]:
        """Shapes and dtypes of the buffers that follow the outputs and live while it runs."""
        return workspaces(self.nodes)

    @property
    def work(self) -> Dim:
        """Arithmetic instructions of the whole kernel, roughly."""
        if self.kind == "tiled":
            c = tiled_node(self).attrs["contraction"]
            return product(size for _, size in c.out_vars + c.reduce_vars) * 2
        if self.kind == "attend":
            return merged(self.nodes).work(self.nodes[0].attrs["part"])
        if self.kind == "scatter":
            return scatter_work(self.nodes[0])
        if self.kind == "margins":
            return product(self.domain[:-1])
        if self.kind == "sort":
            return product(self.domain) * (4 if "k" in self.nodes[0].attrs else 64)
        cost = sum(max(1, n.op.cost) for n in topological(self.roots) if not is_leaf(n))
        return product(self.domain) * max(1, cost)


COLUMNS = 64  # neighbouring columns that a chunk of a column reduction takes on


def tiled_node(spec: Spec) -> Node:
    """The contraction of a tiled spec."""
    return next(n for n in spec.nodes if n.op.name == "tiled")


def blocks(n: Dim) -> Dim:
    """Chunks that a row of n elements is cut into by a map."""
    return 1 if isinstance(n, int) and n <= WHOLE_ROW else ceil_div(n, BLOCK)


Specced = tuple[Spec, tuple[Dim, ...]]  # with the plan's sizes that its parameters stand for


class Specs:
    """The specs of one plan: groups of the same nodes share one, and it is made once."""

    def __init__(self) -> None:
        self._made: dict[Any, Specced] = {}
        self._by_key: dict[str, Spec] = {}

    def of(self, group: Group) -> Specced:
        """The spec of a group."""
        reads = list(dict.fromkeys(group.reads))
        read_set = set(reads)
        inner = topological(group.nodes, stop=lambda n: is_leaf(n) or n in read_set)
        shape = _shape_of(group, reads, read_set, inner)
        if shape not in self._made:
            spec, bindings = make_spec(group, reads, inner)
            self._made[shape] = self._by_key.setdefault(spec.key, spec), bindings
        return self._made[shape]


def _shape_of(group: Group, reads: Sequence[Node], read_set: Set[Node], inner: Sequence[Node]
              ) -> Any:
    """Equal for groups with one spec: all but which nodes they are."""
    number: dict[Node, int] = {}
    items: list[Any] = []
    for i, node in enumerate(inner):
        number[node] = i
        if node in read_set or (is_leaf(node) and node.op is not CONST):
            items.append((node.shape, node.dtype.name))
        else:
            values = tuple(node.attrs.values())
            items.append((node.op.name, node.shape, node.dtype.name,
                          tuple([number[x] for x in node.inputs]),
                          repr(values) if node.op is CONST else values))  # 0.0 is not -0.0
    return (group.kind, group.domain, group.axes, tuple(items), *(
        tuple([number[n] for n in nodes]) for nodes in (group.roots, group.nodes, reads)))


def make_spec(group: Group, reads: Sequence[Node], inner: Sequence[Node]) -> Specced:
    """The spec of a group. reads: what it reads; inner: these and all its nodes, inputs first."""
    read_set = set(reads)
    flat = _flat(group, inner, read_set)
    bindings: list[Dim] = []
    replaced: dict[Node, Node] = {}
    if flat:
        length = variable("p0")
        bindings.append(product(group.domain))
        domain: Shape = (length,)
        parameters = [as_var(length)]
        for node in inner:
            shape = domain if node.shape == group.domain else ()
            replaced[node] = _copy(node, shape, dict(node.attrs), replaced, read_set)
    else:
        parameters = []
        names: dict[Var, Dim] = {}
        for var in _in_order(inner, read_set):
            fresh = variable(f"p{len(bindings)}")
            names[var] = fresh
            bindings.append(Sym({(var,): 1}))
            parameters.append(as_var(fresh))
        for node in inner:
            attrs = {k: rename(v, names) for k, v in node.attrs.items()}
            if group.kind == "update" and node is group.nodes[0]:
                attrs["starts"] = _as_parameters(attrs["starts"], bindings, parameters)
            replaced[node] = _copy(node, rename(node.shape, names), attrs, replaced, read_set)
        domain = rename(group.domain, names)
    roots = tuple(replaced[n] for n in group.roots)
    nodes = tuple(replaced[n] for n in group.nodes)
    args = tuple(replaced[n] for n in reads)
    axes = group.axes
    kind = "map" if group.kind == "stored" else group.kind
    if kind == "map" and len(nodes) == 1 and nodes[0].op.name == "pack" and pack_record(nodes[0]):
        kind = "pack"
    loops = plan_loops(kind, domain, axes, nodes)
    params = tuple(p for p in parameters if p is not None)
    key = _key(kind, roots, nodes, args, domain, axes, loops)
    spec = Spec(kind, roots, nodes, args, domain, axes, loops, params, key)
    return spec, tuple(bindings)


def _as_parameters(starts: Shape, bindings: list[Dim], parameters: list[Var | None]) -> Shape:
    """Where a slice starts as run-time integers, so that one kernel sets a slice anywhere."""
    found: list[Dim] = []
    for start in starts:
        if isinstance(start, int) and start != 0:
            bindings.append(start)
            start = variable(f"p{len(parameters)}")
            parameters.append(as_var(start))
        found.append(start)
    return tuple(found)


def _copy(node: Node, shape: Shape, attrs: dict[str, Any], new: dict[Node, Node],
          reads: set[Node]) -> Node:
    if node in reads or (is_leaf(node) and node.op is not CONST):
        return leaf(None, shape, node.dtype)
    copy = Node(node.op, tuple(new[i] for i in node.inputs), attrs, shape, node.dtype)
    copy.where = node.where
    return copy


def _flat(group: Group, inner: Sequence[Node], reads: set[Node]) -> bool:
    """Whether one loop over all elements serves: nothing but elementwise work on whole arrays."""
    if group.kind not in ("map", "stored") or len(group.domain) == 0:
        return False
    size = product(group.domain)
    for node in inner:
        if node.shape != group.domain and product(node.shape) != 1:
            return False
        own = node not in reads and not is_leaf(node)
        if own and node.op.kind.name != "elementwise" and node.op is not CONST:
            return False
        if own and _variables(tuple(node.attrs.values())):  # the length alone does not tell it
            return False
    return size != 1


def _in_order(inner: Sequence[Node], reads: Set[Node]) -> list[Var]:
    """The variables of a group's nodes; of what it reads the shape alone counts."""
    found: dict[Var, None] = {}
    for node in inner:
        for item in (node.shape, *(() if node in reads else node.attrs.values())):
            for var in sorted(_variables(item), key=lambda v: v.name):
                found[var] = None
    return list(found)


def _variables(x: Any) -> set[Var]:
    if dataclasses.is_dataclass(x) and not isinstance(x, (type, DType)):
        x = tuple(getattr(x, f.name) for f in dataclasses.fields(x))
    if isinstance(x, tuple):
        return set().union(*map(_variables, x))
    return variables(x)


def rename(x: Any, names: Mapping[Var, Dim]) -> Any:
    """x with its size variables replaced, through tuples and records."""
    if not names:
        return x
    if isinstance(x, Sym):
        return substitute(x, names)
    if isinstance(x, tuple):
        return tuple(rename(item, names) for item in x)
    if dataclasses.is_dataclass(x) and not isinstance(x, (type, DType)):
        return dataclasses.replace(x, **{f.name: rename(getattr(x, f.name), names)
                                         for f in dataclasses.fields(x)})
    return x


def _key(kind: str, roots: Sequence[Node], nodes: Sequence[Node], args: Sequence[Node],
         domain: Shape, axes: tuple[int, ...], loops: Loops) -> str:
    order = topological([*nodes, *args])
    number = {n: i for i, n in enumerate(order)}
    return "\n".join([
        f"{kind} {domain} {axes} {[(v, v.size) for v in loops.kept]}"
        f" {[(v, v.size) for v in loops.reduced]} {loops.index} {loops.crossed}",
        graph_text([*nodes, *args]),
        f"roots {[number[n] for n in roots]} args {[number[n] for n in args]}"
        f" nodes {[number[n] for n in nodes]}",
    ])
