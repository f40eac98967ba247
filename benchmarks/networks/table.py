"""The table of networks: what builds each, what it takes, how it is trained.

In: a name. Out: a `Network`. Weights come from names (`benchmarks.weights`), so that every process
starts with the same; images are `[batch, height, width, channels]`, and twins turn them.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.weights import numbers

BYTES, WIDTH = 256, 256  # the vocabulary of the language models, and how wide they are
TABLES, ROWS, DENSE = 8, 20_000, 13  # of the recommender: tables of embeddings, and numbers


@dataclass(frozen=True)
class Network:
    """inputs: shapes of one example, of ints below `below` where that is not 0.

    classes: of the target, which has the shape `target` for an example. batch, optimizer: of
    training. jax: whether JAX has it.
    """

    name: str
    inputs: tuple[tuple[int, ...], ...]
    below: tuple[int, ...]
    classes: int
    batch: int
    optimizer: str
    target: tuple[int, ...] = ()
    jax: bool = True

    def build(self, framework: str) -> Any:
        """A module of Lamina or PyTorch, or a function of (weights by name, *inputs) for JAX."""
        module = import_module(f"benchmarks.networks.in_{framework}")
        return getattr(module, self.name)()

    def batch_of(self, size: int) -> tuple[list[np.ndarray], np.ndarray]:
        """The inputs, and integer targets."""
        rng = np.random.default_rng(0)
        inputs = [
            rng.integers(0, below, (size, *shape)) if below
            else numbers(f"input {i}", (size, *shape)).astype(np.float32) * np.float32(1.7)
            for i, (shape, below) in enumerate(zip(self.inputs, self.below, strict=True))]
        return inputs, rng.integers(0, self.classes, (size, *self.target))


NETWORKS = {network.name: network for network in (
    Network("mlp", ((784,),), (0,), 10, 128, "Adam"),
    Network("lenet", ((28, 28, 1),), (0,), 10, 128, "Adam"),
    Network("resnet18", ((32, 32, 3),), (0,), 10, 32, "SGD"),
    Network("lstm", ((64,),), (BYTES,), BYTES, 32, "Adam", target=(64,)),
    Network("gpt", ((128,),), (BYTES,), BYTES, 16, "Adam", target=(128,)),
    Network("recommender", ((DENSE,), (TABLES,)), (0, ROWS), 2, 256, "Adam", jax=False),
)}
