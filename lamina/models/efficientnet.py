"""EfficientNet-B0 (Tan & Le 2019, "Rethinking model scaling", table 1).

As in torchvision, and with its names and starting values.
"""

from math import sqrt

from lamina import nn
from lamina.models.inverted_residual import Around, SqueezeExcitation, conv
from lamina.models.start import he_start
from lamina.nn import Sigmoid, SiLU, init

STAGES = (  # expansion, kernel, stride of the first, channels, number of blocks
    (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4), (6, 3, 1, 320, 1))


def block(inputs: int, outputs: int, expansion: int, kernel: int, stride: int, drop: float
          ) -> nn.Sequential:
    """Up to many channels, over the pixels of each, and down to `outputs`."""
    width = inputs * expansion
    layers = nn.Sequential(
        *([conv(inputs, width, 1, activation=SiLU)] if expansion > 1 else []),
        conv(width, width, kernel, stride, width, activation=SiLU),
        SqueezeExcitation(width, inputs // 4, SiLU, Sigmoid),
        conv(width, outputs, 1, activation=None))
    if stride > 1 or inputs != outputs:
        return nn.Sequential({"block": layers})
    return Around({"block": layers, "stochastic_depth": nn.StochasticDepth(drop)})


def efficientnet_b0(num_classes: int = 1000, dropout: float = 0.2,
                    stochastic_depth_prob: float = 0.2, channels: int = 3) -> nn.Sequential:
    """A convolution, seven stages of blocks, a convolution, the means and one linear layer.

    stochastic_depth_prob: how often the last block would be left out; the first never is.
    """
    features, inputs, done, total = [conv(channels, 32, 3, 2, activation=SiLU)], 32, 0, 16
    for expansion, kernel, stride, outputs, number in STAGES:
        blocks = []
        for i in range(number):
            drop = stochastic_depth_prob * done / total
            blocks.append(block(inputs, outputs, expansion, kernel, 1 if i else stride, drop))
            inputs, done = outputs, done + 1
        features.append(nn.Sequential(*blocks))
    features.append(conv(inputs, 4 * inputs, 1, activation=SiLU))
    return he_start(nn.Sequential({
        "features": nn.Sequential(*features),
        "avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(),
        "classifier": nn.Sequential(nn.Dropout(dropout), nn.Linear(4 * inputs, num_classes))}),
        linear=lambda shape: init.uniform(shape, -1 / sqrt(shape[0]), 1 / sqrt(shape[0])))
