"""Inputs as each framework takes them.

In: NumPy arrays, images with their channels last, integers of 64 bits. Out: tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def ours(x: np.ndarray) -> Any:
    """A tensor of Lamina, with integers of 32 bits."""
    import lamina as lm

    return lm.tensor(x.astype(np.int32) if x.dtype == np.int64 else x)


def torchs(x: np.ndarray, channels_last: bool = False) -> Any:
    """A tensor of PyTorch, images with their channels first; channels_last: in that memory."""
    import torch

    if x.ndim != 4:
        return torch.tensor(x)
    images = torch.tensor(np.ascontiguousarray(np.moveaxis(x, -1, 1)))
    return images.to(memory_format=torch.channels_last) if channels_last else images
