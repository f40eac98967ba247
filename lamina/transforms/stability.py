"""Rewrites that keep numbers finite: logarithms and quotients of exponentials.

In: a node. Out: a node that computes the same, and stays finite, with its gradients, where what is
in between overflows. `STABILITY` is the list of named rules for graphs; `stable_form` is how
gradients use them, since those are taken from the graph as it was recorded.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from lamina.graph.node import CONST, Node, leaf, topological, tracking
from lamina.graph.rewrite import Rule, substitute
from lamina.ops.broadcasting import reshape
from lamina.ops.table import TABLE

_PARTS = ("exp", "add", "sum", "softmax", "sigmoid", "reshape", "expand", "negative")


def named(node: Node, name: str) -> bool:
    """Whether the node is a pending use of the op `name`."""
    return node.op.name == name and node.value is None


def const_value(node: Node) -> Any:
    """The number that a constant, or a constant made larger, holds everywhere; None if unknown."""
    while node.value is None and node.op.name in ("view", "expand", "reshape"):
        node = node.inputs[0]
    return node.attrs["value"] if node.op is CONST else None


def like(x: Node, node: Node) -> Node | None:
    """x in place of node, if it needs no broadcasting for that."""
    return x if x.shape == node.shape and x.dtype is node.dtype else None


# ---- logarithms ----------------------------------------------------------------------------------
def log_of_softmax(node: Node) -> Node | None:
    """log(softmax(x)) -> log_softmax(x): no underflow to log(0)."""
    if named(node, "log") and named(node.inputs[0], "softmax"):
        inner = node.inputs[0]
        return TABLE["log_softmax"](inner.inputs[0], **inner.attrs)
    return None


def log_of_one_plus_exp(node: Node) -> Node | None:
    """log(1 + exp(x)) -> softplus(x); log1p(exp(x)) too: no overflow."""
    if named(node, "log1p") and named(node.inputs[0], "exp"):
        return TABLE["softplus"](node.inputs[0].inputs[0])
    if named(node, "log") and named(node.inputs[0], "add"):
        x, y = node.inputs[0].inputs
        for one, power in ((x, y), (y, x)):
            if const_value(one) == 1 and named(power, "exp"):
                return like(TABLE["softplus"](power.inputs[0]), node)
    return None


def log_of_sum_of_exp(node: Node) -> Node | None:
    """log(sum(exp(x))) -> logsumexp(x): the maximum is taken out, so exp cannot overflow."""
    if not named(node, "log"):
        return None
    total = node.inputs[0]
    shape = total.shape
    while named(total, "reshape"):
        total = total.inputs[0]
    if named(total, "sum") and named(total.inputs[0], "exp"):
        x = total.inputs[0].inputs[0]
        return reshape(TABLE["logsumexp"](x, axes=total.attrs["axes"]), shape=shape)
    return None


def log_of_sigmoid(node: Node) -> Node | None:
    """log(sigmoid(x)) -> -softplus(-x)."""
    if named(node, "log") and named(node.inputs[0], "sigmoid"):
        x = node.inputs[0].inputs[0]
        return TABLE["negative"](TABLE["softplus"](TABLE["negative"](x)))
    return None


# ---- quotients -----------------------------------------------------------------------------------
def exp_over_sum_of_exp(node: Node) -> Node | None:
    """exp(x) / sum(exp(x)) over one axis, or all of a vector -> softmax(x): no inf / inf."""
    if not (named(node, "divide") and named(node.inputs[0], "exp")):
        return None
    x, total = node.inputs[0].inputs[0], node.inputs[1]
    shape = total.shape
    while named(total, "reshape"):
        total = total.inputs[0]
    if not (named(total, "sum") and named(total.inputs[0], "exp")
            and total.inputs[0].inputs[0] is x and len(total.attrs["axes"]) == 1):
        return None
    aligned = (1,) * (total.ndim - len(shape)) + shape == total.shape
    return TABLE["softmax"](x, axis=total.attrs["axes"][0]) if aligned else None


def exp_over_one_plus_exp(node: Node) -> Node | None:
    """exp(x) / (1 + exp(x)) -> sigmoid(x): no inf / inf."""
    if named(node, "divide") and named(node.inputs[0], "exp"):
        x = node.inputs[0].inputs[0]
        if _one_plus_exp_of(node.inputs[1]) is x:
            return TABLE["sigmoid"](x)
    return None


def one_over_one_plus_exp(node: Node) -> Node | None:
    """1 / (1 + exp(-x)) -> sigmoid(x): its gradient is not 0 * inf."""
    if named(node, "divide") and const_value(node.inputs[0]) == 1:
        power = _one_plus_exp_of(node.inputs[1])
        if power is not None:
            x = power.inputs[0] if named(power, "negative") else TABLE["negative"](power)
            return like(TABLE["sigmoid"](x), node)
    return None


def _one_plus_exp_of(node: Node) -> Node | None:
    """x of 1 + exp(x), if the node is that."""
    if named(node, "add"):
        x, y = node.inputs
        for one, power in ((x, y), (y, x)):
            if const_value(one) == 1 and named(power, "exp") and power.shape == node.shape:
                return power.inputs[0]
    return None


STABILITY = tuple(Rule(f.__name__, f) for f in (
    log_of_softmax, log_of_one_plus_exp, log_of_sum_of_exp, log_of_sigmoid, exp_over_sum_of_exp,
    exp_over_one_plus_exp, one_over_one_plus_exp))
_ROOTS = ("log", "log1p", "divide")


# ---- for gradients -------------------------------------------------------------------------------
@dataclass(frozen=True)
class Stable:
    """Another way to compute a node, from nodes further down in its history."""

    root: Node
    sources: tuple[Node, ...]


def stable_form(node: Node, keep: Collection[int]) -> Stable | None:
    """What a rule makes of the node, values or not; None if none fires.

    The nodes whose ids are in `keep` are not seen through: gradients are asked for there.
    """
    if node.op.name not in _ROOTS or not node.inputs:
        return None
    origin: dict[Node, Node] = {}
    pattern = _without_values(node, keep, {}, origin, 5)
    with tracking(True):
        results = [rule.apply(pattern) for rule in STABILITY]
    found = next((r for r in results if r is not None), None)
    if found is None:
        return None
    root = substitute([found], origin)[0]
    known = {id(n) for n in origin.values()}
    under = topological([root], stop=lambda n: id(n) in known)
    return Stable(root, tuple(n for n in under if id(n) in known))


def _without_values(node: Node, keep: Collection[int], new: dict[int, Node],
                    origin: dict[Node, Node], depth: int) -> Node:
    """The node's near history as nodes without values, for rules to look at."""
    if node.op is CONST:
        return node
    if id(node) not in new:
        seen = depth == 5 or (depth and node.op.name in _PARTS and id(node) not in keep
                              and not node.variable)
        if seen and node.inputs:
            inputs = tuple(_without_values(x, keep, new, origin, depth - 1) for x in node.inputs)
            copy = Node(node.op, inputs, node.attrs, node.shape, node.dtype, None, node.tracked)
        else:
            copy = leaf(None, node.shape, node.dtype, node.tracked)
        new[id(node)] = copy
        origin[copy] = node
    return new[id(node)]
