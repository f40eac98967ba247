"""Contractions get their tiles, and operands that must be packed their packing copies.

In: a simplified graph with contractions, a target. Out: the same graph with `tiled` nodes,
whose operands are read through linear accesses, and `pack` nodes, which are ordinary data movement:
what is computed to produce an operand can be fused into its copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lamina.dtypes import DType
from lamina.graph.node import CONST, Node, is_leaf, leaf, topological
from lamina.graph.rewrite import Rule, replace_inputs, rewrite
from lamina.graph.rewrite import substitute as with_others
from lamina.ops.elementwise import multiply
from lamina.ops.movement import reshape, view
from lamina.ops.table import TABLE
from lamina.schedule import tiling
from lamina.schedule.access import access_at, find_access, index_of, loop_variables, permuted
from lamina.schedule.choice import choose
from lamina.schedule.contraction import PART, Access, Contraction, Pack, Tile
from lamina.schedule.fuse import memory
from lamina.schedule.grouping import lay_out_gradient, lay_out_grouped
from lamina.schedule.summation import Rules
from lamina.schedule.tiled import FILTERS, PACK, TILED
from lamina.schedule.winograd import Winograd, plan_winograd
from lamina.schedule.winograd_gradient import WinogradGradient, plan_winograd_gradient
from lamina.shapes import (
    Dim,
    Shape,
    product,
    ravel,
)
from lamina.targets import Target
from lamina.transforms.simplify import reshape_chain


def lay_out(roots: Sequence[Node], target: Target, rules: Rules,
            fixed: frozenset[Node] = frozenset()) -> list[Node]:
    """Choose tiles for all contractions under `roots`.

    fixed: leaves that stay the same for so long that copies of them cost nothing.
    """
    return rewrite(roots, [Rule("tile", lambda node: _tile(node, target, rules, fixed)),
                           Rule("reshape", reshape_chain)])


def stays(node: Node, fixed: frozenset[Node]) -> bool:
    """Whether a node is made of such leaves, and numbers, alone."""
    return bool(fixed) and all(x in fixed or x.op is CONST
                               for x in topological([node]) if is_leaf(x))


def _tile(node: Node, target: Target, rules: Rules, fixed: frozenset[Node]) -> Node | None:
    if is_leaf(node) or node.op.kind.name != "contraction":
        return None
    sizes, n_out = node.attrs["sizes"], node.attrs["n_out"]
    if all(d == 1 for d in sizes[n_out:]) and node.op.name == "contract":
        return _product(node)
    grouped = None
    if node.op.name == "contract":
        grouped = lay_out_grouped(node, target) or lay_out_gradient(node, target, rules)
    if grouped is not None:
        return grouped
    c, sources = _contraction(node, rules)
    winograd = plan_winograd(c, target, rules)
    if winograd is not None:
        return _with_filters(node, c, winograd, sources)
    turned = tiling.turned(c, target, rules)
    axis = None if turned is None else _plain_axis(node, *turned)
    if turned is not None and axis is not None:
        c = _turned(node, c, sources, turned[0], axis)
    nbytes = (product(node.inputs[0].shape) + product(node.inputs[1].shape)) * c.dtype.itemsize
    columns_of = int(any(v == n_out - 1 for terms in node.attrs["maps"][1] for v, _ in terms))
    ordered, along = tiling.order_sums(c, nbytes, target, rules, columns_of, axis is not None)
    free = "".join(name for name, x in zip("ab", sources, strict=True) if stays(x, fixed))
    shape = node.shape if ordered is c else (ordered.size(PART), *node.shape)
    tile: Tile | WinogradGradient | None = None
    if not along:
        tile = plan_winograd_gradient(ordered, target, rules)
    if tile is None:
        tile = choose(ordered, target, along, rules.typical(*sizes), free,
                      lambda tile: _alone(node, shape, ordered, tile, sources))
    partial = _with_packs(node, shape, ordered, tile, sources)
    if ordered is c:
        return partial
    return reshape(TABLE["sum"](partial, axes=(0,)), shape=node.shape)


def _alone(node: Node, shape: Shape, c: Contraction, tile: Tile, sources: Sequence[Node]) -> Node:
    """A contraction of what lies in memory, without what comes before it."""
    stored = {x: leaf(None, x.shape, x.dtype) for x in map(memory, sources)}
    *inputs, a, b = with_others([*node.inputs, *sources], stored)
    return _with_packs(replace_inputs(node, tuple(inputs)), shape, c, tile, [a, b])


def _contraction(node: Node, rules: Rules) -> tuple[Contraction, list[Node]]:
    """The record of a `contract` node, and where its operands lie."""
    sizes, n_out, variables = node.attrs["sizes"], node.attrs["n_out"], loop_variables(node)
    names = [(f"v{i}", d) for i, d in enumerate(sizes) if d != 1]
    out = tuple(v for v in names if int(v[0][1:]) < n_out) or (("one", 1),)
    summed = tuple(v for v in names if int(v[0][1:]) >= n_out)
    sources: list[Node] = []
    accesses: list[Access] = []
    for x, index_map in zip(node.inputs, node.attrs["maps"], strict=True):
        index = tuple(index_of(terms, variables) for terms in index_map)
        source, access = find_access(x, index, variables)
        sources.append(source)
        accesses.append(_with_units(access, summed, rules))
    a, b = accesses
    words = node.op.name in ("contract_words", "contract_pairs")
    return Contraction(out, summed, a, b, node.inputs[0].dtype, accumulator(node.dtype),
                       words=words), sources


def is_one(stride: int) -> bool:
    """Whether the terms of a sum are neighbours."""
    return stride == 1


def _with_units(access: Access, summed: Sequence[tuple[str, Dim]], rules: Rules) -> Access:
    """The access where strides that are 1 for the sizes at hand are known to be."""
    names = {name for name, _ in summed}
    return replace(access, strides=tuple(
        (v, 1 if v in names and rules.apply(is_one, stride) else stride)
        for v, stride in access.strides))


def _plain_axis(node: Node, operand: int, var: str) -> int | None:
    """The axis of an operand that a variable alone addresses, element by element."""
    index_map = node.attrs["maps"][operand]
    return next((i for i, terms in enumerate(index_map) if terms == ((int(var[1:]), 1),)), None)


def _turned(node: Node, c: Contraction, sources: list[Node], operand: int, axis: int
            ) -> Contraction:
    """The contraction with a copy of an operand in which an axis comes last."""
    x, index_map = node.inputs[operand], node.attrs["maps"][operand]
    order = (*(i for i in range(x.ndim) if i != axis), axis)
    copy = permuted(x, order)
    variables = loop_variables(node)
    index = tuple(index_of(index_map[i], variables) for i in order)
    access = access_at(ravel(index, copy.shape), variables)
    if access is None:
        raise AssertionError("the index of a contraction is linear by construction")
    sources[operand] = copy
    return replace(c, b=access) if operand else replace(c, a=access)


def accumulator(dtype: DType) -> DType:
    """The dtype that sums of products are kept in."""
    return dtype.compute if dtype.is_float else dtype


def _with_packs(node: Node, shape: Shape, c: Contraction,
                tile: Tile | WinogradGradient, sources: list[Node]) -> Node:
    accesses = [c.a, c.b]
    for pack in tile.packs:
        i = 0 if pack.operand == "a" else 1
        sources[i] = _pack(node, i, pack, c)
        accesses[i] = pack.access
    packed = replace(c, a=accesses[0], b=accesses[1])
    return TILED(*sources, shape=shape, dtype=node.dtype, contraction=packed, tile=tile)


def _with_filters(node: Node, c: Contraction, plan: Winograd, sources: Sequence[Node]) -> Node:
    image, w = sources
    own = replace(c, out_vars=((plan.vector, c.size(plan.vector)),), a=Access(()))
    filters = FILTERS(w, shape=plan.filters(c), contraction=own, tile=plan)
    return TILED(image, filters, shape=node.shape, dtype=node.dtype, contraction=c, tile=plan)


def _pack(node: Node, operand: int, pack: Pack, c: Contraction) -> Node:
    """The copy that the tile asks for: `terms` gives the operand's index in its variables."""
    sizes = node.attrs["sizes"]
    each = dict(c.reduce_vars)
    collected = []
    for axis in node.attrs["maps"][operand]:
        names: list[tuple[str, Dim]] = []
        for v, factor in axis:
            if sizes[v] != 1:
                names.append((f"v{v}", factor))
                if each.get(f"v{v}", sizes[v]) != sizes[v]:  # summed in parts
                    names.append((PART, each[f"v{v}"] * factor))
        collected.append(tuple(names))
    terms = tuple(collected)
    return PACK(node.inputs[operand], shape=tuple(size for _, size in pack.layout), terms=terms,
                names=tuple(name for name, _ in pack.layout), var=pack.var, size=pack.size,
                width=pack.width, cut=None if c.cut is None else (*c.cut, c.size(c.cut[0])))


def _product(node: Node) -> Node:
    """Nothing is summed: a product of two views."""
    views = []
    for x, index_map in zip(node.inputs, node.attrs["maps"], strict=True):
        n_out = node.attrs["n_out"]
        index = tuple((0, tuple((v, f) for v, f in terms if v < n_out)) for terms in index_map)
        views.append(view(x, shape=node.shape, map=index))
    return multiply(*views)
