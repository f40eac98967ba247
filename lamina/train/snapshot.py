"""Everything that training changes, as it was: for trials that must leave no trace.

In: a model and its optimizer. Out: after the block, weights, buffers, the optimizer's state, rates
and schedules, gradients, modes and the random stream are as they were before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lamina.nn import Module
from lamina.optim import Optimizer
from lamina.tensor import evaluate, generator, no_grad


class Snapshot:
    """Remembers tensors; `restore` may be called again and again."""

    def __init__(self, model: Module, optimizer: Optimizer) -> None:
        updated = [p for group in optimizer.param_groups for p in group.params]
        params = list({id(p): p for p in (*model.parameters(), *updated)}.values())
        kept = [*params, *model.buffers(), *optimizer.state_tensors().values(), generator.state]
        self._values = [(tensor, tensor.detach()) for tensor in kept]
        self._grads = [(p, p.grad) for p in params]
        self._modes = [(module, module.training) for module in model.modules()]
        self._rates = [(group, group.schedule, group.wants_search)
                       for group in optimizer.param_groups]

    def restore(self) -> None:
        """Everything has the value again that it had at first."""
        with no_grad():
            for tensor, value in self._values:
                tensor.assign(value.detach())
        for p, grad in self._grads:
            p.grad = grad
        for module, training in self._modes:
            module.training = training
        for group, schedule, wants_search in self._rates:
            group.schedule, group.wants_search = schedule, wants_search
        evaluate(*(tensor for tensor, _ in self._values))


@contextmanager
def undone(model: Module, optimizer: Optimizer) -> Iterator[Snapshot]:
    """Whatever the block does to them is undone."""
    snapshot = Snapshot(model, optimizer)
    try:
        yield snapshot
    finally:
        snapshot.restore()
