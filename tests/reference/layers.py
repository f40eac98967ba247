"""Layers beside PyTorch's. Images are channels first here, as PyTorch has them."""

from __future__ import annotations

from typing import Any

from lamina import nn
from tests.reference.case import Case, draw

FIRST: dict[str, Any] = {"data_format": "channels_first"}


def torch_nn() -> Any:
    """torch.nn, where it is installed."""
    import torch

    return torch.nn


LAYERS: dict[str, Case] = {
    "Linear": Case(lambda: nn.Linear(5, 4), lambda: torch_nn().Linear(5, 4), [draw(3, 2, 5)]),
    "BatchNorm2d": Case(lambda: nn.BatchNorm2d(3, momentum=0.3, **FIRST),
                        lambda: torch_nn().BatchNorm2d(3, momentum=0.3), [draw(4, 3, 5, 5)]),
}
