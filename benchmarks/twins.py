"""The ready models as PyTorch users have them: from torchvision, transformers, or written here.

Twins take channels first. They stand beside ours in benchmarks, and give the tests their values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def torchvision() -> Any:
    """torchvision; also where its compiled part does not fit the installed torch."""
    import torch

    try:
        import torchvision as found
    except RuntimeError:  # it registers operations that its compiled part would have declared
        declared = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            declared.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision as found
        torchvision.declared = declared  # type: ignore[attr-defined]  # it ends with its object
    return found


def _vision(name: str, **usual: Any) -> Callable[..., Any]:
    return lambda **options: getattr(torchvision().models, name)(weights=None, **{**usual, **options})


def _mlp() -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Dropout(0.0),
                         nn.Linear(512, 512), nn.ReLU(), nn.Dropout(0.0), nn.Linear(512, 10))


# The builders take options, torchvision's and those of the functions above.
TWINS: dict[str, Callable[..., Any]] = {
    "mlp": _mlp,
    "resnet18": _vision("resnet18"),
    "resnet34": _vision("resnet34"),
    "resnet50": _vision("resnet50"),
    "resnet101": _vision("resnet101"),
    "resnet152": _vision("resnet152"),
}
