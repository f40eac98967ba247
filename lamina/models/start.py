"""Starting values that several models share."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from lamina import nn
from lamina.nn import init
from lamina.tensor import Tensor

M = TypeVar("M", bound=nn.Module)
Draw = Callable[[Sequence[int]], Tensor]  # a shape -> values


def start(model: M, convolution: Draw | None = None, linear: Draw | None = None) -> M:
    """The model, its weights drawn anew and their biases 0; None leaves a kind of layer as it is.

    >>> model = start(nn.Sequential(nn.Linear(4, 2)), linear=init.ones)
    >>> model[0].weight.tolist(), model[0].bias.tolist()
    ([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]], [0.0, 0.0])
    """
    for module in model.modules():
        draw = (convolution if isinstance(module, nn.Conv2d) else
                linear if isinstance(module, nn.Linear) else None)
        if draw is not None and isinstance(module, (nn.Conv2d, nn.Linear)):
            module.weight.assign(draw(module.weight.shape))
            if module.bias is not None:
                module.bias.assign(init.zeros(module.bias.shape))
    return model


def he_start(model: M, mode: str = "fan_out", linear: Draw | None = None) -> M:
    """The model, its convolutions drawn as in He et al. 2015, by the outputs that they feed."""
    return start(model, partial(init.kaiming_normal, mode=mode), linear)


def small_normal(shape: Sequence[int]) -> Tensor:
    """Normal of deviation 0.01, as many papers since Krizhevsky et al. 2012 start a classifier."""
    return init.normal(shape, std=0.01)


def normal_start(model: nn.Module, std: float = 0.02) -> None:
    """Weights normal and biases 0, as language models begin; norms keep their ones."""
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            parameter.assign(init.normal(parameter.shape, std=std))
        elif name.endswith("bias"):
            parameter.assign(init.zeros(parameter.shape))
