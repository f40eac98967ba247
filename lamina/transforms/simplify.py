"""Rewrites that make a graph smaller, faster or safer, as a list of named rules.

In: roots. Out: roots that compute the same. `STABILITY`, from stability.py, looks at composites by
name and runs before `OPENING` replaces them by their bodies; `ALGEBRA` runs on what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import dtypes
from lamina.graph.node import CONST, Node, constant, is_leaf, topological
from lamina.graph.rewrite import Rule, replace_inputs, rewrite
from lamina.ops.broadcasting import ViewMap
from lamina.ops.movement import permutation, reshape, view
from lamina.transforms.stability import STABILITY, const_value, like, named

_VIEWS = ("permute", "expand", "slice", "windows")


# ---- opening -------------------------------------------------------------------------------------
def open_composite(node: Node) -> Node | None:
    """A composite becomes its body."""
    if node.value is None and node.op.body is not None:
        return node.op.body(*node.inputs, **node.attrs)
    return None


def canonical_view(node: Node) -> Node | None:
    """permute, expand, slice and windows become the one linear `view`."""
    if node.op.name in _VIEWS and node.value is None:
        index = node.op.emit(node.inputs[0].shape, **node.attrs)
        return view(node.inputs[0], shape=node.shape, map=index)
    return None


# ---- algebra -------------------------------------------------------------------------------------
def identity_view(node: Node) -> Node | None:
    """A view that maps each index to itself is its input."""
    if not named(node, "view") or node.shape != node.inputs[0].shape:
        return None
    same = all(offset == 0 and (terms == ((i, 1),) or (not terms and node.shape[i] == 1))
               for i, (offset, terms) in enumerate(node.attrs["map"]))
    return node.inputs[0] if same else None


def view_of_view(node: Node) -> Node | None:
    """Two linear maps are one (transpose of transpose is nothing)."""
    if not (named(node, "view") and named(node.inputs[0], "view")):
        return None
    outer: ViewMap = node.attrs["map"]
    composed = []
    for offset, terms in node.inputs[0].attrs["map"]:
        total: dict[int, Any] = {}
        for axis, factor in terms:
            offset = offset + outer[axis][0] * factor
            for axis2, factor2 in outer[axis][1]:
                total[axis2] = total.get(axis2, 0) + factor * factor2
        composed.append((offset, tuple(sorted((a, f) for a, f in total.items() if f != 0))))
    return view(node.inputs[0].inputs[0], shape=node.shape, map=tuple(composed))


def reshape_chain(node: Node) -> Node | None:
    """Only the last of several reshapes counts; one to the same shape is nothing."""
    if not named(node, "reshape"):
        return None
    x = node.inputs[0]
    if x.shape == node.shape:
        return x
    return reshape(x.inputs[0], shape=node.shape) if named(x, "reshape") else None


def reshape_of_reduction(node: Node) -> Node | None:
    """f(reshape(sum(x)), y) -> reshape(f(sum(x), reshape(y))): f is then the sum's epilogue."""
    if is_leaf(node) or node.op.kind.name != "elementwise":
        return None
    source = next((x.inputs[0] for x in node.inputs if _drops_reduced(x, node)), None)
    if source is None or any(x.shape not in ((), node.shape) for x in node.inputs):
        return None
    inputs = [x.inputs[0] if named(x, "reshape") and x.inputs[0].shape == source.shape
              else x if x.shape == () else reshape(x, shape=source.shape) for x in node.inputs]
    return reshape(node.op(*inputs, **node.attrs), shape=node.shape)


def _drops_reduced(x: Node, node: Node) -> bool:
    """Whether x is a reduction, or elementwise work on one, without the axes that it reduced."""
    if not named(x, "reshape") or x.shape != node.shape or is_leaf(x.inputs[0]):
        return False
    if x.ndim >= x.inputs[0].ndim:  # it adds axes; to undo that has no end
        return False
    inner, steps = x.inputs[0], 0
    while not is_leaf(inner) and inner.op.kind.name == "elementwise" and steps < 8:
        inner, steps = max(inner.inputs, key=lambda i: i.ndim), steps + 1
    return (not is_leaf(inner) and inner.op.kind.name == "reduction"
            and [d for d in x.shape if d != 1] == [d for d in x.inputs[0].shape if d != 1])


def neutral_element(node: Node) -> Node | None:
    """x + 0, x - 0, x * 1, x / 1 are x."""
    if node.value is not None or node.op.name not in ("add", "subtract", "multiply", "divide"):
        return None
    neutral = 0 if node.op.name in ("add", "subtract") else 1
    x, y = node.inputs
    if const_value(y) == neutral and not isinstance(const_value(y), bool):
        return like(x, node)
    if node.op.name in ("add", "multiply") and const_value(x) == neutral:
        return like(y, node)
    return None


def double_negation(node: Node) -> Node | None:
    """-(-x) is x; so is not(not x)."""
    if node.op.name in ("negative", "logical_not", "bitwise_invert") and node.value is None:
        x = node.inputs[0]
        if named(x, node.op.name):
            return x.inputs[0]
    return None


def cast_to_same(node: Node) -> Node | None:
    """A cast to the dtype that is there already is nothing."""
    if named(node, "cast") and node.value is None and node.inputs[0].dtype is node.dtype:
        return node.inputs[0]
    return None


def reduce_nothing(node: Node) -> Node | None:
    """A sum, product or extreme over axes of size 1 is its input."""
    if (node.op.name in ("sum", "prod", "max", "min", "any", "all") and node.value is None
            and node.shape == node.inputs[0].shape):
        return node.inputs[0]
    return None


def reduce_of_permuted(node: Node) -> Node | None:
    """A reduction of reordered axes is a reordered reduction, which reads memory in its order."""
    if is_leaf(node) or node.op.kind.name != "reduction" or not named(node.inputs[0], "view"):
        return None
    turned = node.inputs[0]
    x, order = turned.inputs[0], permutation(turned)
    if order is None:
        return None
    axes = [i for i, target in enumerate(order) if target in node.attrs["axes"]]
    if [order[i] for i in axes] != sorted(order[i] for i in axes):
        return None  # argmax counts places in the order of the axes
    shape = tuple(1 if i in axes else d for i, d in enumerate(x.shape))
    inner = Node(node.op, (x,), {**node.attrs, "axes": tuple(axes)}, shape, node.dtype)
    inner.where = node.where
    return view(inner, shape=node.shape, map=turned.attrs["map"])


NARROW = 8  # elements of a last axis that is worth merging with the one before it


def pad_of_narrow_rows(node: Node) -> Node | None:
    """A pad that leaves a narrow last axis (colours) alone runs over both last axes as one."""
    if not named(node, "pad") or node.ndim < 2:
        return None
    x, width = node.inputs[0], node.shape[-1]
    margins = [node.attrs[k] for k in ("low", "high", "interior")]
    low, high, interior = margins
    if (not isinstance(width, int) or not 1 < width < NARROW or interior[-2]
            or not all(isinstance(m[-2], int) for m in margins) or not (low[-2] or high[-2])
            or any(m[-1] != 0 for m in margins)):
        return None
    flat = reshape(x, shape=(*x.shape[:-2], x.shape[-2] * width))
    low, high = ((*m[:-2], m[-2] * width) for m in (low, high))
    merged = node.op(flat, low=low, high=high, interior=interior[:-1], value=node.attrs["value"])
    return reshape(merged, shape=node.shape)


def fold_constants(node: Node) -> Node | None:
    """Arithmetic on constants is done now; whether an index lies inside its axis is found later."""
    if is_leaf(node) or node.op.kind.name != "elementwise" or node.shape != ():
        return None
    if node.op.places is not None:
        return None
    if not all(x.op is CONST and isinstance(x.attrs["value"], (bool, int, float))
               for x in node.inputs):
        return None
    values = [np.asarray(x.attrs["value"], x.dtype.compute.storage) for x in node.inputs]
    with np.errstate(all="ignore"):
        result = node.op.numpy(*values, **node.attrs)
    if node.dtype.is_float:
        result = np.asarray(result, node.dtype.compute.storage)
        if node.dtype is dtypes.bfloat16:
            result = dtypes.widen_bfloat16(dtypes.narrow_bfloat16(result))
    return constant(np.asarray(result).item(), node.dtype)


def op_of_constant_views(node: Node) -> Node | None:
    """An elementwise op on nothing but spread-out constants is a spread-out constant."""
    if is_leaf(node) or node.op.kind.name != "elementwise" or not node.shape:
        return None
    numbers = [x.inputs[0] if named(x, "view") else x for x in node.inputs]
    spread = next((x for x in node.inputs if named(x, "view") and x.shape == node.shape), None)
    if spread is None or any(x.op is not CONST for x in numbers):
        return None
    return view(node.op(*numbers, **node.attrs), shape=node.shape, map=spread.attrs["map"])


OPENING = (Rule("open_composite", open_composite), Rule("canonical_view", canonical_view))
ALGEBRA = tuple(Rule(f.__name__, f) for f in (
    identity_view, view_of_view, reshape_chain, neutral_element, double_negation, cast_to_same,
    reduce_nothing, reduce_of_permuted, reshape_of_reduction, pad_of_narrow_rows,
    fold_constants, op_of_constant_views))


def share(roots: Sequence[Node]) -> list[Node]:
    """Common subexpressions: nodes that compute the same become one."""
    new: dict[int, Node] = {}
    known: dict[Any, Node] = {}
    for node in topological(roots):
        if node.op is not CONST and is_leaf(node):
            new[id(node)] = node
            continue
        fresh = replace_inputs(node, tuple(new[id(i)] for i in node.inputs))
        key = (node.op.name, tuple(map(id, fresh.inputs)), tuple(sorted(
            (k, repr(v) if isinstance(v, float) else v) for k, v in node.attrs.items()
            if k != "dtype")), node.dtype, node.shape)
        new[id(node)] = known.setdefault(key, fresh)
    return [new[id(root)] for root in roots]


def simplify(roots: Sequence[Node]) -> list[Node]:
    """All rules, in order; dead code goes with the nodes that no root needs any more."""
    roots = rewrite(roots, STABILITY)
    roots = rewrite(roots, OPENING + ALGEBRA)
    return share(roots)
