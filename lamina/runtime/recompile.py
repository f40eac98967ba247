"""Why a program is compiled again: which size or number changed, and on whose line.

In: the graph, and what filled the holes of its structure before and now (`runtime.instance`).
Out: text for LAMINA_DEBUG=1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.errors import describe_line
from lamina.graph.node import CONST, Node, is_leaf
from lamina.runtime import instance

SHOWN = 3  # changes that are listed


def reasons(order: Sequence[Node], before: Sequence[Any], now: Sequence[Any]) -> str:
    """`axis 0 of float32 [33, 8] was 32, is 33, at train.py:12   y = model(x)` for each change."""
    users = _first_users(order)
    lines: dict[tuple[Any, Any], str] = {}
    position = 0
    for node in order:
        for what, count in _parts(node):
            for i in range(position, position + count):
                change = before[i], now[i]
                if change not in lines and not instance._same(*change):
                    at = describe_line(node.where or users.get(id(node)))
                    lines[change] = (f"{what(i - position)} was {change[0]}, is {change[1]}"
                                     + (f", at {at}" if at else ""))
            position += count
    found = list(lines.values())
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return "; ".join([*found[:SHOWN], *more]) or "nothing that can vary"


def _parts(node: Node) -> list[tuple[Any, int]]:
    """What the holes of a node are: a name for each, and how many there are."""
    holes: list[Any] = []
    instance._holes(node.shape, holes)
    axes = [i for i, d in enumerate(node.shape) if d != 1]
    kind = "a value" if is_leaf(node) else f"the result of {node.op.name}"
    parts = [(lambda i: f"axis {axes[i]} of {kind}, {node.dtype.name} {list(node.shape)},",
              len(holes))]
    more: list[Any] = []
    instance._attrs(node, more)
    name = "the number" if node.op is CONST else f"an argument of {node.op.name}"
    return [*parts, (lambda i: name, len(more))]


def _first_users(order: Sequence[Node]) -> dict[int, tuple[str, int]]:
    """For each leaf the line of the first operation that reads it."""
    users: dict[int, tuple[str, int]] = {}
    for node in order:
        if not is_leaf(node) and node.where is not None:
            for x in node.inputs:
                users.setdefault(id(x), node.where)
    return users
