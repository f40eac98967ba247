"""GoogLeNet (Szegedy et al. 2015, "Going deeper with convolutions", table 1 and section 5).

As in torchvision, and with its names; the biases of linear layers start at 0.
"""

from functools import partial

from lamina import nn
from lamina.models.inception import GoogLeNetOutputs, Inception, auxiliary, conv, from_imagenet
from lamina.models.start import start
from lamina.tensor import Tensor

# Channels of the paths: 1x1; before 3x3, 3x3; before 5x5, 5x5; after the pool.
WIDTHS = {
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64), "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64), "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128), "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128)}
HEADS = {"4a": "aux1", "4d": "aux2"}


class GoogLeNet(nn.Sequential):
    """Layers in order, of which `aux1` and `aux2` are heads that only training runs."""

    def forward(self, input: Tensor) -> Tensor | GoogLeNetOutputs:
        """input: `[batch, height, width, channels]`."""
        heads = []
        for name, layer in self.named_children():
            if name not in HEADS.values():
                input = layer(input)
            elif self.training:
                heads.append(layer(input))
        return GoogLeNetOutputs(input, *reversed(heads)) if heads else input


def googlenet(num_classes: int = 1000, aux_logits: bool = True, transform_input: bool = False,
              init_weights: bool = True, dropout: float = 0.2, dropout_aux: float = 0.7,
              channels: int = 3) -> GoogLeNet:
    """In training the scores of all three heads: the paper adds 0.3 times the others' losses."""
    layers: dict[str, nn.Module] = {
        "transform": nn.Lambda(from_imagenet) if transform_input else nn.Identity(),
        "conv1": conv(channels, 64, 7, 2), "maxpool1": nn.MaxPool2d(3, 2, ceil_mode=True),
        "conv2": conv(64, 64, 1), "conv3": conv(64, 192, 3)}
    inputs = 192
    for name, widths in WIDTHS.items():
        if name in ("3a", "4a", "5a"):
            kernel = 2 if name == "5a" else 3
            layers[f"maxpool{int(name[0]) - 1}"] = nn.MaxPool2d(kernel, 2, ceil_mode=True)
        layers[f"inception{name}"] = Inception(inputs, *widths)
        inputs = sum(widths) - widths[1] - widths[3]
        if aux_logits and name in HEADS:
            layers[HEADS[name]] = auxiliary(inputs, num_classes, dropout_aux)
    model = GoogLeNet({**layers, "avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(),
                       "dropout": nn.Dropout(dropout), "fc": nn.Linear(inputs, num_classes)})
    draw = partial(nn.init.trunc_normal, std=0.01)
    return start(model, draw, draw) if init_weights else model
