"""VGG 11 to 19 with batch norm (Ioffe & Szegedy 2015), with torchvision's names; see `vgg`."""

from lamina import nn
from lamina.models.vgg import vgg


def vgg11_bn(num_classes: int = 1000, dropout: float = 0.5, channels: int = 3, hidden: int = 4096
             ) -> nn.Sequential:
    """VGG-11, with batch norm after each convolution (configuration A)."""
    return vgg((1, 1, 2, 2, 2), True, num_classes, dropout, channels, hidden)


def vgg13_bn(num_classes: int = 1000, dropout: float = 0.5, channels: int = 3, hidden: int = 4096
             ) -> nn.Sequential:
    """VGG-13, with batch norm after each convolution (configuration B)."""
    return vgg((2, 2, 2, 2, 2), True, num_classes, dropout, channels, hidden)


def vgg16_bn(num_classes: int = 1000, dropout: float = 0.5, channels: int = 3, hidden: int = 4096
             ) -> nn.Sequential:
    """VGG-16, with batch norm after each convolution (configuration D)."""
    return vgg((2, 2, 3, 3, 3), True, num_classes, dropout, channels, hidden)


def vgg19_bn(num_classes: int = 1000, dropout: float = 0.5, channels: int = 3, hidden: int = 4096
             ) -> nn.Sequential:
    """VGG-19, with batch norm after each convolution (configuration E)."""
    return vgg((2, 2, 4, 4, 4), True, num_classes, dropout, channels, hidden)
