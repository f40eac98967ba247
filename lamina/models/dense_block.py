"""The parts of DenseNet (Huang et al. 2017, section 3), with torchvision's names."""

from lamina import nn
from lamina.tensor import Tensor, concat


class DenseBlock(nn.Sequential):
    """Layers that each take all channels there are, and add theirs to them."""

    def __init__(self, depth: int, inputs: int, growth_rate: int, bn_size: int, drop_rate: float
                 ) -> None:
        super().__init__({
            f"denselayer{i + 1}": layer(inputs + i * growth_rate, growth_rate, bn_size, drop_rate)
            for i in range(depth)})

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, height, width, inputs]`."""
        for layer in self:
            input = concat([input, layer(input)], axis=-1)
        return input


def layer(inputs: int, growth_rate: int, bn_size: int, drop_rate: float) -> nn.Sequential:
    """Batch norm, ReLU and a 1x1 convolution to few channels, then the same with a 3x3 one."""
    width = bn_size * growth_rate
    return nn.Sequential({
        "norm1": nn.BatchNorm2d(inputs), "relu1": nn.ReLU(),
        "conv1": nn.Conv2d(inputs, width, 1, bias=False),
        "norm2": nn.BatchNorm2d(width), "relu2": nn.ReLU(),
        "conv2": nn.Conv2d(width, growth_rate, 3, padding=1, bias=False),
        "dropout": nn.Dropout(drop_rate)})


def transition(inputs: int) -> nn.Sequential:
    """Half the channels, and half the height and width."""
    return nn.Sequential({
        "norm": nn.BatchNorm2d(inputs), "relu": nn.ReLU(),
        "conv": nn.Conv2d(inputs, inputs // 2, 1, bias=False), "pool": nn.AvgPool2d(2)})
