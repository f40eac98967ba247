"""Kernel specs: what one kernel computes, in a form that equal kernels share.

In: a fused group. Out: a `Spec`: the group's nodes over numbered arguments and numbered sizes, the
loops that run over its domain, and a key that is equal for equal code. `Spec.bindings` say which
sizes of the plan the numbered ones stand for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lamina.dtypes import DType
from lamina.errors import CompileError
from lamina.graph.node import CONST, Node, is_leaf, leaf, topological
from lamina.graph.printer import graph_text
from lamina.schedule.contraction import Pack, Tile
from lamina.schedule.fuse import Group, reduce_kind
from lamina.schedule.panels import pack_record, pack_tasks
from lamina.schedule.scatter import cut, scatter_work
from lamina.schedule.workspace import workspaces
from lamina.shapes import (
    Dim,
    Shape,
    Sym,
    Var,
    as_var,
    ceil_div,
    linear_factor,
    product,
    ravel,
    reshape_index,
    substitute,
    the_var,
    variable,
    variables,
)

WHOLE_ROW = 8192  # elements of the innermost loop that one chunk takes on
BLOCK = 4096  # and the elements of a chunk where there are more


@dataclass(frozen=True, eq=False)
class Loops:
    """The iteration space.

    Kept loops, reduced loops (each with the last one innermost), and the index of the domain's axes
    in terms of their variables. crossed: something that is read has the last kept loop but one
    along its memory, so the last two run in squares.
    """

    kept: tuple[Var, ...]
    reduced: tuple[Var, ...]
    index: tuple[Dim, ...]
    crossed: bool = False


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
            tile: Tile = tiled.attrs["tile"]
            return tile.tasks(tiled.attrs["contraction"])
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
        if self.kind == "scatter":
            return scatter_work(self.nodes[0])
        if self.kind == "sort":
            return product(self.domain) * 64
        cost = sum(max(1, n.op.cost) for n in topological(self.roots) if not is_leaf(n))
        return product(self.domain) * max(1, cost)


SQUARE, SQUARE_COLUMNS = 16, 512  # of the last two loops, that a chunk takes on where they cross
COLUMNS = 64  # neighbouring columns that a chunk of a column reduction takes on


def tiled_node(spec: Spec) -> Node:
    """The contraction of a tiled spec."""
    return next(n for n in spec.nodes if n.op.name == "tiled")


def blocks(n: Dim) -> Dim:
    """Chunks that a row of n elements is cut into by a map."""
    return 1 if isinstance(n, int) and n <= WHOLE_ROW else ceil_div(n, BLOCK)


def make_spec(group: Group) -> tuple[Spec, tuple[Dim, ...]]:
    """The spec of a group, and the plan's sizes that its parameters stand for."""
    reads = list(dict.fromkeys(group.reads))
    read_set = set(reads)
    flat = _flat(group, reads)
    inner = topological(group.nodes, stop=lambda n: is_leaf(n) or n in read_set)
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
        for var in _in_order(group, inner):
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


def _flat(group: Group, reads: Sequence[Node]) -> bool:
    """Whether one loop over all elements serves: nothing but elementwise work on whole arrays."""
    if group.kind not in ("map", "stored") or len(group.domain) == 0:
        return False
    size = product(group.domain)
    read_set = set(reads)
    for node in topological(group.nodes, stop=lambda n: is_leaf(n) or n in read_set):
        if node.shape != group.domain and product(node.shape) != 1:
            return False
        own = node not in read_set and not is_leaf(node)
        if own and node.op.kind.name != "elementwise" and node.op is not CONST:
            return False
        if own and _variables(tuple(node.attrs.values())):  # the length alone does not tell it
            return False
    return size != 1


def _in_order(group: Group, inner: Sequence[Node]) -> list[Var]:
    found: dict[Var, None] = {}
    for node in inner:
        for item in (node.shape, *node.attrs.values()):
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


# ---- loops ---------------------------------------------------------------------------------------
class _Accesses:
    """What a kernel does at each element of its domain, as polynomials over its loops.

    offsets: of all memory accesses. reshapes: (shape, index, old shape, index into that), for each
    reshape on the way there.
    """

    def __init__(self) -> None:
        self.offsets: list[Dim] = []
        self.reshapes: list[tuple[Shape, Shape, Shape, Shape]] = []

    def merge(self, outer: Var, inner: Var, merged: Dim) -> bool:
        """Take one loop in place of two, if every access allows it."""
        if not all(_mergeable(o, outer, inner) for o in self.offsets):
            return False
        values: dict[Var, Dim] = {outer: 0, inner: merged}
        reshapes = [(shape, _replaced(at, values), old, _replaced(result, values))
                    for shape, at, old, result in self.reshapes]
        # a reshape may have been simplified by the inner loop's size, which the merged one exceeds
        if any(reshape_index(at, shape, old) != result for shape, at, old, result in reshapes):
            return False
        self.reshapes = reshapes
        self.offsets = [substitute(o, values) for o in self.offsets]
        return True


def _replaced(index: Shape, values: Mapping[Var, Dim]) -> Shape:
    return tuple(substitute(x, values) for x in index)


def plan_loops(kind: str, domain: Shape, axes: tuple[int, ...], nodes: Sequence[Node]) -> Loops:
    """One loop for each axis, neighbours merged where every access allows it."""
    if kind not in ("map", "row", "column", "cumulative", "sort", "update"):
        return Loops((), (), ())
    index: Shape = tuple(variable(f"i{i}", d) if d != 1 else 0 for i, d in enumerate(domain))
    accesses = _accesses(nodes, index, domain, axes)
    kept = [v for i, x in enumerate(index) if i not in axes and (v := as_var(x)) is not None]
    reduced = [v for i, x in enumerate(index) if i in axes and (v := as_var(x)) is not None]
    crossing = None
    if accesses is not None:
        kept, index = _merge(kept, index, accesses)
        reduced, index = _merge(reduced, index, accesses)
        crossing = _crossing(kept, accesses.offsets) if kind == "map" else None
    if crossing is not None:
        kept = [*(v for v in kept[:-1] if v != crossing), crossing, kept[-1]]
    return Loops(tuple(kept), tuple(reduced), index, crossing is not None)


def _crossing(kept: list[Var], offsets: list[Dim]) -> Var | None:
    """A loop along the memory of something that the innermost loop strides through."""
    if len(kept) < 2 or not _worth_a_square(kept[-1]):
        return None
    strided = [o for o in offsets if linear_factor(o, kept[-1]) not in (0, 1)]
    return next((v for v in kept[:-1] if _worth_a_square(v)
                 and any(linear_factor(o, v) == 1 for o in strided)), None)


def _worth_a_square(var: Var) -> bool:
    return not isinstance(var.extent, int) or var.extent >= SQUARE


def _merge(loops: list[Var], index: Shape, accesses: _Accesses) -> tuple[list[Var], Shape]:
    result: list[Var] = []
    for inner in loops:
        if not result:
            result.append(inner)
            continue
        outer = result[-1]
        merged = variable(outer.name + inner.name, outer.extent * inner.extent)
        if accesses.merge(outer, inner, merged):
            index = _replaced(index, {outer: 0, inner: merged})
            result[-1] = the_var(merged)
        else:
            result.append(inner)
    return result, index


def _mergeable(offset: Dim, outer: Var, inner: Var) -> bool:
    a, b = linear_factor(offset, outer), linear_factor(offset, inner)
    return a is not None and b is not None and a == b * inner.extent


def _accesses(nodes: Sequence[Node], index: Shape, domain: Shape, axes: tuple[int, ...]
              ) -> _Accesses | None:
    """All memory accesses, at one element; None if an index is used as a value."""
    row = tuple(0 if i in axes else x for i, x in enumerate(index))
    found = _Accesses()
    offsets = found.offsets
    seen: set[tuple[int, tuple[Dim, ...]]] = set()
    stack: list[tuple[Node, tuple[Dim, ...]]] = []
    for node in nodes:
        if node.op.kind.name == "reduction":
            stack.append((node.inputs[0], index))
            offsets.append(ravel(row, node.shape))
            if "arg" in node.op.extra:
                return None
        elif node.op.kind.name == "update":
            stack.append((node.inputs[1], index))
            offsets.append(ravel(slice_index(node, index), node.shape))
        else:
            here = index if node.shape == domain else row
            alone = node.op.kind.name in ("cumulative", "sort")  # rows in, the same rows out
            stack.append((node.inputs[0] if alone else node, here))
            offsets.append(ravel(here, node.shape))
    while stack:
        node, at = stack.pop()
        if (id(node), at) in seen:
            continue
        seen.add((id(node), at))
        kind = node.op.kind.name
        if node.op is CONST:
            continue
        if is_leaf(node):
            offsets.append(ravel(at, node.shape))
        elif kind == "elementwise":
            if node.op.name == "check_range":
                return None
            stack.extend((x, broadcast_index(at, x.shape)) for x in node.inputs)
        elif kind == "view":
            stack.append((node.inputs[0], view_index(node, at)))
        elif kind == "reshape":
            x = node.inputs[0]
            inside = reshape_index(at, node.shape, x.shape)
            found.reshapes.append((node.shape, at, x.shape, inside))
            stack.append((x, inside))
        elif kind == "reduction":
            continue  # a value of the row
        else:
            return None
    return found


def broadcast_index(index: tuple[Dim, ...], shape: Shape) -> tuple[Dim, ...]:
    """The index into an input of `shape` that broadcasts to the result at `index`."""
    tail = index[len(index) - len(shape):]
    return tuple(0 if d == 1 else i for i, d in zip(tail, shape, strict=True))


def slice_index(node: Node, index: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """Where an update puts the value at `index`."""
    a = node.attrs
    return tuple(start + i * step
                 for start, i, step in zip(a["starts"], index, a["steps"], strict=True))


def view_index(node: Node, index: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """The index into the input of a view."""
    result = []
    for offset, terms in node.attrs["map"]:
        total = offset
        for axis, factor in terms:
            total = total + index[axis] * factor
        result.append(total)
    return tuple(result)
