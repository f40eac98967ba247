"""MobileNet v3 (Howard et al. 2019, tables 1 and 2), with torchvision's names and start."""

from functools import partial

from lamina import nn
from lamina.models import inverted_residual as parts
from lamina.models.start import he_start, small_normal
from lamina.nn import Hardsigmoid, Hardswish, ReLU

conv = partial(parts.conv, eps=0.001, momentum=0.01)

# Of each block: kernel, channels inside, channels, squeeze and excitation, h-swish, stride.
LARGE = ((3, 16, 16, 0, 0, 1), (3, 64, 24, 0, 0, 2), (3, 72, 24, 0, 0, 1), (5, 72, 40, 1, 0, 2),
         *[(5, 120, 40, 1, 0, 1)] * 2, (3, 240, 80, 0, 1, 2), (3, 200, 80, 0, 1, 1),
         *[(3, 184, 80, 0, 1, 1)] * 2, (3, 480, 112, 1, 1, 1), (3, 672, 112, 1, 1, 1),
         (5, 672, 160, 1, 1, 2), *[(5, 960, 160, 1, 1, 1)] * 2)
SMALL = ((3, 16, 16, 1, 0, 2), (3, 72, 24, 0, 0, 2), (3, 88, 24, 0, 0, 1), (5, 96, 40, 1, 1, 2),
         *[(5, 240, 40, 1, 1, 1)] * 2, (5, 120, 48, 1, 1, 1), (5, 144, 48, 1, 1, 1),
         (5, 288, 96, 1, 1, 2), *[(5, 576, 96, 1, 1, 1)] * 2)


def block(inputs: int, kernel: int, width: int, outputs: int, squeeze: int, swish: int, stride: int
          ) -> nn.Sequential:
    """Up to `width` channels, over the pixels of each, and down to `outputs`."""
    on = Hardswish if swish else ReLU
    around = parts.Around if stride == 1 and inputs == outputs else nn.Sequential
    return around({"block": nn.Sequential(
        *([conv(inputs, width, 1, activation=on)] if width != inputs else []),
        conv(width, width, kernel, stride, width, activation=on),
        *([parts.SqueezeExcitation(width, parts.divisible(width // 4), ReLU, Hardsigmoid)]
          if squeeze else []),
        conv(width, outputs, 1, activation=None))})


def mobilenet_v3(blocks: tuple[tuple[int, ...], ...], last: int, num_classes: int = 1000,
                 dropout: float = 0.2, channels: int = 3) -> nn.Sequential:
    """A convolution, `blocks`, a convolution, and two linear layers, the first `last` wide."""
    features, inputs = [conv(channels, 16, 3, 2, activation=Hardswish)], 16
    for row in blocks:
        features.append(block(inputs, *row))
        inputs = row[2]
    features.append(conv(inputs, 6 * inputs, 1, activation=Hardswish))
    return he_start(nn.Sequential({
        "features": nn.Sequential(*features), "avgpool": nn.AdaptiveAvgPool2d(1),
        "flatten": nn.Flatten(), "classifier": nn.Sequential(
            nn.Linear(6 * inputs, last), Hardswish(), nn.Dropout(dropout),
            nn.Linear(last, num_classes))}), linear=small_normal)


def mobilenet_v3_large(num_classes: int = 1000, dropout: float = 0.2, channels: int = 3
                       ) -> nn.Sequential:
    """MobileNet v3, table 1."""
    return mobilenet_v3(LARGE, 1280, num_classes, dropout, channels)


def mobilenet_v3_small(num_classes: int = 1000, dropout: float = 0.2, channels: int = 3
                       ) -> nn.Sequential:
    """MobileNet v3, table 2."""
    return mobilenet_v3(SMALL, 1024, num_classes, dropout, channels)
