"""`lamina time`: where the time of a forward pass goes, layer by layer.

In: a model and the shape of a batch. Out: a row for each layer: time, share, output, parameters and
operations. Each layer is compiled and run by itself, so that fusion across layers is not in it; the
whole model, compiled as one program, is the last row.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from lamina.nn import Module
from lamina.nn.work import operations
from lamina.tensor import Tensor, compile, evaluate, no_grad, tensor
from lamina.tensor.array import tensors_in

_LEAST_RUNS = 3
_SECONDS = 0.05  # for one layer


@dataclass(frozen=True)
class LayerTime:
    """One row; seconds are the median of several runs."""

    name: str
    layer: str
    output: str
    parameters: int
    operations: int
    seconds: float


def time_layers(model: Module, inputs: Tensor) -> list[LayerTime]:
    """Rows of all layers that hold no others, in the order of their calls; the model is the last.

    A layer that is called several times has a row for each call.
    """
    calls = _calls(model, inputs)
    names = {id(module): name for name, module in model.named_modules()}
    rows = []
    with no_grad():
        for module, given in calls:
            rows.append(_timed(names[id(module)] or "(itself)", module, given))
        rows.append(_timed("whole model", model, (inputs,)))
    return rows


def _calls(model: Module, inputs: Tensor) -> list[tuple[Module, tuple[Any, ...]]]:
    """Every call of a layer, with inputs that were computed."""
    found: list[tuple[Module, tuple[Any, ...]]] = []

    def note(module: Module, given: tuple[Any, ...]) -> None:
        evaluate(*tensors_in(given))
        found.append((module, given))

    leaves = [m for m in model.modules() if not any(True for _ in m.named_children())]
    handles = [module.register_forward_pre_hook(note) for module in leaves]
    try:
        with no_grad():
            model(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _timed(name: str, module: Module, given: tuple[Any, ...]) -> LayerTime:
    known = {value.node for _, value in module._named_state()}
    known |= {x.node for x in tensors_in(given)}
    outputs = tensors_in(module(*given))
    work = operations([x.node for x in outputs], known)
    shape = " ".join(str(list(x.shape)) for x in outputs)
    seconds = median_seconds(compile(module.__call__), given)
    is_leaf = not any(True for _ in module.named_children())
    described = f"{type(module).__name__} {module.extra_repr()}".strip() if is_leaf else ""
    return LayerTime(name, described, shape, sum(prod(p.shape) for p in module.parameters()), work,
                     seconds)


def median_seconds(function: Callable[..., Any], given: tuple[Any, ...]) -> float:
    """The median of at least three runs, after one that compiles."""
    evaluate(*tensors_in(function(*given)))
    found: list[float] = []
    while len(found) < _LEAST_RUNS or sum(found) < _SECONDS:
        start = time.perf_counter()
        evaluate(*tensors_in(function(*given)))
        found.append(time.perf_counter() - start)
    return float(np.median(found))


def example_batch(shape: tuple[int, ...], dtype: str, batch: int, classes: int) -> Tensor:
    """Random inputs: numbers around 0, or token numbers below `classes`."""
    random = np.random.default_rng(0)
    if np.dtype(dtype).kind in "iu":
        return tensor(random.integers(0, max(1, classes), (batch, *shape)).astype(dtype))
    return tensor(random.standard_normal((batch, *shape)).astype(np.float32))
