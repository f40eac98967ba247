"""Evaluation and prediction: the model in evaluation mode over data.

In: a trainer and batches. Out: means of loss and metrics, or the model's outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.data import Dataset
from lamina.nn.modes import evaluating
from lamina.tensor import Tensor, no_grad
from lamina.train.batches import (
    Batches,
    as_batches,
    as_tensors,
    check_weights,
    no_batches,
    with_weight,
)
from lamina.tree import map_leaves

if TYPE_CHECKING:
    from lamina.train.trainer import Logs, Trainer


def evaluate(trainer: Trainer, batches: Batches, between: Callable[[], object]) -> Logs:
    """Means of loss and metrics; calls `between` after each batch.

    The metrics that accumulate are afterwards what they were, in mid-epoch too.
    """
    trainer.call("on_evaluate_start")
    trainer.evaluated.reset()
    states = {name: metric.state for name, metric in trainer.accumulated.items()}
    with _measured_values(trainer):
        try:
            trainer.restart_metrics()
            _measure(trainer, batches, between)
            logs = trainer.evaluated.means() | trainer.computed_metrics()
        finally:
            for name, metric in trainer.accumulated.items():
                metric.state = states[name]
        trainer.call("on_evaluate_end", logs)
    return logs


@contextmanager
def _measured_values(trainer: Trainer) -> Iterator[None]:
    """The model with the values that callbacks want measured; as it was, after the block."""
    values = trainer.measured_values()
    if not values:
        yield
        return
    before, trainer.held = trainer.model.state_dict(), trainer.state_dict()
    try:
        trainer.model.load_state_dict(values, strict=False)
        yield
    finally:
        trainer.model.load_state_dict(before)
        trainer.held = None


def _measure(trainer: Trainer, batches: Batches, between: Callable[[], object]) -> None:
    number = 0
    with evaluating(trainer.model), no_grad():
        measure = trainer.steps.program("evaluate")
        for batch in batches:
            number += 1
            if trainer.objective.sample_weight:
                check_weights(batch)
            trainer.measure(measure(*with_weight(batch)), batch)
            between()
    if number == 0:
        raise no_batches("evaluate")


def predict(trainer: Trainer, data: Any, batch_size: int) -> Any:
    """The model's outputs for all examples: see `Trainer.predict`."""
    is_array = not isinstance(data, Dataset) and hasattr(data, "shape")
    batches = as_batches((data,) if is_array else data, batch_size, shuffle=False,
                         model=trainer.model)
    only_inputs = is_array or isinstance(data, tuple)
    outputs: list[Any] = []
    with evaluating(trainer.model), no_grad():
        forward = trainer.steps.program("predict")
        for batch in batches:
            parts = as_tensors(batch)
            whole = only_inputs or len(parts) == 1
            inputs = parts if whole else parts[:trainer.objective.target_at]
            outputs.append(map_leaves(Tensor.numpy, forward(*inputs)))
    if not outputs:
        raise no_batches("predict")
    return map_leaves(lambda *parts: np.concatenate(parts), *outputs)
