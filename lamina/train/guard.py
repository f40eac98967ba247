"""A step whose loss is not a number leaves everything as it was.

In: the tensors that a step may change. Out: after the step, their new values, or the old ones.
"""

from __future__ import annotations

from collections.abc import Iterable

from lamina.tensor import Tensor, no_grad, where


class Guard:
    """Remembers tensors at the start of a step. Costs one selection for each changed element."""

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self._before = [(tensor, tensor.node, tensor.detach()) for tensor in tensors]

    def undo_unless(self, good: Tensor) -> None:
        """Give each tensor that has changed its old value back, unless `good` (a 0-d bool)."""
        with no_grad():
            for tensor, node, old in self._before:
                if tensor.node is not node:
                    tensor.assign(where(good, tensor, old))
