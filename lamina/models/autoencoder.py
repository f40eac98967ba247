"""Autoencoders: a few numbers from which the input can be made again."""

from collections.abc import Sequence

from lamina import nn
from lamina.models.mlp import mlp


def autoencoder(sizes: Sequence[int] = (784, 1000, 500, 250, 30)) -> nn.Sequential:
    """Linear layers down to a code and back (Hinton & Salakhutdinov 2006, figure 1).

    Inputs and outputs are between 0 and 1. Layers between have ReLU, which trains from scratch; the
    paper's have logistic units, which it had to train one by one.

    >>> import lamina as lm
    >>> model, x = autoencoder((64, 32, 2)), lm.zeros((5, 64))
    >>> model.get_submodule("encoder")(x).shape, model(x).shape
    ((5, 2), (5, 64))
    """
    return nn.Sequential({"encoder": mlp(sizes), "decoder": mlp(sizes[::-1]),
                          "sigmoid": nn.Sigmoid()})


def conv_autoencoder(channels: int = 1, widths: Sequence[int] = (16, 32, 64)) -> nn.Sequential:
    """Convolutions that halve an image with each of `widths`, and transposed ones that double it.

    The idea is Masci et al. 2011's; sizes of images are divided by two to the number of widths.

    >>> import lamina as lm
    >>> conv_autoencoder(3, (8, 4))(lm.zeros((1, 8, 8, 3))).shape
    (1, 8, 8, 3)
    """
    encoder: list[nn.Module] = []
    decoder: list[nn.Module] = []
    for inputs, outputs in zip((channels, *widths), widths, strict=False):
        encoder += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.ReLU()]
        decoder = [nn.ReLU(), nn.ConvTranspose2d(outputs, inputs, 2, stride=2), *decoder]
    return nn.Sequential({"encoder": nn.Sequential(*encoder[:-1]),
                          "decoder": nn.Sequential(*decoder), "sigmoid": nn.Sigmoid()})
