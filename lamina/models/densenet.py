"""DenseNet-BC (Huang et al. 2017, "Densely connected convolutional networks", table 1).

As in torchvision, and with its names and starting values.
"""

from functools import partial
from math import sqrt

from lamina import nn
from lamina.models.dense_block import DenseBlock, transition
from lamina.models.start import he_start
from lamina.nn import BatchNorm2d, init


def densenet(depths: tuple[int, ...], growth_rate: int = 32, num_init_features: int = 64,
             bn_size: int = 4, drop_rate: float = 0.0, num_classes: int = 1000, channels: int = 3
             ) -> nn.Sequential:
    """Blocks of `depths` layers, each of which adds `growth_rate` channels; halved in between.

    bn_size: channels between the two convolutions of a layer, in growth rates.
    """
    width = num_init_features
    features: dict[str, nn.Module] = {
        "conv0": nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False),
        "norm0": BatchNorm2d(width), "relu0": nn.ReLU(), "pool0": nn.MaxPool2d(3, 2, padding=1)}
    for i, depth in enumerate(depths, 1):
        features[f"denseblock{i}"] = DenseBlock(depth, width, growth_rate, bn_size, drop_rate)
        width += depth * growth_rate
        if i < len(depths):
            features[f"transition{i}"] = transition(width)
            width //= 2
    features["norm5"] = BatchNorm2d(width)
    model = nn.Sequential({
        "features": nn.Sequential(features), "relu": nn.ReLU(), "avgpool": nn.AdaptiveAvgPool2d(1),
        "flatten": nn.Flatten(), "classifier": nn.Linear(width, num_classes)})
    return he_start(model, "fan_in", partial(init.kaiming_uniform, a=sqrt(5)))


def densenet121(num_classes: int = 1000, drop_rate: float = 0.0, channels: int = 3
                ) -> nn.Sequential:
    """DenseNet-121, growth rate 32."""
    return densenet((6, 12, 24, 16), 32, 64, 4, drop_rate, num_classes, channels)


def densenet169(num_classes: int = 1000, drop_rate: float = 0.0, channels: int = 3
                ) -> nn.Sequential:
    """DenseNet-169, growth rate 32."""
    return densenet((6, 12, 32, 32), 32, 64, 4, drop_rate, num_classes, channels)


def densenet201(num_classes: int = 1000, drop_rate: float = 0.0, channels: int = 3
                ) -> nn.Sequential:
    """DenseNet-201, growth rate 32."""
    return densenet((6, 12, 48, 32), 32, 64, 4, drop_rate, num_classes, channels)
