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
    return lambda **options: getattr(torchvision().models, name)(
        weights=None, **{**usual, **options})


def _mlp() -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Dropout(0.0),
                         nn.Linear(512, 512), nn.ReLU(), nn.Dropout(0.0), nn.Linear(512, 10))


def _lenet(num_classes: int = 10) -> Any:
    from collections import OrderedDict

    from torch import nn

    return nn.Sequential(OrderedDict(
        c1=nn.Conv2d(1, 6, 5, padding=2), tanh1=nn.Tanh(), s2=nn.AvgPool2d(2),
        c3=nn.Conv2d(6, 16, 5), tanh3=nn.Tanh(), s4=nn.AvgPool2d(2),
        c5=nn.Conv2d(16, 120, 5), tanh5=nn.Tanh(), flatten=nn.Flatten(),
        f6=nn.Linear(120, 84), tanh6=nn.Tanh(), output=nn.Linear(84, num_classes)))


# The builders take options, torchvision's and those of the functions above.
TWINS: dict[str, Callable[..., Any]] = {
    "mlp": _mlp,
    "lenet": _lenet,
    "alexnet": _vision("alexnet"),
    **{name: _vision(name) for name in ("vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn",
                                        "vgg16_bn", "vgg19_bn")},
    "googlenet": _vision("googlenet", aux_logits=True, init_weights=False),
    "resnet18": _vision("resnet18"),
    "resnet34": _vision("resnet34"),
    "resnet50": _vision("resnet50"),
    "resnet101": _vision("resnet101"),
    "resnet152": _vision("resnet152"),
    "densenet121": _vision("densenet121"),
    "densenet169": _vision("densenet169"),
    "densenet201": _vision("densenet201"),
    "mobilenet_v2": _vision("mobilenet_v2"),
    "mobilenet_v3_small": _vision("mobilenet_v3_small"),
    "mobilenet_v3_large": _vision("mobilenet_v3_large"),
    "efficientnet_b0": _vision("efficientnet_b0"),
}
