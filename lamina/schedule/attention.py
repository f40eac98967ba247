"""Attention in tiles: what is computed, what it reads and where that lies.

In: nodes that `schedule.attend` puts in the place of the operations of `ops.attention`. Out: the
`Attention` plan that `kernel.attention` writes code from. Nodes that read the same operands are one
kernel (`schedule.fuse`): the result and the sums of the queries, or the gradients by q, k and v.

A task of the result is QUERIES queries of one head, past which KEYS keys at a time go by; one of
the gradients is a whole head. Sums are added up in the order of their terms, whatever the tiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from lamina.graph.node import Kind, Node, Op
from lamina.ops.rules import named
from lamina.schedule.contraction import Access
from lamina.shapes import Dim, Shape, ceil_div, product

QUERIES = 64  # of a task, whose columns of scores stay in the first-level cache
KEYS = 48  # at a time: a multiple of all numbers of rows of a register tile

RESULT, GRADIENT = ("attention", "attention_lse"), ("attention_dq", "attention_dk", "attention_dv")
NAMES = {  # of the operands, and the variables of their last two axes
    "q": ("i", "d"), "k": ("j", "d"), "v": ("j", "e"), "g": ("i", "e"),
    "delta": ("i", "one"), "lse": ("i", "two"),
    # and of the results
    "attention": ("i", "e"), "attention_lse": ("i", "two"),
    "attention_dq": ("i", "d"), "attention_dk": ("j", "d"), "attention_dv": ("j", "e")}
OPERANDS = {
    "attention": ("q", "k", "v"), "attention_lse": ("q", "k"),
    "attention_dq": ("g", "delta", "lse", "q", "k", "v"),
    "attention_dk": ("g", "delta", "lse", "q", "k", "v"), "attention_dv": ("g", "lse", "q", "k")}
BESIDE = ("d", "e")  # variables along which elements are neighbours in memory


def _given(op: Op, inputs: Sequence[Node], attrs: Any) -> Shape:
    return tuple(attrs["shape"])


ATTEND = Op("attend", Kind("attend", "made by the compiler", _given),
            "Attention, or a part of its gradient, in tiles.", dtype=named)


@dataclass(frozen=True)
class Attention:
    """How the tiles of an attention, or of a part of it, are numbered and read.

    batch: the leading axes, as variables; accesses: of each operand and result, by name, in these
    variables and `i` (queries), `j` (keys), `d` (features), `e` (outs; 0 where none are read).
    """

    batch: tuple[tuple[str, Dim], ...]
    queries: Dim
    keys: Dim
    features: int
    outs: int
    causal: bool
    scale: float
    accesses: tuple[tuple[str, Access], ...]

    def access(self, name: str) -> Access:
        """How an operand is read."""
        return dict(self.accesses)[name]

    @property
    def heads(self) -> Dim:
        """Attentions side by side."""
        return product(n for _, n in self.batch)

    def tasks(self, part: str) -> Dim:
        """How many tasks there are."""
        return self.heads if part in GRADIENT else self.heads * ceil_div(self.queries, QUERIES)

    def work(self, part: str) -> Dim:
        """Arithmetic instructions, roughly."""
        products = self.features + self.outs
        if part in GRADIENT:
            products = 3 * self.features + 2 * self.outs
        total = self.heads * self.queries * self.keys * 2 * products
        return total // 2 if self.causal else total


# -- several results of the same tiles -----------------------------------------------------------
def operands(node: Node) -> dict[str, Node]:
    """What a node reads, by name, but for the mask, which is computed where it is used."""
    return dict(zip(OPERANDS[node.attrs["part"]], node.inputs, strict=False))


def mask_of(node: Node) -> Node | None:
    """The mask, if there is one."""
    return next(iter(node.inputs[len(OPERANDS[node.attrs["part"]]):]), None)


def go_together(nodes: Sequence[Node]) -> bool:
    """Whether one kernel can compute them: of an attention, all results, or all gradients."""
    kinds = {node.attrs["part"] in GRADIENT for node in nodes}
    what = {replace(node.attrs["plan"], outs=0, accesses=()) for node in nodes}
    read = {(name, x, dict(node.attrs["plan"].accesses)[name])
            for node in nodes for name, x in operands(node).items()}
    return (len(kinds) == len(what) == len({mask_of(node) for node in nodes}) == 1
            and len(read) == len({name for name, _, _ in read}))


def merged(nodes: Sequence[Node]) -> Attention:
    """The plan of such a kernel."""
    plans: list[Attention] = [node.attrs["plan"] for node in nodes]
    accesses = {name: access for plan in plans for name, access in plan.accesses}
    return replace(plans[0], outs=max(plan.outs for plan in plans),
                   accesses=tuple(accesses.items()))
