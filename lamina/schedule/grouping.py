"""Convolutions of narrow groups of channels, and the gradients of their filters, get their plans.

In: `contract` nodes. Out: `tiled` nodes of the image without its padding, or None where the node is
another contraction (`schedule.grouped`, `schedule.grouped_gradient`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lamina.graph.node import Node
from lamina.ops.movement import reshape
from lamina.ops.table import TABLE
from lamina.schedule import tiling
from lamina.schedule.access import find_access, index_of, loop_variables, permuted
from lamina.schedule.contraction import PART, Access, Contraction
from lamina.schedule.grouped import COLUMN, Parts, merged, parts_of, plan_grouped
from lamina.schedule.grouped_gradient import gradient_parts, plan_gradient
from lamina.schedule.summation import Rules
from lamina.schedule.tiled import PACK, TILED
from lamina.shapes import Dim, as_var, product, variable
from lamina.targets import Target


def lay_out_grouped(node: Node, target: Target) -> Node | None:
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
    w = permuted(w, [numbers.index(v) for v in axes])
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


def _image(node: Node, parts: Parts, extent: Dim, into: int
           ) -> tuple[Node, Access]:
    """The image of a convolution in groups, and how it is read, its channels as neighbours."""
    variables = [*loop_variables(node), variable(COLUMN, extent)]
    index = [index_of(terms, variables) for terms in node.attrs["maps"][0]]
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


def lay_out_gradient(node: Node, target: Target, rules: Rules) -> Node | None:
    """The gradient of the filters of narrow groups, of the image without its padding."""
    parts = gradient_parts(node)
    plan = None if parts is None else plan_gradient(node, parts, target)
    if parts is None or plan is None:
        return None
    sizes, (into, out) = node.attrs["sizes"], plan.each
    image, x = _image(node, parts, plan.inner.extent, into)
    variables = loop_variables(node)
    index = tuple(index_of(terms, variables) for terms in node.attrs["maps"][1])
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
    ordered = tiling.parted(c, nbytes, rules)
    if ordered is not c:
        cut = next((v, n) for (v, n), (_, each) in zip(
            c.reduce_vars, ordered.reduce_vars, strict=True) if n != each)
        plan, shape = replace(plan, cut=cut), (ordered.size(PART), *shape)
    tiled = TILED(image, g, shape=shape, dtype=node.dtype, contraction=ordered, tile=plan)
    if ordered is not c:
        tiled = TABLE["sum"](tiled, axes=(0,))
    return reshape(tiled, shape=node.shape)
