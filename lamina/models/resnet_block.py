"""The block of ResNet (He et al. 2016, "Deep residual learning for image recognition", figure 5).

As in torchvision, and with its names: the stride of a bottleneck is in its 3x3 convolution.
"""

from lamina import nn
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
