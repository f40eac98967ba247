"""One training step of every ready model, beside PyTorch's from the same weights.

The loss is the mean square of all outputs, the optimizer SGD with momentum; both need no labels and
no more than the model. Dropout is off, so that losses can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import prod
from typing import Any

import numpy as np

from benchmarks.inputs import torchs
from benchmarks.twins import TWINS
from benchmarks.weights import for_torch, numbers, states
from benchmarks.workload import Call, Workload
from lamina.models.catalogue import MODELS, Row

ELEMENTS = 600_000  # of a batch, about
MOST_EXAMPLES, TEXTS = 128, 2
RATE, MOMENTUM = 1e-4, 0.9
RANDOM = ("Dropout", "StochasticDepth")
NOISE = {"vae": (20,)}  # what a model would draw, given as a further input: its shape


def steps() -> Iterator[Workload]:
    """A row for each model of the catalogue."""
    for row in MODELS:
        yield Workload("models", row.name, {
            "lamina": partial(_lamina, row),
            "torch": partial(_torch, row, False),
            "torch channels last": partial(_torch, row, True)}, compared=3)


def batch(row: Row) -> int:
    """Examples in a batch."""
    if row.vocabulary:
        return TEXTS
    return max(1, min(MOST_EXAMPLES, ELEMENTS // prod(row.input)))


def _inputs(row: Row) -> list[np.ndarray]:
    shape = (batch(row), *row.input)
    if row.vocabulary:
        return [np.random.default_rng(0).integers(0, row.vocabulary, shape)]
    shapes = [shape, *([(shape[0], *NOISE[row.name])] if row.name in NOISE else [])]
    return [numbers(f"input {i}", s).astype(np.float32) for i, s in enumerate(shapes)]


def _outputs(y: Any, is_tensor: Callable[[Any], bool]) -> list[Any]:
    """The tensors of floats in a result, which may be a tuple or one of transformers' records."""
    if is_tensor(y):
        return [y]
    parts = y.values() if hasattr(y, "values") else y if isinstance(y, (tuple, list)) else ()
    return [leaf for part in parts for leaf in _outputs(part, is_tensor)]


def _lamina(row: Row) -> Call:
    import lamina as lm

    model = row.build()
    for module in model.modules():
        if type(module).__name__ in RANDOM:
            module.p = 0.0
    model.load_state_dict(states(model.state_dict()))
    optimizer = lm.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)
    inputs = [lm.tensor(x) for x in _inputs(row)]

    @lm.compile
    def step(*inputs: Any) -> Any:
        outputs = _outputs(model(*inputs), lambda y: isinstance(y, lm.Tensor))
        loss = sum((y * y).mean() for y in outputs)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    return lambda: step(*inputs).item()


def _torch(row: Row, channels_last: bool) -> Call:
    import torch

    model = TWINS[row.name]().train()
    for module in model.modules():
        if type(module).__name__ in RANDOM:
            module.p = 0.0
    model.load_state_dict(for_torch(model.state_dict()))
    inputs = [torchs(x, channels_last) for x in _inputs(row)]
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)

    def step() -> float:
        loss = sum((y * y).mean() for y in _outputs(model(*inputs), torch.is_tensor))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return step
