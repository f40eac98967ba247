"""The block of MobileNets and EfficientNet (Sandler et al. 2018, figure 3; Howard et al. 2019).

As in torchvision, and with its names.
"""

from collections.abc import Callable

from lamina import nn
from lamina.nn import BatchNorm2d, Conv2d
from lamina.tensor import Tensor

Make = Callable[[], nn.Module]


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1,
         activation: Make | None = nn.ReLU6, eps: float = 1e-5, momentum: float = 0.1
         ) -> nn.Sequential:
    """Convolution, batch norm and, unless None, an activation."""
    return nn.Sequential(
        Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        BatchNorm2d(outputs, eps, momentum), *([activation()] if activation else []))


class SqueezeExcitation(nn.Module):
    """Each channel times a factor, which the means of all channels tell (Hu et al. 2018)."""

    def __init__(self, inputs: int, width: int, activation: Make, gate: Make) -> None:
        self.fc1, self.fc2 = Conv2d(inputs, width, 1), Conv2d(width, inputs, 1)
        self.activation, self.gate = activation(), gate()

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, height, width, inputs]`."""
        mean = input.mean(axis=(1, 2), keepdims=True)
        return input * self.gate(self.fc2(self.activation(self.fc1(mean))))


class Around(nn.Sequential):
    """Layers around which the input is added."""

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, height, width, channels]`."""
        return input + super().forward(input)


def divisible(channels: float) -> int:
    """The nearest multiple of 8, at least 8, and no less than 0.9 of the channels."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest
