"""The parts of GoogLeNet (Szegedy et al. 2015, "Going deeper with convolutions", figure 2b).

As in torchvision, and with its names: batch norm after each convolution, and 3x3 where the paper
has 5x5.
"""

from typing import NamedTuple

from lamina import nn
from lamina.tensor import Tensor, concat, tensor


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm and ReLU."""
    return nn.Sequential({
        "conv": nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        "bn": nn.BatchNorm2d(outputs, eps=0.001), "relu": nn.ReLU()})


class Inception(nn.Module):
    """Four paths beside each other, whose channels are joined: 1x1, two of 3x3, and a pool."""

    def __init__(self, inputs: int, one: int, before_three: int, three: int, before_five: int,
                 five: int, pooled: int) -> None:
        self.branch1 = conv(inputs, one, 1)
        self.branch2 = nn.Sequential(conv(inputs, before_three, 1), conv(before_three, three, 3))
        self.branch3 = nn.Sequential(conv(inputs, before_five, 1), conv(before_five, five, 3))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, padding=1), conv(inputs, pooled, 1))

    def forward(self, input: Tensor) -> Tensor:
        """input: `[batch, height, width, inputs]`."""
        return concat([branch(input) for branch in self.children()], axis=-1)


def auxiliary(inputs: int, num_classes: int, dropout: float) -> nn.Sequential:
    """A classifier on features from the middle of the network."""
    return nn.Sequential({
        "pool": nn.AdaptiveAvgPool2d(4), "conv": conv(inputs, 128, 1),
        "flatten": nn.Flatten(order="channels_first"),
        "fc1": nn.Linear(128 * 4 * 4, 1024), "relu": nn.ReLU(), "dropout": nn.Dropout(dropout),
        "fc2": nn.Linear(1024, num_classes)})


def from_imagenet(image: Tensor) -> Tensor:
    """(x - mean) / deviation of ImageNet's channels as 2 x - 1, which the first weights had."""
    factor, shift = tensor([0.458, 0.448, 0.45]), tensor([-0.03, -0.088, -0.188])
    return image * factor.astype(image.dtype) + shift.astype(image.dtype)


class GoogLeNetOutputs(NamedTuple):
    """Scores `[batch, classes]` in training: of the last layer, of the upper and the lower head."""

    logits: Tensor
    aux_logits2: Tensor
    aux_logits1: Tensor
