"""VGG 11 to 19 (Simonyan & Zisserman 2015, "Very deep convolutional networks ...", table 1).

As in torchvision, and with its names and starting values. With batch norm: `vgg_bn`.
"""

from lamina import nn
from lamina.models.start import he_start, small_normal
from lamina.nn import BatchNorm2d, Conv2d, Linear, ReLU


def vgg(depths: tuple[int, ...], batch_norm: bool, num_classes: int = 1000, dropout: float = 0.5,
        channels: int = 3, hidden: int = 4096) -> nn.Sequential:
    """Five stages of `depths` 3x3 convolutions, then three linear layers, `hidden` wide.

    For images of at least 32x32. The linear layers take them channel by channel, as in PyTorch.
    """
    layers: list[nn.Module] = []
    for depth, width in zip(depths, (64, 128, 256, 512, 512), strict=True):
        for _ in range(depth):
            layers += [Conv2d(channels, width, 3, padding=1),
                       *([BatchNorm2d(width)] if batch_norm else []), ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return he_start(nn.Sequential({
        "features": nn.Sequential(*layers), "avgpool": nn.AdaptiveAvgPool2d(7),
        "flatten": nn.Flatten(order="channels_first"),
        "classifier": nn.Sequential(
            Linear(512 * 7 * 7, hidden), ReLU(), nn.Dropout(dropout),
            Linear(hidden, hidden), ReLU(), nn.Dropout(dropout),
            Linear(hidden, num_classes))}), linear=small_normal)


def vgg11(num_classes: int = 1000, dropout: float = 0.5, channels: int = 3, hidden: int = 4096
          ) -> nn.Sequential:
    """VGG-11 (configuration A)."""
    return vgg((1, 1, 2, 2, 2), False, num_classes, dropout, channels, hidden)


def vgg13(num_classes: int = 1000, dropout: float = 0.5, channels: int = 3, hidden: int = 4096
          ) -> nn.Sequential:
    """VGG-13 (configuration B)."""
    return vgg((2, 2, 2, 2, 2), False, num_classes, dropout, channels, hidden)


def vgg16(num_classes: int = 1000, dropout: float = 0.5, channels: int = 3, hidden: int = 4096
          ) -> nn.Sequential:
    """VGG-16 (configuration D)."""
    return vgg((2, 2, 3, 3, 3), False, num_classes, dropout, channels, hidden)


def vgg19(num_classes: int = 1000, dropout: float = 0.5, channels: int = 3, hidden: int = 4096
          ) -> nn.Sequential:
    """VGG-19 (configuration E)."""
    return vgg((2, 2, 4, 4, 4), False, num_classes, dropout, channels, hidden)
