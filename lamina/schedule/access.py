"""Where the elements of a contraction's operands lie.

In: nodes, and indices that are linear in loop variables. Out: the deepest node under movement from
which those elements can be read, and the strides of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.graph.node import Node, is_leaf
from lamina.ops.movement import view
from lamina.schedule.contraction import Access
from lamina.shapes import (
    Dim,
    as_var,
    linear_factor,
    ravel,
    reshape_index,
    substitute,
    variable,
)


def loop_variables(node: Node) -> list[Dim]:
    """The loop variables of a contraction; those that turn once stand still."""
    return [variable(f"v{i}", d) if d != 1 else 0 for i, d in enumerate(node.attrs["sizes"])]


def index_of(terms: Any, variables: Sequence[Dim]) -> Dim:
    """The sum of some variables, each times its factor."""
    total: Dim = 0
    for var, factor in terms:
        total = total + variables[var] * factor
    return total


def find_access(x: Node, index: tuple[Dim, ...], variables: Sequence[Dim], deep: bool = True
                ) -> tuple[Node, Access]:
    """The deepest node under movement that x's element `index` can be read from linearly.

    deep: if not, x itself, which is then copied to be in memory in its own order.
    """
    best = (x, access_at(ravel(index, x.shape), variables))
    while deep and not is_leaf(x) and x.op.name in ("view", "reshape"):
        if x.op.name == "view":
            index = tuple(offset + index_of(terms, index) for offset, terms in x.attrs["map"])
        else:
            index = reshape_index(index, x.shape, x.inputs[0].shape)
        x = x.inputs[0]
        access = access_at(ravel(index, x.shape), variables)
        if access is None:
            break
        best = (x, access)
    source, access = best
    if access is None:
        raise AssertionError("the index of a contraction is linear by construction")
    return source, access


def access_at(offset: Dim, variables: Sequence[Dim]) -> Access | None:
    """The strides of an offset in the variables; None where it is not linear."""
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


def permuted(x: Node, order: Sequence[int]) -> Node:
    """The view of x whose axes are its axes `order`."""
    place = {source: i for i, source in enumerate(order)}
    return view(x, shape=tuple(x.shape[i] for i in order),
                map=tuple((0, ((place[i], 1),)) for i in range(x.ndim)))
