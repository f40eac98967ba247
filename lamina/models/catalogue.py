"""The ready models as a table: what builds each, how large it is, what it takes, who described it.

Tests hold every row to its number of parameters, benchmarks take one training step of each, and the
catalogue page prints it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lamina.models.mlp import mlp
from lamina.models.resnet import resnet18, resnet34, resnet50, resnet101, resnet152
from lamina.nn import Module

IMAGE = (224, 224, 3)


@dataclass(frozen=True)
class Row:
    """A model with its usual arguments.

    parameters: the number that is published. input: the shape of one example; `vocabulary`: where
    examples are token numbers below that. names: whose names its `state_dict` has.
    """

    name: str
    build: Callable[..., Module]
    parameters: int
    input: tuple[int, ...]
    source: str
    names: str = ""
    vocabulary: int = 0


HE = "He et al. 2016, Deep residual learning for image recognition"

MODELS: tuple[Row, ...] = (
    Row("mlp", mlp, 669_706, (784,), "Rumelhart, Hinton & Williams 1986"),
    Row("resnet18", resnet18, 11_689_512, IMAGE, HE, "torchvision"),
    Row("resnet34", resnet34, 21_797_672, IMAGE, HE, "torchvision"),
    Row("resnet50", resnet50, 25_557_032, IMAGE, HE, "torchvision"),
    Row("resnet101", resnet101, 44_549_160, IMAGE, HE, "torchvision"),
    Row("resnet152", resnet152, 60_192_808, IMAGE, HE, "torchvision"),
)
