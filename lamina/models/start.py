"""Starting values that several models share."""

from typing import TypeVar

from lamina import nn
from lamina.nn import init

M = TypeVar("M", bound=nn.Module)


def he_start(model: M) -> M:
    """The model, its convolutions drawn as in He et al. 2015, by the outputs that they feed."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.assign(init.kaiming_normal(module.weight.shape, mode="fan_out"))
            if module.bias is not None:
                module.bias.assign(init.zeros(module.bias.shape))
    return model
