"""Contractions get their tiles, and operands that must be packed their packing copies.

In: a simplified graph with contractions, a target. Out: the same graph with `tiled` nodes,
whose operands are read through linear accesses, and `pack` nodes, which are ordinary data movement:
what is computed to produce an operand can be fused into its copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lamina.dtypes import DType
from lamina.graph.node import CONST, Kind, Node, Op, is_leaf, leaf, topological
from lamina.graph.rewrite import Rule, replace_inputs, rewrite
from lamina.graph.rewrite import substitute as with_others
from lamina.ops.elementwise import multiply
from lamina.ops.movement import reshape, view
from lamina.ops.rules import first, named
from lamina.ops.table import TABLE
from lamina.schedule import tiling
from lamina.schedule.choice import choose
from lamina.schedule.contraction import PART, Access, Contraction, Pack, Tile
from lamina.schedule.fuse import memory
from lamina.schedule.grouped import COLUMN, Parts, merged, parts_of, plan_grouped
from lamina.schedule.grouped_gradient import GradientParts, gradient_parts, plan_gradient
from lamina.schedule.summation import Rules
from lamina.schedule.winograd import Winograd, plan_winograd
from lamina.schedule.winograd_gradient import WinogradGradient, plan_winograd_gradient
from lamina.shapes import (
    Dim,
    Shape,
    as_var,
    linear_factor,
    product,
    ravel,
    reshape_index,
    substitute,
    variable,
)
from lamina.targets import Target
from lamina.transforms.simplify import reshape_chain


def _given(op: Op, inputs: Sequence[Node], attrs: Any) -> Shape:
    return tuple(attrs["shape"])


TILED = Op("tiled", Kind("tiled", "made by the compiler", _given),
           "A contraction with its tile.", dtype=named)
PACK = Op("pack", Kind("pack", "made by the compiler", _given),
          "An operand copied into panels.", dtype=first)
FILTERS = Op("filters", Kind("filters", "made by the compiler", _given),
             "The filters of a Winograd convolution, transformed.", dtype=first)
MARGINS = Op("margins", Kind("margins", "made by the compiler", _given),
             "Memory with a border of one value, and nothing yet inside it.")


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
        grouped = _grouped(node, target) or _grouped_gradient(node, target, rules)
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


def _grouped(node: Node, target: Target) -> Node | None:
    """A convolution of narrow groups of channels, of the image without its padding."""
    parts = parts_of(node)
    plan = None if parts is None else plan_grouped(node, parts, target)
    if parts is None or plan is None:
        return None
    image, access = _image(node, parts, plan.inner.extent, plan.each[0])
    c, pack = merged(node, parts, plan, access)
    w, numbers = node.inputs[1], [terms[0][0] for terms in node.attrs["maps"][1]]
    axes = [v for v in (parts.group, parts.out, parts.channel, *(k for _, k in parts.windows))
            if v is not None]
    w = _permuted(w, [numbers.index(v) for v in axes])
    rest = w.shape[1 if parts.out is None else 2:]
    w = reshape(w, shape=(c.size(plan.vector), *rest))
    names = [plan.vector, *(f"v{v}" for v in axes[-len(rest):])]
    filters = PACK(w, shape=tuple(size for _, size in pack.layout),
                   terms=tuple(((name, 1),) for name in names),
                   names=tuple(name for name, _ in pack.layout), var=pack.var, size=pack.size,
                   width=pack.width, cut=None)
    shape = (*node.shape[:1 + len(parts.windows)], c.size(plan.vector))
    tiled = TILED(image, filters, shape=shape, dtype=node.dtype, contraction=c, tile=plan)
    return tiled if node.shape == shape else reshape(tiled, shape=node.shape)


def _image(node: Node, parts: Parts | GradientParts, extent: Dim, into: int
           ) -> tuple[Node, Access]:
    """The image of a convolution in groups, and how it is read, its channels as neighbours."""
    variables = [*_variables(node), variable(COLUMN, extent)]
    index = [_index(terms, variables) for terms in node.attrs["maps"][0]]
    for axis, low in enumerate(parts.low, 1):
        index[axis] = index[axis] - low
    place = len(parts.low) + 1
    index[place - 1] = index[place - 1] + variables[-1]
    if parts.image.ndim == place + 1 and parts.channel is not None:
        index[place:] = [index[place] * into + index[place + 1]]
    steps = {f"v{parts.group}": into, f"v{parts.channel}": 1}
    return _near(parts.image, tuple(index), variables, steps)


def _near(x: Node, index: tuple[Dim, ...], variables: Sequence[Dim], steps: dict[str, int]
          ) -> tuple[Node, Access]:
    """Where x lies, and how it is read: some variables by these steps, if need be from a copy."""
    source, access = find_access(x, index, variables)
    names = {v.name for v in map(as_var, variables) if v is not None}
    if any(access.stride(v) != step for v, step in steps.items() if v in names):
        source, access = find_access(x, index, variables, deep=False)
    return source, access


def _grouped_gradient(node: Node, target: Target, rules: Rules) -> Node | None:
    """The gradient of the filters of narrow groups, of the image without its padding."""
    parts = gradient_parts(node)
    plan = None if parts is None else plan_gradient(node, parts, target)
    if parts is None or plan is None:
        return None
    sizes, (into, out) = node.attrs["sizes"], plan.each
    image, x = _image(node, parts, plan.inner.extent, into)
    variables = _variables(node)
    index = tuple(_index(terms, variables) for terms in node.attrs["maps"][1])
    g, given = _near(node.inputs[1], index, variables, {plan.vector: out, f"v{parts.out}": 1})
    given = replace(given, strides=tuple(
        (v, 1 if v == plan.vector else step) for v, step in given.strides))
    kernel = [k for _, k in parts.windows]
    shape = (sizes[parts.group] * out, into, *(sizes[k] for k in kernel))
    names = (plan.vector, f"v{parts.channel}", *(f"v{k}" for k in kernel))
    summed = tuple((f"v{v}", sizes[v]) for v in (parts.batch, *(o for o, _ in parts.windows))
                   if sizes[v] != 1)
    c = Contraction(tuple((v, n) for v, n in zip(names, shape, strict=True) if n != 1), summed, x,
                    given, node.dtype, node.dtype)
    nbytes = (product(image.shape) + product(g.shape)) * node.dtype.itemsize
    ordered, _ = tiling.order_sums(c, nbytes, target, rules)
    if ordered is not c:
        cut = next((v, n) for (v, n), (_, each) in zip(
            c.reduce_vars, ordered.reduce_vars, strict=True) if n != each)
        plan, shape = replace(plan, cut=cut), (ordered.size(PART), *shape)
    tiled = TILED(image, g, shape=shape, dtype=node.dtype, contraction=ordered, tile=plan)
    if ordered is not c:
        tiled = TABLE["sum"](tiled, axes=(0,))
    return reshape(tiled, shape=node.shape)


def _alone(node: Node, shape: Shape, c: Contraction, tile: Tile, sources: Sequence[Node]) -> Node:
    """A contraction of what lies in memory, without what comes before it."""
    stored = {x: leaf(None, x.shape, x.dtype) for x in map(memory, sources)}
    *inputs, a, b = with_others([*node.inputs, *sources], stored)
    return _with_packs(replace_inputs(node, tuple(inputs)), shape, c, tile, [a, b])


def _contraction(node: Node, rules: Rules) -> tuple[Contraction, list[Node]]:
    """The record of a `contract` node, and where its operands lie."""
    sizes, n_out, variables = node.attrs["sizes"], node.attrs["n_out"], _variables(node)
    names = [(f"v{i}", d) for i, d in enumerate(sizes) if d != 1]
    out = tuple(v for v in names if int(v[0][1:]) < n_out) or (("one", 1),)
    summed = tuple(v for v in names if int(v[0][1:]) >= n_out)
    sources: list[Node] = []
    accesses: list[Access] = []
    for x, index_map in zip(node.inputs, node.attrs["maps"], strict=True):
        index = tuple(_index(terms, variables) for terms in index_map)
        source, access = find_access(x, index, variables)
        sources.append(source)
        accesses.append(_with_units(access, summed, rules))
    a, b = accesses
    words = node.op.name in ("contract_words", "contract_pairs")
    return Contraction(out, summed, a, b, node.inputs[0].dtype, accumulator(node.dtype),
                       words=words), sources


def _variables(node: Node) -> list[Dim]:
    """The loop variables of a contraction; those that turn once stand still."""
    return [variable(f"v{i}", d) if d != 1 else 0 for i, d in enumerate(node.attrs["sizes"])]


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
    copy = _permuted(x, order)
    variables = _variables(node)
    index = tuple(_index(index_map[i], variables) for i in order)
    access = _access(ravel(index, copy.shape), variables)
    if access is None:
        raise AssertionError("the index of a contraction is linear by construction")
    sources[operand] = copy
    return replace(c, b=access) if operand else replace(c, a=access)


def _permuted(x: Node, order: Sequence[int]) -> Node:
    """The view of x whose axes are its axes `order`."""
    place = {source: i for i, source in enumerate(order)}
    return view(x, shape=tuple(x.shape[i] for i in order),
                map=tuple((0, ((place[i], 1),)) for i in range(x.ndim)))


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


def _index(terms: Any, variables: Sequence[Dim]) -> Dim:
    total: Dim = 0
    for var, factor in terms:
        total = total + variables[var] * factor
    return total


def _product(node: Node) -> Node:
    """Nothing is summed: a product of two views."""
    views = []
    for x, index_map in zip(node.inputs, node.attrs["maps"], strict=True):
        n_out = node.attrs["n_out"]
        index = tuple((0, tuple((v, f) for v, f in terms if v < n_out)) for terms in index_map)
        views.append(view(x, shape=node.shape, map=index))
    return multiply(*views)


def find_access(x: Node, index: tuple[Dim, ...], variables: Sequence[Dim], deep: bool = True
                ) -> tuple[Node, Access]:
    """The deepest node under movement that x's element `index` can be read from linearly.

    deep: if not, x itself, which is then copied to be in memory in its own order.
    """
    best = (x, _access(ravel(index, x.shape), variables))
    while deep and not is_leaf(x) and x.op.name in ("view", "reshape"):
        if x.op.name == "view":
            index = tuple(offset + _index(terms, index) for offset, terms in x.attrs["map"])
        else:
            index = reshape_index(index, x.shape, x.inputs[0].shape)
        x = x.inputs[0]
        access = _access(ravel(index, x.shape), variables)
        if access is None:
            break
        best = (x, access)
    source, access = best
    if access is None:
        raise AssertionError("the index of a contraction is linear by construction")
    return source, access


def _access(offset: Dim, variables: Sequence[Dim]) -> Access | None:
    strides: list[tuple[str, Dim]] = []
    base = offset
    for v in variables:
        var = as_var(v)
        if var is None:
            continue
        factor = linear_factor(offset, var)
        if factor is None:
            return None
        base = substitute(base, {var: 0})
        if factor != 0:
            strides.append((var.name, factor))
    return Access(tuple(strides), base)
