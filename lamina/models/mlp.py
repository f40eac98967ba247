"""Multilayer perceptron (Rumelhart, Hinton & Williams 1986)."""

from collections.abc import Sequence
from itertools import pairwise

from lamina import nn


def mlp(sizes: Sequence[int] = (784, 512, 512, 10), dropout: float = 0.0) -> nn.Sequential:
    """Linear layers between these sizes, with ReLU (and dropout) between them.

    >>> import lamina as lm
    >>> lm.models.mlp((4, 8, 3))(lm.zeros((2, 4))).shape
    (2, 3)
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers[:-2])
