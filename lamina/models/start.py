"""Starting values that several models share."""

from typing import TypeVar

from lamina import nn
from lamina.nn import init

M = TypeVar("M", bound=nn.Module)


def he_start(model: M, mode: str = "fan_out") -> M:
    """The model, its convolutions drawn as in He et al. 2015, by the outputs that they feed.

    mode: "fan_in", by the inputs that they sum over, which is how the paper begins.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.assign(init.kaiming_normal(module.weight.shape, mode=mode))
            if module.bias is not None:
                module.bias.assign(init.zeros(module.bias.shape))
    return model


def xavier_start(model: nn.Module, zero: nn.Module) -> None:
    """Linear layers drawn as in Glorot & Bengio 2010, without bias; those in `zero` start at 0."""
    last = list(zero.modules())
    for module in model.modules():
        if isinstance(module, nn.Linear):
            draw = init.zeros if module in last else init.xavier_uniform
            module.weight.assign(draw(module.weight.shape))
            if module.bias is not None:
                module.bias.assign(init.zeros(module.bias.shape))


def normal_start(model: nn.Module, std: float = 0.02) -> None:
    """Weights normal and biases 0, as language models begin; norms keep their ones."""
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            parameter.assign(init.normal(parameter.shape, std=std))
        elif name.endswith("bias"):
            parameter.assign(init.zeros(parameter.shape))
