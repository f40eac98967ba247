"""Data: batches that a pipeline gathers, and training steps fed by it.

`gather`: 128 images of 60,000 by their numbers, beside NumPy's fancy indexing. `batch`: the next
shuffled batch of a pipeline as a tensor, beside a tensor of what NumPy gathers in an order made
before. `step`: a training step on the pipeline's next batch, beside the same step
on one batch kept in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.workload import Call, Workload

ROWS, BATCH = 60_000, 128


def parts() -> Iterator[Workload]:
    """Gathers of bytes and floats; steps of an MLP and of a small convolutional network."""
    for dtype in ("uint8", "float32"):
        yield Workload("data", f"gather {BATCH} {dtype} 28x28", {
            "lamina": partial(_gather, dtype), "numpy": partial(_fancy, dtype, False)})
        yield Workload("data", f"batch {BATCH} {dtype} 28x28", {
            "lamina": partial(_pipeline, dtype), "numpy": partial(_fancy, dtype, True)})
    for name, images, model in (("mlp", (784,), _mlp), ("lenet", (28, 28, 1), _lenet)):
        yield Workload("data", f"step {name}", {  # batches differ, and so do the losses
            "lamina": partial(_step, images, model, True),
            "batch in memory": partial(_step, images, model, False)}, tolerance=float("inf"))


def _images(dtype: str) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (ROWS, 28, 28)).astype(dtype)


def _rows() -> Callable[[], np.ndarray]:
    """Numbers of the next batch of a shuffled epoch."""
    order, place = np.random.default_rng((0, 0)).permutation(ROWS), -BATCH

    def call() -> np.ndarray:
        nonlocal place
        place = (place + BATCH) % (ROWS - BATCH)
        return order[place:place + BATCH]

    return call


def _gather(dtype: str) -> Call:
    import lamina as lm

    data, rows = lm.data.Dataset(_images(dtype)), _rows()
    return lambda: data.take(rows())[0]


def _pipeline(dtype: str) -> Call:
    import lamina as lm

    batches = iter(lm.data.pipeline(_images(dtype)).shuffle(0).repeat().batch(BATCH))
    return lambda: next(batches)[0]


def _fancy(dtype: str, as_tensor: bool) -> Call:
    images, rows = _images(dtype), _rows()
    if not as_tensor:
        return lambda: images[rows()]
    import lamina as lm

    return lambda: lm.asarray(images[rows()])


def _mlp() -> Any:
    import lamina as lm

    layers: list[Any] = []
    for i, o in pairwise((784, 512, 512, 10)):
        layers += [lm.nn.Linear(i, o), lm.nn.ReLU()]
    return lm.nn.Sequential(*layers[:-1])


def _lenet() -> Any:
    import lamina as lm

    nn = lm.nn
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(7 * 7 * 64, 128), nn.ReLU(), nn.Linear(128, 10))


def _step(shape: tuple[int, ...], build: Callable[[], Any], flowing: bool) -> Call:
    import lamina as lm

    lm.seed(0)
    rng = np.random.default_rng(0)
    images = rng.standard_normal((ROWS, *shape), dtype=np.float32)
    labels = rng.integers(0, 10, ROWS)
    model = build()
    optimizer = lm.optim.Adam(model.parameters(), lr=1e-3)

    @lm.compile
    def step(x: Any, y: Any) -> Any:
        loss = lm.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()

    batches = iter(lm.data.pipeline(images, labels).shuffle(0).repeat().batch(BATCH))
    kept = next(batches)
    return lambda: step(*(next(batches) if flowing else kept)).item()
