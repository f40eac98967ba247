"""The history of a value: what `backward` goes along and then drops.

In: the node of a value. Out: the nodes that it was computed from, as far as gradients flow; or the
error that says that a part of them is gone. Whether backward has passed decides that, not whether
the memory has been freed already.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.errors import GradientError
from lamina.graph.node import Node, topological


def history(op: str, root: Node, ends: Sequence[Node] = ()) -> list[Node]:
    """Nodes with gradients below root, itself included, down to variables and `ends`.

    Raises GradientError if an earlier backward went along any of them.
    """
    stop = {id(n) for n in ends}
    order = topological([root], stop=lambda n: (
        id(n) in stop or n.variable or not n.tracked or not n.inputs))
    if _is_dropped(root) and id(root) not in stop:
        raise GradientError(op, operands=[("x", described(root))],
                            rule="the history is there: backward drops it after use",
                            hint="retain_graph=True in the first backward")
    if any(_is_dropped(n) and id(n) not in stop for n in order):
        raise GradientError(op, operands=[("x", described(root))],
                            rule="the history is there: an earlier backward dropped a part",
                            hint="retain_graph=True there, or detach() what it used")
    return [n for n in order if n.tracked]


def _is_dropped(node: Node) -> bool:
    return node.consumed and node.tracked and not node.variable


def drop(order: Sequence[Node]) -> None:
    """Let go of a history: now where values are known, of the rest when they are."""
    for node in order:
        if not node.variable:
            node.consumed = True
            if node.value is not None:
                node.forget()


def described(node: Node) -> str:
    """`float32 [2, 3]`."""
    return f"{node.dtype.name} {list(node.shape)}"
