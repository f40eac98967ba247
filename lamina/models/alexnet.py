"""AlexNet (Krizhevsky et al. 2012) on one device, as in Krizhevsky 2014, "One weird trick ...".

As in torchvision, and with its names: without the local normalisation of 2012, and with PyTorch's
starting values, which train without the biases of 1 that the paper needs.
"""

from lamina import nn
from lamina.nn import Conv2d, Linear, MaxPool2d, ReLU


def alexnet(num_classes: int = 1000, dropout: float = 0.5, channels: int = 3, hidden: int = 4096
            ) -> nn.Sequential:
    """Five convolutions and three linear layers, for images of at least 63x63.

    hidden: the width of the linear layers. They take the image channel by channel, as in PyTorch.

    >>> import lamina as lm
    >>> lm.models.alexnet(num_classes=10)(lm.zeros((1, 224, 224, 3))).shape
    (1, 10)
    """
    return nn.Sequential({
        "features": nn.Sequential(
            Conv2d(channels, 64, 11, stride=4, padding=2), ReLU(), MaxPool2d(3, 2),
            Conv2d(64, 192, 5, padding=2), ReLU(), MaxPool2d(3, 2),
            Conv2d(192, 384, 3, padding=1), ReLU(),
            Conv2d(384, 256, 3, padding=1), ReLU(),
            Conv2d(256, 256, 3, padding=1), ReLU(), MaxPool2d(3, 2)),
        "avgpool": nn.AdaptiveAvgPool2d(6),
        "flatten": nn.Flatten(order="channels_first"),
        "classifier": nn.Sequential(
            nn.Dropout(dropout), Linear(256 * 6 * 6, hidden), ReLU(),
            nn.Dropout(dropout), Linear(hidden, hidden), ReLU(),
            Linear(hidden, num_classes))})
