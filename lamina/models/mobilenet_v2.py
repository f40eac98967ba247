"""MobileNet v2 (Sandler et al. 2018, "Inverted residuals and linear bottlenecks", table 2).

As in torchvision, and with its names and starting values.
"""

from lamina import nn
from lamina.models.inverted_residual import Around, conv, divisible
from lamina.models.start import he_start, small_normal
from lamina.nn import BatchNorm2d, Conv2d

STAGES = (  # expansion, channels, number of blocks, stride of the first
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
    (6, 320, 1, 1))


def block(inputs: int, outputs: int, stride: int, expansion: int) -> nn.Sequential:
    """Up to many channels, over the pixels of each, and down to `outputs`."""
    width = inputs * expansion
    around = Around if stride == 1 and inputs == outputs else nn.Sequential
    return around({"conv": nn.Sequential(
        *([conv(inputs, width, 1)] if expansion > 1 else []),
        conv(width, width, 3, stride, groups=width),
        Conv2d(width, outputs, 1, bias=False), BatchNorm2d(outputs))})


def mobilenet_v2(num_classes: int = 1000, width_mult: float = 1.0, dropout: float = 0.2,
                 channels: int = 3) -> nn.Sequential:
    """A convolution, seven stages of blocks, and one linear layer on the means over the image.

    width_mult: a factor for the channels, which become multiples of 8.
    """
    inputs = divisible(32 * width_mult)
    features = [conv(channels, inputs, 3, 2)]
    for expansion, outputs, number, stride in STAGES:
        for i in range(number):
            outputs_here = divisible(outputs * width_mult)
            features.append(block(inputs, outputs_here, 1 if i else stride, expansion))
            inputs = outputs_here
    last = divisible(1280 * max(1.0, width_mult))
    return he_start(nn.Sequential({
        "features": nn.Sequential(*features, conv(inputs, last, 1)),
        "avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(),
        "classifier": nn.Sequential(nn.Dropout(dropout), nn.Linear(last, num_classes))}),
        linear=small_normal)
