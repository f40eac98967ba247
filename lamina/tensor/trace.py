"""Traces: what is noted while a function runs on stand-ins.

In: tensors that come to be, that change, whose gradients are read or set. Out: which of them are
from outside, and what they had before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lamina.graph.node import BUFFER, Node

if TYPE_CHECKING:
    from lamina.tensor.array import Tensor


@dataclass
class GradUse:
    """A tensor whose gradient was used, and what it was before.

    needed: the gradient was read before it was set, so that what it was matters.
    """

    tensor: Tensor
    before: Tensor | None
    needed: bool
    set: bool = False


class Trace:
    """What is recorded while a function runs on stand-ins: tensors from outside that it changed.

    `own`: ids of the tensors that were made meanwhile, and of the stand-ins.
    name: of who records. outside: ids of stand-ins for what is not the function's own.
    """

    def __init__(self, name: str, outside: Iterable[int] = ()) -> None:
        self.name = name
        self.outside = frozenset(outside)
        self.assigned: dict[int, tuple[Tensor, Node]] = {}
        self.grads: dict[int, GradUse] = {}
        self.own: set[int] = set()
        self.modes: list[tuple[Any, bool, int]] = []  # modules that ran: training, version

    def change(self, t: Tensor) -> None:
        """Remember what a tensor from outside was before its first change."""
        if (self is traces[0] and t.node.op is BUFFER and t.node.value is None
                and id(t) not in self.outside):
            self.own.add(id(t))  # a stand-in, and nobody outside could have made it
        if id(t) not in self.own:
            self.assigned.setdefault(id(t), (t, t.node))

    def restore(self) -> None:
        """Tensors from outside have again what they had before."""
        for t, node in self.assigned.values():
            t.node = node
        for use in self.grads.values():
            use.tensor._grad = use.before


traces: list[Trace] = []  # the ones that are running, innermost last


def note_grad(t: Tensor, is_set: bool) -> None:
    """The gradient of a tensor is about to be read, or set."""
    for trace in traces:
        use = trace.grads.setdefault(id(t), GradUse(t, t._grad, not is_set))
        use.set = use.set or is_set
