"""The short way to the value of one operation on values.

In: a node whose inputs are values, or numbers. Out: its buffer, where a program for such a node is
known and small; else nothing, and the long way finds or makes one. What an operation costs then is
a look into a table by the operation, its attributes and what its inputs look like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lamina.graph.node import CONST, Node
from lamina.runtime.buffers import Buffer
from lamina.runtime.instance import number_key

if TYPE_CHECKING:
    from lamina.runtime.program import Bound

KEPT = 1024  # operations that are remembered
MOST_INPUTS = 8
SMALL = 1 << 18  # bytes of an input and of the result: with more, others need not wait for them

_known: dict[Any, Bound] = {}


def key_of(node: Node) -> Any:
    """Equal for nodes that one program serves; None where an input is yet to be computed."""
    if len(node.inputs) > MOST_INPUTS:
        return None
    looks: list[Any] = [node.op, node.dtype.name, *node.attrs.values()]
    seen: list[Node] = []
    for x in node.inputs:
        if x in seen:
            looks.append(seen.index(x))
        elif x.value is not None:
            looks.append((x.dtype.name, x.shape))
        elif x.op is CONST:
            looks.append((x.dtype.name, number_key(x.attrs["value"])))
        else:
            return None
        seen.append(x)
    return tuple(looks)


def remember(node: Node, bound: Bound) -> None:
    """The next node like this one takes the short way, if the program allows that."""
    fits = (bound.uses.settled and len(bound.out_sizes) == 1 and bound.out_sizes[0] <= SMALL
            and bound.results == [bound.first_output] and bound.whole.records > 0
            and not bound.arena_bytes
            and all(x.value is None or x.value.nbytes <= SMALL for x in node.inputs))
    key = key_of(node) if fits and node.inputs else None
    if key is not None:
        if len(_known) >= KEPT:
            _known.pop(next(iter(_known)))
        _known[key] = bound


def value_of(node: Node) -> Buffer | None:
    """The value, if the short way leads there."""
    key = key_of(node)
    bound = None if key is None else _known.get(key)
    if bound is None:
        return None
    return bound.alone([x.value for x in dict.fromkeys(node.inputs) if x.value is not None])


def forget() -> None:
    """No operation is known."""
    _known.clear()
