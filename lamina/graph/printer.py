"""Graphs as text, one node a line, for LAMINA_SHOW=graph and for tests."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.graph.node import Node, is_leaf, topological


def graph_lines(roots: Sequence[Node]) -> list[str]:
    """`%3 = add(%1, %2) : float32 [2, 3]` for each node, inputs first; roots are starred."""
    names: dict[int, str] = {}
    starred = {id(root) for root in roots}
    lines = []
    for node in topological(roots):
        names[id(node)] = name = f"%{len(names)}"
        inputs = [] if is_leaf(node) else [names[id(i)] for i in node.inputs]
        attrs = [f"{k}={v!r}" for k, v in node.attrs.items() if k != "dtype"]
        op = "buffer" if is_leaf(node) else node.op.name
        star = "*" if id(node) in starred else " "
        lines.append(f"{star}{name} = {op}({', '.join(inputs + attrs)})"
                     f" : {node.dtype.name} {list(node.shape)}")
    return lines


def graph_text(roots: Sequence[Node]) -> str:
    """`graph_lines` as one string."""
    return "\n".join(graph_lines(roots))
