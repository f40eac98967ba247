"""DCGAN (Radford, Metz & Chintala 2016, figure 1): one net draws images, another doubts them.

With the names and sizes of PyTorch's tutorial.
"""

from lamina import nn
from lamina.nn import BatchNorm2d, Conv2d, ConvTranspose2d, init


def dcgan_generator(latent: int = 100, width: int = 64, channels: int = 3, size: int = 64
                    ) -> nn.Sequential:
    """Numbers `[batch, 1, 1, latent]` to images `[batch, size, size, channels]` in -1 to 1.

    size: 8, 16, 32, 64 ...; width: the channels in front of the image, doubled with each halving.

    >>> import lamina as lm
    >>> dcgan_generator(latent=5, width=4, channels=1, size=16)(lm.zeros((2, 1, 1, 5))).shape
    (2, 16, 16, 1)
    """
    outputs = width * size // 8
    layers: list[nn.Module] = [ConvTranspose2d(latent, outputs, 4, bias=False)]
    while outputs > width:
        layers += [BatchNorm2d(outputs), nn.ReLU(),
                   ConvTranspose2d(outputs, outputs // 2, 4, 2, 1, bias=False)]
        outputs //= 2
    layers += [BatchNorm2d(width), nn.ReLU(),
               ConvTranspose2d(width, channels, 4, 2, 1, bias=False), nn.Tanh()]
    return _started(layers)


def dcgan_discriminator(width: int = 64, channels: int = 3, size: int = 64) -> nn.Sequential:
    """Images `[batch, size, size, channels]` to `[batch, 1, 1, 1]`, how likely each is no forgery.

    >>> import lamina as lm
    >>> dcgan_discriminator(width=4, channels=1, size=16)(lm.zeros((2, 16, 16, 1))).shape
    (2, 1, 1, 1)
    """
    layers: list[nn.Module] = [Conv2d(channels, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    inputs = width
    while inputs < width * size // 8:
        layers += [Conv2d(inputs, 2 * inputs, 4, 2, 1, bias=False), BatchNorm2d(2 * inputs),
                   nn.LeakyReLU(0.2)]
        inputs *= 2
    return _started([*layers, Conv2d(inputs, 1, 4, bias=False), nn.Sigmoid()])


def _started(layers: list[nn.Module]) -> nn.Sequential:
    """Section 4: weights of deviation 0.02, around 0 or for batch norm around 1."""
    for layer in layers:
        if isinstance(layer, (BatchNorm2d, Conv2d, ConvTranspose2d)) and layer.weight is not None:
            middle = 1.0 if isinstance(layer, BatchNorm2d) else 0.0
            layer.weight.assign(init.normal(layer.weight.shape, middle, 0.02))
    return nn.Sequential({"main": nn.Sequential(*layers)})
