"""ResNet 18 to 152 (He et al. 2016, "Deep residual learning for image recognition", table 1).

As in torchvision, and with its names and starting values.
"""

from lamina import nn
from lamina.models.resnet_block import Block
from lamina.models.start import he_start
from lamina.nn import BatchNorm2d, Conv2d


def resnet(depths: tuple[int, ...], deep: bool, num_classes: int = 1000, channels: int = 3
           ) -> nn.Sequential:
    """A 7x7 stem, stages of `depths` blocks, the mean over the image, one linear layer."""
    stages, inputs = {}, 64
    for stage, depth in enumerate(depths):
        blocks = []
        for i in range(depth):
            blocks.append(Block(inputs, 64 << stage, 2 if stage and i == 0 else 1, deep))
            inputs = (256 if deep else 64) << stage
        stages[f"layer{stage + 1}"] = nn.Sequential(*blocks)
    return he_start(nn.Sequential({
        "conv1": Conv2d(channels, 64, 7, stride=2, padding=3, bias=False),
        "bn1": BatchNorm2d(64), "relu": nn.ReLU(), "maxpool": nn.MaxPool2d(3, 2, padding=1),
        **stages, "avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(),
        "fc": nn.Linear(inputs, num_classes)}))


def resnet18(num_classes: int = 1000, channels: int = 3) -> nn.Sequential:
    """ResNet-18: blocks of two convolutions, 2, 2, 2, 2 in its stages."""
    return resnet((2, 2, 2, 2), False, num_classes, channels)


def resnet34(num_classes: int = 1000, channels: int = 3) -> nn.Sequential:
    """ResNet-34: blocks of two convolutions, 3, 4, 6, 3 in its stages."""
    return resnet((3, 4, 6, 3), False, num_classes, channels)


def resnet50(num_classes: int = 1000, channels: int = 3) -> nn.Sequential:
    """ResNet-50: bottlenecks, 3, 4, 6, 3 in its stages."""
    return resnet((3, 4, 6, 3), True, num_classes, channels)


def resnet101(num_classes: int = 1000, channels: int = 3) -> nn.Sequential:
    """ResNet-101: bottlenecks, 3, 4, 23, 3 in its stages."""
    return resnet((3, 4, 23, 3), True, num_classes, channels)


def resnet152(num_classes: int = 1000, channels: int = 3) -> nn.Sequential:
    """ResNet-152: bottlenecks, 3, 8, 36, 3 in its stages."""
    return resnet((3, 8, 36, 3), True, num_classes, channels)
