"""ResNet 18 to 152 (He et al. 2016, "Deep residual learning for image recognition", table 1).

As in torchvision, and with its names: the stride of a bottleneck is in its 3x3 convolution.
"""

from functools import partial

from lamina import nn
from lamina.models.start import he_start
from lamina.nn import BatchNorm2d, Conv2d
from lamina.tensor import Tensor


class Block(nn.Module):
    """Two 3x3 convolutions, or 1x1, 3x3 and 1x1 (deep), around which the input is added."""

    def __init__(self, inputs: int, width: int, stride: int, deep: bool) -> None:
        outputs, self.deep = 4 * width if deep else width, deep
        if deep:
            self.conv1 = Conv2d(inputs, width, 1, bias=False)
            self.conv2 = Conv2d(width, width, 3, stride, padding=1, bias=False)
            self.conv3, self.bn3 = Conv2d(width, outputs, 1, bias=False), BatchNorm2d(outputs)
        else:
            self.conv1 = Conv2d(inputs, width, 3, stride, padding=1, bias=False)
            self.conv2 = Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1, self.bn2 = BatchNorm2d(width), BatchNorm2d(width)
        same = stride == 1 and inputs == outputs
        self.downsample = nn.Identity() if same else nn.Sequential(
            Conv2d(inputs, outputs, 1, stride, bias=False), BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """x: `[batch, height, width, inputs]`."""
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        y = self.bn3(self.conv3(y.relu())) if self.deep else y
        return (y + self.downsample(x)).relu()


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


resnet18 = partial(resnet, (2, 2, 2, 2), False)
resnet34 = partial(resnet, (3, 4, 6, 3), False)
resnet50 = partial(resnet, (3, 4, 6, 3), True)
resnet101 = partial(resnet, (3, 4, 23, 3), True)
resnet152 = partial(resnet, (3, 8, 36, 3), True)
