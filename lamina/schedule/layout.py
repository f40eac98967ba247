"""Contractions get their tiles, and operands that must be packed their packing copies.

In: a simplified graph with `contract` nodes, a target. Out: the same graph with `tiled` nodes,
whose operands are read through linear accesses, and `pack` nodes, which are ordinary data movement:
what is computed to produce an operand can be fused into its copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lamina.dtypes import DType
from lamina.graph.node import Kind, Node, Op, is_leaf
from lamina.graph.rewrite import Rule, rewrite
from lamina.ops.elementwise import multiply
from lamina.ops.movement import reshape, view
from lamina.ops.rules import first
from lamina.ops.table import TABLE
from lamina.schedule import tiling
from lamina.schedule.contraction import PART, Access, Contraction, Pack, Tile
from lamina.schedule.summation import Rules
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


def _given(op: Op, inputs: Sequence[Node], attrs: Any) -> Shape:
    return tuple(attrs["shape"])


TILED = Op("tiled", Kind("tiled", "made by the compiler", _given),
           "A contraction with its tile.", dtype=first)
PACK = Op("pack", Kind("pack", "made by the compiler", _given),
          "An operand copied into panels.", dtype=first)


def lay_out(roots: Sequence[Node], target: Target, rules: Rules) -> list[Node]:
    """Choose tiles for all contractions under `roots`."""
    return rewrite(roots, [Rule("tile", lambda node: _tile(node, target, rules))])


def _tile(node: Node, target: Target, rules: Rules) -> Node | None:
    if is_leaf(node) or node.op.name != "contract":
        return None
    sizes, n_out = node.attrs["sizes"], node.attrs["n_out"]
    if all(d == 1 for d in sizes[n_out:]):
        return _product(node)
    variables = [variable(f"v{i}", d) if d != 1 else 0 for i, d in enumerate(sizes)]
    sources, accesses = [], []
    for x, index_map in zip(node.inputs, node.attrs["maps"], strict=True):
        index = tuple(_index(terms, variables) for terms in index_map)
        source, access = find_access(x, index, variables)
        sources.append(source)
        accesses.append(access)
    names = [(f"v{i}", d) for i, d in enumerate(sizes) if d != 1]
    out = tuple(v for v in names if int(v[0][1:]) < n_out) or (("one", 1),)
    summed = tuple(v for v in names if int(v[0][1:]) >= n_out)
    c = Contraction(out, summed, accesses[0], accesses[1], node.dtype, accumulator(node.dtype))
    nbytes = (product(node.inputs[0].shape) + product(node.inputs[1].shape)) * c.dtype.itemsize
    ordered, along = tiling.order_sums(c, nbytes, target, rules)
    tile = tiling.choose(ordered, target, along)
    if ordered is c:
        return _with_packs(node, node.shape, c, tile, sources)
    shape = (ordered.size(PART), *node.shape)
    partial = _with_packs(node, shape, ordered, tile, sources)
    return reshape(TABLE["sum"](partial, axes=(0,)), shape=node.shape)


def accumulator(dtype: DType) -> DType:
    """The dtype that sums of products are kept in."""
    return dtype.compute if dtype.is_float else dtype


def _with_packs(node: Node, shape: Shape, c: Contraction, tile: Tile, sources: list[Node]
                ) -> Node:
    accesses = [c.a, c.b]
    for pack in tile.packs:
        i = 0 if pack.operand == "a" else 1
        sources[i] = _pack(node, i, pack, c)
        accesses[i] = pack.access
    packed = replace(c, a=accesses[0], b=accesses[1])
    return TILED(*sources, shape=shape, contraction=packed, tile=tile)


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


def find_access(x: Node, index: tuple[Dim, ...], variables: Sequence[Dim]) -> tuple[Node, Access]:
    """The deepest node under movement that x's element `index` can be read from linearly."""
    best = (x, _access(ravel(index, x.shape), variables))
    while not is_leaf(x) and x.op.name in ("view", "reshape"):
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
