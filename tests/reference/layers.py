"""Layers beside PyTorch's: linear, convolution, embedding. Images are channels first here."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lamina import functional as F
from lamina import nn
from tests.reference.case import Case, draw, whole

FIRST: dict[str, Any] = {"data_format": "channels_first"}


def torch_nn() -> Any:
    """torch.nn, where it is installed."""
    import torch

    return torch.nn


def same(name: str, inputs: Sequence[np.ndarray], *args: Any, first: bool = False,
         rtol: float = 2e-5, atol: float = 2e-6, **options: Any) -> Case:
    """A layer that has PyTorch's name and arguments; first: and a data format besides."""
    ours = options | (FIRST if first else {})
    return Case(lambda: getattr(nn, name)(*args, **ours),
                lambda: getattr(torch_nn(), name)(*args, **options), inputs, rtol, atol)


def same_function(name: str, inputs: Sequence[np.ndarray], *args: Any, first: bool = False,
                  **options: Any) -> Case:
    """A function of that name of the inputs; arguments follow them."""
    ours = options | (FIRST if first else {})
    return Case(lambda: lambda *xs: getattr(F, name)(*xs, *args, **ours),
                lambda: lambda *xs: getattr(torch_nn().functional, name)(*xs, *args, **options),
                inputs)


def _separable(rank: int, channels: int, out: int, kernel: int, stride: int, padding: int,
               multiplier: int) -> Callable[[], Any]:
    def make() -> Any:
        plain = getattr(torch_nn(), f"Conv{rank}d")
        between = channels * multiplier
        return torch_nn().Sequential(OrderedDict(
            depthwise=plain(channels, between, kernel, stride, padding, groups=channels),
            pointwise=plain(between, out, 1)))
    return make


def _normed(wrap: str, layer: str, args: Sequence[Any], inputs: Sequence[np.ndarray],
            options: Mapping[str, Any] | None = None) -> Case:
    """Weight norm or spectral norm of a layer."""
    options = options or {}
    extra = FIRST if "Conv" in layer else {}

    def theirs() -> Any:
        import torch

        make = getattr(torch.nn.utils.parametrizations, wrap)
        return make(getattr(torch.nn, layer)(*args), **options)

    return Case(lambda: getattr(nn, wrap)(getattr(nn, layer)(*args, **extra), **options), theirs,
                inputs)


def _linear_halves() -> Case:
    """A Lambda and an Unflatten between layers."""
    return Case(
        lambda: nn.Sequential(nn.Linear(5, 6), nn.Lambda(lambda x: x * x), nn.Unflatten(1, (2, 3))),
        lambda: torch_nn().Sequential(torch_nn().Linear(5, 6), _square(),
                                      torch_nn().Unflatten(1, (2, 3))), [draw(4, 5)])


def _square() -> Any:
    class Square(torch_nn().Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return x * x

    return Square()


def _flattened_first() -> Any:
    return lambda x: x.permute(0, 3, 1, 2).flatten(1)


LAYERS: dict[str, Case] = {
    "Linear": same("Linear", [draw(3, 2, 5)], 5, 4),
    "Linear without bias": same("Linear", [draw(3, 5)], 5, 4, bias=False),
    "Identity": same("Identity", [draw(3, 5)]),
    "Flatten": same("Flatten", [draw(2, 3, 4)]),
    "Flatten the middle": same("Flatten", [draw(2, 3, 4, 5)], 1, 2),
    "Flatten channels last as PyTorch does channels first": Case(
        lambda: nn.Flatten(order="channels_first").forward, _flattened_first, [draw(2, 3, 4, 5)]),
    "Unflatten": same("Unflatten", [draw(2, 12)], 1, (3, 4)),
    "Unflatten from the end": same("Unflatten", [draw(2, 12, 2)], -2, (3, -1, 2)),
    "Lambda": _linear_halves(),
    "Bilinear": same("Bilinear", [draw(3, 4), draw(3, 5)], 4, 5, 6),
    "Bilinear of more axes": same("Bilinear", [draw(3, 2, 4), draw(3, 2, 5)], 4, 5, 3, bias=False),
    "Sequential": Case(lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh()),
                       lambda: torch_nn().Sequential(torch_nn().Linear(4, 3), torch_nn().Tanh()),
                       [draw(5, 4)]),
    # convolution
    "Conv1d": same("Conv1d", [draw(2, 3, 9)], 3, 4, 3, 2, 1, first=True),
    "Conv1d dilated": same("Conv1d", [draw(2, 4, 9)], 4, 6, 3, 1, 2, 2, 2, first=True),
    "Conv2d": same("Conv2d", [draw(2, 4, 9, 8)], 4, 6, 3, 2, 1, 2, 2, first=True),
    "Conv2d same": same("Conv2d", [draw(2, 2, 6, 5)], 2, 3, 3, padding="same", first=True),
    "Conv2d oblong": same("Conv2d", [draw(2, 2, 6, 7)], 2, 3, (3, 1), (1, 2), (1, 0), first=True),
    "Conv2d depthwise": same("Conv2d", [draw(2, 4, 6, 6)], 4, 8, 3, groups=4, bias=False,
                             first=True),
    "Conv3d": same("Conv3d", [draw(2, 2, 4, 4, 4)], 2, 3, 2, first=True),
    "Conv3d strided": same("Conv3d", [draw(1, 2, 5, 4, 5)], 2, 4, 3, 2, 1, 1, 2, first=True),
    "ConvTranspose1d": same("ConvTranspose1d", [draw(2, 3, 5)], 3, 4, 3, 2, 1, 1, first=True),
    "ConvTranspose2d": same("ConvTranspose2d", [draw(2, 4, 5, 4)], 4, 6, 3, 2, 1, 1, 2, True, 2,
                            first=True),
    "ConvTranspose2d plain": same("ConvTranspose2d", [draw(2, 3, 4, 4)], 3, 2, 2, 2, first=True),
    "ConvTranspose3d": same("ConvTranspose3d", [draw(1, 2, 3, 3, 3)], 2, 3, 2, first=True),
    "DepthwiseSeparableConv1d": Case(
        lambda: nn.DepthwiseSeparableConv1d(3, 5, 3, 1, 1, **FIRST),
        _separable(1, 3, 5, 3, 1, 1, 1), [draw(2, 3, 7)]),
    "DepthwiseSeparableConv2d": Case(
        lambda: nn.DepthwiseSeparableConv2d(3, 5, 3, 2, 1, depth_multiplier=2, **FIRST),
        _separable(2, 3, 5, 3, 2, 1, 2), [draw(2, 3, 7, 6)]),
    "DepthwiseSeparableConv3d": Case(
        lambda: nn.DepthwiseSeparableConv3d(2, 3, 2, 1, 0, **FIRST),
        _separable(3, 2, 3, 2, 1, 0, 1), [draw(1, 2, 4, 3, 3)]),
    # weight norm and spectral norm
    "weight_norm": _normed("weight_norm", "Linear", (5, 4), [draw(3, 5)]),
    "weight_norm of all": _normed("weight_norm", "Linear", (5, 4), [draw(3, 5)], {"dim": None}),
    "weight_norm of Conv2d": _normed("weight_norm", "Conv2d", (3, 4, 3), [draw(2, 3, 5, 5)],
                                     {"dim": 1}),
    "spectral_norm": _normed("spectral_norm", "Linear", (5, 4), [draw(3, 5)]),
    "spectral_norm of Conv2d": _normed("spectral_norm", "Conv2d", (3, 4, 3), [draw(2, 3, 5, 5)],
                                       {"n_power_iterations": 3}),
    "spectral_norm of ConvTranspose2d": _normed("spectral_norm", "ConvTranspose2d", (3, 4, 2),
                                                [draw(2, 3, 3, 3)]),
    "spectral_norm of a vector": _normed("spectral_norm", "Linear", (5, 4), [draw(3, 5)],
                                         {"name": "bias"}),
    # tables of rows
    "Embedding": same("Embedding", [whole(7, 2, 5)], 7, 3),
    "Embedding padded": same("Embedding", [whole(4, 2, 9)], 4, 3, padding_idx=-2),
    "Embedding of at most 1": same("Embedding", [whole(4, 2, 5)], 6, 3, max_norm=1.0),
    "Embedding of at most 1.5 in sum": same("Embedding", [whole(4, 2, 5)], 6, 3, 2, 1.5, 1.0),
    **{f"EmbeddingBag {mode}": same("EmbeddingBag", [whole(7, 4, 5)], 7, 3, mode=mode)
       for mode in ("sum", "mean", "max")},
    **{f"EmbeddingBag {mode} of offsets": same(
        "EmbeddingBag", [whole(7, 9), np.array([0, 2, 2, 5])], 7, 3, mode=mode)
       for mode in ("sum", "mean", "max")},
    **{f"EmbeddingBag {mode} padded": same("EmbeddingBag", [whole(3, 4, 5)], 3, 2, mode=mode,
                                           padding_idx=1)
       for mode in ("sum", "mean", "max")},
    **{f"EmbeddingBag {mode} of offsets, padded": same(
        "EmbeddingBag", [whole(3, 9), np.array([0, 2, 2, 5, 9])], 3, 2, mode=mode,
        padding_idx=-1, include_last_offset=True)
       for mode in ("sum", "mean", "max")},
    "EmbeddingBag weighted": same("EmbeddingBag", [whole(7, 9), np.array([0, 2, 5]), draw(9)],
                                  7, 3, mode="sum"),
    # similarity
    "CosineSimilarity": same("CosineSimilarity", [draw(4, 5), draw(4, 5, seed=1)]),
    "CosineSimilarity along the last": same("CosineSimilarity", [draw(2, 1, 5), draw(3, 5)], -1),
    "PairwiseDistance": same("PairwiseDistance", [draw(4, 5), draw(4, 5, seed=1)]),
    "PairwiseDistance of 1": same("PairwiseDistance", [draw(4, 5), draw(4, 5, seed=1)], 1.0,
                                  keepdim=True),
    "PairwiseDistance of 3": same("PairwiseDistance", [draw(4, 5), draw(5)], 3.0, 1e-3),
    "PairwiseDistance of infinity": same("PairwiseDistance", [draw(4, 5), draw(4, 5, seed=1)],
                                         float("inf")),
    "normalize": same_function("normalize", [draw(3, 4)]),
    "normalize of 3": same_function("normalize", [draw(3, 4, 2)], 3.0, -1),
}
